"""The protocol for pictures of another type, range or number of channels than a protocol is of."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from img2img.images.form import FULL, Form
from img2img.metrics.protocols import PROTOCOLS, Protocol

BITS: dict[str, Literal[8, 16, 32]] = {"uint8": 8, "uint16": 16, "float32": 32}


def protocol_of(protocol: Protocol, form: Form) -> Protocol:
    """``protocol`` for pictures of a form: their depth and range; all channels, where they are not three.

    Protocols that round to 8 bits or resize become ``channels`` as well, for they mean 8-bit RGB. One whose depth or
    range is stated stays as it is.
    """
    if form.plain or protocol.depth != 8 or protocol.range is not None:
        return protocol
    rounds = protocol.colour in ("gray", "y_uint8") or protocol.resize is not None
    if form.channels != 3 or (rounds and form.dtype != "uint8"):
        protocol = replace(PROTOCOLS["channels"], crop=protocol.crop, psnr=protocol.psnr)
    stated = None if form.range == FULL.get(form.dtype) else form.range
    return replace(protocol, depth=BITS[form.dtype], range=stated)
