"""Protocols: read by name, exact conversions, and every word of a protocol acts."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from photos import Pixels, batch, pair
from PIL import Image

from conftest import picture
from img2img.errors import UserError
from img2img.metrics import METRICS, PROTOCOLS, Protocol, measure, read_protocol
from img2img.metrics.protocols import COLOURS, GRAY
from img2img.metrics.psnr import psnr
from img2img.metrics.ssim import ssim, ssim_auto

ALL = tuple(METRICS)
CHEAP = ("psnr", "ssim", "uqi", "vifp", "mae")
quick = settings(deadline=None, max_examples=20)
COLOUR = st.tuples(*[st.integers(0, 255)] * 3)


def noisy(seed: int, height: int = 48, width: int = 64) -> tuple[Pixels, Pixels]:
    target = picture(seed, height, width)
    noise = np.random.default_rng(seed).normal(0, 12, target.shape)
    return np.clip(np.rint(target + noise), 0, 255).astype(np.uint8), target


def one(text: str, metric: str, result: Pixels, target: Pixels) -> float:
    return measure(read_protocol(text), [metric], result, target)[metric].value


def plane(name: str, colours: object, dtype: type = np.uint8) -> list[float]:
    """Samples of a row of colours under a protocol."""
    made = read_protocol(name).planes(np.array(colours, dtype)[None])
    assert made.shape[:3] == (1, 1, 1)
    return made[0, 0, 0].tolist()


# --- colours


def exact(colour: tuple[int, ...], weights: tuple[object, ...], offset: int = 0) -> Fraction:
    return offset + sum((Fraction(weight) * level for weight, level in zip(weights, colour, strict=True)), Fraction(0))


def half_up(value: Fraction) -> int:
    return math.floor(value + Fraction(1, 2))


LIMITED = tuple(Fraction(text) / 255 for text in ("65.481", "128.553", "24.966"))
FULL = tuple(Fraction(text) for text in ("0.299", "0.587", "0.114"))


@given(colours=st.lists(COLOUR, min_size=1, max_size=30))
@example(colours=[(93, 239, 4)])
@quick
def test_conversions_are_exact(colours):
    assert plane("gray", colours) == [half_up(exact(colour, GRAY)) for colour in colours]
    assert plane("y_uint8", colours) == [half_up(exact(colour, LIMITED, 16)) for colour in colours]
    for name, weights, offset in (("y", LIMITED, 16), ("y_full", FULL, 0)):
        for made, colour in zip(plane(name, colours), colours, strict=True):
            wanted = float(exact(colour, weights, offset))
            assert abs(made - wanted) <= math.ulp(wanted), (name, colour)
    rgb = read_protocol("rgb").planes(np.array(colours, np.uint8)[None])
    assert rgb.dtype == torch.uint8
    assert rgb[0, :, 0].T.tolist() == [list(colour) for colour in colours]


@given(levels=st.lists(st.tuples(*[st.integers(0, 65535)] * 3), min_size=1, max_size=30))
@quick
def test_conversions_of_16_bits_stay_on_the_scale_to_255(levels):
    for name, weights, offset in (("y,depth=16", LIMITED, 16), ("y_full,depth=16", FULL, 0)):
        for made, colour in zip(plane(name, levels, np.uint16), levels, strict=True):
            wanted = float(exact(colour, tuple(weight / 257 for weight in weights), offset))
            assert made == pytest.approx(wanted, rel=1e-15)


def test_every_tie_of_y_is_rounded_up():
    # 65481 R + 128553 G + 24966 B + 4080000 is the 255000-fold of Y: ties lie half way between two multiples
    red, green, blue = (np.arange(256, dtype=np.int64) * weight for weight in (65481, 128553, 24966))
    ties = []
    for level, part in enumerate(red):
        total = part + green[:, None] + blue[None] + 4_080_000
        ties += [(level, *at) for at in np.argwhere(total % 255_000 == 127_500).tolist()]
    assert len(ties) == 194
    assert plane("y_uint8", ties) == [half_up(exact(colour, LIMITED, 16)) for colour in ties]
    assert plane("y_uint8", [(146, 124, 97), (220, 208, 216)]) == [126, 199]


@pytest.mark.parametrize("name", COLOURS)
def test_ends_and_greys(name):
    black, white = plane(name, [(0, 0, 0), (255, 255, 255)]) if name not in ("rgb", "channels") else (0, 255)
    assert (black, white) == ((16, 235) if name in ("y", "y_uint8") else (0, 255))
    # nothing that leaves [0, 255] by rounding
    for level in (np.full((20, 20, 3), 255, np.uint8), np.zeros((20, 20, 3), np.uint8)):
        assert math.isinf(one(name, "psnr", level, level))
    if name in ("gray", "rgb"):
        greys = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, 2)
        assert torch.equal(read_protocol(name).planes(greys)[0, 0, 0].double(), torch.arange(256).double())


@pytest.mark.parametrize(
    ("name", "pair_of"),
    [("y", ((252, 0, 235), (0, 174, 0))), ("y_full", ((254, 0, 0), (0, 122, 38)))],
)
def test_colours_of_the_same_luma_are_the_same(name, pair_of):
    # exactly equal as fractions: what is flat must be so in doubles too, or UQI's rule for flat blocks is missed
    weights, offset = (LIMITED, 16) if name == "y" else (FULL, 0)
    assert exact(pair_of[0], weights, offset) == exact(pair_of[1], weights, offset)
    luma = plane(name, pair_of)
    assert luma[0] == luma[1]
    board = np.array(pair_of, np.uint8)[np.add.outer(np.arange(16), np.arange(16)) % 2]
    assert math.isinf(one(name, "psnr", board, board[:, ::-1]))
    grey = np.full_like(board, 120)
    (level,) = plane(name, [(120, 120, 120)])
    assert one(name, "uqi", grey, board) == pytest.approx(2 * luma[0] * level / (luma[0] ** 2 + level**2), rel=1e-12)


def test_a_conversion_of_all_colours_of_a_photo_is_the_slow_one():
    result, _ = pair("p16")
    for name, weights, offset in (("y_uint8", LIMITED, 16), ("gray", GRAY, 0)):
        made = read_protocol(name).planes(result)[0, 0]
        wanted = [[half_up(exact(tuple(map(int, colour)), weights, offset)) for colour in row] for row in result]
        assert made.tolist() == wanted


# --- reading


def test_presets_are_complete():
    assert {"rgb", "gray", "y", "y_uint8", "y_full", "matlab_y", "prenet_y", "derain_rgb", "basicsr_y"} <= set(
        PROTOCOLS
    )
    for name, protocol in PROTOCOLS.items():
        assert protocol.name == name
        assert protocol.source
        assert protocol.label == name
        assert read_protocol(name) == protocol
    assert all(PROTOCOLS[name].open for name in ("matlab_y", "prenet_y", "derain_rgb", "basicsr_y", "rgb_256"))


def test_changes_are_read():
    base = PROTOCOLS["rgb"]
    assert read_protocol("rgb,crop=4") == replace(base, crop=4)
    assert read_protocol(" rgb , resize=256x128 ") == replace(base, resize=(256, 128))
    assert read_protocol("rgb,psnr=channels,crop=2") == replace(base, psnr="channels", crop=2)
    assert read_protocol("rgb,depth=16") == replace(base, depth=16)
    assert read_protocol("rgb_256,resize=none") == replace(PROTOCOLS["rgb_256"], resize=None)
    assert read_protocol("basicsr_y,crop=4").source == PROTOCOLS["basicsr_y"].source


@given(
    name=st.sampled_from(sorted(PROTOCOLS)),
    crop=st.integers(0, 9),
    size=st.none() | st.tuples(st.integers(1, 999), st.integers(1, 999)),
    psnr=st.sampled_from(["samples", "channels"]),
    depth=st.sampled_from([8, 16]),
)
@settings(deadline=None, max_examples=60)
def test_labels_are_read_back(name, crop, size, psnr, depth):
    changes = {"crop": crop, "resize": size, "psnr": psnr, "depth": depth}
    try:
        protocol = replace(PROTOCOLS[name], **changes)
    except UserError:
        assert depth == 16
        return
    assert read_protocol(protocol.label) == protocol
    # only what was changed is said
    assert protocol.label.count(",") == sum(changes[key] != getattr(PROTOCOLS[name], key) for key in changes)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("matlaby", "--protocol: unknown protocol 'matlaby'; did you mean 'matlab_y'?"),
        ("", "--protocol: unknown protocol ''"),
        ("crop=4", "--protocol: unknown protocol 'crop=4'"),
        ("rgb,corp=4", "--protocol rgb,corp=4: unknown key 'corp'; did you mean 'crop'?"),
        ("rgb,", "--protocol rgb,: unknown key ''"),
        ("rgb,colour=y", "--protocol rgb,colour=y: unknown key 'colour'"),
        (
            "rgb,crop=four",
            "--protocol rgb,crop=four: crop=four cannot be read (such as crop=4, resize=256x256, range=",
        ),
        ("rgb,crop", "crop cannot be read"),
        ("rgb,crop=-1", "protocol rgb: crop=-1 must be at least 0"),
        ("rgb,resize=256", "resize=256 cannot be read"),
        ("rgb,resize=2x3x4", "resize=2x3x4 cannot be read"),
        ("rgb,resize=0x4", "protocol rgb: resize must be WIDTHxHEIGHT of at least 1x1"),
        ("rgb,psnr=mean", "psnr=mean must be one of psnr=samples psnr=channels"),
        ("rgb,depth=10", "depth=10 must be one of depth=8 depth=16"),
        ("gray,depth=16", "protocol gray: rounds to 8 bits, so that depth=16 has no meaning; use rgb, y, y_full"),
        ("matlab_y,depth=16", "rounds to 8 bits"),
        ("rgb,depth=16,resize=9x9", "rounds to 8 bits"),
    ],
)
def test_what_cannot_be_read_says_so(text, message):
    with pytest.raises(UserError) as caught:
        read_protocol(text)
    assert message in str(caught.value)


# --- what the words do


def test_crop_leaves_out_the_border():
    result, target = noisy(0)
    for metric in CHEAP:
        assert one("rgb,crop=5", metric, result, target) == one("rgb", metric, result[5:-5, 5:-5], target[5:-5, 5:-5])
    for text, size in (("rgb,crop=24", "64x48"), ("y,crop=30", "64x48")):
        with pytest.raises(UserError, match=f"is {size}: nothing is left of it by {text.split(',')[1]}"):
            measure(read_protocol(text), ["psnr"], result, target)
    assert math.isfinite(one("rgb,crop=23", "psnr", result, target))


def test_resize_is_pillows_bicubic_before_the_crop():
    result, target = noisy(1)
    small = [np.asarray(Image.fromarray(x).resize((40, 30), Image.Resampling.BICUBIC)) for x in (result, target)]
    for metric in CHEAP:
        assert one("rgb,resize=40x30", metric, result, target) == one("rgb", metric, *small)
    assert one("y,resize=40x30,crop=3", "psnr", result, target) == one("y,crop=3", "psnr", *small)
    assert read_protocol("rgb_256").planes(target).shape == (1, 3, 256, 256)
    # no change of size changes nothing
    assert torch.equal(read_protocol("rgb,resize=64x48").planes(target), read_protocol("rgb").planes(target))


def test_psnr_of_all_samples_and_of_channels():
    result, target = noisy(2)
    result[..., 0] = target[..., 0] // 2
    errors = ((result.astype(float) - target) ** 2).mean((0, 1))
    assert one("rgb", "psnr", result, target) == pytest.approx(10 * math.log10(255**2 / errors.mean()), rel=1e-14)
    wanted = np.mean(10 * np.log10(255**2 / errors))
    assert one("rgb,psnr=channels", "psnr", result, target) == pytest.approx(wanted, rel=1e-14)
    # of one plane there is one PSNR, and the other measures know no difference
    assert one("y,psnr=channels", "psnr", result, target) == one("y", "psnr", result, target)
    assert one("rgb,psnr=channels", "ssim", result, target) == one("rgb", "ssim", result, target)


def test_16_bits_are_8_bits_times_257():
    result, target = noisy(3)
    deep = [x.astype(np.uint16) * 257 for x in (result, target)]
    for name in ("rgb", "y", "y_full"):
        for metric in CHEAP:
            made = one(f"{name},depth=16", metric, *deep)
            assert made == pytest.approx(one(name, metric, result, target), rel=0, abs=1e-10)
    # and half a level of 8 bits counts as that
    half = np.full((20, 20, 3), 128, np.uint16)
    assert one("rgb,depth=16", "mae", half, half * 0) == pytest.approx(128 / 257, rel=1e-14)
    assert one("rgb,depth=16", "mae", half * 0 + 65535, half * 0) == 255


def test_depth_is_never_guessed():
    result, target = noisy(4)
    deep = [x.astype(np.uint16) for x in (result, target)]
    with pytest.raises(UserError, match="has 16 bits a sample; protocol rgb is of 8"):
        measure(PROTOCOLS["rgb"], ["psnr"], *deep)
    with pytest.raises(UserError, match="has 8 bits a sample; protocol y,depth=16 is of 16"):
        measure(read_protocol("y,depth=16"), ["psnr"], result, target)


def test_a_dark_picture_is_not_taken_for_one_on_0_to_1():
    dark = np.zeros((20, 20, 3), np.uint8)
    # an error of 1 is one level of 255, whatever the largest value at hand
    assert one("rgb", "psnr", dark + 1, dark) == pytest.approx(20 * math.log10(255), rel=1e-14)


def test_ssim_means_what_the_protocol_says():
    result, target = noisy(5, 390, 400)
    prenet = PROTOCOLS["prenet_y"]
    assert prenet.names(["psnr", "ssim"]) == ("psnr", "ssim_auto")
    assert prenet.names(["ssim_auto", "ssim", "psnr", "psnr"]) == ("ssim_auto", "psnr")
    assert PROTOCOLS["y"].names(["psnr", "ssim", "ssim"]) == ("psnr", "ssim")
    assert PROTOCOLS["y"].names(["ssim_auto"]) == ("ssim_auto",)
    made = measure(prenet, ["psnr", "ssim"], result, target)
    x, y = (PROTOCOLS["y"].planes(pixels) for pixels in (result, target))
    assert list(made) == ["psnr", "ssim_auto"]
    assert made["ssim_auto"].value == float(ssim_auto(x, y, data_range=255))
    assert made["ssim_auto"].value != pytest.approx(float(ssim(x, y, data_range=255)), rel=0, abs=1e-3)


def test_result_and_target_are_not_exchanged():
    result, target = noisy(6)
    x, y = batch(result), batch(target)
    assert one("rgb", "vifp", result, target) == float(METRICS["vifp"].measure(x, y, data_range=255))
    assert one("rgb", "vifp", result, target) != pytest.approx(one("rgb", "vifp", target, result), rel=1e-4)
    assert one("rgb", "psnr", result, target) == float(psnr(x, y, data_range=255))


# --- what is said


def test_the_line_says_all_that_decides_the_numbers():
    assert PROTOCOLS["rgb"].line(["psnr", "ssim", "uqi", "vifp", "vif", "mae"]) == (
        "rgb: RGB, 8 bit, data range 255, no resizing, no crop; PSNR of one MSE over all samples; "
        "SSIM 11x11 Gaussian sigma 1.5, no downsampling; UQI 8x8 blocks; VIFp pixel domain, 4 scales; "
        "VIF steerable pyramid; MAE on 0 to 255; SSIM, UQI, VIFp, VIF as the mean of channels"
    )
    line = read_protocol("prenet_y,crop=4,resize=300x200").line(["psnr", "ssim"])
    assert line == (
        "prenet_y,crop=4,resize=300x200: Y of BT.601, 16 to 235, not rounded, 8 bit, data range 255, "
        "resized to 300x200 (bicubic), 4 px cropped at each side; PSNR; "
        "SSIM 11x11 Gaussian sigma 1.5 after ssim.m's automatic downsampling"
    )
    assert (
        read_protocol("rgb,psnr=channels").line(["psnr", "mae"]).endswith("; PSNR, mean of channels; MAE on 0 to 255")
    )
    assert "rounded to 8 bits" in PROTOCOLS["matlab_y"].line(["psnr"])
    assert "rounded to 8 bits" in PROTOCOLS["gray"].line(["psnr"])
    assert "not rounded" in PROTOCOLS["y_full"].line(["psnr"])
    assert "16 bit, data range 65535" in read_protocol("rgb,depth=16").line(["psnr"])
    # different protocols never say the same
    lines = {
        protocol.line(ALL).partition(": ")[2] for protocol in PROTOCOLS.values() if not protocol.name.endswith("_y")
    }
    assert len(lines) == sum(not name.endswith("_y") for name in PROTOCOLS) - 1, "derain_rgb is rgb, by another name"


def test_reasons_of_what_is_infinite_or_undefined():
    result, target = noisy(7)
    made = measure(PROTOCOLS["rgb"], ALL, target, target)
    assert made["psnr"] == (math.inf, "identical")
    assert not any(made[name].reason for name in ("ssim", "uqi", "vifp", "mae"))

    flat = target.copy()
    flat[..., 1] = 77
    value, reason = measure(PROTOCOLS["rgb"], ["vifp"], result, flat)["vifp"]
    assert math.isnan(value)
    assert reason == "vifp is undefined: the target is constant (in a channel), it holds no information"
    # grey of it is not flat
    assert measure(PROTOCOLS["gray"], ["vifp"], result, flat)["vifp"].reason == ""

    small = measure(PROTOCOLS["y"], CHEAP, result[:10], target[:10])
    assert math.isnan(small["ssim"].value)
    assert small["ssim"].reason == "ssim needs sides of at least 11 px (the 11x11 window); these are 64x10"
    assert small["vifp"].reason.startswith("vifp needs sides of at least 17 px")
    assert all(math.isfinite(small[name].value) and not small[name].reason for name in ("psnr", "uqi", "mae"))


def test_one_identical_channel_is_not_called_an_identical_picture():
    result, target = noisy(8)
    result[..., 2] = target[..., 2]
    value, reason = measure(read_protocol("rgb,psnr=channels"), ["psnr"], result, target)["psnr"]
    assert math.isinf(value)
    assert "channel" in reason


def test_sizes_that_differ():
    result, target = noisy(9)
    with pytest.raises(UserError, match="sizes differ: result 64x47, target 64x48"):
        measure(PROTOCOLS["rgb"], ["psnr"], result[:47], target)
    # even where a protocol would make them the same
    with pytest.raises(UserError, match="sizes differ"):
        measure(PROTOCOLS["rgb_256"], ["psnr"], result[:, :60], target)


def test_pictures_are_left_as_they_were_and_the_device_is_taken():
    result, target = noisy(10)
    kept = result.copy(), target.copy()
    made = measure(PROTOCOLS["y"], CHEAP, result, target, torch.device("cpu"))
    assert np.array_equal(result, kept[0])
    assert np.array_equal(target, kept[1])
    assert made == measure(PROTOCOLS["y"], CHEAP, result, target)


def test_a_protocol_is_frozen():
    with pytest.raises(AttributeError):
        PROTOCOLS["rgb"].crop = 3  # type: ignore[misc]
    assert Protocol(name="rgb", colour="rgb") != Protocol(name="rgb", colour="rgb", crop=1)


def test_only_pictures_as_they_lie_on_disk_are_measured():
    for kind in (np.float64, np.float16, np.int16):
        with pytest.raises(UserError, match="uint8, uint16 or float32"):
            PROTOCOLS["rgb"].planes(np.zeros((8, 8, 3), kind))
    with pytest.raises(UserError, match="protocol rgb is of 8, add depth=32,range=LOWEST:HIGHEST"):
        PROTOCOLS["rgb"].planes(np.zeros((8, 8, 3), np.float32))


def test_a_key_given_twice_is_refused():
    with pytest.raises(UserError, match="crop is given twice"):
        read_protocol("rgb,crop=4,crop=5")
