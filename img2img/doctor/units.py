"""What files of other than 8-bit grey or RGB hold: ranges, empty, constant and saturated channels, offsets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from img2img.data.samples import decode_halves, decode_photo
from img2img.data.synthesis import ANY_FORM
from img2img.doctor.findings import Finding, Spot, are, many, share
from img2img.doctor.inventory import Inventory, Part
from img2img.doctor.values import Values
from img2img.images.form import FULL

Pixels = np.ndarray[Any, Any]
# of all samples of a channel, from which share at its highest value on it is called saturated
SATURATED = 0.05
# an offset is constant where its standard deviation over the pairs is below this share of it, and counts from this
# share of the targets' range on
STEADY, LEAST = 0.1, 0.02
# pairs from which an offset is believed, and channels that are named
PAIRS, NAMED = 4, 8


def of_part(inventory: Inventory, part: Part, indices: Sequence[int]) -> list[Finding]:
    """What the files of a part's pictures hold, where it is not 8-bit grey or RGB."""
    columns: dict[str, list[Path]] = {}
    for index in indices:
        files = part.files(index)
        names = ("source", "target") if len(files) == 2 else (part.side if part.side != "pair" else "picture",)
        for name, file in zip(names, files, strict=True):
            columns.setdefault(name, []).append(file)
    findings: list[Finding] = []
    for side, each_file in columns.items():
        known = {file: found for file in dict.fromkeys(each_file) if (found := part.reader.values.get(file))}
        findings += _not_made(inventory, part, known)
        # mixed types and channels are said by themselves
        if len(known) == len(set(each_file)) and len({(each.dtype, len(each.low)) for each in known.values()}) == 1:
            findings += _of_side(inventory, part, side, known)
    if part.side == "pair" and part.pictures.decoder is not decode_halves:
        findings += _offset(part, [part.files(index) for index in indices])
    return findings


def _of_side(inventory: Inventory, part: Part, side: str, known: Mapping[Path, Values]) -> list[Finding]:
    dtype = next(iter(known.values())).dtype
    low = np.min([each.low for each in known.values()], axis=0)
    high = np.max([each.high for each in known.values()], axis=0)
    of = f"{part.of} ({side})" if side != "picture" else part.of
    findings = []
    whole = f"[{low.min():g},{high.max():g}]"
    unsaid = [name for name in _sides_of(part, side) if getattr(part.pictures.config.range, name) == "auto"]
    if dtype not in FULL and unsaid:
        findings.append(
            Finding(
                "ranges",
                "note",
                f"pictures{of} are {many(len(low), 'channel')} of floats from {low.min():g} to {high.max():g}",
                f"say what stands for black and white: {', '.join(f'data.range.{name}={whole}' for name in unsaid)}, "
                f"or minmax",
            )
        )
    empty = low == high
    if empty.any():
        findings.append(
            Finding(
                "empty_channels",
                "wrong",
                f"of the pictures{of} {_channels(empty)} {are(int(empty.sum()))} {low[empty][0]:g} everywhere",
                "leave empty channels out of the files: they say nothing, and a target of one value is learnt at once",
            )
        )
    return [*findings, *_constant(inventory, of, known, empty), *_saturated(inventory, of, known, high, empty)]


def _not_made(inventory: Inventory, part: Part, known: Mapping[Path, Values]) -> list[Finding]:
    """Photos that the task's synthesis makes no sources of: it knows 8-bit grey and RGB alone."""
    synthesis = part.pictures.config.synthesis
    if not known or part.pictures.decoder is not decode_photo or synthesis in ("none", *ANY_FORM):
        return []
    return [
        Finding(
            "synthesis",
            "stops",
            f"{many(len(known), 'picture')}{part.of} {'is' if len(known) == 1 else 'are'} not 8-bit grey or RGB, which "
            f"data.synthesis={synthesis} is made for",
            f"convert them in a copy, or take data.synthesis={', '.join(ANY_FORM[:-1])} or {ANY_FORM[-1]}, which keep "
            f"any depth",
            tuple(Spot(inventory.label(file), (file,)) for file in known),
        )
    ]


def _sides_of(part: Part, side: str) -> tuple[str, ...]:
    """The sides that the files of a ``side`` are: both of pairs side by side, photos alone are targets."""
    if side != "picture":
        return (side,)
    return ("source", "target") if part.pictures.decoder is decode_halves else ("target",)


def _constant(inventory: Inventory, of: str, known: Mapping[Path, Values], empty: Pixels) -> list[Finding]:
    """Files with channels of one value, which in others have many."""
    flat = {file: (each.low == each.high) & ~empty for file, each in known.items()}
    found = {file: which for file, which in flat.items() if which.any()}
    if not found:
        return []
    spots = tuple(Spot(f"{inventory.label(file)}: {_channels(which)}", (file,)) for file, which in found.items())
    text = (
        f"{share(len(found), len(known), 'picture')}{of} {'has' if len(found) == 1 else 'have'} channels of one value"
    )
    return [
        Finding("constant_channels", "note", text, "look whether a band is missing there; remove such files", spots)
    ]


def _saturated(
    inventory: Inventory, of: str, known: Mapping[Path, Values], high: Pixels, empty: Pixels
) -> list[Finding]:
    """Channels with many samples at the highest value that there is: what was brighter is lost."""
    shares = np.mean([each.at_high * (each.high == high) for each in known.values()], axis=0)
    full = shares * ~empty >= SATURATED
    if not full.any():
        return []
    worst = max(known, key=lambda file: float((known[file].at_high * (known[file].high == high) * full).max()))
    text = (
        f"of the pictures{of} {_channels(full)} {are(int(full.sum()))} saturated: {shares[full].max():.0%} of the "
        f"values are {high[full].max():g}"
    )
    fix = "expose or scale them for less, or leave those files out; what was above is lost"
    return [Finding("saturated", "note", text, fix, (Spot(inventory.label(worst), (worst,)),))]


def _offset(part: Part, pairs: Sequence[tuple[Path, ...]]) -> list[Finding]:
    """A difference of the sides' means, in their stated ranges where there are such, that is the same in all pairs."""
    both = [(part.reader.values.get(files[0]), part.reader.values.get(files[1])) for files in pairs if len(files) == 2]
    known = [(one, other) for one, other in both if one is not None and other is not None]
    if len(known) < PAIRS or any(one.dtype != other.dtype or len(one.low) != len(other.low) for one, other in known):
        return []
    highest = max(float(other.high.max()) for _, other in known)
    lowest = min(float(other.low.min()) for _, other in known)
    stated = part.pictures.config.range
    source, target, spread = (0.0, 1.0), (0.0, 1.0), highest - lowest
    if isinstance(stated.source, tuple) and isinstance(stated.target, tuple):
        source, target, spread = stated.source, stated.target, 1.0
    offsets = np.array([_within(other.mean, target) - _within(one.mean, source) for one, other in known])
    offset = float(offsets.mean())
    if abs(offset) < LEAST * spread or offsets.std() > STEADY * abs(offset):
        return []
    return [
        Finding(
            "offset",
            "note",
            f"targets{part.of} are {'above' if offset > 0 else 'below'} their sources by {abs(offset):g} in all pairs "
            f"(standard deviation {offsets.std():.2g})",
            "look whether a black level was taken off one side alone; a range for each side takes it out "
            "(data.range.source, data.range.target)",
        )
    ]


def _within(means: Pixels, range: tuple[float, float]) -> float:
    """The mean of the channels' means (C,), the range as 0 to 1."""
    return (float(means.mean()) - range[0]) / (range[1] - range[0])


def _channels(which: Pixels) -> str:
    """``channel 2``, ``channels 1, 3``, counted from 1."""
    numbers = [int(place) + 1 for place in np.flatnonzero(which)]
    more = f" and {len(numbers) - NAMED} others" if len(numbers) > NAMED else ""
    return f"channel{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers[:NAMED]))}{more}"
