"""Weights to evaluate: which runs are seeds of one method, the pairs they are run on, and their written results."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from img2img.compute.distributed import World
from img2img.config import build
from img2img.data import Samples, made_source, open_data, open_test
from img2img.data.config import TARGETS_ALONE, DataConfig
from img2img.data.labels import LabelMaps
from img2img.data.patterns import PLAIN
from img2img.data.samples import Pictures
from img2img.errors import RunError, UserError
from img2img.evaluation.entries import INPUT
from img2img.files import check_folder, inside, listed
from img2img.images import Picture, is_deep, write
from img2img.images.form import Forms
from img2img.inference import Job, Translator, load, translate_folder, weights_header
from img2img.inference.tiles import Tile
from img2img.progress import Reporter
from img2img.recipes.differences import differences
from img2img.weights.header import WeightsHeader

SIDES = ("source", "target", "mask")
BACK = {"source": "target", "target": "source"}


@dataclass(frozen=True)
class Run:
    """Weights to evaluate: a method's only run, or one of its seeds."""

    method: str
    weights: str
    header: Mapping[str, Any]
    seed: str = ""

    @property
    def folder(self) -> str:
        """Where its results go, below the output."""
        return f"{self.method}-seed{self.seed}" if self.seed else self.method


def read_runs(weights: Sequence[tuple[str, str]]) -> list[Run]:
    """The runs of (method, weights), those of one method told apart by their seeds.

    Raises:
        UserError: reserved names; runs of one name that differ in more than the seed, or not even in that; no weights.
    """
    runs = [Run(method, file, weights_header(file)) for method, file in weights]
    grouped: dict[str, list[Run]] = {}
    for run in runs:
        if run.method in (*SIDES, INPUT):
            raise UserError(f"--weights {run.method}=...: {run.method!r} is the name of the pictures themselves")
        grouped.setdefault(run.method, []).append(run)
    for method, group in grouped.items():
        _check_seeds(method, group)
    return [replace(run, seed=_seed(run)) if grouped[run.method][1:] else run for run in runs]


def _check_seeds(method: str, group: Sequence[Run]) -> None:
    first = group[0]
    for other in group[1:]:
        differing = differences(_without_seed(first), _without_seed(other))
        if differing:
            raise UserError(
                f"--weights {method}=...: {first.weights} and {other.weights} differ in {', '.join(differing[:5])}; "
                f"runs of one name may differ in their seed alone: give them different names"
            )
    if len({_seed(run) for run in group}) < len(group):
        raise UserError(f"--weights {method}=...: two runs have the same seed; what would be averaged?")


def _seed(run: Run) -> str:
    return str(run.header.get("seed", 0))


def _without_seed(run: Run) -> dict[str, Any]:
    config = dict(run.header["config"])
    config["train"] = {key: value for key, value in config["train"].items() if key != "seed"}
    return {**config, "which": run.header.get("which")}


class Pairs(NamedTuple):
    """What runs are measured on: pairs, their scenes by name where the split knows them, and what was cut of them.

    ``deep`` says that files of 16 bits are measured as 8, or is empty. On the way ``back`` their targets are
    translated, and results compared with their sources. ``made``: how their sources were made of clean
    photos; empty where the data bring them.
    """

    samples: Samples
    scenes: Mapping[str, str]
    cut: str
    back: bool
    deep: str = ""
    made: str = ""


def open_pairs(
    header: Mapping[str, Any], data: str | None, part: str, cut: Mapping[str, int | None], direction: str | None
) -> Pairs:
    """The pairs of ``data`` as the weights' header says they are laid out and cut; ``cut`` replaces its sizes.

    Raises:
        UserError: weights that translate no pairs, data that do not fit or are no pairs, nothing held out.
    """
    config = build(DataConfig, header["config"]["data"], "the weights' data section")
    changes: dict[str, Any] = {f"validation_{name}": side for name, side in cut.items()}
    config = replace(config, **changes)
    forms = WeightsHeader.from_json(header, "the weights' header").forms
    back = direction is not None and direction != config.direction
    load_side, crop = config.whole_load, config.validation_crop
    steps = [f"resized to a short side of {load_side} px"] if load_side else []
    steps += [f"cut to their centre of at most {crop}x{crop} px"] if crop else []
    said = f"pictures are {' and '.join(steps)} before anything else" if steps else ""
    if config.layout in TARGETS_ALONE:
        raise UserError("these weights make pictures from noise: there are no pairs to measure")
    if part == "validation" or (data is None and config.path is not None):
        here = replace(config, path=data or config.path, mix=())
        opened = open_data(here, int(header.get("seed", 0)), forms)
        if opened.validation is None:
            raise UserError(f"no pictures of {here.path} were held out for validation; name others with --data")
        held_out = _paired(opened.validation, data or config.path)
        return Pairs(held_out, opened.scenes, said, back, _deep(held_out), made_source(held_out))
    # weights of unpaired training may be measured on pairs: their own layout says nothing of other data
    layout = "auto" if config.layout == "unpaired" and data is not None else config.layout
    if data is not None:
        # the masks of the training are those of its own photos
        config = replace(config, hole=replace(config.hole, masks=None, match=None))
    samples = _open_other(replace(config, layout=layout), data, _labels_of(header), forms)
    return Pairs(_paired(samples, data), {}, said, back, _deep(samples), made_source(samples))


def other_scales(runs: Sequence[Run]) -> list[str]:
    """A line for each method that was trained on pictures of another scale than the first, whose scale is measured."""
    sizes = {
        run.method: build(DataConfig, run.header["config"]["data"], "the weights' data").whole_load for run in runs
    }
    first = next(iter(sizes))

    def said(size: int | None) -> str:
        return f"with a short side of {size} px" if size else "as they are"

    return [
        f"scales differ: {method} was trained on pictures {said(size)}, {first} on pictures {said(sizes[first])}, and "
        f"both are measured at one scale (train them with the same data.load)"
        for method, size in sizes.items()
        if size != sizes[first]
    ]


def _labels_of(header: Mapping[str, Any]) -> LabelMaps | None:
    """The label maps that weights were trained on; None where neither side was one."""
    return None if header.get("labels") is None else build(LabelMaps, header["labels"], "the weights' labels")


def _open_other(config: DataConfig, data: str | None, labels: LabelMaps | None, forms: Forms) -> Samples:
    """What to test on, laid out as the training data or, where folders or files are called otherwise, by its own names.

    Raises:
        UserError: data that do not fit, in the words of the first try.
    """
    named = replace(config, source=None, target=None, pattern=PLAIN)
    try:
        return open_test(config, data, labels, forms)
    except UserError:
        if named == config:
            raise
        with suppress(UserError):
            return open_test(named, data, labels, forms)
        raise


def _deep(samples: Samples) -> str:
    """A note where files of the pairs have more than 8 bits, which they are cut to as in training."""
    items = samples.items if isinstance(samples, Pictures) and samples.forms.plain else ()
    files = {file for item in items for file in (item.source, item.target) if file is not None}
    deep = sum(is_deep(file) for file in files)
    if not deep:
        return ""
    return (
        f"{deep} of {len(files)} files of the pairs have 16 bits a sample and were cut to 8, sources and targets, as "
        f"training takes them: measured on 8 bits (--target and --results measure 16)"
    )


def _paired(samples: Samples, data: str | None) -> Samples:
    """``samples``, if a source and its target show one scene.

    Raises:
        UserError: they do not, so that a difference between a result and a target would mean nothing.
    """
    if samples.kind != "pairs":
        what = "the built-in data of this task" if data is None else f"--data {data}"
        raise UserError(
            f"{what}: sources and targets are {samples.kind}, there is nothing that a result could be compared with; "
            f"give --data a folder of pairs, or look at results (img2img infer --compare)"
        )
    return samples


def load_runs(
    runs: Sequence[Run], samples: Samples, world: World, tile: Tile, direction: str | None
) -> list[Translator]:
    """Each run's network, that of the way back where ``direction`` says so.

    Raises:
        UserError: weights that translate nothing, or need masks that the data do not have.
    """
    translators = [load(run.weights, str(world.device), tile=tile, direction=direction) for run in runs]
    sides = list(samples.whole(0))
    for run, translator in zip(runs, translators, strict=True):
        flag = f"--weights {run.method}={run.weights}"
        if translator.flow.from_noise:
            raise UserError(f"{flag}: makes pictures from noise, there is nothing to compare")
        if translator.needs_mask and "mask" not in sides:
            raise UserError(f"{flag}: fills holes, but the data have no masks")
    return translators


def check_output(output: Path, runs: Sequence[Run], data: str | None, names: Collection[Path]) -> None:
    """Refuse an ``output`` whose folders would lie in the data, hold others than ``names``, or cannot be written.

    Raises:
        UserError: the line names ``--output``.
    """
    given = [Path(folder) for folder in (data, runs[0].header["config"]["data"]["path"]) if folder]
    folders = [output / name for name in (*SIDES, *(run.folder for run in runs))]
    for written in folders:
        for pictures in given:
            if inside(written, pictures) or inside(pictures, written):
                raise UserError(f"--output {output}: would write into the data {pictures}; name another folder")
    check_folder(output, "--output")
    for folder in folders:
        others = [file for file in folder.rglob("*") if file.is_file() and file.relative_to(folder) not in names]
        if others:
            raise UserError(
                f"--output {output}: {listed(sorted(map(str, others)), 1)} would stay among these data's pictures; "
                f"name another folder, or remove {folder}"
            )


def write_pairs(samples: Samples, names: Sequence[Path], output: Path, world: World, *, back: bool) -> list[str]:
    """Write each pair's sides below ``output``; digests by which a run's header names what chose its best weights.

    On the way ``back`` targets are what is translated, and sources what results are compared with.
    """
    digests: list[str] = []
    for index in range(world.rank, len(samples), world.size):
        pictures = samples.whole(index)
        digests.append(samples.digest(index))
        for side, pixels in pictures.items():
            write(output / (BACK.get(side, side) if back else side) / names[index], Picture(pixels))
    # all sources are written before anybody reads them
    return [value for part in world.all_gather(digests) for value in part]


def translate_run(run: Run, translator: Translator, names: Sequence[Path], output: Path, world: World) -> None:
    """Translate the sources below ``output`` into the run's folder beside them.

    Raises:
        RunError: a picture that could not be translated or written.
    """
    mask = output / "mask" if translator.needs_mask else None
    jobs = [Job(output / "source" / name, output / run.folder / name, mask / name if mask else None) for name in names]
    share = jobs[world.rank :: world.size]
    with Reporter(len(share), run.folder, shown=world.is_main) as reporter:
        summary = translate_folder(translator, share, overwrite=True, on_done=lambda done, _: reporter.advance(done))
    if summary.failed:
        file, reason = next(iter(summary.failed.items()))
        raise RunError(f"{run.folder}: {reason if file in reason else f'{file}: {reason}'}")
