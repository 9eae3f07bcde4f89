"""What the samples of a set's two sides are: types, channels and ranges of its files, and what the options say."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from img2img.data.config import DataConfig, Jitter
from img2img.data.samples import Pictures, decode_photo, decode_two
from img2img.data.synthesis import ANY_FORM
from img2img.errors import UserError
from img2img.images.form import FULL, Form, Forms
from img2img.images.raster import Found, any_size, look, samples_of

T = TypeVar("T")
# of all samples, from which share on outside the stated range it is taken for a mistake
LEFT = 0.5
# pages are as wide where they are rows of a picture of so many channels, and no pictures of their own
MOST_BANDS = 32


def with_forms(
    pictures: Pictures, config: DataConfig, known: Forms | None = None, *, back: bool = False, alone: bool = False
) -> tuple[Pictures, list[str]]:
    """The pictures of a part with what their samples are, and lines that say it where that is not 8-bit RGB.

    ``known`` are those of another part or of the training, which these must have, too. Of a set whose sides do not
    belong together ``back`` are the sources, as pictures of targets ``alone``.

    Raises:
        UserError: types or channels that differ within a side, naming files; floats without a range, or with values
            that are no numbers; a range that most values lie outside of; options that know 8-bit RGB alone.
    """
    labels = pictures.labels
    if labels is not None and pictures.decoder is not decode_two:
        # halves of one file, one of them in the colours of classes
        return pictures, []
    sides = {side: files for side, files in _files(pictures).items() if labels is None or labels.side != side}
    if back or alone:
        sides = {"source" if back else "target": sides["target"]}
    made = pictures.decoder is decode_photo and config.synthesis != "none" and not (back or alone)
    notes: list[str] = []
    if known is None:
        found = {side: _found(side, files, config, notes) for side, files in sides.items()}
        both = {name: found.get(name, Form()) for name in ("source", "target")}
        # a source that is made of a target is of its kind
        forms = Forms(both["target"] if made else both["source"], both["target"])
    else:
        forms = known
    if forms.plain:
        return pictures, notes
    _check_options(config, forms, made)
    for side, files in sides.items():
        _check_headers(files, forms.of(side))
    for side, files in sides.items():
        counted, line = _counted(side, files, forms.of(side))
        source, target = (counted, forms.target) if side == "source" else (forms.source, counted)
        forms = Forms(target if made else source, target)
        notes += line
        if known is None:
            notes.append(f"{side}s: {counted}")
    return replace(pictures, forms=Forms(forms.target, forms.source) if back else forms), notes


def _files(pictures: Pictures) -> dict[str, list[Path]]:
    """The files of each side that has any; those of pairs side by side are both sides'."""
    sources = [item.source for item in pictures.items if item.source is not None]
    targets = [item.target for item in pictures.items if item.target is not None] or sources
    return {side: list(dict.fromkeys(files)) for side, files in (("source", sources), ("target", targets)) if files}


def _found(side: str, files: Sequence[Path], config: DataConfig, notes: list[str]) -> Form:
    """The form of one side's files, as the options and their headers say; its range may still be ``minmax``'s."""
    wanted = config.channels
    number = wanted[side == "target"] if isinstance(wanted, tuple) else wanted
    of_each = _in_threads(partial(look, pages=config.pages == "channels"), files)
    _check_pages(files, of_each)
    dtypes: dict[str, list[Path]] = {}
    for file, found in zip(files, of_each, strict=True):
        dtypes.setdefault(found.dtype, []).append(file)
    stated = getattr(config.range, side)
    if len(dtypes) > 1:
        kinds = " and ".join(f"{dtype} ({each[0]})" for dtype, each in dtypes.items())
        raise UserError(f"{side}s are of {kinds}: convert them to one type, or leave the fewer out")
    (dtype,) = dtypes
    notes += _left_out(side, of_each, config)
    if number == "auto":
        number = _number(side, files, of_each, config, notes)
    pages = config.pages == "channels" and any(found.pages > 1 for found in of_each)
    return Form(
        dtype=dtype,  # type: ignore[arg-type]
        channels=number,
        range=_range(side, stated, dtype, files),
        pages=pages,
    )


def _check_pages(files: Sequence[Path], of_each: Sequence[Found]) -> None:
    """Refuse pictures of many channels whose rows are pages, as tifffile writes (H, W, C) where it is told nothing.

    Raises:
        UserError: naming the first, with the cure.
    """
    for file, found in zip(files, of_each, strict=True):
        if found.pages == 1:
            continue
        width, height = any_size(file)
        if width <= MOST_BANDS and min(height, found.pages) > 2 * width:
            raise UserError(
                f"{file}: its {found.pages} pages of {width}x{height} px seem to be the rows of a picture of {width} "
                f"channels: write it as tifffile.imwrite(..., photometric='minisblack', planarconfig='contig') does"
            )


def _left_out(side: str, of_each: Sequence[Found], config: DataConfig) -> list[str]:
    """Lines on alpha and pages that are in the files and not in the samples."""
    lines = []
    clear, several = sum(found.alpha for found in of_each), sum(found.pages > 1 for found in of_each)
    if clear and config.alpha == "drop":
        lines.append(f"{side}s: alpha of {clear} of {len(of_each)} files is dropped (data.alpha=keep: a channel)")
    if several and config.pages == "first":
        lines.append(
            f"{side}s: {several} of {len(of_each)} files have several pages, of which the first is taken "
            f"(data.pages=channels: all, as channels)"
        )
    return lines


def _number(side: str, files: Sequence[Path], of_each: Sequence[Found], config: DataConfig, notes: list[str]) -> int:
    """How many channels the files have; 8-bit grey, and grey among RGB, as RGB.

    Raises:
        UserError: they differ; naming files.
    """
    kept = config.alpha == "keep"
    channels = {
        found.channels + int(kept and found.alpha): file
        for file, found in zip(reversed(files), reversed(of_each), strict=True)
    }
    if set(channels) == {1} and of_each[0].dtype == "uint8":
        return 3
    if set(channels) == {1, 3}:
        count = sum(found.channels == 1 for found in of_each)
        notes.append(f"{side}s: {count} of {len(files)} are grey among RGB and are taken as R = G = B")
        return 3
    if len(channels) > 1:
        kinds = " and ".join(f"{found} channels ({file})" for found, file in sorted(channels.items()))
        cure = "; data.alpha=drop leaves alpha out" if kept and any(found.alpha for found in of_each) else ""
        raise UserError(f"{side}s have {kinds}: make them alike, or leave the fewer out{cure}")
    return next(iter(channels))


def _check_headers(files: Sequence[Path], form: Form) -> None:
    """Refuse a file of another type or number of channels than a form has.

    Raises:
        UserError: naming the first such file.
    """
    for file, found in zip(files, _in_threads(partial(look, pages=form.pages), files), strict=True):
        if found.dtype != form.dtype:
            raise UserError(f"{file}: has samples of {found.dtype}, {form} are needed: convert it, or leave it out")
        taken = {found.channels, found.channels + int(found.alpha)} | ({3} if found.channels == 1 else set())
        if form.channels not in taken:
            here = f"{found.channels} channel{'s' if found.channels > 1 else ''}"
            raise UserError(f"{file}: has {here}, {form.channels} are needed (data.channels, data.alpha, data.pages)")


def _range(side: str, stated: object, dtype: str, files: Sequence[Path]) -> tuple[float, float]:
    if isinstance(stated, tuple):
        return stated
    if stated == "minmax":
        # measured with the rest, by `_counted`
        return UNKNOWN
    if dtype not in FULL:
        raise UserError(
            f"{files[0]}: holds floats, which have no range of their own: say data.range.{side}=[LOWEST,HIGHEST], or "
            f"data.range.{side}=minmax to measure it"
        )
    return FULL[dtype]


# a range before it is measured
UNKNOWN = (-3.0e38, 3.0e38)


def _counted(side: str, files: Sequence[Path], form: Form) -> tuple[Form, list[str]]:
    """The form with its range measured, where it is to be; a line on values outside of it."""
    if form.range == FULL.get(form.dtype):
        return form, []

    def measured(file: Path) -> tuple[float, float, int, int]:
        samples = samples_of(file, form)
        return float(samples.min()), float(samples.max()), form.outside(samples), samples.size

    looked = _in_threads(measured, files)
    low, high = min(one[0] for one in looked), max(one[1] for one in looked)
    if form.range == UNKNOWN:
        if low == high:
            raise UserError(f"data.range.{side}=minmax: every value of the {side}s is {low:g}; state a range")
        return replace(form, range=(low, high)), []
    outside, total = sum(one[2] for one in looked), sum(one[3] for one in looked)
    if not outside:
        return form, []
    first = next(file for file, one in zip(files, looked, strict=True) if one[2])
    where = f"outside [{form.range[0]:g}, {form.range[1]:g}] (they reach from {low:g} to {high:g}), such as in {first}"
    if outside > LEFT * total:
        raise UserError(f"data.range.{side}: {outside} of {total} values of the {side}s lie {where}; state their range")
    return form, [f"{side}s: {outside} of {total} values lie {where}: they are clipped"]


def _in_threads(work: Callable[[Path], T], files: Iterable[Path]) -> list[T]:
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(work, files))


def _check_options(config: DataConfig, forms: Forms, made: bool) -> None:
    """Refuse options that know 8-bit RGB alone; the synthesis where sources are ``made``."""
    said = forms.target if not forms.target.plain else forms.source
    synthesis = made and config.synthesis not in ANY_FORM
    for name, used, cure in (
        (f"data.synthesis={config.synthesis}", synthesis, f"convert them, or take one of {', '.join(ANY_FORM)}"),
        ("data.jitter", config.jitter != Jitter(), "leave it out"),
        ("data.exchange", config.exchange.share > 0, "leave it out"),
        ("data.mix", bool(config.mix), "leave it out"),
    ):
        if used:
            raise UserError(f"{name} is made for 8-bit RGB alone, these pictures are {said}: {cure}")
