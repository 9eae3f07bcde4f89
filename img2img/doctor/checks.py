"""What the measurements of one part say: files, blank pictures, pairs that do not fit, direction, label colours."""

from __future__ import annotations

import filecmp
import shlex
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from img2img.data.config import DataConfig, NamePattern
from img2img.data.patterns import written
from img2img.doctor.findings import Finding, Spot, are, many, share
from img2img.doctor.inventory import Inventory, Part
from img2img.doctor.levels import narrow_sides
from img2img.doctor.measurements import BINS, MeasuredPart
from img2img.doctor.pair_tests import ALIKE, MARGIN, UNLIKE, peak
from img2img.images.folder import FORMATS

# votes needed before anything is said of the direction, and the share of them that decides it
VOTERS = 4
SWAPPED = 0.75
SOME_SWAPPED, SWAPPED_LEAST = 0.25, 3
# drawings and photos: pairs needed to tell a common shift, and how well the strokes must fit, and how much better than
# in place. Means over 8 pairs: in place less than 2 px off; moved by (3, -2) 0.22 or more, better by 0.099 or more;
# partners that do not belong together 0.20 and 0.074 at the highest 5 % (edges2shoes, facades, CamVid)
TOGETHER = 8
TOGETHER_FIT = 0.2
TOGETHER_MARGIN = 0.08


def broken(inventory: Inventory, measured_parts: Sequence[MeasuredPart]) -> list[Finding]:
    """Files that cannot be opened, and those that cannot be decoded to their end."""
    spots = list(inventory.broken)
    for measured in measured_parts:
        for index, picture in enumerate(measured.pictures):
            if picture.error:
                files = measured.part.files(index)
                # the reason begins with the file's path
                named = next((file for file in files if picture.error.startswith(f"{file}:")), files[0])
                reason = picture.error.removeprefix(f"{named}: ")
                spots.append(Spot(f"{inventory.label(named)}: {reason}", (named,)))
    if not spots:
        return []
    text = f"{many(len(spots), 'file')} cannot be read"
    return [Finding("unreadable", "stops", text, "copy them again from where they came, or remove them", tuple(spots))]


def endings(inventory: Inventory, measured: MeasuredPart) -> list[Finding]:
    """Files whose ending says another format than their content."""
    facts = measured.part.reader.facts
    lying = [
        (file, facts[file][0])
        for index in measured.readable
        for file in measured.part.files(index)
        if FORMATS[file.suffix.lower()] != facts[file][0]
    ]
    if not lying:
        return []
    return [
        Finding(
            "wrong_ending",
            "note",
            f"{many(len(lying), 'file')}{measured.part.of} {are(len(lying))} not what the ending "
            f"says (the content decides here; other programs may fail)",
            "rename them to the ending of their format",
            tuple(Spot(f"{inventory.label(file)} is a {kind}", (file,)) for file, kind in lying),
        )
    ]


def modes(inventory: Inventory, measured: MeasuredPart) -> list[Finding]:
    """Files of one side that are stored otherwise than most: channels, depth, palette, CMYK, several frames."""
    facts, values = measured.part.reader.facts, measured.part.reader.values
    findings = []
    columns: dict[int, list[Path]] = {}
    for index in measured.readable:
        for column, file in enumerate(measured.part.files(index)):
            columns.setdefault(column, []).append(file)
    for column, files in columns.items():
        kinds = Counter(facts[file][1] for file in files)
        if len(kinds) < 2:
            continue
        most = kinds.most_common(1)[0][0]
        rare = [file for file in files if facts[file][1] != most]
        listed = "; ".join(f"{count} {kind}" for kind, count in kinds.most_common(4))
        side = f" ({('source', 'target')[column]})" if len(columns) > 1 else ""
        made = inventory.config.synthesis != "none"
        mixed = not made and len({(file in values, values[file].dtype if file in values else "") for file in files}) > 1
        findings.append(
            Finding(
                "modes",
                "wrong" if mixed else "note",
                f"pictures{measured.part.of}{side} differ in how they are stored ({listed})",
                "convert them to one type, or leave the fewer out: training refuses mixed depths"
                if mixed
                else "nothing needs be done (training takes RGB of all); if grey ones are not meant, remove them",
                tuple(Spot(f"{inventory.label(file)}: {facts[file][1]}", (file,)) for file in rare),
            )
        )
    return findings


def blank(inventory: Inventory, measured: MeasuredPart) -> list[Finding]:
    """Pictures of one colour, or nearly; not those whose levels or alpha mean more, of which `levels` tells."""
    spots = []
    told = narrow_sides(measured.levels)
    for index in measured.readable:
        picture, files = measured.pictures[index], measured.part.files(index)
        names = ("source", "target") if measured.paired else ("target",)
        blank = [
            (name, levels)
            for column, (name, levels) in enumerate(zip(names, picture.levels, strict=True))
            if name in picture.blank
            and column not in told
            and not measured.part.reader.clear & {files[min(column, len(files) - 1)]}
        ]
        if blank:
            sides = f" ({' and '.join(name for name, _ in blank)})" if measured.paired else ""
            ranges = {f"levels {low:,} to {high:,} of {top:,}" for _, (low, high, top) in blank if low < high}
            said = f": {', '.join(sorted(ranges))}" if ranges else ""
            spots.append(Spot(f"{inventory.label(files[0])}{sides}{said}", files))
    if not spots:
        return []
    near = " or nearly one" if any(": levels" in spot.text for spot in spots) else ""
    text = f"{many(len(spots), 'picture')}{measured.part.of} {are(len(spots))} blank (one colour{near})"
    return [Finding("blank", "wrong", text, "remove them: nothing can be learnt or measured on them", tuple(spots))]


def same_sides(inventory: Inventory, measured: MeasuredPart) -> list[Finding]:
    """Pairs whose two sides are the same pixels."""
    if not measured.paired:
        return []
    alike = [
        index
        for index in measured.readable
        if len(set(measured.pictures[index].digests)) == 1
        and not measured.pictures[index].blank
        # where both sides are one folder, the inventory says so
        and not _one_file(measured.part.files(index))
    ]
    return _same(inventory, measured.part, alike, "are the same")


def same_files(inventory: Inventory, part: Part) -> list[Finding]:
    """Pairs whose two files hold the same bytes: `same_sides` without decoding (lengths are compared first)."""
    pairs = [part.files(index) for index in range(len(part.pictures))]
    # pairs side by side are one file each; and where both sides are one folder, the inventory says so
    if any(len(files) != 2 for files in pairs) or _one_file(pairs[0]):
        return []
    alike = [index for index, (one, other) in enumerate(pairs) if filecmp.cmp(one, other, shallow=False)]
    return _same(inventory, part, alike, "are copies of one file")


def _one_file(files: Sequence[Path]) -> bool:
    return len(files) == 2 and files[0].resolve() == files[1].resolve()


def _same(inventory: Inventory, part: Part, alike: Sequence[int], how: str) -> list[Finding]:
    if not alike:
        return []
    count = len(part.pictures)
    return [
        Finding(
            "same_sides",
            "wrong" if len(alike) > 0.1 * count else "note",
            f"in {share(len(alike), count, 'pair')}{part.of} source and target {how}",
            "replace the side that was copied by mistake, or remove the pair",
            tuple(Spot(inventory.label(part.files(index)[0]), part.files(index)) for index in alike),
        )
    ]


def alignment(inventory: Inventory, measured: MeasuredPart) -> list[Finding]:
    """Pairs whose sides are shifted against each other, or do not show the same; or all of them together.

    Where source and target show the same detail, each pair is measured; of drawings and photos only all together.
    """
    comparable = [measured.pictures[index] for index in measured.readable if measured.pictures[index].likeness]
    alike = [picture for picture in comparable if picture.likeness >= ALIKE]
    if not comparable or len(alike) < 0.5 * len(comparable):
        return _common_shift(measured)
    # a hole may take most of what a picture shows
    holes = inventory.config.synthesis == "hole"
    shifted, unlike = [], []
    for index in measured.readable:
        picture, files = measured.pictures[index], measured.part.files(index)
        if picture.shift not in (None, (0, 0)) and picture.margin >= MARGIN:
            shifted.append((picture.shift, Spot(f"{inventory.label(files[0])}: {_in_words(picture.shift)}", files)))
        elif picture.likeness < ALIKE and picture.alike < UNLIKE and not picture.blank and not holes:
            unlike.append(Spot(f"{inventory.label(files[0])} (correlation {picture.alike:.2f})", files))
    findings = []
    if shifted:
        shift, times = Counter(shift for shift, _ in shifted).most_common(1)[0]
        text = f"{_in_pairs(shifted, measured)} the source is shifted against the target"
        text += f", in {times} of them {_in_words(shift)}" if times > 1 else ""
        fix = "cut both sides so that they lie over each other again, or remove these pairs"
        findings.append(Finding("shifted", "wrong", text, fix, tuple(spot for _, spot in shifted)))
    if unlike:
        text = f"{_in_pairs(unlike, measured)} source and target show different things"
        fix = "look whether names were mixed up; put the right partner beside each, or remove these pairs"
        findings.append(Finding("unlike", "wrong", text, fix, tuple(unlike)))
    return findings


def _in_pairs(concerned: Sequence[object], measured: MeasuredPart) -> str:
    return f"in {share(len(concerned), len(measured.pictures), 'pair')}{measured.part.of}"


def _common_shift(measured: MeasuredPart) -> list[Finding]:
    """The common shift of pairs of drawings and photos, which are too unlike to be measured one by one."""
    shift, best, margin = peak(measured.stroke_surface / max(1, measured.stroke_pairs))
    if (
        measured.stroke_pairs < TOGETHER
        or float(np.hypot(*shift)) < 2
        or best < TOGETHER_FIT
        or margin < TOGETHER_MARGIN
    ):
        return []
    text = (
        f"the source{measured.part.of} is shifted against the target: the strokes of all {measured.stroke_pairs} pairs "
        f"together fit best {_in_words(shift)} of where they are"
    )
    fix = "cut both sides so that they lie over each other again; look whether one was scaled or padded differently"
    return [Finding("shifted", "wrong", text, fix)]


def _in_words(shift: tuple[int, int] | None) -> str:
    """A shift in words: ``3 px right, 2 px up``."""
    right, down = shift or (0, 0)
    parts = [f"{abs(right)} px {'right' if right > 0 else 'left'}"] if right else []
    parts += [f"{abs(down)} px {'down' if down > 0 else 'up'}"] if down else []
    return ", ".join(parts)


# of each synthesis, what a turned pair shows and what the task wants
TURNED = {
    "rain": ("the target has the streaks", "rain alone on the source"),
    "edges": ("the target is the drawing", "a drawing as the source"),
    "hole": ("the target has the holes", "holes in the source alone"),
}


def direction(inventory: Inventory, part: Part, votes: Sequence[tuple[int, int]]) -> list[Finding]:
    """The likely wrong direction, from (index, vote) of some or all pairs."""
    cast = [(index, vote) for index, vote in votes if vote]
    against = [index for index, vote in cast if vote < 0]
    if len(cast) < VOTERS or len(against) < max(SWAPPED_LEAST, SOME_SWAPPED * len(cast)):
        return []
    says, wants = TURNED[inventory.config.synthesis]
    spots = tuple(Spot(inventory.label(part.files(index)[0]), part.files(index)) for index in against)
    if len(against) < SWAPPED * len(cast):
        text = f"in {share(len(against), len(cast), 'judged pair')}{part.of} {says}, in the others not"
        return [Finding("some_swapped", "wrong", text, "swap the sides of these pairs", spots)]
    text = f"likely the wrong direction: in {share(len(against), len(cast), 'judged pair')}{part.of} {says}"
    return [Finding("direction", "wrong", text, f"{_swap_override(inventory)} (the task wants {wants})", spots)]


def _swap_override(inventory: Inventory) -> str:
    """The override that swaps source and target."""
    config: DataConfig = inventory.config
    layout = inventory.layout
    if layout.name == "two_folders" and not layout.turns and layout.sides is not None:
        source, target = layout.sides
        return "add " + shlex.join([f"data.source={target}", f"data.target={source}"])
    if layout.name == "one_folder" and not layout.turns:
        return f"add {written(NamePattern(source=layout.pattern.target, target=layout.pattern.source))}"
    return f"add data.direction={'AtoB' if config.direction == 'BtoA' else 'BtoA'}"


def label_colours(measured: MeasuredPart) -> list[Finding]:
    """Label maps of a few colours that JPEG has blurred: calm areas have few strong colours, all pixels have many.

    In the calm areas, which are 43 to 88 % of label maps (facades; CamVid, also through JPEG of quality 20 to 95), the
    colours of 0.5 % or more, 8 or 9 of them, cover 98 to 99.8 %, and strong colours 32 to 99 %; in photos (1,300 of six
    sets) strong colours cover 0 to 2 %. A sample of 4,096 px of a clean label map has 6 to 12 colours, of a blurred one
    360 or more.
    """
    findings = []
    for column, side in enumerate(("source", "target") if measured.paired else ()):
        colours = _main_colours(measured.palettes[side].reshape(BINS, BINS, BINS))
        main = [(colour, part) for colour, part in colours if part >= 0.005]
        strong = sum(part for colour, part in main if max(colour) - min(colour) >= 96)
        pictures = [measured.pictures[index] for index in measured.readable]
        calm = float(np.mean([picture.flats[column] for picture in pictures]))
        number = float(np.median([picture.colours[column] for picture in pictures]))
        if calm < 0.3 or len(main) > 32 or sum(part for _, part in main) < 0.95 or strong < 0.2 or number < 64:
            continue
        findings.append(
            Finding(
                "blurred_labels",
                "note",
                f"the label colours of the {side}{measured.part.of} are blurred, as JPEG does it (about {len(main)} "
                f"colours are meant, a sample of 4,096 px has {number:.0f})",
                "take the labels from a PNG if there is one, or set each pixel to the nearest of the meant colours and "
                "save as PNG",
            )
        )
    return findings


def _main_colours(counts: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> list[tuple[tuple[int, ...], float]]:
    """The most frequent colours (0 to 255) with their neighbours in 32^3 and the share of both, greedily, up to 64."""
    left = counts.astype(np.float64)
    total = max(1.0, float(left.sum()))
    colours = []
    for _ in range(64):
        bin_ = tuple(int(axis) for axis in np.unravel_index(int(left.argmax()), left.shape))
        box = tuple(slice(max(0, axis - 1), axis + 2) for axis in bin_)
        part = float(left[box].sum()) / total
        if part < 0.001:
            break
        colours.append((tuple(axis * 256 // BINS + 4 for axis in bin_), part))
        left[box] = 0
    return colours
