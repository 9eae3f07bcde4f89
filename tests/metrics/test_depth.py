"""Measures of other depths, ranges and numbers of channels than 8-bit RGB has."""

from __future__ import annotations

import math

import numpy as np
import pytest

from img2img.errors import UserError
from img2img.images import to_8_bits
from img2img.images.form import Form
from img2img.metrics import measure, read_protocol
from img2img.metrics.depth import protocol_of


def test_floats_are_measured_over_their_stated_range():
    target = np.array([-2.0, 0, 1, 6, 9], np.float32).reshape(1, 5, 1).repeat(4, 2)
    protocol = read_protocol("channels,depth=32,range=-2:8")
    # by hand: a tenth of the range is 1, and what lies beyond is clipped
    assert protocol.planes(target)[0, 3, 0].tolist() == pytest.approx([0, 51, 76.5, 204, 255])
    values = measure(protocol, ["psnr", "mae"], target.clip(-2, 7) + np.float32(1), target)
    assert values["mae"].value == pytest.approx(25.5 * 4 / 5)
    assert values["psnr"].value == pytest.approx(-10 * math.log10(0.01 * 4 / 5))
    assert "data range -2 to 8" in protocol.line(["psnr"])
    with pytest.raises(UserError, match="add range=LOWEST:HIGHEST"):
        read_protocol("channels,depth=32")
    with pytest.raises(UserError, match="has 4 channels; protocol rgb,depth=32,range=0:1 is of 3, channels of any"):
        read_protocol("rgb,depth=32,range=0:1").planes(target)


def test_the_protocol_for_other_pictures():
    rgb, matlab = read_protocol("rgb,crop=2"), read_protocol("matlab_y")
    assert protocol_of(matlab, Form()) is matlab
    grey16 = Form(dtype="uint16", channels=1, range=(0.0, 65535.0))
    assert protocol_of(rgb, grey16).label == "channels,crop=2,depth=16"
    assert protocol_of(rgb, Form(dtype="uint16", channels=3, range=(0.0, 4095.0))).label == (
        "rgb,crop=2,depth=16,range=0:4095"
    )
    assert protocol_of(matlab, Form(dtype="float32", channels=6, range=(0.0, 1.0))).label == (
        "channels,depth=32,range=0:1"
    )
    # noise of 60 levels of 65535: at 16 bits it is measured, at 8 bits there is next to none
    rng = np.random.default_rng(0)
    clean = rng.integers(10000, 50000, (64, 64, 1)).astype(np.uint16)
    noisy = np.rint(clean + rng.normal(0, 60, clean.shape)).astype(np.uint16)
    mse = float(((noisy.astype(float) - clean) ** 2).mean())
    value = measure(protocol_of(rgb, grey16), ["psnr"], noisy, clean)["psnr"].value
    inner = float(((noisy.astype(float) - clean)[2:-2, 2:-2] ** 2).mean())
    assert value == pytest.approx(10 * math.log10(65535**2 / inner))
    eight = [to_8_bits(np.repeat(pixels, 3, 2)) for pixels in (noisy, clean)]
    assert abs(measure(read_protocol("rgb"), ["psnr"], *eight)["psnr"].value - 10 * math.log10(65535**2 / mse)) > 1
