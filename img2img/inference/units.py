"""The units of a picture's samples: how they become [-1, 1], and results what files of the picture's kind hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, cast

from img2img.data.labels import LabelMaps
from img2img.errors import UserError
from img2img.images import Picture, Pixels, joined
from img2img.images.form import FULL, DType, Form, Forms
from img2img.images.raster import ARRAY_FORMATS, HOLDS_ALL, look


class Units(NamedTuple):
    """The form a picture is taken in, that of its result, and whether grey goes in as R = G = B and comes out so."""

    source: Form
    target: Form
    grey: bool
    to_grey: bool


def units_of(forms: Forms, channels: int, picture: Picture, labels: LabelMaps | None = None) -> Units:
    """The units of a picture for weights of ``forms`` whose network takes so many ``channels``.

    Integers over their full range are taken by weights of integers of any depth, and come back in their own.

    Raises:
        UserError: samples of another type or number of channels than the weights take.
    """
    if labels is not None and labels.side == "source":
        return Units(Form(), forms.target, False, False)
    if labels is not None:
        return units_of(forms, channels, picture)._replace(target=Form(), to_grey=False)
    return _units(forms, channels, picture.pixels.shape[2], cast(DType, picture.pixels.dtype.name))


def _units(forms: Forms, channels: int, here: int, found: DType) -> Units:
    """`units_of` samples of a type ``found`` in so many channels (``here``)."""
    grey = here == 1 and channels == 3
    if here != channels and not grey:
        raise UserError(
            f"has {here} channel{'s' if here > 1 else ''}, these weights take {channels}: give pictures like those "
            f"they were trained on"
        )
    source, target = forms.source, forms.target
    if found == source.dtype:
        return Units(source, target, grey, grey and forms.one and target.channels == 3)
    if found not in FULL or source.range != FULL.get(source.dtype):
        raise UserError(f"has samples of {found}, these weights take {source}: convert it")
    taken = replace(source, dtype=found, range=FULL[found])
    given = replace(target, dtype=found, range=FULL[found]) if forms.one else target
    return Units(taken, given, grey, grey and forms.one and target.channels == 3)


def check_forms(forms: Forms, channels: int, files: Sequence[Path], labels: LabelMaps | None) -> None:
    """Refuse sources none of which has the type and channels that weights take, by their headers.

    Where some have, the others are named when their turn comes, as those that cannot be read.

    Raises:
        UserError: naming the first file, and what the weights take.
    """
    if labels is not None and labels.side == "source":
        return
    unfit = None
    for file in files:
        try:
            found = look(file, pages=forms.source.pages)
        except UserError:
            continue
        here = found.channels + int(found.alpha and found.channels + 1 == channels)
        try:
            _units(forms, channels, here, found.dtype)
        except UserError as error:
            unfit = unfit or f"{file}: {error}"
        else:
            return
    if unfit:
        raise UserError(unfit)


def format_of_results(form: Form, suffix: str | None, files: Sequence[Path], file: Path | None) -> str | None:
    """The ending that results get, where formats of 8 or 16 bits in grey and colours cannot hold them: TIFF.

    Raises:
        UserError: another is asked for, by ``suffix`` (--format) or the ``file`` to write.
    """
    if form.dtype != "float32" and form.channels <= 4:
        return suffix
    asked = file.suffix.lower() if file is not None else suffix
    if asked not in (None, *HOLDS_ALL):
        flag = f"--output {file}" if file is not None else f"--format {str(asked)[1:]}"
        raise UserError(f"{flag}: these weights make {form}, which are written as tif or npy")
    return suffix if asked or all(each.suffix.lower() in HOLDS_ALL for each in files) else ".tif"


def with_channels(picture: Picture, channels: int) -> Picture:
    """A picture whose alpha is one of its channels, where weights take one more than there are colours."""
    if picture.alpha is None or picture.pixels.shape[2] + 1 != channels or channels == 3:
        return picture
    return replace(picture, pixels=joined(picture), alpha=None)


def in_kind(picture: Picture, pixels: Pixels, units: Units, notes: Sequence[str]) -> Picture:
    """The result of a picture that was taken in ``units``: its metadata as far as they hold for the result, and notes.

    Values of the picture outside the form's range are among the notes.
    """
    return replace(
        picture,
        pixels=pixels,
        # a profile of colours says nothing of grey
        icc=picture.icc if pixels.shape[2] == picture.pixels.shape[2] else None,
        format=_kept_kind(picture, pixels),
        alpha=_alpha_like(picture.alpha, pixels),
        pages=_pages(picture, pixels, units.target),
        notes=(*picture.notes, *notes, *_clipped(picture, units.source)),
    )


def _pages(picture: Picture, pixels: Pixels, target: Form) -> int:
    """In how many pages a TIFF holds a result: those of the picture, or one a channel where it has other channels."""
    if not target.pages:
        return 1
    return picture.pages if pixels.shape[2] == picture.pixels.shape[2] else pixels.shape[2]


def _kept_kind(picture: Picture, pixels: Pixels) -> str:
    """The format for a picture's result: its own where that can hold the samples, else TIFF."""
    if picture.format == "TIFF" or picture.format in ARRAY_FORMATS:
        return picture.format
    return "TIFF" if pixels.dtype.name not in FULL or pixels.shape[2] > 4 else picture.format


def _clipped(picture: Picture, form: Form) -> tuple[str, ...]:
    """A note on values of a picture that lie outside a form's range, where there are any."""
    outside = 0 if form.range == FULL.get(picture.pixels.dtype.name) else form.outside(picture.pixels)
    if not outside:
        return ()
    return (f"{outside} values outside [{form.range[0]:g}, {form.range[1]:g}] were clipped",)


def _alpha_like(alpha: Pixels | None, pixels: Pixels) -> Pixels | None:
    """Alpha (H, W) in the type of a result's samples; none beside floats or channels that are no colours."""
    if alpha is None or alpha.dtype == pixels.dtype:
        return alpha
    if pixels.dtype.name not in FULL or pixels.shape[2] not in (1, 3):
        return None
    return Form(dtype=pixels.dtype.name, channels=1, range=FULL[pixels.dtype.name]).to_pixels(
        Form(dtype=alpha.dtype.name, channels=1, range=FULL[alpha.dtype.name]).to_tensor(alpha[:, :, None])
    )[:, :, 0]
