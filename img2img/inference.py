"""Weights + pictures -> pictures: the one path that infer, evaluate and validation make results with."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from img2img.config import build
from img2img.engine.precision import DTYPES, Precision
from img2img.engine.run import load_weights
from img2img.errors import RunError, UserError, nearest, unknown
from img2img.files import inside
from img2img.images import (
    WRITABLE,
    Picture,
    find,
    from_array,
    from_pil,
    is_video,
    joined,
    read,
    to_pil,
    to_pixels,
    to_tensor,
    video_advice,
    write,
)
from img2img.methods import Inference, Method
from img2img.randomness import stable_seed
from img2img.tiles import Tile, parse_tile, run
from img2img.types import Batch, Flow

NORMS = (nn.modules.batchnorm._NormBase,)
DROPOUTS = (nn.modules.dropout._DropoutNd,)
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

    Raises:
        UserError: a tile side where the whole picture's statistics normalise it.
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
        seed: int = 0,
    ) -> None:
        self.network = network
        self.method = method
        self.flow: Flow = method.build_flow()
        self.shape = shape
        self.device = device
        self.precision = Precision(precision, device)
        self.tile: Tile = tile
        self.seed = seed
        self.differing = 0  # pictures taken in tiles by a network that looks at the whole picture
        _, self.inference = method.generator_spec()
        if self.inference.norm == "batch" and isinstance(tile, int):
            raise UserError(
                f"--tile {tile}: these weights normalise by the whole picture (generator.inference.norm: batch) and "
                f"cannot be used in tiles; leave --tile out"
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
        if self.flow.fresh:
            raise UserError("these weights make pictures from noise, they translate none: ask for samples")
        if self.needs_mask and mask is None:
            raise UserError("these weights fill holes: a mask is needed (white = hole)")
        if mask is not None and not self.needs_mask:
            raise UserError("these weights do not fill holes: leave the mask out")
        if (self.inference.norm == "batch" or self.inference.dropout) and len(source) > 1:
            rows = range(len(source))
            masks = [None if mask is None else mask[i : i + 1] for i in rows]
            return torch.cat([self.tensor(source[i : i + 1], masks[i], sample) for i in rows])
        network = _Flowing(self.flow, self.network)
        inputs = source if mask is None else torch.cat([source, mask], dim=1)
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices), as_results_are_made(self.network, self.inference):
            torch.manual_seed(stable_seed(self.seed, "results", sample))
            with self.precision.autocast():
                tile: Tile = "off" if self.inference.norm == "batch" else self.tile
                made = run(network, inputs.to(self.device), tile=tile)
        if network.calls > 1 and network.radius is None:
            self.differing += 1
        return made.float().clamp(-1, 1).cpu()

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
        pixels = picture.pixels
        grey = pixels.shape[2] == 1
        source = to_tensor(pixels)
        if grey and self.shape.source == 3:
            source = source.expand(-1, 3, -1, -1)
        hole = None
        if mask is not None:
            if mask.pixels.shape[:2] != pixels.shape[:2]:
                raise UserError(
                    f"the mask is {mask.pixels.shape[1]}x{mask.pixels.shape[0]}, "
                    f"the picture {pixels.shape[1]}x{pixels.shape[0]}"
                )
            hole = (to_tensor(mask.pixels).mean(1, keepdim=True) > 0).float()
        made = finite(self.tensor(source, hole, sample))
        if grey and made.shape[1] == 3:
            made = made.mean(1, keepdim=True)
        return replace(picture, pixels=to_pixels(made, pixels.dtype))

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
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
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
    return Translator(networks[name], method, shape, device=device, precision=precision, seed=seed)


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


def load(weights: str | Path, device: str = "auto", precision: str = "fp32", tile: Tile = "auto") -> Translator:
    """The translator of a training: call it with a picture and it gives the picture translated.

    >>> derain = img2img.load("runs/derain")
    >>> dry = derain(PIL.Image.open("rainy.jpg"))

    Args:
        weights: a run directory (its best weights) or a ``.safetensors`` file, which alone is enough.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        precision: ``fp32``, ``bf16`` or ``fp16``.
        tile: ``auto`` takes pictures above 1.5 megapixels in tiles, ``off`` none, a number those of that side in px.

    Returns:
        A `Translator`, for images, arrays and tensors; its call says which, in what ranges.

    Raises:
        UserError: missing, or something else than weights written by training; no such device or precision.
    """
    from img2img.engine.distributed import pick_device

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
    networks.to(chosen)
    name = method.build_flow().networks[0]
    seed = int(header.get("seed", 0))
    return Translator(networks[name], method, shape, device=chosen, precision=precision, tile=tile, seed=seed)


def weights_header(weights: str | Path) -> dict[str, Any]:
    """What a weights file says of itself: config, task, method, metrics, step."""
    header, _ = load_weights(weights_path(str(weights)))
    return header


@dataclass
class Summary:
    """What became of a folder: results written, results that were there before, and failures by file with a reason.

    ``differing`` counts pictures that were taken in tiles by a network that looks at the whole picture, whose results
    therefore differ from those of the whole.
    """

    done: int = 0
    skipped: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    differing: int = 0


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
        tile, precision, device: as for `load`.

    Returns:
        How many were written and how many were there, and each failed file with its reason: one bad file does not stop
        the others.

    Raises:
        UserError: it cannot be done as asked; nothing was written.
        RunError: the disk is full; what was done is kept.
    """
    if samples < 1:
        raise UserError(f"--samples {samples}: at least 1")
    suffix = ending(format)
    translator = load(weights, device, precision, parse_tile(str(tile)))
    jobs = plan(translator, Path(input), Path(output), None if masks is None else Path(masks), suffix, samples)
    return translate_folder(translator, jobs, overwrite=overwrite)


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
        return "not enough memory: use a smaller --tile"
    return " ".join(str(error).split()) or type(error).__name__


def translate_folder(
    translator: Translator,
    jobs: Sequence[Job],
    *,
    overwrite: bool = False,
    on_done: Any = None,
) -> Summary:
    """(input, output, mask, sample) jobs one after the other; decoding runs ahead and writing behind in threads.

    A failing file is noted and the rest goes on; existing outputs are skipped unless ``overwrite``.

    Raises:
        RunError: the disk is full (further files would fail alike).
    """
    from concurrent.futures import Future, ThreadPoolExecutor

    summary = Summary()
    todo = []
    for job in jobs:
        if job[1].exists() and not overwrite:
            summary.skipped += 1
        else:
            todo.append(job)
    counted = summary.skipped

    def settle(future: Future[Any], file: Path) -> None:
        nonlocal counted
        try:
            future.result()
            summary.done += 1
        except UserError as error:
            if "No space left" in str(error):
                raise RunError(f"{error} ({summary.done} pictures are done)") from error
            summary.failed[str(file)] = reason(error)
        except (OSError, RuntimeError, MemoryError, ValueError) as error:
            summary.failed[str(file)] = reason(error)
        counted += 1
        if on_done is not None:
            on_done(counted, summary)

    with ThreadPoolExecutor(1) as readers, ThreadPoolExecutor(1) as writers:

        def fetch(job: Job) -> tuple[Picture, Picture | None]:
            return read(job[0]), (read(job[2]) if job[2] else None)

        ahead = [readers.submit(fetch, job) for job in todo[:2]]
        behind: list[tuple[Future[Any], Path]] = []
        for place, job in enumerate(todo):
            future = ahead[place]
            if place + 2 < len(todo):
                ahead.append(readers.submit(fetch, todo[place + 2]))
            try:
                picture, hole = future.result()
                made = translator.picture(picture, hole, job[3])
                behind.append((writers.submit(write, job[1], made), job[0]))
            except (UserError, OSError, RuntimeError, MemoryError, ValueError) as error:
                failed: Future[Any] = Future()
                failed.set_exception(error)
                behind.append((failed, job[0]))
            ahead[place] = None  # type: ignore[call-overload]
            while len(behind) > 2:
                settle(*behind.pop(0))
        for pending in behind:
            settle(*pending)
    summary.differing = translator.differing
    return summary


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
