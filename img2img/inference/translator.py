"""Pictures -> pictures through a generator: the one path that infer, evaluate and validation make results with."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from img2img.compute.memory import give_back_freed_memory
from img2img.compute.precision import Precision
from img2img.errors import RunError, UserError
from img2img.images import (
    Picture,
    from_array,
    from_pil,
    joined,
    to_pil,
    to_pixels,
    to_tensor,
)
from img2img.inference.tiles import Tile, Tiling, amount, bytes_per_pixel, lay_out, stream
from img2img.randomness import stable_seed
from img2img.recipes.method import Inference, Method
from img2img.types import Batch, Flow
from img2img.weights.header import Shape

# what Python, torch, the libraries and the slack of the allocator take, measured at 260 to 450 MB
PROGRAM = 400_000_000

MEMORY = 1_500_000_000

# what decoding or encoding takes at most, in bytes a pixel of 8-bit colour
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


class Translator:
    """A generator that makes results: call it with a picture and it gives the picture translated.

    Args:
        network: translates source to target (the first of its flow's networks).
        method: how results are made (``generator.inference``) and which flow they belong to.
        tile: ``auto``, ``off`` or a side in pixels.
        memory: bytes that the whole process may take (on a GPU: the device's bytes for this network), which decide how
            large tiles are. By default 1.5 GB, or more where a picture's own pixels need it; ``tile: off`` and a side
            are then taken as they are. On a GPU three quarters of what is free.

        fill: in-painting: the levels of 0 to 255 that training had in holes; whatever lies under a mask is replaced by
            them. Without them sources must come with their holes filled.

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
        fill: Sequence[int] = (),
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
        self.fill = tuple(fill)
        self.tiled = 0  # pictures taken in tiles
        self.differing = 0  # those of them where the network looks at the whole picture
        self.on_tile: Callable[[int, int], None] | None = None  # told how many tiles of how many are done
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
        return self.flow.needs_mask

    @property
    def takes_mask(self) -> bool:
        """Whether a mask means something to it: it fills holes, or was trained on pictures with filled holes."""
        return self.needs_mask or bool(self.fill)

    def __call__(self, source: Image_, mask: Image_ | None = None, sample: int = 0) -> Image_:
        """Translate a picture of any height and width; what comes out is of the same kind and size.

        Args:
            source: one of
                a PIL image (its alpha is kept; it comes out turned as its EXIF says);
                an array (H, W) or (H, W, C), uint8 in 0..255 or uint16 in 0..65535, C 1 (grey), 3 (RGB), or 2 or 4
                where the last is alpha, which is kept;
                a float tensor (C, H, W) or (N, C, H, W) in [-1, 1], C as in training (3); where no value is negative,
                so that it looks like [0, 1], a warning says how it was taken.
            mask: where weights of in-painting are to fill, of the same kind, height and width: white is the hole in
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
        if lowest >= 0 and 0.5 < highest <= 1:
            warnings.warn(
                f"a tensor with values from {lowest:g} to {highest:g} is taken as in [-1, 1], where 0 is mid-grey; "
                f"one in [0, 1] goes in as 2 * x - 1",
                stacklevel=3,
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
                # a tensor like any other for whoever gets it, also for training
                with torch.inference_mode(False):
                    made = torch.empty(len(source), part.shape[1], *source.shape[2:])
            made[pictures, :, rows, columns] = part.clamp(-1, 1)

        channels = source.shape[1] + (0 if mask is None else 1)
        held = 2 * 4 * source[0].numel() if len(source) else 0
        self._translate((len(source), channels, *source.shape[2:]), held, take, put, sample)
        if made is None:
            raise UserError(f"there is nothing to translate in a tensor {tuple(source.shape)}")
        return made

    def _check_mask(self, given: bool) -> None:
        if self.flow.from_noise:
            raise UserError("these weights make pictures from noise, they translate none: ask for samples")
        if self.needs_mask and not given:
            raise UserError("these weights fill holes: a mask is needed (white = hole)")
        if given and not self.takes_mask:
            raise UserError("these weights do not fill holes: leave the mask out")

    def _translate(self, shape: tuple[int, ...], held: int, take: _Take, put: _Put, sample: int) -> None:
        """``shape`` (N, C, H, W) of inputs through the network, in tiles and so many at once as memory allows.

        Beside the forward ``held`` bytes are taken by each picture and its result.
        """
        count, channels, height, width = shape
        network = _Flowing(self.flow, self.network, self.fill, self.shape.source)
        devices = [self.device] if self.device.type == "cuda" else []
        with (
            torch.random.fork_rng(devices=devices),
            as_results_are_made(self.network, self.inference),
            self.precision.autocast(),
        ):
            # by what one picture takes: its neighbours must not show in how it is cut
            cut, limit = self._plan(network, channels, height, width, held)
            together = 1 if self.alone or cut.tiles > 1 else count
            if limit is not None and together > 1:
                others = int((count - 1) * self._beside(held) / self._per_pixel.get(channels, 1.0))
                together = max(1, (limit - others) // cut.pixels)
            ready = 0
            for first in range(0, count, together):
                some = slice(first, min(count, first + together))

                def tile(top: int, bottom: int, left: int, right: int, some: slice = some) -> Tensor:
                    if cut.tiles > 1:
                        give_back_freed_memory()
                    return take(some, slice(top, bottom), slice(left, right)).to(self.device)

                def finished(top: int, left: int, part: Tensor, some: slice = some) -> None:
                    nonlocal ready
                    put(some, slice(top, top + part.shape[2]), slice(left, left + part.shape[3]), part)
                    ready += 1
                    if self.on_tile is not None and cut.tiles > 1:
                        self.on_tile(ready, count * cut.tiles)

                torch.manual_seed(stable_seed(self.seed, "results", sample))
                stream(network, cut, tile, finished)
        if cut.tiles > 1:
            self.tiled += count
            self.differing += count if network.radius is None else 0

    @property
    def alone(self) -> bool:
        """Whether pictures must go one by one, for else their neighbours would show in their results."""
        return self.inference.norm == "batch" or self.inference.dropout

    def _plan(self, network: _Flowing, channels: int, height: int, width: int, held: int) -> tuple[Tiling, int | None]:
        """The tiles of a picture and how many pixels may be in a forward (None: any number)."""
        whole_only = self.inference.norm == "batch"
        tile: Tile = "off" if whole_only else self.tile
        limit: int | None = None
        if self.memory is not None or self.tile == "auto":
            limit = SMALL
            if self.memory is not None or lay_out(network, height, width, tile="off").pixels > SMALL:
                if channels not in self._per_pixel:
                    self._per_pixel[channels] = bytes_per_pixel(network, channels, self.device)
                room = self._allowed(held) * self._share - self._fixed - self._beside(held)
                limit = max(1, int(room / self._per_pixel[channels]))
        cut = lay_out(network, height, width, tile=tile, limit=limit)
        if limit is not None and cut.pixels > limit:
            need = amount(self._total(self._beside(held) + cut.pixels * self._per_pixel[channels]))
            raise UserError(f"{width}x{height} px need {need} of memory {self._too_much(need, held)}")
        return cut, limit

    def _beside(self, held: float) -> float:
        """What of the memory is taken by pictures and results, which on a GPU lie elsewhere."""
        return 0.0 if self.device.type == "cuda" else held

    def _too_much(self, need: str, held: float) -> str:
        """How much that is more than allowed, and the ways out."""
        default = self.memory is None
        how, way_out = "even in the smallest tiles", ""
        if self.inference.norm == "batch":
            how = "at once: weights that normalise by the whole picture (norm: batch) cannot be used in tiles"
            way_out = " or --tile off" if default else ""
        elif self.tile != "auto":
            how = "at once" if self.tile == "off" else f"in tiles of {self.tile} px"
            way_out = " or leave --tile out"
        allowed = f"{amount(self._allowed(held))}{' by default' if default else ''}"
        return f"{how}; --memory allows {allowed}: give --memory {need}{way_out}"

    def _total(self, used: float) -> float:
        """The memory to allow so that ``used`` bytes fit."""
        return (self._fixed + used) / self._share

    def _allowed(self, held: float) -> float:
        """The memory to keep to for a picture that takes ``held`` bytes with its result."""
        if self.memory is not None:
            return self.memory
        if self.device.type == "cuda":
            # what torch keeps of what it has freed is free for us, or the second picture would have less than the first
            kept = torch.cuda.memory_reserved(self.device) - torch.cuda.memory_allocated(self.device)
            return self._fixed + 0.75 * (torch.cuda.mem_get_info(self.device)[0] + kept)
        return max(MEMORY, self._total(CODEC / 6 * held))

    @property
    def ahead(self) -> int:
        """Bytes that pictures read ahead and written behind may take, beside the one in work."""
        return (self.memory if self.memory is not None and self.device.type == "cpu" else MEMORY) // 8

    def admit(self, width: int, height: int, codec: int = CODEC) -> None:
        """Refuse a picture whose reading and writing alone, of ``codec`` bytes a pixel, exceed the memory given.

        Raises:
            UserError: they do.
        """
        need = self._total(codec * width * height)
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
        held = 2 * pictures[0].pixels.nbytes
        self._translate((len(pictures), seen, height, width), held, take, put, sample)
        return [replace(picture, pixels=pixels) for picture, pixels in zip(pictures, made, strict=True)]

    def samples(self, count: int, start: int = 0) -> Tensor:
        """``count`` results from noise (noise flow): a function of the seed and the number of each sample.

        Raises:
            UserError: the flow does not start from noise.
            RunError: the network gave values that are no numbers.
        """
        if not self.flow.from_noise:
            raise UserError("these weights translate pictures: give --input")
        from img2img.compute.random import NamedRandom

        draws = NamedRandom(self.seed, 0, "results", start, start + count, torch.device("cpu"))
        batch = self.flow.prepare(Batch(index=torch.arange(count)), draws)
        with as_results_are_made(self.network, self.inference), self.precision.autocast():
            made = self.flow.images({self.flow.networks[0]: self.network}, batch.map(lambda t: t.to(self.device)))
        return finite(made["fake"]).float().cpu()


def finite(values: Tensor) -> Tensor:
    """``values``, if all of them are numbers: no picture should be made of others.

    Raises:
        RunError: some are not.
    """
    # one that is no number makes the sum none; not the sum in half precision, which ends at 65504
    if not bool(torch.isfinite(values.sum(dtype=torch.float32))):
        raise RunError("the network gave values that are no numbers: its training diverged, or --precision is too low")
    return values


class _Flowing(nn.Module):
    """A generator within its flow, as something that maps one tensor (source, mask beside it) to another."""

    def __init__(self, flow: Flow, network: nn.Module, fill: Sequence[int], channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.fill = [level / 127.5 - 1 for level in fill]
        self.flow = flow
        self.network = network
        self.multiple: int = int(getattr(network, "multiple", 1))
        self.minimum: int = int(getattr(network, "minimum", 1))
        radius = getattr(network, "radius", None)
        self.radius: int | None = None if radius is None else int(radius)

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[1] == self.channels:
            made: Tensor = self.network(x)
            return made
        source, mask = x[:, :-1], x[:, -1:]
        if self.fill:
            source = torch.where(mask > 0, source.new_tensor(self.fill).view(1, -1, 1, 1), source)
        if not self.flow.needs_mask:
            made = self.network(source)
            return made
        images = self.flow.images({self.flow.networks[0]: self.network}, Batch(source=source, mask=mask))
        return images["fake"]
