"""Weights + pictures -> pictures: the one path that infer, evaluate and validation make results with."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from img2img.config import build
from img2img.engine.memory import give_back_freed_memory
from img2img.engine.precision import DTYPES, Precision
from img2img.engine.run import load_weights
from img2img.errors import RunError, UserError, nearest, unknown
from img2img.files import inside
from img2img.images import (
    MAX_PIXELS,
    WRITABLE,
    Picture,
    find,
    from_array,
    from_pil,
    is_video,
    joined,
    kept_format,
    read,
    size,
    to_pil,
    to_pixels,
    to_tensor,
    video_advice,
    write,
)
from img2img.methods import Inference, Method
from img2img.randomness import stable_seed
from img2img.tiles import Plan, Tile, amount, bytes_per_pixel, lay_out, parse_amount, parse_tile, stream
from img2img.types import Batch, Flow

# what Python, torch, the libraries and the slack of the allocator take, measured at 240 to 330 MB
PROGRAM = 400_000_000
MEMORY = 1_500_000_000
# what decoding or encoding takes at most, per pixel of 8-bit colour
CODEC = 16
# what is left for a forward must be this at least, in bytes
LEAST = 50_000_000
# pixels of pictures whose forward may not be looked at before: small enough for any network that is not enormous
SMALL = 1 << 18
NORMS = (nn.modules.batchnorm._NormBase,)
DROPOUTS = (nn.modules.dropout._DropoutNd,)
_Take = Callable[[slice, slice, slice], Tensor]
_Put = Callable[[slice, slice, slice, Tensor], None]
Image_ = TypeVar("Image_", Image.Image, "np.ndarray[Any, Any]", Tensor)


@contextmanager
def as_results_are_made(network: nn.Module, inference: Inference) -> Iterator[None]:
    """Within, ``network`` normalises and drops out as its config says for results; no buffer moves."""
    modules = list(network.modules())
    before = [module.training for module in modules]
    tracking = [module for module in modules if isinstance(module, NORMS) and module.track_running_stats]
    network.eval()
    try:
        for module in modules:
            if isinstance(module, DROPOUTS):
                module.training = inference.dropout
            elif isinstance(module, NORMS) and inference.norm == "batch":
                module.training = True
        if inference.norm == "batch":
            for module in tracking:
                module.track_running_stats = False
        with torch.inference_mode():
            yield
    finally:
        for module in tracking:
            module.track_running_stats = True
        for module, training in zip(modules, before, strict=True):
            module.training = training


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What a generator was built for: channels in and out, and the training crop (None: vectors or unknown)."""

    source: int
    target: int
    size: int | None


class Translator:
    """A generator that makes results: call it with a picture and it gives the picture translated.

    Args:
        network: translates source to target (the first of its flow's networks).
        method: how results are made (``generator.inference``) and which flow they belong to.
        tile: ``auto``, ``off`` or a side in pixels.
        memory: bytes that the whole process may take (on a GPU: the device's bytes for this network), which decide how
            large tiles are. By default 1.5 GB, or more where a picture's own pixels need it; ``tile: off`` and a side
            are then taken as they are. On a GPU three quarters of what is free.

    Raises:
        UserError: a tile side where the whole picture's statistics normalise it; memory that the program alone takes.
    """

    def __init__(
        self,
        network: nn.Module,
        method: Method,
        shape: Shape,
        *,
        device: torch.device,
        precision: str = "fp32",
        tile: Tile = "auto",
        memory: int | None = None,
        seed: int = 0,
    ) -> None:
        self.network = network
        self.method = method
        self.flow: Flow = method.build_flow()
        self.shape = shape
        self.device = device
        self.precision = Precision(precision, device)
        self.tile: Tile = tile
        self.memory = memory
        self.seed = seed
        self.tiled = 0  # pictures taken in tiles
        self.differing = 0  # those of them where the network looks at the whole picture
        self._per_pixel: dict[int, float] = {}
        _, self.inference = method.generator_spec()
        if self.inference.norm == "batch" and isinstance(tile, int):
            raise UserError(
                f"--tile {tile}: these weights normalise by the whole picture (generator.inference.norm: batch) and "
                f"cannot be used in tiles; leave --tile out"
            )
        values = [*network.parameters(), *network.buffers()]
        weights = sum(value.numel() * value.element_size() for value in values)
        self._fixed = weights if device.type == "cuda" else PROGRAM + weights
        # of the memory; the rest is for pictures read ahead and written behind
        self._share = 1.0 if device.type == "cuda" else 7 / 8
        # while weights are loaded they are there twice
        least = max(self._total(LEAST), self._fixed + weights)
        if memory is not None and memory < least:
            raise UserError(
                f"--memory {amount(memory)}: the program and these weights alone take {amount(self._fixed)}; "
                f"give at least {amount(least)}"
            )

    @property
    def needs_mask(self) -> bool:
        """Whether it fills holes, and must be told where they are."""
        return "output" in self.flow.makes

    def __call__(self, source: Image_, mask: Image_ | None = None, sample: int = 0) -> Image_:
        """Translate a picture of any height and width; what comes out is of the same kind and size.

        Args:
            source: one of
                a PIL image (its alpha is kept; it comes out turned as its EXIF says);
                an array (H, W) or (H, W, C), uint8 in 0..255 or uint16 in 0..65535, C 1 (grey), 3 (RGB), or 2 or 4
                where the last is alpha, which is kept;
                a float tensor (C, H, W) or (N, C, H, W) in [-1, 1], C as in training (3).
            mask: where in-painting weights are to fill, of the same kind, height and width: white is the hole in
                images and arrays; 1 is the hole and 0 the rest in tensors, which have one channel.
            sample: which of the possible results, where they are made with dropout.

        Raises:
            UserError: another kind, shape or range; a mask that is missing, not wanted or of another size.
            RunError: the network gave values that are no numbers.
        """
        if isinstance(source, Image.Image):
            return to_pil(self.picture(from_pil(source), None if mask is None else from_pil(mask), sample))
        if isinstance(source, np.ndarray):
            made = self.picture(from_array(source), None if mask is None else from_array(mask), sample)
            return joined(made).reshape(source.shape)
        if isinstance(source, Tensor):
            return self._values(source, mask, sample)
        raise UserError(f"a PIL image, an array or a tensor is needed, got {type(source).__name__}")

    def _values(self, source: Tensor, mask: Tensor | None, sample: int) -> Tensor:
        """A tensor of a caller's, checked."""
        channels, shape = self.shape.source, tuple(source.shape)
        fits = source.ndim in (3, 4) and shape[-3] == channels and source.numel()
        if not fits or not source.is_floating_point():
            raise UserError(
                f"a tensor must be ({channels}, H, W) or (N, {channels}, H, W), float in [-1, 1], "
                f"got {str(source.dtype).removeprefix('torch.')} {shape}"
            )
        lowest, highest = (float(value) for value in source.detach().aminmax())
        # a little beyond is what resizing does; not-a-number fails too
        if not (lowest >= -1.1 and highest <= 1.1):
            raise UserError(
                f"a tensor's values must lie in [-1, 1], got {lowest:g} to {highest:g}; 8-bit levels are brought there "
                f"by x / 127.5 - 1, or go in as a uint8 array"
            )
        wanted = (*shape[:-3], 1, *shape[-2:])
        if mask is not None and tuple(mask.shape) != wanted:
            raise UserError(f"the mask beside a tensor {shape} must be {wanted}, got {tuple(mask.shape)}")
        batch = source.detach().float().reshape(-1, *shape[-3:])
        hole = None if mask is None else mask.detach().float().reshape(-1, *wanted[-3:])
        made = finite(self.tensor(batch, hole, sample))
        return made.reshape(*shape[:-3], *made.shape[1:]).to(source)

    def tensor(self, source: Tensor, mask: Tensor | None = None, sample: int = 0) -> Tensor:
        """(N, C, H, W) in [-1, 1] of any size -> the result of the same size, float32 on the CPU, clipped to [-1, 1].

        ``mask`` (N, 1, H, W), 1 inside the hole, for in-painting. ``sample`` chooses the dropout masks, where results
        are made with dropout. With ``inference.norm: batch`` or ``dropout`` each picture goes alone, so that its result
        does not depend on its neighbours; with ``norm: batch`` whole.

        Raises:
            UserError: the mask is missing or not wanted; these weights make pictures from noise.
        """
        self._check_mask(mask is not None)
        made: Tensor | None = None

        def take(pictures: slice, rows: slice, columns: slice) -> Tensor:
            part = source[pictures, :, rows, columns]
            return part if mask is None else torch.cat([part, mask[pictures, :, rows, columns]], dim=1)

        def put(pictures: slice, rows: slice, columns: slice, part: Tensor) -> None:
            nonlocal made
            if made is None:
                made = torch.empty(len(source), part.shape[1], *source.shape[2:])
            made[pictures, :, rows, columns] = part.clamp(-1, 1)

        channels = source.shape[1] + (0 if mask is None else 1)
        held = 2 * 4 * source.numel()
        self._translate((len(source), channels, *source.shape[2:]), held, take, put, sample)
        if made is None:
            raise UserError(f"there is nothing to translate in a tensor {tuple(source.shape)}")
        return made

    def _check_mask(self, given: bool) -> None:
        if self.flow.fresh:
            raise UserError("these weights make pictures from noise, they translate none: ask for samples")
        if self.needs_mask and not given:
            raise UserError("these weights fill holes: a mask is needed (white = hole)")
        if given and not self.needs_mask:
            raise UserError("these weights do not fill holes: leave the mask out")

    def _translate(self, shape: tuple[int, ...], held: int, take: _Take, put: _Put, sample: int) -> None:
        """``shape`` (N, C, H, W) of inputs through the network, in tiles and so many at once as memory allows.

        Beside the forward ``held`` bytes are taken by pictures and their results.
        """
        count, channels, height, width = shape
        network = _Flowing(self.flow, self.network)
        devices = [self.device] if self.device.type == "cuda" else []
        with (
            torch.random.fork_rng(devices=devices),
            as_results_are_made(self.network, self.inference),
            self.precision.autocast(),
        ):
            cut, limit = self._plan(network, channels, height, width, held)
            together = 1 if self.alone or cut.tiles > 1 else count if limit is None else max(1, limit // cut.pixels)
            for first in range(0, count, together):
                some = slice(first, min(count, first + together))

                def tile(top: int, bottom: int, left: int, right: int, some: slice = some) -> Tensor:
                    if cut.tiles > 1:
                        give_back_freed_memory()
                    return take(some, slice(top, bottom), slice(left, right)).to(self.device)

                def finished(top: int, left: int, part: Tensor, some: slice = some) -> None:
                    put(some, slice(top, top + part.shape[2]), slice(left, left + part.shape[3]), part)

                torch.manual_seed(stable_seed(self.seed, "results", sample))
                stream(network, cut, tile, finished)
        if cut.tiles > 1:
            self.tiled += count
            self.differing += count if network.radius is None else 0

    @property
    def alone(self) -> bool:
        """Whether pictures must go one by one, for else their neighbours would show in their results."""
        return self.inference.norm == "batch" or self.inference.dropout

    def _plan(self, network: _Flowing, channels: int, height: int, width: int, held: int) -> tuple[Plan, int | None]:
        """The tiles of a picture and how many pixels may be in a forward (None: any number)."""
        whole_only = self.inference.norm == "batch"
        tile: Tile = "off" if whole_only else self.tile
        limit: int | None = None
        if self.memory is not None or self.tile == "auto":
            limit = SMALL
            if self.memory is not None or lay_out(network, height, width, tile="off").pixels > SMALL:
                if channels not in self._per_pixel:
                    self._per_pixel[channels] = bytes_per_pixel(network, channels, self.device)
                room = self._allowed(height * width) * self._share - self._fixed - held
                limit = max(1, int(room / self._per_pixel[channels]))
        cut = lay_out(network, height, width, tile=tile, limit=limit)
        if limit is not None and cut.pixels > limit:
            need = amount(self._total(held + cut.pixels * self._per_pixel[channels]))
            raise UserError(f"{width}x{height} px need {need} of memory {self._too_much(need)}")
        return cut, limit

    def _too_much(self, need: str) -> str:
        """How much that is more than allowed, and the ways out."""
        default = self.memory is None
        how, way_out = "even in the smallest tiles", ""
        if self.inference.norm == "batch":
            how = "at once: weights that normalise by the whole picture (norm: batch) cannot be used in tiles"
            way_out = " or --tile off" if default else ""
        elif self.tile != "auto":
            how = "at once" if self.tile == "off" else f"in tiles of {self.tile} px"
            way_out = " or leave --tile out"
        allowed = f"{amount(self._allowed(0))}{' by default' if default else ''}"
        return f"{how}; --memory allows {allowed}: give --memory {need}{way_out}"

    def _total(self, used: float) -> float:
        """The memory to allow so that ``used`` bytes fit."""
        return (self._fixed + used) / self._share

    def _allowed(self, pixels: int) -> float:
        """The memory to keep to for a picture of so many pixels."""
        if self.memory is not None:
            return self.memory
        if self.device.type == "cuda":
            return self._fixed + 0.75 * torch.cuda.mem_get_info(self.device)[0]
        return max(MEMORY, self._total(CODEC * pixels))

    @property
    def ahead(self) -> int:
        """Pixels of pictures that may be read ahead and written behind, beside the one in work."""
        return int((self.memory or MEMORY) / 8 / CODEC) if self.device.type == "cpu" else MEMORY // CODEC

    def admit(self, width: int, height: int) -> None:
        """Refuse a picture whose reading and writing alone would take more than the memory that was given.

        Raises:
            UserError: it would.
        """
        need = self._total(CODEC * width * height)
        if self.memory is not None and self.device.type == "cpu" and need > self.memory:
            raise UserError(
                f"{width}x{height} px need {amount(need)} of memory to be read and written; --memory allows "
                f"{amount(self.memory)}: give --memory {amount(need)}"
            )

    def pixels(self, source: np.ndarray[Any, Any], mask: np.ndarray[Any, Any] | None = None) -> np.ndarray[Any, Any]:
        """(H, W, 3) uint8 -> (H, W, 3) uint8; ``mask`` (H, W) or (H, W, 1), non-zero inside the hole.

        A mask that the flow does not look at is left aside: a set for in-painting has them for every method.
        """
        if mask is not None and not self.needs_mask:
            mask = None
        hole = None if mask is None else torch.from_numpy((mask.reshape(1, 1, *mask.shape[:2]) > 0).astype(np.float32))
        return to_pixels(self.tensor(to_tensor(source), hole), np.dtype(np.uint8))

    def picture(self, picture: Picture, mask: Picture | None = None, sample: int = 0) -> Picture:
        """A picture translated: same size, depth, alpha and metadata; grey is given to the network as R = G = B.

        Raises:
            UserError: the mask is missing, not wanted, or of another size.
            RunError: the network gave values that are no numbers.
        """
        return self.pictures([picture], [mask], sample)[0]

    def pictures(
        self, pictures: Sequence[Picture], masks: Sequence[Picture | None] | None = None, sample: int = 0
    ) -> list[Picture]:
        """Pictures of one shape and depth translated, together where none shows in another's result (see `alone`).

        Each tile is converted on its own: beside the pictures and their results only tiles are held.

        Raises:
            UserError: as `picture`, or shapes that differ.
            RunError: the network gave values that are no numbers.
        """
        shape, depth = pictures[0].pixels.shape, pictures[0].pixels.dtype
        height, width, channels = shape
        holes = [mask for mask in masks or () if mask is not None]
        self._check_mask(bool(holes))
        if any(picture.pixels.shape != shape or picture.pixels.dtype != depth for picture in pictures):
            raise UserError("pictures that are translated together must have one shape and depth")
        for hole in holes:
            if hole.pixels.shape[:2] != shape[:2]:
                raise UserError(
                    f"the mask is {hole.pixels.shape[1]}x{hole.pixels.shape[0]}, the picture {width}x{height}"
                )
        grey = channels == 1 and self.shape.source == 3
        made: list[np.ndarray[Any, Any]] = []

        def take(some: slice, rows: slice, columns: slice) -> Tensor:
            part = torch.cat([to_tensor(picture.pixels[rows, columns]) for picture in pictures[some]])
            part = part.expand(-1, 3, -1, -1) if grey else part
            if not holes:
                return part
            inside = [to_tensor(hole.pixels[rows, columns]).mean(1, keepdim=True) > 0 for hole in holes[some]]
            return torch.cat([part, torch.cat(inside).float()], dim=1)

        def put(some: slice, rows: slice, columns: slice, part: Tensor) -> None:
            part = finite(part)
            part = part.mean(1, keepdim=True) if grey and part.shape[1] == 3 else part
            while len(made) < len(pictures):
                made.append(np.empty((height, width, part.shape[1]), depth))
            for place in range(len(part)):
                made[some.start + place][rows, columns] = to_pixels(part[place : place + 1], depth)

        seen = (3 if grey else channels) + bool(holes)
        held = sum(2 * picture.pixels.nbytes for picture in pictures)
        self._translate((len(pictures), seen, height, width), held, take, put, sample)
        return [replace(picture, pixels=pixels) for picture, pixels in zip(pictures, made, strict=True)]

    def samples(self, count: int, start: int = 0) -> Tensor:
        """``count`` results from noise (noise flow): a function of the seed and the number of each sample.

        Raises:
            UserError: the flow does not start from noise.
        """
        if not self.flow.fresh:
            raise UserError("these weights translate pictures: give --input")
        from img2img.engine.draws import Draws

        draws = Draws(self.seed, 0, "results", start, start + count, torch.device("cpu"))
        batch = self.flow.prepare(Batch(index=torch.arange(count)), draws)
        with as_results_are_made(self.network, self.inference), self.precision.autocast():
            made = self.flow.images({self.flow.networks[0]: self.network}, batch.map(lambda t: t.to(self.device)))
        return made["fake"].float().cpu()


def finite(values: Tensor) -> Tensor:
    """``values``, if all of them are numbers: no picture should be made of others.

    Raises:
        RunError: some are not.
    """
    if not bool(torch.isfinite(values).all()):
        raise RunError("the network gave values that are no numbers: its training diverged, or --precision is too low")
    return values


class _Flowing(nn.Module):
    """A generator within its flow, as something that maps one tensor (source, mask beside it) to another."""

    def __init__(self, flow: Flow, network: nn.Module) -> None:
        super().__init__()
        self.flow = flow
        self.network = network
        self.multiple: int = int(getattr(network, "multiple", 1))
        self.minimum: int = int(getattr(network, "minimum", 1))
        radius = getattr(network, "radius", None)
        self.radius: int | None = None if radius is None else int(radius)

    def forward(self, x: Tensor) -> Tensor:
        if "output" not in self.flow.makes:
            made: Tensor = self.network(x)
            return made
        source, mask = x[:, :-1], x[:, -1:]
        images = self.flow.images({self.flow.networks[0]: self.network}, Batch(source=source, mask=mask))
        return images["fake"]


def translator_of(
    networks: nn.ModuleDict, method: Method, shape: Shape, device: torch.device, precision: str, seed: int = 0
) -> Translator:
    """The translator of networks in memory (validation)."""
    name = method.build_flow().networks[0]
    _, inference = method.generator_spec()
    # training has the memory it has: validation must not stop where --memory would ask for more
    tile: Tile = "off" if inference.norm == "batch" else "auto"
    return Translator(networks[name], method, shape, device=device, precision=precision, tile=tile, seed=seed)


def weights_path(given: str) -> Path:
    """The weights file that ``--weights`` means: a run directory (its best), or a file.

    Raises:
        UserError: neither.
    """
    path = Path(given)
    if path.is_dir():
        for which in ("best", "last"):
            file = path / "weights" / f"{which}.safetensors"
            if file.is_file():
                return file
        raise UserError(f"--weights {given}: no weights in this directory yet (expected weights/best.safetensors)")
    if not path.exists():
        raise UserError(f"--weights {given}: no such run directory or file")
    return path


def load(
    weights: str | Path,
    device: str = "auto",
    precision: str = "fp32",
    tile: Tile = "auto",
    memory: str | int | None = None,
) -> Translator:
    """The translator of a training: call it with a picture and it gives the picture translated.

    >>> derain = img2img.load("runs/derain")
    >>> dry = derain(PIL.Image.open("rainy.jpg"))

    Args:
        weights: a run directory (its best weights) or a ``.safetensors`` file, which alone is enough.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        precision: ``fp32``, ``bf16`` or ``fp16``.
        tile: ``auto`` takes pictures that exceed the memory in tiles as large as fit, ``off`` none; a number takes
            tiles of that side in px.
        memory: what the process may take, in bytes or as ``"800M"``, ``"2G"``; on a GPU: of its memory. By default
            1.5 GB (a GPU: three quarters of what is free), more where a picture's own pixels need it.

    Returns:
        A `Translator`, for images, arrays and tensors; its call says which, in what ranges.

    Raises:
        UserError: missing, or something else than weights written by training; no such device or precision; memory
            that the program alone takes.
    """
    from img2img.engine.distributed import pick_device

    allowed = None if memory is None else parse_amount("--memory", memory)

    if precision not in DTYPES:
        raise unknown("precision", precision, DTYPES)
    path = weights_path(str(weights))
    header, tensors = load_weights(path)
    try:
        method = build(Method, header["method"], str(path))
        shape = Shape(**header["shape"])
        networks = method.build_generators(shape.source, shape.target, shape.size)
        networks.load_state_dict(tensors)
    except (KeyError, TypeError, RuntimeError) as error:
        raise UserError(f"{path}: its header and its tensors do not fit together ({type(error).__name__})") from error
    chosen = pick_device(device)
    network = networks[method.build_flow().networks[0]].to(chosen)
    if getattr(network, "channels_last", False):
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    seed = int(header.get("seed", 0))
    return Translator(network, method, shape, device=chosen, precision=precision, tile=tile, memory=allowed, seed=seed)


def weights_header(weights: str | Path) -> dict[str, Any]:
    """What a weights file says of itself: config, task, method, metrics, step."""
    header, _ = load_weights(weights_path(str(weights)))
    return header


@dataclass
class Summary:
    """What became of a folder: results written, results that were there before, and failures by file with a reason.

    ``tiled`` counts pictures that were taken in tiles, ``differing`` those of them where the network looks at the whole
    picture, whose results therefore differ from those of the whole. ``notes`` says what reading or writing changed, and
    in which files.
    """

    done: int = 0
    skipped: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    tiled: int = 0
    differing: int = 0
    notes: dict[str, list[str]] = field(default_factory=dict)


def summed(parts: Sequence[Summary]) -> Summary:
    """The summary of several processes that shared a folder."""
    total = Summary()
    for part in parts:
        total.failed |= part.failed
        for note, files in part.notes.items():
            total.notes.setdefault(note, []).extend(files)
        for name in ("done", "skipped", "tiled", "differing"):
            setattr(total, name, getattr(total, name) + getattr(part, name))
    return total


def output_names(files: Sequence[Path], root: Path, suffix: str | None) -> dict[Path, Path]:
    """Each input's place below the output folder: sub-folders and names are kept, and no two share a place.

    Formats that cannot be written as they came (unknown ending) become PNG. Where two inputs would meet (``a.jpg`` and
    ``a.png`` both written as PNG) the one whose name need not change has it, and the other's ending stays in its name.
    """
    plain: dict[Path, Path] = {}
    for file in files:
        ending = suffix or (file.suffix if file.suffix.lower() in WRITABLE else ".png")
        plain[file] = file.relative_to(root).with_suffix(ending)
    names: dict[Path, Path] = {}
    taken: set[str] = set()
    for file in sorted(files, key=lambda file: plain[file].name != file.name):
        name, again = plain[file], 1
        while str(name).lower() in taken:
            count = f"_{again}" if again > 1 else ""
            name = plain[file].with_name(f"{file.stem}_{file.suffix.lstrip('.')}{count}{plain[file].suffix}")
            again += 1
        taken.add(str(name).lower())
        names[file] = name
    return names


def ending(form: str | None) -> str | None:
    """The ending of a format to write, by its name (``png``) or ending (``.PNG``); None for "as they came".

    Raises:
        UserError: it cannot be written.
    """
    if form is None:
        return None
    suffix = f".{form.lower().lstrip('.')}"
    if suffix not in WRITABLE:
        raise UserError(f"--format {form}: cannot be written{nearest(suffix, WRITABLE)}")
    return suffix


Job = tuple[Path, Path, Path | None, int]


def plan(
    translator: Translator, given: Path, output: Path, masks: Path | None, suffix: str | None, samples: int
) -> list[Job]:
    """(input, output, mask, sample) for every result asked for.

    Raises:
        UserError: no pictures, masks missing or not wanted, output inside the input or a file, several samples without
            dropout.
    """
    if output.exists() and not output.is_dir():
        raise UserError(f"--output {output}: is a file, a folder is needed")
    if translator.flow.fresh:
        raise UserError("these weights make pictures from noise, they translate none: ask for samples")
    if not given.exists():
        raise UserError(f"--input {given}: no such file or folder")
    root = given if given.is_dir() else given.parent
    # a video among pictures fails with advice when its turn comes
    files = find(given, videos=True) if given.is_dir() else [given]
    if all(is_video(file) for file in files):
        raise UserError(f"--input {files[0]}: {video_advice(files[0])}")
    if given.is_dir() and inside(output, given):
        raise UserError(f"--output {output}: lies inside the input {given}; name a folder outside it")
    if not given.is_dir() and output.resolve() == root.resolve():
        raise UserError(f"--output {output}: is the folder of the input; name another one")
    if translator.needs_mask and masks is None:
        raise UserError("these weights fill holes: give --masks, a folder with a mask (white = hole) for each picture")
    if masks is not None and not translator.needs_mask:
        raise UserError("--masks: these weights do not fill holes")
    if samples > 1 and not translator.inference.dropout:
        raise UserError("--samples: these weights make one result a picture (no dropout at inference)")
    places = output_names(files, root, suffix)
    holes = {str(m.relative_to(masks).with_suffix("")): m for m in find(masks)} if masks else {}
    jobs: list[Job] = []
    still = [file for file in files if not is_video(file)]
    missing = [str(file) for file in still if masks and str(file.relative_to(root).with_suffix("")) not in holes]
    if missing:
        raise UserError(
            f"--masks {masks}: no mask for {missing[0]}{f' and {len(missing) - 1} more' if missing[1:] else ''}"
        )
    if given.is_dir():
        for file in files:
            if inside(output / places[file], given):
                raise UserError(
                    f"--output {output}: the result of {file} would lie inside the input; name another folder"
                )
    for file in files:
        mask = holes.get(str(file.relative_to(root).with_suffix(""))) if masks else None
        for sample in range(samples):
            place = output / places[file]
            if samples > 1:
                place = place.with_name(f"{place.stem}_{sample}{place.suffix}")
            jobs.append((file, place, mask, sample))
    return jobs


def translate(
    weights: str | Path,
    input: str | Path,
    output: str | Path,
    *,
    masks: str | Path | None = None,
    samples: int = 1,
    format: str | None = None,
    tile: Tile = "auto",
    precision: str = "fp32",
    device: str = "auto",
    memory: str | int | None = None,
    batch: int = 1,
    max_pixels: int = MAX_PIXELS,
    overwrite: bool = False,
) -> Summary:
    """Translate a folder of pictures (or one), as ``img2img infer`` does; sub-folders and names stay as they are.

    >>> summary = img2img.translate("runs/derain", "photos", "dry")
    >>> summary.done, summary.failed

    Args:
        weights: a run directory (its best weights) or a ``.safetensors`` file.
        input: a picture or a folder; it is never written to.
        output: the folder the results go to. Results that are there are kept and counted, unless ``overwrite``.
        masks: in-painting: a folder with a mask for each picture, white where the hole is.
        samples: results a picture, where they are made with dropout.
        format: write all results as ``png``, ``jpg``, ``tif``, ...; by default as they came.
        tile, precision, device, memory: as for `load`.
        batch: many small pictures of one size go faster when so many are taken together.
        max_pixels: larger pictures are refused before they are decoded.

    Returns:
        How many were written and how many were there, and each failed file with its reason: one bad file does not stop
        the others.

    Raises:
        UserError: it cannot be done as asked; nothing was written.
        RunError: the disk is full; what was done is kept.
    """
    for name, value in (("samples", samples), ("batch", batch), ("max-pixels", max_pixels)):
        if value < 1:
            raise UserError(f"--{name} {value}: at least 1")
    suffix = ending(format)
    translator = load(weights, device, precision, parse_tile(str(tile)), memory)
    jobs = plan(translator, Path(input), Path(output), None if masks is None else Path(masks), suffix, samples)
    return translate_folder(
        translator, jobs, overwrite=overwrite, batch=batch, max_pixels=max_pixels, keep_format=format is None
    )


def write_samples(
    translator: Translator, output: Path, count: int, overwrite: bool, *, rank: int = 0, world: int = 1
) -> tuple[int, int]:
    """Write ``count`` results from noise as 0000.png, ... (or points.csv for vectors); (written, skipped).

    Of ``world`` processes each writes its share of the pictures, the first one all of the vectors.
    """
    from img2img.files import atomic

    if translator.shape.size is None:
        if rank > 0:
            return 0, 0
        path = output / "points.csv"
        if path.exists() and not overwrite:
            return 0, 1
        rows = translator.samples(count).tolist()
        with atomic(path) as temporary:
            temporary.write_text("\n".join(",".join(f"{v:.6g}" for v in row) for row in rows) + "\n", encoding="utf-8")
        return 1, 0
    done = skipped = 0
    for number in range(rank, count, world):
        path = output / f"{number:04d}.png"
        if path.exists() and not overwrite:
            skipped += 1
            continue
        write(path, Picture(to_pixels(translator.samples(1, number), np.uint8)))
        done += 1
    return done, skipped


def reason(error: BaseException) -> str:
    """A failure in one line."""
    if isinstance(error, MemoryError) or "not enough memory" in str(error) or "out of memory" in str(error):
        return "not enough memory: give a smaller --memory or --tile"
    return " ".join(str(error).split()) or type(error).__name__


FAILURES = (UserError, OSError, RuntimeError, MemoryError, ValueError)
OnDone = Callable[[int, Summary], None]
OnMade = Callable[[Job, Picture, Picture], None]


def translate_folder(
    translator: Translator,
    jobs: Sequence[Job],
    *,
    overwrite: bool = False,
    batch: int = 1,
    max_pixels: int = MAX_PIXELS,
    keep_format: bool = False,
    on_done: OnDone | None = None,
    on_made: OnMade | None = None,
) -> Summary:
    """(input, output, mask, sample) jobs one after the other; decoding runs ahead and writing behind in threads.

    A failing file is noted and the rest goes on; existing outputs are skipped unless ``overwrite``.

    Args:
        batch: up to so many pictures that follow one another and have one shape go through the network together, where
            none then shows in another's result.
        max_pixels: larger pictures are refused before they are decoded.
        keep_format: write a result whose ending is its input's in the format of that, also where the ending lies.
        on_done: told how many jobs are done, failed or skipped.
        on_made: called with each job, its picture and its result when that is written.

    Raises:
        RunError: the disk is full (further files would fail alike).
    """
    with ThreadPoolExecutor(1) as readers, ThreadPoolExecutor(1) as writers:
        todo = [job for job in jobs if overwrite or not job[1].exists()]
        summary = Summary(skipped=len(jobs) - len(todo))
        _Folder(translator, todo, batch, max_pixels, keep_format, summary, on_done, on_made, readers, writers).run()
    return summary


@dataclass
class _Loaded:
    job: Job
    picture: Picture
    mask: Picture | None
    pixels: int

    def like(self, other: _Loaded) -> bool:
        """Whether both may go through the network together."""
        one, two = self.picture.pixels, other.picture.pixels
        return one.shape == two.shape and one.dtype == two.dtype and self.job[3] == other.job[3]


class _Folder:
    """Jobs on their way: ahead (being read), together (read), behind (being written).

    Pictures ahead and behind have at most `Translator.ahead` pixels; a larger one is alone.
    """

    def __init__(
        self,
        translator: Translator,
        jobs: Sequence[Job],
        batch: int,
        max_pixels: int,
        keep_format: bool,
        summary: Summary,
        on_done: OnDone | None,
        on_made: OnMade | None,
        readers: ThreadPoolExecutor,
        writers: ThreadPoolExecutor,
    ) -> None:
        self.translator = translator
        self.coming = deque(jobs)
        self.batch = 1 if translator.alone else batch
        self.max_pixels = max_pixels
        self.keep_format = keep_format
        self.on_done = on_done
        self.on_made = on_made
        self.readers = readers
        self.writers = writers
        self.ahead: deque[tuple[Job, int, Future[_Loaded]]] = deque()
        self.together: list[_Loaded] = []
        self.behind: deque[tuple[Job, int, Future[tuple[str, ...]]]] = deque()
        self.summary = summary
        self.counted = summary.skipped

    def run(self) -> None:
        tiled, differing = self.translator.tiled, self.translator.differing
        while self.coming or self.ahead:
            self.read_ahead()
            if not self.ahead:
                # the next one is large and waits until it is alone
                self.translate()
                self.settle(0)
                self.read_ahead()
            self.take()
            self.settle(2)
        self.translate()
        self.settle(0)
        self.summary.tiled = self.translator.tiled - tiled
        self.summary.differing = self.translator.differing - differing

    def read_ahead(self) -> None:
        while self.coming and len(self.ahead) <= self.batch:
            try:
                width, height = size(self.coming[0][0])
            except UserError:
                width = height = 0  # reading it says why
            used = [pixels for _, pixels, _ in (*self.ahead, *self.behind)]
            if used and sum(used) + width * height > self.translator.ahead:
                return
            job = self.coming.popleft()
            self.ahead.append((job, width * height, self.readers.submit(self.read, job, width, height)))

    def read(self, job: Job, width: int, height: int) -> _Loaded:
        self.translator.admit(width, height)
        picture = read(job[0], self.max_pixels)
        return _Loaded(job, picture, read(job[2], self.max_pixels) if job[2] else None, width * height)

    def take(self) -> None:
        """The next one that is read; those before it are translated if it cannot go with them."""
        job, pixels, future = self.ahead.popleft()
        try:
            loaded = future.result()
        except FAILURES as error:
            self.fail(job, pixels, error)
            return
        del future
        used = sum(one.pixels for one in self.together)
        if self.together and not (self.together[0].like(loaded) and used + pixels <= self.translator.ahead):
            self.translate()
        self.together.append(loaded)
        if len(self.together) >= self.batch:
            self.translate()

    def translate(self) -> None:
        """What is together, or one by one where that fails, so that one does not spoil the others."""
        some, self.together = self.together, []
        if not some:
            return
        try:
            made = self.translator.pictures([one.picture for one in some], [one.mask for one in some], some[0].job[3])
        except FAILURES as error:
            if len(some) == 1:
                self.fail(some[0].job, some[0].pixels, error)
                return
            for one in some:
                self.together = [one]
                self.translate()
            return
        for one, result in zip(some, made, strict=True):
            future = self.writers.submit(self.write, one.job, one.picture if self.on_made else None, result)
            self.behind.append((one.job, one.pixels, future))

    def write(self, job: Job, before: Picture | None, after: Picture) -> tuple[str, ...]:
        """What reading and writing changed."""
        kept = self.keep_format and job[0].suffix == job[1].suffix
        lost = write(job[1], after, format=kept_format(after) if kept else None)
        if self.on_made is not None and before is not None:
            self.on_made(job, before, after)
        return *after.notes, *lost

    def fail(self, job: Job, pixels: int, error: BaseException) -> None:
        future: Future[tuple[str, ...]] = Future()
        future.set_exception(error)
        self.behind.append((job, pixels, future))

    def settle(self, left: int) -> None:
        """Wait until at most ``left`` are being written."""
        while len(self.behind) > left:
            job, _, future = self.behind.popleft()
            try:
                notes = future.result()
                self.summary.done += 1
                for note in notes:
                    self.summary.notes.setdefault(note, []).append(str(job[0]))
            except FAILURES as error:
                if "No space left" in str(error):
                    raise RunError(f"{error} ({self.summary.done} pictures are done)") from error
                self.summary.failed[str(job[0])] = reason(error)
            self.counted += 1
            if self.on_done is not None:
                self.on_done(self.counted, self.summary)


def header_for(
    settings_tree: Mapping[str, Any], method_tree: Mapping[str, Any], shape: Shape, seed: int
) -> dict[str, Any]:
    """What goes into a weights file so that it can be used alone."""
    value = {
        "config": settings_tree,
        "task": settings_tree["task"],
        "name": settings_tree["method"],
        "method": method_tree,
        "shape": vars(shape),
        "seed": seed,
    }
    checked: dict[str, Any] = json.loads(json.dumps(value))
    return checked
