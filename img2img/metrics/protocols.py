"""Protocols: all that decides a measure's number besides the pictures, by name.

A protocol turns a picture as it lies on disk into planes on the scale 0 to 255 and says how the planes' values are put
together. The same results differ by several dB between protocols; a number without its protocol means nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from img2img.errors import UserError, unknown
from img2img.metrics.hole import OF_HOLE
from img2img.metrics.registry import METRICS
from img2img.metrics.segmentation import classes_in, confusion

Pixels = np.ndarray[Any, Any]
Colour = Literal["rgb", "channels", "gray", "y", "y_uint8", "y_full"]
# MATLAB's rgb2gray: the first row of inv([1 .956 .621; 1 -.272 -.647; 1 -1.106 1.703])
GRAY = (0.29893602129377533, 0.5870430744511214, 0.11402090425510324)
COLOURS: dict[Colour, str] = {
    "rgb": "RGB",
    "channels": "every channel",
    "gray": "grey as MATLAB's rgb2gray, rounded to 8 bits",
    "y": "Y of BT.601, 16 to 235, not rounded",
    "y_uint8": "Y of BT.601, 16 to 235, rounded to 8 bits",
    "y_full": "luma 0.299 R + 0.587 G + 0.114 B, not rounded",
}
# how the protocol's line goes on after "PSNR", where there are several planes
PSNR_OF = {"samples": " of one MSE over all samples", "channels": ", mean of channels"}
RANGE = 255.0


class Value(NamedTuple):
    """A measure of one pair; where it is infinite or undefined (nan), the ``reason``."""

    value: float
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """What is measured, and where that is known from.

    ``colour`` names the planes. ``psnr`` is of one MSE over all ``samples`` or the mean of the ``channels``' PSNRs.
    ``ssim_auto`` replaces SSIM by its downsampling form. ``crop`` leaves out that many pixels at each side; ``resize``
    (width, height) first makes both pictures that size (Pillow's bicubic, antialiased, rounded to 8 bits). ``depth`` is
    the bits a sample must have: 8, 16, or 32 of floats; ``range`` the values that are brought to the scale 0 to 255
    (what lies beyond is clipped), by default all that the type holds. ``region`` is ``hole`` where in-painting is
    measured inside its holes alone. ``source`` says where the protocol comes from, ``open`` what is not known of it.
    ``palette`` has the colours of classes, where the pictures are label maps; measures of classes are undefined
    without it.
    """

    name: str
    colour: Colour
    psnr: Literal["samples", "channels"] = "samples"
    ssim_auto: bool = False
    crop: int = 0
    resize: tuple[int, int] | None = None
    depth: Literal[8, 16, 32] = 8
    range: tuple[float, float] | None = None
    region: Literal["picture", "hole"] = "picture"
    source: str = ""
    open: str = ""
    palette: tuple[tuple[int, int, int], ...] = ()

    def __post_init__(self) -> None:
        if self.crop < 0:
            raise UserError(f"protocol {self.name}: crop={self.crop} must be at least 0")
        if self.resize is not None and min(self.resize) < 1:
            raise UserError(f"protocol {self.name}: resize must be WIDTHxHEIGHT of at least 1x1")
        if self.range is not None and not self.range[0] < self.range[1]:
            raise UserError(f"protocol {self.name}: range=LOWEST:HIGHEST, the lowest value comes first")
        if self.depth == 32 and self.range is None:
            raise UserError(f"protocol {self.name}: floats have no range of their own: add range=LOWEST:HIGHEST")
        if (self.depth != 8 or self.range) and (self.colour in ("gray", "y_uint8") or self.resize is not None):
            raise UserError(
                f"protocol {self.name}: rounds to 8 bits, so that depth={self.depth} has no meaning; use rgb, y, "
                f"y_full, channels"
            )

        if self.region == "hole" and self.resize is not None:
            raise UserError(f"protocol {self.name}: resizing mixes the hole with what is known; leave resize or region")

    @property
    def label(self) -> str:
        """The name with what was changed of it, as `read_protocol` reads it: ``rgb,crop=4``."""
        base = PROTOCOLS[self.name]
        words = [self.name]
        if self.crop != base.crop:
            words.append(f"crop={self.crop}")
        if self.resize != base.resize:
            words.append("resize=" + ("none" if self.resize is None else f"{self.resize[0]}x{self.resize[1]}"))
        if self.psnr != base.psnr:
            words.append(f"psnr={self.psnr}")
        if self.depth != base.depth:
            words.append(f"depth={self.depth}")
        if self.range != base.range and self.range is not None:
            words.append(f"range={self.range[0]:.9g}:{self.range[1]:.9g}")
        if self.region != base.region:
            words.append(f"region={self.region}")
        return ",".join(words)

    def names(self, metrics: Iterable[str]) -> tuple[str, ...]:
        """The measures that the protocol means by these names, each once."""
        return tuple(dict.fromkeys("ssim_auto" if self.ssim_auto and name == "ssim" else name for name in metrics))

    def line(self, metrics: Iterable[str]) -> str:
        """One line that says all that decides the numbers."""
        chosen = self.names(metrics)
        several = self.colour in ("rgb", "channels")
        scale = f"{2**self.depth - 1}" if self.range is None else f"{self.range[0]:g} to {self.range[1]:g}"
        parts = [COLOURS[self.colour], f"{'float' if self.depth == 32 else f'{self.depth} bit'}, data range {scale}"]
        parts.append(
            "no resizing" if self.resize is None else f"resized to {self.resize[0]}x{self.resize[1]} (bicubic)"
        )
        parts.append("no crop" if not self.crop else f"{self.crop} px cropped at each side")
        if self.region == "hole":
            self.check_region(metrics)
            parts.append("inside the hole alone (SSIM: windows with their centre in it)")
        definitions = [
            METRICS[name].definition + (PSNR_OF[self.psnr] if several and name == "psnr" else "") for name in chosen
        ]
        means = [METRICS[name].title for name in chosen if METRICS[name].mean_of_channels]
        if several and means:
            definitions.append(f"{', '.join(means)} as the mean of channels")
        return f"{self.label}: {', '.join(parts)}; {'; '.join(definitions)}"

    def check_region(self, metrics: Iterable[str]) -> None:
        """Refuse measures that cannot be taken inside a hole.

        Raises:
            UserError: naming them and what is left.
        """
        refused = [name for name in self.names(metrics) if self.region == "hole" and name not in OF_HOLE]
        if refused:
            raise UserError(
                f"--metrics {','.join(refused)}: not defined over a hole alone, its blocks or scales take in what is "
                f"known; with --region hole there are {', '.join(OF_HOLE)}"
            )

    def planes(self, pixels: Pixels) -> Tensor:
        """(H, W, C) uint8 (``depth`` 8), uint16 or float32 as (1, C', H', W') on the scale 0 to 255: uint8 or float64.

        Raises:
            UserError: another type, depth or number of channels than the protocol's, or a crop that leaves nothing.
        """
        if pixels.dtype not in (np.uint8, np.uint16, np.float32):
            raise UserError(
                f"is of type {pixels.dtype}; pictures are measured as uint8, uint16 or float32, as they lie on disk"
            )
        bits = pixels.dtype.itemsize * 8
        if bits != self.depth:
            cure = f"depth={bits}{',range=LOWEST:HIGHEST' if bits == 32 else ''}"
            raise UserError(f"has {bits} bits a sample; protocol {self.label} is of {self.depth}, add {cure}")
        channels = pixels.shape[2]
        if channels != 3 and self.colour != "channels" and (channels, self.colour) != (1, "gray"):
            wanted = "1 or 3" if self.colour == "gray" else "3"
            raise UserError(
                f"has {channels} channel{'s' if channels > 1 else ''}; protocol {self.label} is of {wanted}, "
                f"channels of any number"
            )
        if self.resize is not None:
            pixels = np.asarray(Image.fromarray(pixels).resize(self.resize, Image.Resampling.BICUBIC))
        if self.crop:
            height, width = pixels.shape[:2]
            if min(height, width) <= 2 * self.crop:
                raise UserError(f"is {width}x{height}: nothing is left of it by crop={self.crop}")
            pixels = pixels[self.crop : height - self.crop, self.crop : width - self.crop]
        unit = 1 if bits == 8 else 257
        if self.range is not None:
            low, high = self.range
            pixels = np.clip((pixels.astype(np.float64) - low) * (RANGE / (high - low)), 0, RANGE)
            unit = 1
        converted = CONVERT[self.colour](pixels, unit)
        return torch.from_numpy(converted.transpose(2, 0, 1).copy(order="C"))[None]


def _parts(rgb: Pixels, kind: type[np.int64] | type[np.float64]) -> tuple[Pixels, Pixels, Pixels]:
    # of a stated range they are no whole numbers
    kind = np.float64 if rgb.dtype == np.float64 else kind
    return rgb[..., :1].astype(kind), rgb[..., 1:2].astype(kind), rgb[..., 2:].astype(kind)


def _gray(rgb: Pixels, unit: int) -> Pixels:
    if rgb.shape[2] == 1:
        return rgb
    red, green, blue = _parts(rgb, np.float64)
    gray: Pixels = np.floor(GRAY[0] * red + GRAY[1] * green + GRAY[2] * blue + 0.5)
    return gray


# Y in whole numbers: colours of the same Y must have the very same Y, or flat pictures are not flat; and doubles round
# 100 of the 194 exact ties down


def _limited(rgb: Pixels, unit: int) -> Pixels:
    """255000 times Y (and times ``unit``)."""
    red, green, blue = _parts(rgb, np.int64)
    whole: Pixels = 65481 * red + 128553 * green + 24966 * blue + 16 * 255_000 * unit
    return whole


def _y(rgb: Pixels, unit: int) -> Pixels:
    y: Pixels = _limited(rgb, unit) / (255_000 * unit)
    return y


def _y_uint8(rgb: Pixels, unit: int) -> Pixels:
    return ((2 * _limited(rgb, unit) + 255_000) // 510_000).astype(np.uint8)


def _y_full(rgb: Pixels, unit: int) -> Pixels:
    red, green, blue = _parts(rgb, np.int64)
    luma: Pixels = (299 * red + 587 * green + 114 * blue) / (1000 * unit)
    return luma


# of (H, W, 3) whole numbers, 0 to 255 times a unit: planes on the scale 0 to 255
CONVERT: dict[Colour, Callable[[Pixels, int], Pixels]] = {
    "rgb": lambda rgb, unit: rgb if unit == 1 else rgb / unit,
    "channels": lambda planes, unit: planes if unit == 1 else planes / unit,
    "gray": _gray,
    "y": _y,
    "y_uint8": _y_uint8,
    "y_full": _y_full,
}

PROTOCOLS: dict[str, Protocol] = {
    protocol.name: protocol
    for protocol in (
        Protocol(name="rgb", colour="rgb", source="plain RGB, the default"),
        Protocol(name="channels", colour="channels", source="all channels, whatever they are and however many"),
        Protocol(name="gray", colour="gray", source="MATLAB's rgb2gray before any measure; as ssim_index.m asks for"),
        Protocol(name="y", colour="y", source="MATLAB's rgb2ycbcr on doubles"),
        Protocol(name="y_uint8", colour="y_uint8", source="MATLAB's rgb2ycbcr on 8-bit pictures"),
        Protocol(name="y_full", colour="y_full", source="full-range luma, as OpenCV and Pillow make it (not rounded)"),
        Protocol(
            name="derain_rgb",
            colour="rgb",
            source="de-raining tables on RGB, such as derain-toolbox's",
            open="papers that say RGB seldom say whether PSNR is of one MSE or a mean of channels, and which SSIM",
        ),
        Protocol(
            name="matlab_y",
            colour="y_uint8",
            source="MPRNet's and Restormer's evaluate_PSNR_SSIM.m: rgb2ycbcr on 8-bit pictures, ssim_index.m",
            open="reproduced, but for exact ties of the rounding (under 1e-5 dB)",
        ),
        Protocol(
            name="prenet_y",
            colour="y",
            ssim_auto=True,
            source="PReNet's statistic scripts: im2double, rgb2ycbcr, and ssim.m with automatic downsampling",
            open="RCDNet and DRSformer call a function ssim that is not in their folders; MATLAB's own then takes a "
            "range of 1 for values up to 255, which this project does not offer",
        ),
        Protocol(
            name="basicsr_y",
            colour="y",
            source="BasicSR's calculate_psnr and calculate_ssim with test_y_channel; crop_border 0 as for restoration",
            open="BasicSR computes Y in float32 (4e-7 dB); super-resolution tables crop the scale: basicsr_y,crop=4",
        ),
        Protocol(
            name="rgb_256",
            colour="rgb",
            resize=(256, 256),
            source="tables of pix2pix-like methods, whose results are 256x256",
            open="which resizing the papers used is seldom said; here Pillow's bicubic",
        ),
    )
}


def read_protocol(text: str) -> Protocol:
    """A protocol by name, with changes: ``rgb``, ``matlab_y``, ``rgb,crop=4``, ``y,resize=256x256``, ``rgb,depth=16``.

    Raises:
        UserError: an unknown name or key, a value that cannot be.
    """
    name, *changes = (word.strip() for word in text.split(","))
    if name not in PROTOCOLS:
        raise unknown("protocol", name, PROTOCOLS, "--protocol")
    values: dict[str, Any] = {}
    for change in changes:
        key, _, value = change.partition("=")
        if key in values:
            raise UserError(f"--protocol {text}: {key} is given twice")
        try:
            values[key] = READ[key](value)
        except KeyError as error:
            if key in READ:
                raise UserError(
                    f"--protocol {text}: {change} must be one of {key}={f' {key}='.join(KNOWN[key])}"
                ) from error
            raise unknown("key", key, READ, f"--protocol {text}") from error
        except ValueError as error:
            raise UserError(
                f"--protocol {text}: {change} cannot be read (such as crop=4, resize=256x256, range=0:1)"
            ) from error
    return replace(PROTOCOLS[name], **values)


def _range(text: str) -> tuple[float, float]:
    low, high = (float(part) for part in text.split(":"))
    return low, high


def _size(text: str) -> tuple[int, int] | None:
    if text == "none":
        return None
    width, height = (int(part) for part in text.split("x"))
    return width, height


KNOWN: dict[str, dict[str, Any]] = {"psnr": {"samples": "samples", "channels": "channels"},
                                    "depth": {"8": 8, "16": 16, "32": 32},
                                    "region": {"picture": "picture", "hole": "hole"}}  # fmt: skip
READ: dict[str, Any] = {"crop": int, "resize": _size, "range": _range,
                        **{key: known.__getitem__ for key, known in KNOWN.items()}}  # fmt: skip


def measure(
    protocol: Protocol,
    metrics: Sequence[str],
    result: Pixels,
    target: Pixels,
    device: torch.device | None = None,
    hole: Pixels | None = None,
) -> dict[str, Value]:
    """Measures of one pair of (H, W, C) pictures by name, under a protocol.

    ``hole`` (H, W), above 0 inside, is looked at where the protocol is of the hole alone.

    A measure that is undefined for the pair is ``nan`` with its reason, so that one odd picture costs no table.

    Raises:
        UserError: sizes that differ, another depth than the protocol's, a crop that leaves nothing.
    """
    if result.shape != target.shape:
        one, other = result.shape, target.shape
        raise UserError(f"sizes differ: result {one[1]}x{one[0]}, target {other[1]}x{other[0]}")
    ours, theirs = (protocol.planes(pixels).to(device) for pixels in (result, target))
    inside = None if protocol.region == "picture" else _hole(protocol, hole, target).to(device)
    return {name: _value(protocol, name, ours, theirs, inside) for name in protocol.names(metrics)}


def with_palette(protocol: Protocol, palette: tuple[tuple[int, int, int], ...]) -> Protocol:
    """The protocol for label maps whose classes have these colours; as it is where there are none."""
    return replace(protocol, palette=palette) if palette else protocol


def _counts(protocol: Protocol, result: Tensor, target: Tensor) -> Tensor:
    if not protocol.palette:
        raise UserError("classes are unknown: neither weights nor a palette of the targets tell their colours")
    ours, theirs = (classes_in(planes, protocol.palette) for planes in (result, target))
    return confusion(ours, theirs, len(protocol.palette))


def _hole(protocol: Protocol, hole: Pixels | None, target: Pixels) -> Tensor:
    """(H', W') bool, cropped as the protocol's planes are."""
    if hole is None:
        raise UserError("has no mask, but region=hole measures inside the hole alone: give masks, or region=picture")
    height, width = target.shape[:2]
    inside = hole.reshape(hole.shape[0], hole.shape[1], -1)[..., 0] > 0
    if inside.shape != (height, width):
        sizes = f"{inside.shape[1]}x{inside.shape[0]} against {width}x{height}"
        raise UserError(f"a mask and its picture have one size ({sizes}); replace it, or remove both")
    crop = protocol.crop
    return torch.from_numpy(np.ascontiguousarray(inside[crop : height - crop, crop : width - crop]))


def _value(protocol: Protocol, name: str, result: Tensor, target: Tensor, hole: Tensor | None) -> Value:
    if hole is not None and not bool(hole.any()):
        return Value(math.nan, f"{name} is undefined: there is no hole in what is measured")
    if name == "psnr" and protocol.psnr == "channels":
        result, target = result.transpose(0, 1), target.transpose(0, 1)
    try:
        if METRICS[name].of_classes:
            values = METRICS[name].measure(_counts(protocol, result, target))
        elif hole is None:
            values = METRICS[name].measure(result, target, data_range=RANGE)
        else:
            values = OF_HOLE[name](result, target, hole, data_range=RANGE)
        value = float(values.mean())
    except UserError as error:
        return Value(math.nan, str(error))
    if math.isnan(value):
        return Value(value, f"{name} is undefined: the target is constant (in a channel), it holds no information")
    if math.isinf(value):
        return Value(value, "identical" if torch.equal(result, target) else "identical in a channel")
    return Value(value)
