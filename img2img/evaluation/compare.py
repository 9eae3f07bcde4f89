"""Results against targets: per-image values, tables, figures and a page of what was compared."""

from __future__ import annotations

import hashlib
import platform
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from img2img.compute.distributed import World
from img2img.config import build
from img2img.data import Samples, open_data, open_test
from img2img.data.config import DataConfig
from img2img.data.split import scene_table
from img2img.errors import RunError, UserError, on_the_way, unknown
from img2img.evaluation.scoring import Asked, Entry, Files, Scored, by_stem, partners, score
from img2img.files import check_folder, inside
from img2img.images import Picture, write
from img2img.inference import Job, Translator, load, output_names, translate_folder, weights_header
from img2img.inference.tiles import Tile
from img2img.metrics import METRICS, Protocol, read_protocol
from img2img.progress import Reporter
from img2img.recipes.differences import differences
from img2img.reports.explain import explain, needed
from img2img.reports.published import Published
from img2img.reports.table import Table

INPUT = "input (untouched)"
SIDES = ("source", "target", "mask")
PACKAGES = ("img2img", "torch", "numpy", "scipy", "pillow", "opencv-python-headless", "tifffile")
Spread = Literal["none", "std", "interval"]


@dataclass(frozen=True, kw_only=True)
class Request:
    """What an evaluation shall say, and how.

    ``explain``: also under every shipped protocol. ``against``: the row that the others are compared with. ``scenes``:
    a CSV with columns file and scene. ``columns``: of `COLUMNS`, at ``column_size`` (width, height). ``cut``: short
    side (``load``) and centre (``crop``) in px of the pictures that weights are run on, None for all, in place of what
    training validated on.
    """

    metrics: tuple[str, ...] = ("psnr", "ssim")
    protocol: Protocol = field(default_factory=lambda: read_protocol("rgb"))
    explain: bool = False
    against: str | None = None
    spread: Spread = "none"
    scenes: Path | None = None
    published: tuple[Published, ...] = ()
    columns: tuple[str, ...] = ()
    column_size: tuple[int, int] = (256, 256)
    cut: Mapping[str, int | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for names, known, what, flag in (
            (self.metrics, METRICS, "metric", "--metrics"),
            (self.columns, COLUMNS, "column", "--columns"),
        ):
            for name in names:
                if name not in known:
                    raise unknown(what, name, known, flag)
        if not self.metrics:
            raise UserError(f"--metrics: at least one is needed (known: {', '.join(sorted(METRICS))})")

    @property
    def asked(self) -> list[Asked]:
        """What is to be measured, the chosen protocol first."""
        more = needed(self.metrics_to_explain) if self.explain else []
        return [(self.protocol, self.metrics), *(one for one in more if one[0].label != self.protocol.label)]

    @property
    def metrics_to_explain(self) -> list[str]:
        """``ssim_auto`` is a protocol's form of ``ssim``."""
        return list(dict.fromkeys("ssim" if name == "ssim_auto" else name for name in self.metrics))


@dataclass(frozen=True)
class Evaluation:
    """A table with the pictures it was made of (method, or a seed of it, to its files by picture).

    ``tables`` holds it by protocol label, with the others that were asked for by ``Request.explain``. ``when`` says
    when it was made and how long that took: apart from it, the same pictures give the same report.
    """

    table: Table
    tables: Mapping[str, Table]
    targets: Files
    results: Mapping[str, Files]
    sources: Files | None = None
    explained: tuple[str, ...] = ()
    when: Mapping[str, Any] = field(default_factory=dict)
    keep: Any = None

    def explanation(self) -> str:
        """The figures under every protocol (of an evaluation with ``Request.explain``)."""
        return explain(self.tables, self.explained)


def evaluate(
    results: str | Path | Mapping[str, str | Path],
    targets: str | Path,
    metrics: Sequence[str] = ("psnr", "ssim"),
    protocol: str = "rgb",
) -> Table:
    """Measure folders of results against a folder of targets, as ``img2img evaluate`` does.

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

    Returns:
        The table: ``mean(method, metric)`` gives the mean over images and how many are left out since their value is
        infinite or undefined, ``values(method, metric)`` each picture's, ``per_image()`` all as CSV.

    Raises:
        UserError: an unknown metric or protocol, a missing folder, pictures without partner, sizes or depths that
            differ, unreadable files.
    """
    folders = results if isinstance(results, Mapping) else {"results": results}
    names = [metrics] if isinstance(metrics, str) else metrics
    request = Request(metrics=tuple(names), protocol=read_protocol(protocol))
    places = {name: Path(folder) for name, folder in folders.items()}
    return of_folders(Path(targets), places, None, request, None, World(), shown=False).table


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
        UserError: pictures without partner, sizes or depths that differ, unreadable files, an ``output`` (for the
            report) that lies in one of the folders or cannot be written; nothing was written.
    """
    if request.columns:
        raise UserError("--columns: parameters, FLOPs and time are known of --weights alone; leave it out")
    if INPUT in folders:
        raise UserError(f"--results {INPUT}=...: this is the name of the untouched inputs; give them as --source")
    places = {**({INPUT: source} if source else {}), **folders}
    _check_against(request, places)
    targets = by_stem(target)
    flags = {name: "--source" if name == INPUT else f"--results {name}={folder}" for name, folder in places.items()}
    entries = [Entry(name, partners(targets, folder, flags[name])) for name, folder in places.items()]
    if output is not None:
        for folder in (target, *places.values()):
            if inside(output, folder):
                raise UserError(f"--output {output}: lies inside {folder}, whose pictures are measured; name another")
        check_folder(output, "--output")
    scenes = _scenes(request, {stem: [stem + file.suffix, file.name] for stem, file in targets.items()})
    began = time.time()
    scored = score(targets, entries, request.asked, world, shown=shown)
    card = _card(scored, request, {name: str(folder) for name, folder in places.items()})
    return replace(_evaluation(targets, entries, scored, request, card, [], scenes, {}), when=_when(began))


@dataclass(frozen=True)
class _Run:
    """Weights to evaluate: a method's only run, or one of its seeds."""

    method: str
    place: str
    header: Mapping[str, Any]
    seed: str = ""

    @property
    def folder(self) -> str:
        return f"{self.method}-seed{self.seed}" if self.seed else self.method


def of_weights(
    weights: Sequence[tuple[str, str]],
    data: str | None,
    part: str,
    request: Request,
    output: Path | None,
    world: World,
    tile: Tile = "auto",
) -> Evaluation:
    """Methods run on a data set's pairs, their written results scored, the untouched input's row first.

    ``weights`` are (method, place) pairs; a method named several times has several seeds. ``part`` is ``test`` (its
    test part, else val, else everything) or ``validation`` (what the first method's training held out). Pictures go to
    ``output`` (source, target, one folder a run), or to a temporary folder. The table says so where the pictures are
    those by which the best weights of a method were chosen.

    Raises:
        UserError: weights or data that do not fit, runs of one method that differ in more than their seed, an
            ``output`` that cannot be; nothing was written.
        RunError: something failed on the way.
    """
    runs = _runs(weights)
    _check_against(request, [INPUT, *dict.fromkeys(run.method for run in runs)])
    first = runs[0].header
    samples, known, cut = _pairs(first, data, part, request.cut)
    translators = [load(run.place, str(world.device), tile=tile) for run in runs]
    sides = list(samples.whole(0))
    for run, translator in zip(runs, translators, strict=True):
        flag = f"--weights {run.method}={run.place}"
        if translator.flow.from_noise:
            raise UserError(f"{flag}: makes pictures from noise, there is nothing to compare")
        if translator.needs_mask and "mask" not in sides:
            raise UserError(f"{flag}: fills holes, but the data have no masks")
    if output is not None:
        given = [Path(place) for place in (data, first["config"]["data"]["path"]) if place]
        for place in (output / name for name in (*SIDES, *(run.folder for run in runs))):
            for pictures in given:
                if inside(place, pictures) or inside(pictures, place):
                    raise UserError(f"--output {output}: would write into the data {pictures}; name another folder")
        check_folder(output, "--output")
    endings = output_names([Path(name) for name in samples.names], Path(), ".png")
    files = {name: endings[Path(name)] for name in samples.names}
    names = {str(file.with_suffix("")): [name, Path(name).name] for name, file in files.items()}
    scenes = _scenes(request, names) or {stem: known[name] for stem, (name, _) in names.items() if name in known}
    with on_the_way():
        return _run_weights(runs, translators, samples, list(files.values()), request, scenes, output, world, cut)


def _run_weights(
    runs: Sequence[_Run],
    translators: Sequence[Translator],
    samples: Samples,
    names: Sequence[Path],
    request: Request,
    scenes: Mapping[str, str],
    output: Path | None,
    world: World,
    cut: str,
) -> Evaluation:
    keep = None
    if output is None:
        keep = tempfile.TemporaryDirectory(prefix="img2img-")
        output = Path(world.broadcast(keep.name))
    began = time.time()
    folder = {"source": output / "source", "target": output / "target"}
    # what a run's header names the pictures by that chose its best weights
    digests: list[str] = []
    for index in range(world.rank, len(samples), world.size):
        pictures = samples.whole(index)
        digests.append(samples.digest(index))
        for side, pixels in pictures.items():
            write(output / side / names[index], Picture(pixels))
    # all sources are written before anybody reads them
    digests = [value for part in world.all_gather(digests) for value in part]
    for run, translator in zip(runs, translators, strict=True):
        mask = output / "mask" if translator.needs_mask else None
        place = output / run.folder
        jobs = [Job(folder["source"] / file, place / file, mask / file if mask else None) for file in names]
        share = jobs[world.rank :: world.size]
        with Reporter(len(share), run.folder, shown=world.is_main) as reporter:

            def tell(done: int, _: Any, reporter: Reporter = reporter) -> None:
                reporter.advance(done)

            summary = translate_folder(translator, share, overwrite=True, on_done=tell)
        if summary.failed:
            file, reason = next(iter(summary.failed.items()))
            raise RunError(f"{run.folder}: {reason if file in reason else f'{file}: {reason}'}")
    world.any(False)

    def files(place: Path) -> dict[str, Path]:
        return {str(file.with_suffix("")): place / file for file in names}

    targets = files(folder["target"])
    entries = [Entry(INPUT, files(folder["source"]))]
    entries += [Entry(run.method, files(output / run.folder), run.seed) for run in runs]
    scored = score(targets, entries, request.asked, world)
    notes = [note for run in runs if (note := chosen_on(run.folder, run.header, digests))]
    notes = [*([cut] if cut else []), *notes]
    card = _card(scored, request, {run.folder: _about(run) for run in runs})
    columns = _columns(runs, translators, request) if request.columns else {}
    made = _evaluation(targets, entries, scored, request, card, notes, scenes, columns)
    return replace(made, when=_when(began), keep=keep)


def _evaluation(
    targets: Files,
    entries: Sequence[Entry],
    scored: Scored,
    request: Request,
    card: Mapping[str, Any],
    notes: Sequence[str],
    scenes: Mapping[str, str],
    columns: Mapping[str, Mapping[str, str]],
) -> Evaluation:
    notes = [*notes, *(f"the alpha of {method}'s pictures is left out" for method in scored.with_alpha)]
    methods = tuple(dict.fromkeys(entry.method for entry in entries))
    tables = {
        protocol.label: Table(
            methods=methods,
            metrics=protocol.names(metrics),
            scores=scored.scores[protocol.label],
            protocol=protocol.line(metrics),
            notes=tuple(notes),
            scenes=scenes,
            against=request.against,
            columns=columns,
            quoted=tuple(row for table in request.published for row in table.quoted),
            card=card,
            spread=request.spread,
        )
        for protocol, metrics in request.asked
    }
    results = {f"{e.method}-seed{e.seed}" if e.seed else e.method: e.files for e in entries if e.method != INPUT}
    sources = next((entry.files for entry in entries if entry.method == INPUT), None)
    explained = tuple(request.metrics_to_explain) if request.explain else ()
    return Evaluation(tables[request.protocol.label], tables, targets, results, sources, explained)


def _check_against(request: Request, methods: Sequence[str] | Mapping[str, Any]) -> None:
    if request.against is not None and request.against not in methods:
        raise unknown("row", request.against, methods, "--against")


def _runs(weights: Sequence[tuple[str, str]]) -> list[_Run]:
    """The runs, those of one method told apart by their seeds.

    Raises:
        UserError: reserved names; runs of one name that differ in more than the seed, or not even in that.
    """
    runs = [_Run(name, place, weights_header(place)) for name, place in weights]
    grouped: dict[str, list[_Run]] = {}
    for run in runs:
        if run.method in (*SIDES, INPUT):
            raise UserError(f"--weights {run.method}=...: {run.method!r} is the name of the pictures themselves")
        grouped.setdefault(run.method, []).append(run)
    for name, group in grouped.items():
        first = group[0]
        for other in group[1:]:
            differing = differences(_without_seed(first), _without_seed(other))
            if differing:
                raise UserError(
                    f"--weights {name}=...: {first.place} and {other.place} differ in {', '.join(differing[:5])}; runs "
                    f"of one name may differ in their seed alone: give them different names"
                )
        seeds = [str(run.header.get("seed", 0)) for run in group]
        if len(set(seeds)) < len(seeds):
            raise UserError(f"--weights {name}=...: two runs have the same seed; what would be averaged?")
    return [replace(run, seed=str(run.header.get("seed", 0))) if grouped[run.method][1:] else run for run in runs]


def _without_seed(run: _Run) -> dict[str, Any]:
    config = dict(run.header["config"])
    config["train"] = {key: value for key, value in config["train"].items() if key != "seed"}
    return {**config, "which": run.header.get("which")}


def _scenes(request: Request, names: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """The scene of each picture out of ``request.scenes``, where its file stands under one of its ``names``.

    Endings do not count: results are often written in another format than the data they were made from.
    """
    if request.scenes is None:
        return {}
    scenes = {str(Path(file).with_suffix("")): scene for file, scene in scene_table(request.scenes).items()}
    bare = {stem: [str(Path(name).with_suffix("")) for name in known] for stem, known in names.items()}
    found = {stem: next((scenes[name] for name in known if name in scenes), None) for stem, known in bare.items()}
    missing = [stem for stem, scene in found.items() if scene is None]
    if missing:
        more = f" and {len(missing) - 1} more" if missing[1:] else ""
        raise UserError(f"--scenes {request.scenes}: no scene for {names[missing[0]][0]}{more}")
    return {stem: scene for stem, scene in found.items() if scene is not None}


def _when(began: float) -> dict[str, Any]:
    return {
        "date": time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(began)),
        "seconds": round(time.time() - began, 3),
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads",
    }


def _card(scored: Scored, request: Request, sources: Mapping[str, Any]) -> dict[str, Any]:
    """What a figure must be known with."""
    total = hashlib.sha256()
    for stem, value in sorted(scored.digests.items()):
        total.update(f"{stem}\0{value}\0".encode())
    versions = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        "line": f"data set {total.hexdigest()[:12]} ({len(scored.digests)} pairs)",
        "protocol": request.protocol.label,
        "protocol_source": request.protocol.source,
        "protocol_open": request.protocol.open,
        "metrics": list(request.protocol.names(request.metrics)),
        "pairs": len(scored.digests),
        "data_hash": total.hexdigest(),
        "results": dict(sources),
        "versions": versions,
    }


def _about(run: _Run) -> dict[str, Any]:
    header = run.header
    keys = ("task", "method", "seed", "step", "which", "chosen_by", "config")
    return {"weights": run.place, **{key: header[key] for key in keys if key in header}}


def _columns(runs: Sequence[_Run], translators: Sequence[Translator], request: Request) -> dict[str, dict[str, str]]:
    """Parameters, FLOPs and time of each method's network, at the stated size."""
    width, height = request.column_size
    source = torch.zeros(1, translators[0].shape.source, height, width)
    made: dict[str, dict[str, str]] = {}
    for run, translator in zip(runs, translators, strict=True):
        mask = torch.zeros(1, 1, height, width) if translator.needs_mask else None
        heads = {
            "params": "parameters (M)",
            "flops": f"GFLOPs at {width}x{height} (2 a multiply-add)",
            "time": f"ms at {width}x{height} ({translator.device.type}, {torch.get_num_threads()} threads)",
        }
        for name in request.columns:
            texts = made.setdefault(heads[name], {})
            # seeds share their network
            texts[run.method] = texts.get(run.method) or COLUMNS[name](translator, source, mask)
    return made


def _parameters(translator: Translator, source: Tensor, mask: Tensor | None) -> str:
    return f"{sum(parameter.numel() for parameter in translator.network.parameters()) / 1e6:.3f}"


def _flops(translator: Translator, source: Tensor, mask: Tensor | None) -> str:
    counter: Any = FlopCounterMode(display=False)
    with counter:
        translator.tensor(source, mask)
    return f"{counter.get_total_flops() / 1e9:.2f}"


def _time(translator: Translator, source: Tensor, mask: Tensor | None) -> str:
    times = []
    for _ in range(6):
        began = time.perf_counter()
        translator.tensor(source, mask)
        times.append(time.perf_counter() - began)
    # the first is slower: memory and kernels are made
    return f"{statistics.median(times[1:]) * 1e3:.0f}"


COLUMNS = {"params": _parameters, "flops": _flops, "time": _time}


def chosen_on(name: str, header: Mapping[str, Any], digests: Sequence[str]) -> str | None:
    """What must be said where the pictures that are reported also chose the weights; None where none of them did."""
    known = set(header.get("chosen_on", ()))
    count = sum(value in known for value in digests)
    if not count:
        return None
    which = "these pictures" if count == len(digests) else f"{count} of these pictures"
    return f"{which} also chose the best weights of {name} (by {header['chosen_by']}), so they are no test of them"


def _pairs(
    header: Mapping[str, Any], data: str | None, part: str, cut: Mapping[str, int | None]
) -> tuple[Samples, Mapping[str, str], str]:
    """The pairs to measure, their scenes by name where the split knows them, and what was cut out of them."""
    config = build(DataConfig, header["config"]["data"], "the weights' data section")
    changes: dict[str, Any] = {f"validation_{name}": side for name, side in cut.items()}
    config = replace(config, **changes)
    load, crop = config.whole_load, config.validation_crop
    parts = [f"resized to a short side of {load} px"] if load else []
    parts += [f"cut to their centre of at most {crop}x{crop} px"] if crop else []
    said = f"pictures are {' and '.join(parts)} before anything else" if parts else ""
    if config.layout in ("mixture", "images", "arrays"):
        raise UserError("these weights make pictures from noise: there are no pairs to measure")
    if part == "validation" or (data is None and config.path is not None):
        here = replace(config, path=data) if data else config
        opened = open_data(here, int(header.get("seed", 0)))
        if opened.validation is None:
            raise UserError(f"no pictures of {here.path} were held out for validation; name others with --data")
        return opened.validation, opened.scenes, said
    return open_test(config, data), {}, said


def gain(evaluation: Evaluation) -> float:
    """The best method's mean PSNR minus the untouched input's, in dB (of an evaluation of weights with psnr)."""
    table = evaluation.table
    base = table.mean(INPUT, "psnr")[0]
    return max(table.mean(name, "psnr")[0] for name in table.methods if name != INPUT) - base
