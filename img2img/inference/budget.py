"""The memory that making results may take: amounts, what a forward needs, what is left for it, and what is too much."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode

from img2img.errors import UserError
from img2img.images import is_deep
from img2img.inference.tiles import Network, Tile, round_up
from img2img.progress import say

# bytes that Python, torch, the libraries and the slack of the allocator take, measured at 260 to 450 MB
PROGRAM = 400_000_000
# bytes that a process may take where nobody says
MEMORY = 1_500_000_000
# what decoding or encoding takes at most, in bytes a pixel: of 8-bit colour, of 16 bits with alpha, and by libraries
# that hold much
CODEC, DEEP_CODEC, HEAVY_CODEC = 16, 36, 56
HEAVY = {".webp", ".avif"}
# what is left for a forward must be this at least, in bytes
LEAST = 50_000_000
# times that a forward is tried with half the pixels after memory ran out
HALVINGS = 3
# pixels of pictures whose forward may not be looked at before: small enough for any network that is not enormous
SMALL = 1 << 18
# side in pixels of the forward whose memory is counted
PROBE = 64
UNITS = {"": 1, "K": 1_000, "M": 1_000_000, "G": 1_000_000_000}


def parse_amount(flag: str, text: str | int) -> int:
    """A number with a decimal unit, such as ``800M`` or ``1.5G``; ``flag`` is what the error names.

    Raises:
        UserError: anything else, or nothing at all.
    """
    word = str(text).strip().upper()
    unit = word[-1:] if word[-1:] in "KMG" else ""
    try:
        value = float(word.removesuffix(unit)) * UNITS[unit]
        if value >= 1:
            return int(value)
    except (ValueError, OverflowError):
        pass
    raise UserError(f"{flag} {text}: use a number such as 800M or 1.5G")


def amount(size: float) -> str:
    """Bytes for people, rounded up, as `parse_amount` reads them: ``640M``, ``2.1G``."""
    if size <= 999e6:
        return f"{-int(-size // 1e6)}M"
    return f"{-int(-size // 1e8) / 10:g}G"


def codec_bytes(source: Path, result: Path) -> int:
    """What decoding ``source`` and encoding ``result`` take at most, in bytes a pixel.

    Raises:
        UserError: the source cannot be read.
    """
    if {source.suffix.lower(), result.suffix.lower()} & HEAVY:
        return HEAVY_CODEC
    return DEEP_CODEC if is_deep(source) else CODEC


class Budget:
    """The bytes that making results may take, and what of them is left for a forward.

    Args:
        network: what makes the results; its weights take their share.
        device: on a GPU the bytes are the device's, and pictures lie elsewhere.
        memory: bytes for the whole process. None: `MEMORY`, or more where a picture's own pixels need it; on a GPU
            three quarters of what is free.

    Raises:
        UserError: the program and the weights alone take more.
    """

    def __init__(self, network: nn.Module, device: torch.device, memory: int | None = None) -> None:
        self.memory = memory
        self.device = device
        self.on_gpu = device.type == "cuda"
        values = [*network.parameters(), *network.buffers()]
        weights = sum(value.numel() * value.element_size() for value in values)
        self.fixed = weights if self.on_gpu else PROGRAM + weights
        # of the memory; the rest is for pictures read ahead and written behind
        self.share = 1.0 if self.on_gpu else 7 / 8
        # while weights are loaded they are there twice
        least = max(self.total(LEAST), self.fixed + weights)
        if memory is not None and memory < least:
            raise UserError(
                f"--memory {amount(memory)}: the program and these weights alone take {amount(self.fixed)}; "
                f"give at least {amount(least)}"
            )

    def total(self, used: float) -> float:
        """The memory to allow so that ``used`` bytes fit."""
        return (self.fixed + used) / self.share

    def beside(self, held: float) -> float:
        """What of the memory is taken by ``held`` bytes of pictures and results, which on a GPU lie elsewhere."""
        return 0.0 if self.on_gpu else held

    def allowed(self, held: float) -> float:
        """The memory to keep to for a picture that takes ``held`` bytes with its result."""
        if self.memory is not None:
            return self.memory
        if self.on_gpu:
            # what torch keeps of what it has freed is free for us, or the second picture would have less than the first
            kept = torch.cuda.memory_reserved(self.device) - torch.cuda.memory_allocated(self.device)
            return self.fixed + 0.75 * (torch.cuda.mem_get_info(self.device)[0] + kept)
        return max(MEMORY, self.total(CODEC / 6 * held))

    def pixels(self, held: float, per_pixel: float) -> int:
        """How many pixels a forward may have that takes ``per_pixel`` bytes for each, beside ``held`` bytes."""
        room = self.allowed(held) * self.share - self.fixed - self.beside(held)
        return max(1, int(room / per_pixel))

    @property
    def ahead(self) -> int:
        """Bytes that pictures read ahead and written behind may take, beside the one in work."""
        return (self.memory if self.memory is not None and self.device.type == "cpu" else MEMORY) // 8

    def admit(self, width: int, height: int, codec: int = CODEC) -> None:
        """Refuse a picture whose reading and writing alone, of ``codec`` bytes a pixel, exceed the memory given.

        Raises:
            UserError: they do.
        """
        need = self.total(codec * width * height)
        if self.memory is not None and self.device.type == "cpu" and need > self.memory:
            raise UserError(
                f"{width}x{height} px need {amount(need)} of memory to be read and written; --memory allows "
                f"{amount(self.memory)}: give --memory {amount(need)}"
            )

    def too_much(self, width: int, height: int, used: float, held: float, *, tile: Tile, whole_only: bool) -> UserError:
        """The refusal of a picture whose forward takes ``used`` bytes: what it needs, what is allowed, the ways out.

        ``whole_only`` says that the network cannot be used in tiles, ``tile`` what was asked for.
        """
        need = amount(self.total(self.beside(held) + used))
        by_default = self.memory is None
        how, way_out = "even in the smallest tiles", ""
        if whole_only:
            how = "at once: weights that normalise by the whole picture (norm: batch) or fill its centre take no tiles"
            way_out = " or --tile off" if by_default else ""
        elif tile != "auto":
            how = "at once" if tile == "off" else f"in tiles of {tile} px"
            way_out = " or leave --tile out"
        allowed = f"{amount(self.allowed(held))}{' by default' if by_default else ''}"
        return UserError(
            f"{width}x{height} px need {need} of memory {how}; --memory allows {allowed}: give --memory {need}{way_out}"
        )


class Ceiling:
    """The most pixels a forward may have, once memory has run out in one in spite of its budget.

    Other programs take memory too, and libraries more than is counted.
    """

    def __init__(self) -> None:
        self.pixels: int | None = None

    def of(self, limit: int) -> int:
        """``limit``, or what is known to be the most by now."""
        return limit if self.pixels is None else min(limit, self.pixels)

    def halve(self, tried: int, smallest: int) -> bool:
        """Allow half of the pixels ``tried``, or the ``smallest`` forward there is; False where that was tried."""
        if tried <= smallest:
            return False
        if self.pixels is None:
            say("memory ran out: going on in smaller parts")
        self.pixels = max(smallest, tried // 2)
        return True


def bytes_per_pixel(network: Network, channels: int, device: torch.device | None = None) -> float:
    """The most memory a forward holds at once, per pixel of its input: a count, the same on every machine.

    Counted over the storages alive after each operation of a small forward, input and output included, weights not. A
    convolution outside the channels-last layout needs room for reordered copies of its input and output besides.
    """
    side = round_up(max(PROBE, network.minimum), network.multiple)
    # not only without gradients: convolutions are then seen as such, not as what they are made of
    count = _Count()
    with torch.inference_mode(), count:
        x = torch.zeros(1, channels, side, side, device=device)
        result = network(x)
    # what surrounds the forward: rounding in double precision where the tile is finished
    return max(count.most / (side * side), 4.0 * channels + 28 * result.shape[1])


class _Count(TorchDispatchMode):
    """Counts the bytes of storages that operations make, while they are alive."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.alive: dict[int, tuple[StorageWeakRef, int]] = {}
        self.most = 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Without this the first count would import torch's compiler, 1.4 s and 100 MB for nothing."""
        return False

    def add(self, value: Tensor) -> None:
        storage = value.untyped_storage()
        known = (StorageWeakRef(storage), storage.nbytes())  # type: ignore[no-untyped-call]
        self.alive.setdefault(storage._cdata, known)

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        self.alive = {key: value for key, value in self.alive.items() if not value[0].expired()}  # type: ignore[no-untyped-call]
        for value in result if isinstance(result, list | tuple) else (result,):
            if isinstance(value, Tensor):
                self.add(value)
        total = sum(size for _, size in self.alive.values())
        if func.__name__.startswith("conv") and args[1].ndim == 4 and args[1].is_contiguous():
            # measured of oneDNN, operation by operation
            given, taken = _blocked(args[0]), _blocked(result)
            total += max(given, 2 * taken) if "transpose" in func.__name__ else given + taken
        self.most = max(self.most, total)
        return result


def _blocked(x: Tensor) -> int:
    """Bytes of a copy whose channels come in blocks of 16."""
    return int(x.numel() // x.shape[1] * round_up(x.shape[1], 16) * x.element_size())
