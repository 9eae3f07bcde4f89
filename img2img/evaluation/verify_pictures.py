"""Whether the values of a report follow from its pictures, these from the weights, and the targets from the data."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from img2img.compute.distributed import World
from img2img.data.matching import by_stem
from img2img.errors import UserError
from img2img.evaluation.card import data_hash
from img2img.evaluation.entries import INPUT, Entry
from img2img.evaluation.fit import fit_to_targets
from img2img.evaluation.record import MASK, TARGET, apart, sha256, values_of
from img2img.evaluation.runs import BACK, open_pairs
from img2img.evaluation.scoring import score
from img2img.evaluation.verify import SHOWN, Finding, Report
from img2img.files import listed
from img2img.images import Picture, as_rgb, digest
from img2img.images.raster import read_any
from img2img.inference import Job, load, output_names, translate_folder
from img2img.metrics import read_protocol
from img2img.weights.file import weights_path

# of measures: sums in another order on another machine; more than this is another picture or protocol
TOLERANCE = 1e-6


def verify_pictures(report: Report, data: str | None) -> Iterator[Finding]:
    """Sums of all pictures, the hash of the targets, and each value of per_image.csv measured again."""
    pictures = report.record["pictures"]
    folder = report.folder
    lost, there, changed = [], 0, []
    for row, files in pictures.items():
        for stem, known in files.items():
            path = folder / known["file"]
            if not path.is_file():
                lost.append(f"{row.strip('/')}/{stem}")
                if not Path(known["file"]).is_absolute():
                    yield Finding(False, f"{known['file']}: is missing")
                continue
            there += 1
            if sha256(path) != known["sha256"]:
                changed.append(str(known["file"]))
    for name in changed[:SHOWN]:
        yield Finding(False, f"{name}: this picture was changed since it was measured")
    if len(changed) > SHOWN:
        yield Finding(False, f"{len(changed) - SHOWN} more pictures were changed since they were measured")
    total = sum(map(len, pictures.values()))
    yield Finding(
        None if lost or changed else True, f"{there - len(changed)} of {total} pictures have the SHA-256 recorded"
    )
    if data is not None:
        yield from _data(report, data)
    if lost:
        yield Finding(None, f"values of per_image.csv are not measured again: {listed(lost)} are not there")
        return
    yield from _measured_again(report)


def _files(report: Report, row: str) -> dict[str, Path]:
    return {stem: report.folder / known["file"] for stem, known in report.record["pictures"][row].items()}


def _results(report: Report) -> list[str]:
    """The rows that methods made."""
    return [row for row in report.record["pictures"] if row not in (TARGET, MASK, INPUT)]


def _measured_again(report: Report) -> Iterator[Finding]:
    """Values and the data's hash out of the pictures."""
    table, folder = report.table, report.folder
    pictures = report.record["pictures"]
    targets = _files(report, TARGET)
    masks = _files(report, MASK) if MASK in pictures else None
    rows = [INPUT] * (INPUT in pictures) + _results(report)
    entries = [Entry(row, _files(report, row)) for row in rows]
    try:
        protocol = read_protocol(str(report.card.get("protocol")))
        fitting = fit_to_targets(report.record.get("fit"), targets, entries, {row: row for row in rows})
        scored = score(targets, entries, [(protocol, table.metrics)], World(), fitting, masks=masks, shown=False)
    except UserError as error:
        yield Finding(False, f"the pictures cannot be measured: {error}")
        return
    hashed = data_hash(scored.digests)
    same = hashed == report.card.get("data_hash")
    yield Finding(same, f"data hash {hashed[:12]} of the targets{'' if same else ', the card has another'}")
    written = values_of(table)
    again = {(one.image, one.method, one.metric): one.value for one in scored.scores[protocol.label]}
    largest, wrong = 0.0, []
    for (image, row, metric), value in again.items():
        before = written.get(image, {}).get(row, {}).get(metric)
        distance = math.inf if before is None else apart(before, value)
        if distance > TOLERANCE:
            wrong.append(f"{row}, {image}, {metric}: {before} is written, {value!r} is measured")
        largest = max(largest, distance)
    for line in wrong[:SHOWN]:
        yield Finding(False, f"per_image.csv: {line}")
    if len(wrong) > SHOWN:
        yield Finding(False, f"per_image.csv: {len(wrong) - SHOWN} more values")
    if len(again) != len(table.scores):
        yield Finding(False, f"per_image.csv: has {len(table.scores)} values, {len(again)} are measured in {folder}")
    elif not wrong:
        yield Finding(True, f"per_image.csv: {len(again)} values follow from the pictures, to {_digits(largest)}")


def _digits(largest: float) -> str:
    return "every digit" if largest == 0 else f"{math.floor(-math.log10(largest))} decimals"


def _data(report: Report, data: str) -> Iterator[Finding]:
    """The targets of a data set against the hash of the card."""
    about = report.record["data"]
    if about.get("halved"):
        yield Finding(None, f"--data {data}: targets were cut out of pairs side by side, which is not done again")
        return
    try:
        digests = _of_weights(report, data) if about else _of_folder(data)
    except UserError as error:
        yield Finding(False, f"--data {data}: {error}")
        return
    hashed, known = data_hash(digests), str(report.card.get("data_hash"))
    text = f"--data {data}: {len(digests)} targets, hash {hashed[:12]}"
    yield Finding(hashed == known, text if hashed == known else f"{text}, the card has {known[:12]}")


def _of_folder(data: str) -> dict[str, str]:
    return {stem: digest(as_rgb(read_any(file))) for stem, file in by_stem(Path(data)).items()}


def _of_weights(report: Report, data: str) -> dict[str, str]:
    """Digests of the targets as evaluate cuts them, under the names that it gave them."""
    about = report.record["data"]
    first = next(iter(report.card["results"].values()))
    header = {"config": first["config"], "seed": first.get("seed", 0), "forms": first.get("forms", {})}
    pairs = open_pairs(header, data, about["part"], about["cut"], about["direction"])
    target = BACK["target"] if pairs.back else "target"
    names = [Path(name) for name in pairs.samples.names]
    written = output_names(names, Path(), ".png")
    return {
        str(written[name].with_suffix("")): digest(as_rgb(Picture(pairs.samples.whole(index)[target])))
        for index, name in enumerate(names)
    }


def verify_weights(report: Report, weights: Sequence[tuple[str, str]], device: str) -> Iterator[Finding]:
    """The results translated again from the report's sources.

    Raises:
        UserError: weights of no row of the report, or that cannot be loaded.
    """
    rows = _results(report)
    for row, given in weights:
        if row not in rows:
            raise UserError(f"--weights {row}={given}: no row of the report (its rows: {listed(rows)})")
        if INPUT not in report.record["pictures"]:
            yield Finding(None, f"--weights {row}={given}: the report has no sources to translate")
            continue
        known = report.card["results"].get(row)
        recorded = known.get("sha256") if isinstance(known, Mapping) else None
        if recorded is not None:
            same = sha256(weights_path(given)) == recorded
            yield Finding(same, f"--weights {given}: {'are' if same else 'are not'} the file that made {row}")
        yield _translated_again(report, row, given, device)


def _translated_again(report: Report, row: str, given: str, device: str) -> Finding:
    sources, results = _files(report, INPUT), _files(report, row)
    translator = load(given, device, direction=report.record["data"].get("direction"))
    with tempfile.TemporaryDirectory(prefix="img2img-") as keep:
        jobs = [
            Job(file, Path(keep) / results[stem].relative_to(report.folder), _mask(report, file, translator.needs_mask))
            for stem, file in sources.items()
        ]
        summary = translate_folder(translator, jobs, overwrite=True)
        if summary.failed:
            return Finding(False, f"{row}: {next(iter(summary.failed.values()))}")
        levels = {stem: _levels(results[stem], job.result) for stem, job in zip(sources, jobs, strict=True)}
    most = max(levels.values())
    exact = sum(value == 0 for value in levels.values())
    text = f"{row}: {exact} of {len(levels)} results are those of the weights to the last bit"
    if most:
        worst = max(levels, key=lambda stem: levels[stem])
        text += f"; {worst} differs by {'its size' if math.isinf(most) else f'up to {most:g} levels'}"
    # another machine rounds otherwise, by one level
    return Finding(most <= 1, text)


def _mask(report: Report, source: Path, needed: bool) -> Path | None:
    return report.folder / "mask" / source.relative_to(report.folder / "source") if needed else None


def _levels(one: Path, other: Path) -> float:
    """The largest difference of two pictures in levels; infinite where their sizes differ."""
    first, second = read_any(one).pixels, read_any(other).pixels
    if first.shape != second.shape:
        return math.inf
    if first.dtype == np.float32:
        # a level of floats is the 255th part of what they reach over
        return float(np.abs(first - second).max()) * 255 / max(float(np.ptp(first)), 1e-30)
    return float(np.abs(first.astype(np.int64) - second.astype(np.int64)).max())
