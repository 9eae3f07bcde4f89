"""Results against targets: per-image values, tables, and a picture of what was compared."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from img2img.config import build
from img2img.data import Samples, open_data, open_test
from img2img.data.config import DataConfig
from img2img.engine.distributed import World
from img2img.engine.progress import Reporter
from img2img.errors import RunError, UserError, on_the_way, unknown
from img2img.files import atomic, check_folder, inside
from img2img.images import Picture, as_rgb8, digest, find, read, size, write
from img2img.inference import Translator, load, output_names, translate_folder, weights_header
from img2img.metrics import METRICS
from img2img.reports.figures import grid, save_png
from img2img.reports.table import FORMATS, Table
from img2img.tiles import Tile

INPUT = "input (untouched)"
SIDES = ("source", "target", "mask")


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
    for names, known, what in ((metrics, METRICS, "metric"), (formats, FORMATS, "format")):
        flag = "--metrics" if known is METRICS else "--format"
        for name in names:
            if name not in known:
                raise unknown(what, name, known, flag)
        if not names:
            raise UserError(f"{flag}: at least one is needed (known: {', '.join(sorted(known))})")


def evaluate(
    results: str | Path | Mapping[str, str | Path], targets: str | Path, metrics: Sequence[str] = ("psnr", "ssim")
) -> Table:
    """Measure folders of results against a folder of targets, as ``img2img evaluate`` does.

    >>> table = img2img.evaluate({"ours": "dry", "input": "photos"}, "clean")
    >>> decibels, left_out = table.mean("ours", "psnr")

    Args:
        results: a folder of pictures, which is called ``results`` in the table, or several by name.
        targets: the folder they are compared with; files are matched by their path without ending and have the same
            height and width.
        metrics: of ``psnr`` (dB, infinite for identical pictures), ``ssim`` (in [-1, 1], undefined under 11 px) and
            ``mae`` (0 to 255), all on 8-bit RGB.

    Returns:
        The table: ``mean(method, metric)`` gives the mean over images and how many are left out since their value is
        infinite or undefined, ``values(method, metric)`` each picture's, ``per_image()`` all as CSV.

    Raises:
        UserError: an unknown metric, a missing folder, pictures without partner, sizes that differ, unreadable files.
    """
    folders = results if isinstance(results, Mapping) else {"results": results}
    names = [metrics] if isinstance(metrics, str) else list(metrics)
    check_names(names, ["md"])
    places = {name: Path(folder) for name, folder in folders.items()}
    return of_folders(Path(targets), places, names, None, World(), shown=False).table


def of_folders(
    target: Path,
    folders: Mapping[str, Path],
    metrics: Sequence[str],
    output: Path | None,
    world: World,
    *,
    shown: bool = True,
) -> Evaluation:
    """Folders of results against a folder of targets, files matched by their path without ending.

    Raises:
        UserError: pictures without partner, sizes that differ, unreadable files, an ``output`` (for the report) that
            lies in one of the folders or cannot be written; nothing was written.
    """
    targets = _by_stem(target)
    pairs: dict[str, dict[str, Path]] = {}
    for name, folder in folders.items():
        found = _by_stem(folder)
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
    if output is not None:
        for folder in (target, *folders.values()):
            if inside(output, folder):
                raise UserError(f"--output {output}: lies inside {folder}, whose pictures are measured; name another")
        check_folder(output, "--output")
    rows = _score(targets, pairs, metrics, world, shown)
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
    tile: Tile = "auto",
) -> Evaluation:
    """Methods run on a data set's pairs, their written results scored, the untouched input's row first.

    ``part`` is ``test`` (its test part, else val, else everything) or ``validation`` (what the first method's training
    held out). Pictures go to ``output`` (source, target, one folder a method), or to a temporary folder. The table
    says so where the pictures are those by which the best weights of a method were chosen.

    Raises:
        UserError: weights or data that do not fit, an ``output`` that cannot be; nothing was written.
        RunError: something failed on the way.
    """
    for name in weights:
        if name in (*SIDES, INPUT):
            raise UserError(f"--weights {name}=...: {name!r} is the name of the pictures themselves; say another")
    headers = {name: weights_header(place) for name, place in weights.items()}
    first = next(iter(headers.values()))
    samples = _pairs(first, data, part)
    translators = {name: load(place, str(world.device), tile=tile) for name, place in weights.items()}
    sides = list(samples.whole(0))
    for name, translator in translators.items():
        if translator.flow.fresh:
            raise UserError(f"--weights {name}={weights[name]}: makes pictures from noise, there is nothing to compare")
        if "output" in translator.flow.makes and "mask" not in sides:
            raise UserError(f"--weights {name}={weights[name]}: fills holes, but the data have no masks")
    if output is not None:
        given = [Path(place) for place in (data, first["config"]["data"]["path"]) if place]
        for place in (output / name for name in (*SIDES, *weights)):
            for pictures in given:
                if inside(place, pictures) or inside(pictures, place):
                    raise UserError(f"--output {output}: would write into the data {pictures}; name another folder")
        check_folder(output, "--output")
    with on_the_way():
        return _run_weights(headers, translators, samples, metrics, output, world)


def _run_weights(
    headers: Mapping[str, Mapping[str, Any]],
    translators: Mapping[str, Translator],
    samples: Samples,
    metrics: Sequence[str],
    output: Path | None,
    world: World,
) -> Evaluation:
    keep = None
    if output is None:
        keep = tempfile.TemporaryDirectory(prefix="img2img-")
        output = Path(world.share(keep.name))
    folders = {"source": output / "source", "target": output / "target"}
    places = output_names([Path(name) for name in samples.names], Path(), ".png")
    names = [places[Path(name)] for name in samples.names]
    digests: list[str] = []
    for index in range(world.rank, len(samples), world.size):
        pictures = samples.whole(index)
        digests.append(digest(pictures["target"]))
        for side, pixels in pictures.items():
            write(output / side / names[index], Picture(pixels))
    # all sources are written before anybody reads them
    digests = [value for part in world.gather(digests) for value in part]
    for name, translator in translators.items():
        mask = output / "mask" if translator.needs_mask else None
        jobs = [(folders["source"] / file, output / name / file, (mask / file) if mask else None, 0) for file in names]
        share = jobs[world.rank :: world.size]
        with Reporter(len(share), name, shown=world.chief) as reporter:

            def tell(done: int, _: Any, reporter: Reporter = reporter) -> None:
                reporter.advance(done)

            summary = translate_folder(translator, share, overwrite=True, on_done=tell)
        if summary.failed:
            file, reason = next(iter(summary.failed.items()))
            raise RunError(f"{name}: {reason if file in reason else f'{file}: {reason}'}")
    world.any(False)
    targets = {str(file.with_suffix("")): folders["target"] / file for file in names}
    pairs = {INPUT: {str(file.with_suffix("")): folders["source"] / file for file in names}}
    pairs |= {name: {str(file.with_suffix("")): output / name / file for file in names} for name in translators}
    rows = _score(targets, pairs, metrics, world)
    notes = [note for name, header in headers.items() if (note := chosen_on(name, header, digests))]
    table = Table((INPUT, *translators), tuple(metrics), len(targets), rows, tuple(notes))
    shown = {name: output / name for name in translators}
    return Evaluation(table, shown, tuple(targets), folders["target"], folders["source"], keep)


def chosen_on(name: str, header: Mapping[str, Any], digests: Sequence[str]) -> str | None:
    """What must be said where the pictures that are reported also chose the weights; None where none of them did."""
    known = set(header.get("chosen_on", ()))
    count = sum(value in known for value in digests)
    if not count:
        return None
    which = "these pictures" if count == len(digests) else f"{count} of these pictures"
    return f"{which} also chose the best weights of {name} (by {header['chosen_by']}), so they are no test of them"


def _pairs(header: Mapping[str, Any], data: str | None, part: str) -> Samples:
    config = build(DataConfig, header["config"]["data"], "the weights' data section")
    if config.layout in ("mixture", "images", "arrays"):
        raise UserError("these weights make pictures from noise: there are no pairs to measure")
    if part == "validation" or (data is None and config.path is not None):
        here = replace(config, path=data) if data else config
        held = open_data(here, int(header.get("seed", 0))).validation
        if held is None:
            raise UserError(f"no pictures of {here.path} were held out for validation; name others with --data")
        return held
    return open_test(config, data)


def _score(
    targets: Mapping[str, Path],
    pairs: Mapping[str, Mapping[str, Path]],
    metrics: Sequence[str],
    world: World,
    shown: bool = True,
) -> tuple[tuple[str, str, str, float], ...]:
    """(method, image, metric, value) rows, shared out over processes."""
    rows: list[tuple[str, str, str, float]] = []
    stems = list(targets)
    with Reporter(len(stems[world.rank :: world.size]), "measured", shown=shown and world.chief) as reporter:
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


def _by_stem(folder: Path) -> dict[str, Path]:
    """Pictures below a folder by their path without ending."""
    found: dict[str, Path] = {}
    for file in find(folder):
        stem = str(file.relative_to(folder).with_suffix(""))
        if stem in found:
            raise UserError(f"{file} and {found[stem].name} have the same name but for the ending: which one is meant?")
        found[stem] = file
    return found


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
    files = [{str(file.relative_to(place).with_suffix("")): file for file in find(place)} for _, place in columns]
    rows = [[as_rgb8(read(found[stem])) for found in files] for stem in evaluation.names[:most]]
    pixels: np.ndarray[Any, Any] = grid(rows, [label for label, _ in columns])
    save_png(path, pixels)


def write_report(evaluation: Evaluation, output: Path, formats: Sequence[str]) -> list[str]:
    """table.<format>, per_image.csv and comparison.png in ``output``; lines that say what lies where."""
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
    """The best method's mean PSNR minus the untouched input's, in dB (of an evaluation of weights with psnr)."""
    table = evaluation.table
    base = table.mean(INPUT, "psnr")[0]
    return max(table.mean(name, "psnr")[0] for name in table.methods if name != INPUT) - base
