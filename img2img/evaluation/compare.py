"""Results against targets: folders of results, or weights that are run first."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from img2img.compute.distributed import World
from img2img.data.masks import masks_of
from img2img.data.samples import forms_of
from img2img.data.split import scene_table
from img2img.errors import UserError, on_the_way
from img2img.evaluation.card import about_weights, chosen_on, when_and_where
from img2img.evaluation.classes import over_the_set, palette_of_targets
from img2img.evaluation.cost import cost_columns
from img2img.evaluation.entries import INPUT, Entry, Files, entries_of, same_folders
from img2img.evaluation.fit import Fit, fit_to_targets
from img2img.evaluation.halves import cut_halves
from img2img.evaluation.outcome import Evaluation, evaluation_of
from img2img.evaluation.request import Request
from img2img.evaluation.runs import (
    Pairs,
    Run,
    check_output,
    load_runs,
    open_pairs,
    other_scales,
    read_runs,
    translate_run,
    write_pairs,
)
from img2img.evaluation.scoring import score
from img2img.evaluation.seen import Seen, check_strictly, seen_pictures
from img2img.files import check_folder, inside
from img2img.files import stem as stem_of
from img2img.images import find
from img2img.inference import Translator, output_names
from img2img.inference.tiles import Tile
from img2img.metrics import read_protocol
from img2img.metrics.depth import protocol_of
from img2img.metrics.protocols import with_palette
from img2img.reports.table import Table


def evaluate(
    results: str | Path | Mapping[str, str | Path],
    targets: str | Path,
    metrics: Sequence[str] = ("psnr", "ssim"),
    protocol: str = "rgb",
    fit: Fit | None = None,
    direction: str | None = None,
) -> Table:
    """Measure folders of results against a folder of targets, as ``img2img evaluate`` does.

    Examples:
        >>> table = img2img.evaluate({"ours": "dry", "input": "photos"}, "clean", protocol="matlab_y")
        >>> decibels, left_out = table.mean("ours", "psnr")

    Args:
        results: a folder of pictures, which is called ``results`` in the table, or several by name.
        targets: the folder they are compared with; files are matched by their path without ending and have the same
            height, width and depth.
        metrics: of ``psnr`` (dB, infinite for identical pictures), ``ssim``, ``ssim_auto`` and ``uqi`` (in [-1, 1]),
            ``vifp`` and ``vif`` (from 0 on; the targets are the reference) and ``mae`` (0 to 255).
        protocol: what they are taken of: ``rgb``, ``gray``, ``y``, ``matlab_y``, ..., with changes such as
            ``rgb,crop=4`` (see docs/metrics.md).
        fit: what is done where a result's size is not its target's: ``crop`` and ``center`` cut the target to the
            result's size (from the top left, or its centre), ``resize`` resizes the result to the target's. The
            table's ``protocol`` says so. None: sizes must be the same.
        direction: where targets or results are pairs side by side: ``AtoB`` takes their right half, ``BtoA`` the left.

    Returns:
        The table: ``mean(method, metric)`` gives the mean over images and how many are left out since their value is
        infinite or undefined, ``values(method, metric)`` each picture's, ``per_image()`` all as CSV. Its ``notes`` say
        where results are mere copies of their targets.

    Raises:
        UserError: an unknown metric, protocol or fit, a missing folder, results that are the folder of the targets,
            pictures without partner, sizes or depths that differ, unreadable files.
    """
    named = results if isinstance(results, Mapping) else {"results": results}
    names = (metrics,) if isinstance(metrics, str) else tuple(metrics)
    request = Request(metrics=names, protocol=read_protocol(protocol), fit=fit, direction=direction)
    folders = {name: Path(folder) for name, folder in named.items()}
    return of_folders(Path(targets), folders, None, request, None, World(), shown=False).table


def of_folders(
    target: Path,
    folders: Mapping[str, Path],
    source: Path | None,
    request: Request,
    output: Path | None,
    world: World,
    *,
    shown: bool = True,
) -> Evaluation:
    """Folders of results (and of the untouched inputs) against a folder of targets, matched by path without ending.

    Raises:
        UserError: the targets' folder given as another, pictures without partner, sizes that differ and are not to be
            fitted, depths that differ, unreadable files, an ``output`` (for the report) that lies in one of the
            folders or cannot be written; nothing was written.
    """
    if request.columns:
        raise UserError("--columns: parameters, FLOPs and time are known of --weights alone; leave it out")
    if INPUT in folders:
        raise UserError(f"--results {INPUT}=...: this is the name of the untouched inputs; give them as --source")
    rows = {**({INPUT: source} if source else {}), **folders}
    flags = {row: f"--source {folder}" if row == INPUT else f"--results {row}={folder}" for row, folder in rows.items()}
    request.check_rows(rows)
    patterns = request.patterns(rows, INPUT)
    targets, entries, aside = entries_of(target, rows, flags, patterns, halved=request.direction is not None)
    keep = tempfile.TemporaryDirectory(prefix="img2img-")
    with ExitStack() as undo:
        undo.callback(keep.cleanup)
        # a fit is an answer to widths that differ, too
        if request.fit is None or request.direction is not None:
            halves = cut_halves(f"--target {target}", targets, entries, flags, request.direction, Path(keep.name))
            targets, entries, aside = halves[0], halves[1], [*aside, *halves[2]]
        fitting = fit_to_targets(request.fit, targets, entries, flags)
        if output is not None:
            _check_report(output, (target, *rows.values()))
        scenes = _scenes(request, {stem: [stem + file.suffix, file.name] for stem, file in targets.items()})
        palette = palette_of_targets(targets, request)
        request = replace(request, protocol=with_palette(request.protocol, palette))
        began = time.time()
        masks = _masks(request, target, targets)
        scored = score(targets, entries, request.asked, world, fitting, masks=masks, shown=shown)
        evaluation = evaluation_of(
            targets,
            entries,
            scored,
            request,
            origins={row: str(folder) for row, folder in rows.items()},
            notes=[*aside, *([] if fitting else over_the_set(targets, entries, request))],
            warnings=same_folders(folders, request.match),
            scenes=scenes,
            fitting=fitting,
        )
        undo.pop_all()
    # what was cut out of pairs lies in a temporary folder
    halved = {"halved": True} if any(inside(file, Path(keep.name)) for file in targets.values()) else {}
    return replace(evaluation, when=when_and_where(began), keep=keep, data=halved, masks=masks)


def of_weights(
    weights: Sequence[tuple[str, str]],
    data: str | None,
    part: str,
    request: Request,
    output: Path | None,
    world: World,
    tile: Tile = "auto",
    direction: str | None = None,
) -> Evaluation:
    """Methods run on a data set's pairs, their written results scored, the untouched input's row first.

    ``weights`` are (method, weights or run directory) pairs; a method named several times has several seeds. ``part``
    is ``test`` (its test part, else val, else everything) or ``validation`` (what the first method's training held
    out). With the ``direction`` (AtoB, BtoA) of the way back targets are translated to sources. Pictures go to
    ``output`` (source, target, one folder a run), or to a temporary folder. The table says so where the pictures are
    those by which the best weights of a method were chosen.

    Raises:
        UserError: weights or data that do not fit, runs of one method that differ in more than their seed, an
            ``output`` that cannot be, weights that have seen test pictures under ``request.strict``; nothing was
            written.
        RunError: something failed on the way.
    """
    runs = read_runs(weights)
    request.check_rows([INPUT, *(run.method for run in runs)])
    pairs = open_pairs(runs[0].header, data, part, request.cut, direction)
    translators = load_runs(runs, pairs.samples, world, tile, direction)
    labels = translators[0].labels
    if labels is not None and labels.side == "target":
        request = replace(request, protocol=with_palette(request.protocol, labels.palette))
    if request.protocol.region == "hole" and "mask" not in pairs.samples.whole(0):
        raise UserError(
            "--region hole: these weights were not trained to fill holes (data.synthesis=hole); leave it out"
        )
    forms = forms_of(pairs.samples)
    request = replace(request, protocol=protocol_of(request.protocol, forms.source if pairs.back else forms.target))
    ending = ".png" if forms.source.in_png and forms.target.in_png else ".tif"
    written = output_names([Path(name) for name in pairs.samples.names], Path(), ending)
    if output is not None:
        check_output(output, runs, data, written.values())
    names = {str(written[Path(name)].with_suffix("")): name for name in pairs.samples.names}
    scenes = _scenes(request, {stem: [name, Path(name).name] for stem, name in names.items()})
    scenes = scenes or {stem: pairs.scenes[name] for stem, name in names.items() if name in pairs.scenes}
    files = [written[Path(name)] for name in pairs.samples.names]
    seen = seen_pictures(runs, pairs.samples, [str(name.with_suffix("")) for name in files])
    if request.strict:
        check_strictly(seen)
    # nobody writes before everybody has looked: what another process writes would be taken for what was there
    world.any(False)
    with on_the_way():
        evaluation = _run_and_score(runs, translators, pairs, files, request, scenes, output, world, seen)
    return replace(evaluation, data={"part": part, "cut": dict(request.cut), "direction": direction})


def _run_and_score(
    runs: Sequence[Run],
    translators: Sequence[Translator],
    pairs: Pairs,
    names: Sequence[Path],
    request: Request,
    scenes: Mapping[str, str],
    output: Path | None,
    world: World,
    seen: Sequence[Seen],
) -> Evaluation:
    keep = tempfile.TemporaryDirectory(prefix="img2img-") if output is None else None
    folder = output or Path(world.broadcast(keep.name if keep else ""))
    began = time.time()
    digests = write_pairs(pairs.samples, names, folder, world, back=pairs.back)
    for run, translator in zip(runs, translators, strict=True):
        translate_run(run, translator, names, folder, world)
    # all results are written before anybody reads them
    world.any(False)

    def files(side: str) -> dict[str, Path]:
        return {str(name.with_suffix("")): folder / side / name for name in names}

    targets = files("target")
    entries = [Entry(run.method, files(run.folder), run.seed) for run in runs]
    if forms_of(pairs.samples).alike:
        entries.insert(0, Entry(INPUT, files("source")))
    masks = files("mask") if request.protocol.region == "hole" else None
    scored = score(targets, entries, request.asked, world, masks=masks)
    chosen = [note for run in runs if (note := chosen_on(run.folder, run.header, digests))]
    methods = [run.method for run in runs]
    evaluation = evaluation_of(
        targets,
        entries,
        scored,
        request,
        origins={
            run.folder: {**about_weights(run.weights, run.header), "seen_in_training": known.card()}
            for run, known in zip(runs, seen, strict=True)
        },
        notes=[
            *([pairs.cut] if pairs.cut else []),
            *([f"sources are {pairs.made}"] if pairs.made else []),
            *chosen,
            *over_the_set(targets, [entry for entry in entries if entry.method != INPUT], request),
        ],
        made=pairs.made,
        warnings=[
            *([pairs.deep] if pairs.deep else []),
            *other_scales(runs),
            *(known.line() for known in seen if known.pictures),
        ],
        scenes=scenes,
        columns=cost_columns(request.columns, request.column_size, zip(methods, translators, strict=True)),
    )
    return replace(evaluation, when=when_and_where(began), keep=keep, seen=tuple(map(Seen.line, seen)), masks=masks)


def _masks(request: Request, target: Path, targets: Files) -> dict[str, Path] | None:
    """The mask of each target out of ``request.masks``; None where whole pictures are measured."""
    if request.protocol.region != "hole":
        return None
    if request.masks is None:
        raise UserError("--region hole: --masks is needed, a folder of masks (white = hole) called NAME or NAME_mask")
    found = masks_of(request.masks, find(request.masks), list(targets), "--masks", beside=False)
    missing = [stem for stem in targets if stem not in found]
    if missing:
        more = f" and {len(missing) - 1} more" if missing[1:] else ""
        raise UserError(f"--masks {request.masks}: no mask for {targets[missing[0]]}{more} (called NAME or NAME_mask)")
    return {stem: found[stem] for stem in targets}


def _check_report(output: Path, folders: Sequence[Path]) -> None:
    """Refuse to write a report among the pictures that are measured, or where nothing can be written."""
    for folder in folders:
        if inside(output, folder):
            raise UserError(f"--output {output}: lies inside {folder}, whose pictures are measured; name another")
    check_folder(output, "--output")


def _scenes(request: Request, names: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """The scene of each picture out of ``request.scenes``, where its file stands under one of its ``names``.

    Endings do not count: results are often written in another format than the data they were made from.
    """
    if request.scenes is None:
        return {}
    scenes = {stem_of(file): scene for file, scene in scene_table(request.scenes).items()}
    bare = {stem: [stem_of(name) for name in known] for stem, known in names.items()}
    found = {stem: next((scenes[name] for name in known if name in scenes), None) for stem, known in bare.items()}
    missing = [stem for stem, scene in found.items() if scene is None]
    if missing:
        more = f" and {len(missing) - 1} more" if missing[1:] else ""
        raise UserError(f"--scenes {request.scenes}: no scene for {names[missing[0]][0]}{more}")
    return {stem: scene for stem, scene in found.items() if scene is not None}
