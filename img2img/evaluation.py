"""Results against targets: per-image values, tables, and a picture of what was compared."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from img2img.config import build
from img2img.data import Samples, open_data, open_test
from img2img.data.config import DataConfig
from img2img.engine.distributed import World
from img2img.engine.progress import Reporter
from img2img.errors import UserError, unknown
from img2img.images import Picture, as_rgb8, find, read, size, write
from img2img.inference import load, translate_folder, weights_header
from img2img.metrics import METRICS
from img2img.reports.figures import grid, save_png
from img2img.reports.table import FORMATS, Table
from img2img.tiles import parse_tile

INPUT = "input (untouched)"


@dataclass(frozen=True)
class Evaluation:
    """A table with the pictures it was made of."""

    table: Table
    folders: Mapping[str, Path] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    target: Path | None = None
    source: Path | None = None
    keep: Any = None


def check_names(metrics: Sequence[str], formats: Sequence[str]) -> None:
    """Refuse unknown metrics and formats before any work."""
    for name in metrics:
        if name not in METRICS:
            raise unknown("metric", name, METRICS, "--metrics")
    for name in formats:
        if name not in FORMATS:
            raise unknown("format", name, FORMATS, "--format")


def of_folders(target: Path, folders: Mapping[str, Path], metrics: Sequence[str], world: World) -> Evaluation:
    """Folders of results against a folder of targets, files matched by their path without ending.

    Raises:
        UserError: pictures without partner, sizes that differ, unreadable files; nothing was written.
    """
    targets = {_stem(file, target): file for file in find(target)}
    pairs: dict[str, dict[str, Path]] = {}
    for name, folder in folders.items():
        found = {_stem(file, folder): file for file in find(folder)}
        missing = sorted(set(targets) - set(found))
        if missing:
            more = f" and {len(missing) - 1} more" if missing[1:] else ""
            raise UserError(f"--results {name}={folder}: no result for {targets[missing[0]]}{more}")
        for stem, file in targets.items():
            one, other = size(found[stem]), size(file)
            if one != other:
                raise UserError(
                    f"{found[stem]} is {one[0]}x{one[1]}, its target {file} is {other[0]}x{other[1]}: "
                    f"sizes must be the same"
                )
        pairs[name] = {stem: found[stem] for stem in targets}
    rows = _score(targets, pairs, metrics, world)
    table = Table(tuple(folders), tuple(metrics), len(targets), rows)
    source = folders.get("input") or folders.get(INPUT)
    return Evaluation(table, folders, tuple(targets), target, source)


def of_weights(
    weights: Mapping[str, str],
    data: str | None,
    part: str,
    metrics: Sequence[str],
    output: Path | None,
    world: World,
    tile: str = "auto",
) -> Evaluation:
    """Methods run on a data set's pairs, their written results scored, the untouched input's row first.

    ``part`` is ``test`` (its test part, else val, else everything) or ``validation`` (what the first method's training
    held out). Pictures go to ``output`` (source, target, one folder a method), or to a temporary folder.
    """
    headers = {name: weights_header(place) for name, place in weights.items()}
    first = next(iter(headers.values()))
    samples = _pairs(first, data, part)
    if samples is None:
        raise UserError("these weights make pictures from noise: there are no pairs to measure")
    keep = None
    if output is None:
        keep = tempfile.TemporaryDirectory(prefix="img2img-")
        output = Path(world.share(keep.name))
    folders = {"source": output / "source", "target": output / "target"}
    names = [Path(name).with_suffix(".png") for name in samples.names]
    for index in range(world.rank, len(samples), world.size):
        pictures = samples.whole(index)
        for side, folder in folders.items():
            write(folder / names[index], Picture(pictures[side]))
        if "mask" in pictures:
            write(output / "mask" / names[index], Picture(pictures["mask"]))
    world.any(False)  # all sources are written before anybody reads them
    for name, place in weights.items():
        translator = load(place, str(world.device), tile=parse_tile(tile))
        mask = output / "mask" if "output" in translator.flow.makes else None
        jobs = [(folders["source"] / file, output / name / file, (mask / file) if mask else None, 0) for file in names]
        share = jobs[world.rank :: world.size]
        with Reporter(len(share), name, shown=world.chief) as reporter:

            def tell(done: int, _: Any, reporter: Reporter = reporter) -> None:
                reporter.advance(done)

            summary = translate_folder(translator, share, overwrite=True, on_done=tell)
        if summary.failed:
            file, reason = next(iter(summary.failed.items()))
            raise UserError(f"{name}: {file}: {reason}")
    world.any(False)
    targets = {str(file.with_suffix("")): folders["target"] / file for file in names}
    pairs = {INPUT: {str(file.with_suffix("")): folders["source"] / file for file in names}}
    pairs |= {name: {str(file.with_suffix("")): output / name / file for file in names} for name in weights}
    rows = _score(targets, pairs, metrics, world)
    table = Table((INPUT, *weights), tuple(metrics), len(targets), rows)
    shown = {name: output / name for name in weights}
    return Evaluation(table, shown, tuple(targets), folders["target"], folders["source"], keep)


def _pairs(header: Mapping[str, Any], data: str | None, part: str) -> Samples | None:
    config = build(DataConfig, header["config"]["data"], "the weights' data section")
    if config.layout in ("mixture", "images", "arrays"):
        return None
    if part == "validation" or (data is None and config.path is not None):
        from dataclasses import replace

        here = replace(config, path=data) if data else config
        return open_data(here, int(header.get("seed", 0))).validation
    return open_test(config, data)


def _score(
    targets: Mapping[str, Path], pairs: Mapping[str, Mapping[str, Path]], metrics: Sequence[str], world: World
) -> tuple[tuple[str, str, str, float], ...]:
    """(method, image, metric, value) rows, shared out over processes."""
    rows: list[tuple[str, str, str, float]] = []
    stems = list(targets)
    with Reporter(len(stems[world.rank :: world.size]), "measured", shown=world.chief) as reporter:
        for done, stem in enumerate(stems[world.rank :: world.size], 1):
            target = as_rgb8(read(targets[stem]))
            for name, files in pairs.items():
                result = as_rgb8(read(files[stem]))
                rows += [(name, stem, metric, METRICS[metric](result, target)) for metric in metrics]
            reporter.advance(done)
    order = {name: place for place, name in enumerate(pairs)}
    everything = [row for part in world.gather(rows) for row in part]
    places = {stem: place for place, stem in enumerate(stems)}
    everything.sort(key=lambda row: (order[row[0]], places[row[1]], list(metrics).index(row[2])))
    return tuple(everything)


def _stem(file: Path, root: Path) -> str:
    return str(file.relative_to(root).with_suffix(""))


def render(evaluation: Evaluation, form: str) -> str:
    """The table in a format."""
    return FORMATS[form](evaluation.table)


def write_figure(evaluation: Evaluation, path: Path, most: int = 4) -> None:
    """A grid of source, each method and target for the first pictures."""
    columns: list[tuple[str, Path]] = []
    if evaluation.source is not None:
        columns.append(("input", evaluation.source))
    columns += [(name, folder) for name, folder in evaluation.folders.items() if folder != evaluation.source]
    if evaluation.target is not None:
        columns.append(("target", evaluation.target))
    files = [{_stem(file, folder): file for file in find(folder)} for _, folder in columns]
    rows = [[as_rgb8(read(found[stem])) for found in files] for stem in evaluation.names[:most]]
    pixels: np.ndarray[Any, Any] = grid(rows, [label for label, _ in columns])
    save_png(path, pixels)


def write_report(evaluation: Evaluation, output: Path, formats: Sequence[str]) -> list[str]:
    """table.<format>, per_image.csv and comparison.png in ``output``; lines that say what lies where."""
    from img2img.files import atomic

    lines = []
    for form in formats:
        path = output / f"table.{'tex' if form == 'latex' else form}"
        with atomic(path) as temporary:
            temporary.write_text(render(evaluation, form) + "\n", encoding="utf-8")
        lines.append(f"table: {path}")
    path = output / "per_image.csv"
    with atomic(path) as temporary:
        temporary.write_text(evaluation.table.per_image(), encoding="utf-8")
    lines.append(f"values of each picture: {path}")
    write_figure(evaluation, output / "comparison.png")
    lines.append(f"before and after: {output / 'comparison.png'}")
    return lines


def gain(evaluation: Evaluation) -> float:
    """The best method's mean PSNR minus the untouched input's, in dB."""
    table = evaluation.table
    if "psnr" not in table.metrics or INPUT not in table.methods or len(table.methods) < 2:
        raise UserError("--require-gain needs psnr among --metrics, and --weights (with the untouched input's row)")
    base = table.mean(INPUT, "psnr")[0]
    return max(table.mean(name, "psnr")[0] for name in table.methods if name != INPUT) - base
