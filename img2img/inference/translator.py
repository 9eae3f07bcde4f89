"""Pictures -> pictures through a generator: the one path that infer, evaluate and validation make results with."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from img2img.compute.memory import give_back_all, give_back_freed_memory, is_out_of_memory
from img2img.compute.precision import Precision
from img2img.data.labels import LabelMaps
from img2img.data.rows import ArrayRecipe
from img2img.data.samples import PLAIN_FORMS
from img2img.data.source_statistics import SourceStatistics
from img2img.errors import UserError
from img2img.images import Picture, Pixels
from img2img.images.form import Forms
from img2img.images.masks import hole_of
from img2img.inference.budget import HALVINGS, SMALL, Budget, Ceiling, bytes_per_pixel
from img2img.inference.called import Called
from img2img.inference.callers import check_alike
from img2img.inference.generator import WithinFlow, check_reach, finite
from img2img.inference.labels import as_label_result, from_network, to_network
from img2img.inference.sampling import RESULTS, FromNoise
from img2img.inference.statistics import as_results_are_made
from img2img.inference.tiles import Tile, Tiling, lay_out, stream
from img2img.inference.units import in_kind, units_of, with_channels
from img2img.inference.unlike import on_ground, unlike
from img2img.randomness import stable_seed
from img2img.recipes.method import Method
from img2img.types import Flow
from img2img.weights.header import Shape

_Take = Callable[[slice, slice, slice], Tensor]
_Put = Callable[[slice, slice, slice, Tensor], None]


class Translator(Called, FromNoise):
    """A generator that makes results: call it with a picture and it gives the picture translated.

    Args:
        network: translates source to target (the first of its flow's networks).
        method: how results are made (``generator.inference``) and which flow they belong to.
        tile: ``auto``, ``off`` or a side in pixels.
        memory: bytes that the whole process may take (on a GPU: of its memory), which decide how large tiles are. By
            default 1.5 GB, or more where a picture's own pixels need it; on a GPU three quarters of what is free.
        statistics: what the training's sources look like; pictures far from them are noted.
        grey_targets: the training's targets were grey, and results are the mean of the network's channels.
        forms: types, channels and ranges of the training's sources and targets.
        labels: which side is a label map: such sources go in one-hot, such results take the nearest class's colour.
        array: how samples of an array became what the network sees, where the training had one.
        fill: in-painting: the levels of 0 to 255 that training had in holes; whatever lies under a mask is replaced by
            them. Without them sources must come with their holes filled.
        name: what the translator is called: its weights, where they are a file.

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
        statistics: SourceStatistics | None = None,
        grey_targets: bool = False,
        forms: Forms = PLAIN_FORMS,
        labels: LabelMaps | None = None,
        array: ArrayRecipe | None = None,
        name: str = "",
    ) -> None:
        self.name = name
        self.network = network
        self.method = method
        self.flow: Flow = method.build_flow()
        self.shape = shape
        self.device = device
        self.precision = Precision(precision, device)
        self.tile: Tile = tile
        self.seed = seed
        self.fill = tuple(fill)
        self.statistics = statistics
        self.grey_targets, self.forms = grey_targets, forms
        self.labels = labels
        self.array = array
        self.tiled = 0  # pictures taken in tiles
        self.differing = 0  # those where the network looks at the whole picture
        self.on_tile: Callable[[int, int], None] | None = None  # told how many tiles of how many are done
        self._per_pixel: dict[int, float] = {}
        self.ceiling = Ceiling()
        _, self.inference = method.generator_spec()
        self.whole_only = self.inference.norm == "batch" or bool(getattr(network, "whole_only", False))
        if self.whole_only and isinstance(tile, int):
            raise UserError(
                f"--tile {tile}: these weights see the whole picture (generator.inference.norm: batch, or holes in "
                f"their middle) and cannot be used in tiles; leave --tile out"
            )
        self.budget = Budget(network, device, memory)

    @property
    def needs_mask(self) -> bool:
        """Whether it fills holes, and must be told where they are."""
        return self.flow.needs_mask

    @property
    def takes_mask(self) -> bool:
        """Whether a mask means something to it: it fills holes, or was trained on pictures with filled holes."""
        return self.needs_mask or bool(self.fill)

    def tensor(self, source: Tensor, mask: Tensor | None = None, sample: int = 0) -> Tensor:
        """(N, C, H, W) in [-1, 1] of any size -> the result of the same size, float32 on the CPU, clipped to [-1, 1].

        ``mask`` (N, 1, H, W), 1 inside the hole, for in-painting. ``sample`` chooses the dropout masks, where results
        are made with dropout. With ``inference.norm: batch`` or ``dropout`` each picture goes alone, so that its result
        does not depend on its neighbours; with ``norm: batch`` whole.

        Raises:
            UserError: the mask is missing or not wanted; these weights make pictures from noise.
        """
        self._check_mask(mask is not None)
        check_reach(self.flow, *(() if mask is None else (mask,)))
        results: Tensor | None = None

        def take(part: slice, rows: slice, columns: slice) -> Tensor:
            pixels = source[part, :, rows, columns]
            return pixels if mask is None else torch.cat([pixels, mask[part, :, rows, columns]], dim=1)

        def put(part: slice, rows: slice, columns: slice, result: Tensor) -> None:
            nonlocal results
            if results is None:
                # a tensor like any other for whoever gets it, also for training
                with torch.inference_mode(False):
                    results = torch.empty(len(source), result.shape[1], *source.shape[2:])
            if self.grey_targets:
                result = result.mean(1, keepdim=True).expand(-1, result.shape[1], -1, -1)
            results[part, :, rows, columns] = result.clamp(-1, 1)

        channels = source.shape[1] + (0 if mask is None else 1)
        held = 2 * 4 * source[0].numel() if len(source) else 0
        shape = (len(source), channels, *source.shape[2:])
        self._translate(shape, held, take, put, sample, masked=mask is not None)
        if results is None:
            raise UserError(f"there is nothing to translate in a tensor {tuple(source.shape)}")
        return results

    def _check_mask(self, given: bool) -> None:
        if self.flow.from_noise:
            raise UserError("these weights make pictures from noise, they translate none: ask for samples")
        if self.needs_mask and not given:
            raise UserError("these weights fill holes: a mask is needed (white = hole)")
        if given and not self.takes_mask:
            raise UserError("these weights do not fill holes: leave the mask out")

    def _translate(
        self, shape: tuple[int, ...], held: int, take: _Take, put: _Put, sample: int, *, masked: bool
    ) -> None:
        """``shape`` (N, C, H, W) of inputs through the network, in tiles and so many at once as memory allows.

        With ``masked`` the last of the C channels is the mask. Beside the forward ``held`` bytes are taken by each
        picture and its result.
        """
        network = WithinFlow(self.flow, self.network, self.fill, masked)
        devices = [self.device] if self.device.type == "cuda" else []
        with (
            torch.random.fork_rng(devices=devices),
            as_results_are_made(self.network, self.inference),
            self.precision.autocast(),
        ):
            for halvings in range(HALVINGS + 1):
                tiling, together = self._cut(network, shape, held)
                try:
                    self._forward(network, shape[0], tiling, together, take, put, sample)
                    break
                except (RuntimeError, MemoryError) as error:
                    divisible = self.tile == "auto" and not self.whole_only
                    if not divisible or halvings == HALVINGS or not is_out_of_memory(error):
                        raise
                    smallest = lay_out(network, *shape[2:], limit=1).pixels
                    if not self.ceiling.halve(tiling.pixels * together, smallest):
                        raise
                # not above: the error holds what the forward held
                give_back_all()
        if tiling.tiles > 1:
            self.tiled += shape[0]
            self.differing += shape[0] if network.radius is None else 0

    def _forward(
        self, network: WithinFlow, count: int, tiling: Tiling, together: int, take: _Take, put: _Put, sample: int
    ) -> None:
        """``count`` pictures through the network, cut as ``tiling`` says and so many ``together``."""
        ready = 0
        for first in range(0, count, together):
            part = slice(first, min(count, first + together))

            def tile(top: int, bottom: int, left: int, right: int, part: slice = part) -> Tensor:
                if tiling.tiles > 1:
                    give_back_freed_memory()
                return take(part, slice(top, bottom), slice(left, right)).to(self.device)

            def finished(top: int, left: int, result: Tensor, part: slice = part) -> None:
                nonlocal ready
                put(part, slice(top, top + result.shape[2]), slice(left, left + result.shape[3]), result)
                ready += 1
                if self.on_tile is not None and tiling.tiles > 1:
                    self.on_tile(ready, count * tiling.tiles)

            torch.manual_seed(stable_seed(self.seed, RESULTS, sample))
            stream(network, tiling, tile, finished)

    @property
    def alone(self) -> bool:
        """Whether pictures must go one by one, for else their neighbours would show in their results."""
        return self.inference.norm == "batch" or self.inference.dropout

    def _cut(self, network: WithinFlow, shape: tuple[int, ...], held: int) -> tuple[Tiling, int]:
        """The tiles of each picture, and how many pictures may go through the network together.

        Raises:
            UserError: no tiling keeps to the memory.
        """
        count, channels, height, width = shape
        # by what one picture takes: its neighbours must not show in how it is cut
        limit = self._limit(network, channels, height, width, held)
        most = None if limit is None else self.ceiling.of(limit)
        tiling = lay_out(network, height, width, tile="off" if self.whole_only else self.tile, limit=most)
        if limit is not None and tiling.pixels > limit:
            used = tiling.pixels * self._bytes_per_pixel(network, channels)
            raise self.budget.too_much(width, height, used, held, tile=self.tile, whole_only=self.whole_only)
        together = 1 if self.alone or tiling.tiles > 1 else count
        if limit is not None and together > 1:
            others = int((count - 1) * self.budget.beside(held) / self._per_pixel.get(channels, 1.0))
            together = min(count, max(1, self.ceiling.of(limit - others) // tiling.pixels))
        return tiling, together

    def _limit(self, network: WithinFlow, channels: int, height: int, width: int, held: int) -> int | None:
        """How many pixels may be in a forward; None: any number."""
        if self.budget.memory is None and self.tile != "auto":
            return None
        if self.budget.memory is None and lay_out(network, height, width, tile="off").pixels <= SMALL:
            return SMALL
        return self.budget.pixels(held, self._bytes_per_pixel(network, channels))

    def _bytes_per_pixel(self, network: WithinFlow, channels: int) -> float:
        if channels not in self._per_pixel:
            self._per_pixel[channels] = bytes_per_pixel(network, channels, self.device)
        return self._per_pixel[channels]

    def pixels(self, source: Pixels, mask: Pixels | None = None) -> Pixels:
        """(H, W, C) of the sources' form -> (H, W, C) of the targets'; ``mask`` (H, W) or (H, W, 1), non-zero in it.

        A mask that the flow does not look at is left aside: a set for in-painting has them for every method.
        """
        if mask is not None and not self.needs_mask:
            mask = None
        hole = None if mask is None else torch.from_numpy((mask.reshape(1, 1, *mask.shape[:2]) > 0).astype(np.float32))
        values = self.tensor(to_network(source, self.forms.source, self.labels), hole)
        return from_network(values, self.forms.target, self.labels)

    def picture(self, picture: Picture, mask: Picture | None = None, sample: int = 0) -> Picture:
        """A picture translated: same size, depth, alpha and metadata; grey is given to the network as R = G = B.

        A drawing in alpha is laid onto a ground (see `on_ground`), and grey targets make grey results. Notes say so.

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
        given = [mask for mask in masks or () if mask is not None]
        self._check_mask(bool(given))
        check_alike(pictures, given)
        holes, said = zip(*map(hole_of, given), strict=True) if given else ((), ((),) * len(pictures))
        check_reach(self.flow, *(torch.from_numpy(hole) for hole in holes))
        pictures = [on_ground(with_channels(picture, self.shape.source), self.statistics) for picture in pictures]
        notes = [(*more, *self._unlike(picture)) for picture, more in zip(pictures, said, strict=True)]
        height, width = pictures[0].pixels.shape[:2]
        units = units_of(self.forms, self.shape.source, pictures[0], self.labels)
        grey, to_grey = units.grey, units.to_grey or self.grey_targets
        results: list[Pixels] = []

        def take(part: slice, rows: slice, columns: slice) -> Tensor:
            tiles = [picture.pixels[rows, columns] for picture in pictures[part]]
            source = torch.cat([to_network(tile, units.source, self.labels) for tile in tiles])
            source = source.expand(-1, 3, -1, -1) if grey else source
            if not holes:
                return source
            inside = [torch.from_numpy(np.ascontiguousarray(hole[rows, columns]))[None, None] for hole in holes[part]]
            return torch.cat([source, torch.cat(inside).float()], dim=1)

        def put(part: slice, rows: slice, columns: slice, result: Tensor) -> None:
            result = finite(result)
            result = result.mean(1, keepdim=True) if to_grey and result.shape[1] == 3 else result
            while len(results) < len(pictures):
                results.append(np.empty((height, width, result.shape[1]), units.target.dtype))
            for row in range(len(result)):
                results[part.start + row][rows, columns] = from_network(
                    result[row : row + 1], units.target, self.labels
                )

        seen = self.shape.source + bool(holes)
        held = 2 * pictures[0].pixels.nbytes
        self._translate((len(pictures), seen, height, width), held, take, put, sample, masked=bool(holes))
        return [
            as_label_result(in_kind(picture, pixels, units, more), self.labels)
            for picture, pixels, more in zip(pictures, results, notes, strict=True)
        ]

    def _unlike(self, picture: Picture) -> tuple[str, ...]:
        """Notes on a picture that is far from what was trained on, where that is known."""
        return () if self.statistics is None else unlike(picture, self.statistics)
