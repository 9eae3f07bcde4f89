"""Any size through any network: padding, tiles that equal the whole, blending, tiles by memory."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from spies import Spy, randomised
from torch import Tensor, nn

from img2img.errors import UserError
from img2img.inference.tiles import (
    BLEND,
    WIDE_BLEND,
    WIDE_MARGIN,
    Tiling,
    lay_out,
    padded,
    parse_tile,
    stream,
    whole,
)
from img2img.networks import GENERATORS


def noise(height: int, width: int, seed: int = 0) -> Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@pytest.mark.parametrize("height", [2, 3, 5, 16, 17])
@pytest.mark.parametrize("width", [2, 7, 64])
@pytest.mark.parametrize(("multiple", "minimum"), [(1, 1), (8, 8), (16, 32), (4, 50)])
def test_padding_mirrors(height, width, multiple, minimum):
    x = noise(height, width)
    made = padded(x, multiple, minimum)
    down, right = made.shape[2] - height, made.shape[3] - width
    for side, before in zip(made.shape[2:], (height, width), strict=True):
        assert side % multiple == 0
        assert side >= max(minimum, before)
        assert side < max(minimum, before) + multiple
    expected = np.pad(x.numpy(), ((0, 0), (0, 0), (0, down), (0, right)), mode="reflect")
    assert np.array_equal(made.numpy(), expected)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 5), (6, 1)])
def test_a_side_of_one_pixel_is_repeated(height, width):
    x = noise(height, width)
    made = padded(x, 8, 16)
    expected = x.numpy()
    for axis, side in ((2, height), (3, width)):
        widths = [(0, 0)] * 4
        widths[axis] = (0, 16 - side)
        expected = np.pad(expected, widths, mode="edge" if side == 1 else "reflect")
    assert np.array_equal(made.numpy(), expected)


def test_whole_crops_back():
    spy = Spy(multiple=16, minimum=32)
    x = noise(33, 5)
    assert torch.equal(whole(spy, x), x)
    assert spy.seen == [(48, 32)]


def run(network: nn.Module, x: Tensor, **how) -> Tensor:
    """All of ``x`` through the network by its plan; each pixel must be finished exactly once."""
    made = torch.full_like(x, torch.nan)

    def put(top: int, left: int, part: Tensor) -> None:
        place = made[..., top : top + part.shape[2], left : left + part.shape[3]]
        assert place.shape == part.shape
        assert place.isnan().all(), "finished twice"
        place.copy_(part)

    cut = lay_out(network, *x.shape[2:], **how)
    stream(network, cut, lambda top, bottom, left, right: x[..., top:bottom, left:right], put)
    assert not made.isnan().any(), "never finished"
    return made


def sides(cut: Tiling) -> list[tuple[int, int]]:
    return [(row.stop - row.start, column.stop - column.start) for row in cut.rows for column in cut.columns]


# plans

NETWORKS = st.tuples(st.sampled_from([1, 2, 3, 7, 8, 64]), st.integers(0, 3), st.sampled_from([0, 1, 12, 29, None]))


@given(
    height=st.integers(1, 900), width=st.integers(1, 900), network=NETWORKS, limit=st.integers(1, 900_000),
    tile=st.sampled_from(["auto", "auto", 16, 100, 512]),
)  # fmt: skip
@settings(max_examples=200, deadline=None)
def test_plans(height, width, network, limit, tile):
    multiple, least, radius = network
    spy = Spy(multiple=multiple, minimum=max(1, least * multiple), radius=radius)
    margin, blend = (WIDE_MARGIN, WIDE_BLEND) if radius is None else (radius, BLEND)
    cut = lay_out(spy, height, width, tile=tile, limit=limit)
    smallest = lay_out(spy, height, width, tile="auto", limit=1)
    if tile == "auto":
        assert cut.pixels <= max(limit, smallest.pixels)
        if cut.tiles > 1:
            assert lay_out(spy, height, width, tile="off").pixels > limit
            computed = cut.tiles * cut.pixels
            assert computed <= smallest.tiles * smallest.pixels
    for spans, length in ((cut.rows, height), (cut.columns, width)):
        assert (spans[0].start, spans[0].first) == (0, 0)
        assert (spans[-1].stop, spans[-1].last) == (length, length)
        for span in spans:
            assert span.start % multiple == 0
            assert span.stop - span.start >= 1
        for one, two in zip(spans, spans[1:], strict=False):
            assert one.stop - one.last == two.first - two.start == margin, "what a cut spoils is discarded"
            assert one.tail == two.head == one.last - two.first >= blend
        for one, two in zip(spans, spans[2:], strict=False):
            assert one.last <= two.first, "no pixel belongs to three tiles"
    padded_sides = [_padded(spy, *side) for side in sides(cut)]
    assert max(h * w for h, w in padded_sides) <= cut.pixels
    if tile not in ("auto", "off"):
        assert max(h for h, _ in padded_sides) <= max(tile + multiple, *smallest_sides(spy, height, width))


def _padded(spy: Spy, height: int, width: int) -> tuple[int, ...]:
    return tuple(-(-max(side, spy.minimum) // spy.multiple) * spy.multiple for side in (height, width))


def smallest_sides(spy: Spy, height: int, width: int) -> tuple[int, int]:
    cut = lay_out(spy, height, width, tile="auto", limit=1)
    return _padded(spy, max(h for h, _ in sides(cut)), max(w for _, w in sides(cut)))


@given(
    height=st.integers(1, 260), width=st.integers(1, 260), network=NETWORKS, limit=st.integers(1, 40_000),
    tile=st.sampled_from(["auto", 16, 48]),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_blending_gives_a_picture_back(height, width, network, limit, tile):
    multiple, least, radius = network
    spy = Spy(multiple=multiple, minimum=max(1, least * multiple), radius=radius)
    x = noise(height, width)
    assert torch.allclose(run(spy, x, tile=tile, limit=limit), x, atol=1e-6)


def test_more_memory_is_made_use_of():
    """The largest tile that fits: each step up computes less in all, and the last is the whole picture."""
    spy = Spy(multiple=64, minimum=128, radius=None)
    plans = [lay_out(spy, 4000, 6000, limit=limit) for limit in (300_000, 600_000, 1_200_000, 5_000_000, 30_000_000)]
    computed = [cut.tiles * cut.pixels for cut in plans]
    assert computed == sorted(computed, reverse=True)
    assert len(set(computed)) == len(computed)
    assert plans[-1].tiles == 1
    assert all(cut.pixels > 0.7 * limit for cut, limit in zip(plans[:-1], (3e5, 6e5, 12e5, 5e6), strict=True))


@pytest.mark.parametrize(("height", "width"), [(1, 10**8), (10**8, 1), (10**4, 10**4), (65535, 2000)])
def test_plans_of_the_largest_pictures_take_no_time(height, width):
    for multiple, radius in ((2, 29), (64, None)):
        cut = lay_out(Spy(multiple=multiple, minimum=2 * multiple, radius=radius), height, width, limit=2_000_000)
        assert cut.pixels <= 2_000_000
        assert cut.tiles < 10_000


def test_tiles_of_a_side():
    spy = Spy(multiple=2, radius=4)
    assert lay_out(spy, 60, 61, tile=64).tiles == 1
    assert sides(lay_out(spy, 300, 10, tile=64)) == [(64, 10)] * 5 + [(300 - 5 * (64 - 16), 10)]
    assert lay_out(spy, 1300, 1250, tile="off").tiles == 1
    assert lay_out(spy, 1300, 1250, tile="auto").tiles == 1, "no limit"


@pytest.mark.parametrize(("multiple", "minimum", "radius"), [(1, 1, 0), (2, 2, 29), (8, 64, 100), (64, 128, None)])
def test_a_side_too_small_is_enlarged(multiple, minimum, radius):
    spy = Spy(multiple=multiple, minimum=minimum, radius=radius)
    x = noise(1, 2000)
    assert torch.allclose(run(spy, x, tile=16), x, atol=1e-6)
    least = 2 * (WIDE_MARGIN + WIDE_BLEND if radius is None else radius + BLEND)
    widest = max(width for _, width in spy.seen)
    assert max(minimum, least) <= widest < max(minimum, least) + 2 * multiple + 1
    assert len(spy.seen) > 3


# tiles and the whole


def test_only_pixels_whose_field_lies_within_their_tile_count():
    """A network that spoils all within its radius of a border of its tile must not be seen, but at true borders."""

    class Spoils(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            y = torch.ones_like(x)
            y[..., 6:-6, 6:-6] = 0
            return y

    spy = Spy(Spoils())
    spy.radius = 6
    made = run(spy, noise(150, 170), tile=64)
    assert len(spy.seen) > 4
    assert not made[..., 6:-6, 6:-6].any()
    assert (made[..., :6, :] == 1).all()


def test_neighbours_are_blended_linearly():
    """Tiles that disagree meet in a ramp, not in a step."""

    class Counts(nn.Module):
        calls = 0

        def forward(self, x: Tensor) -> Tensor:
            self.calls += 1
            return torch.full_like(x, float(self.calls))

    made = run(Spy(Counts(), radius=3), noise(10, 70), tile=64)[0, 0, 0]
    steps = made[1:] - made[:-1]
    assert made[0] == 1
    assert made[-1] == 2
    ramp = steps[steps > 0]
    assert len(ramp) == BLEND + 1
    assert torch.allclose(ramp, torch.full_like(ramp, 1 / (BLEND + 1)))


# every family in the register but those that make pictures from noise; tiles equal the whole, or say that they do not
FAMILIES = {
    "residual": [{"width": 8}, {"width": 4, "blocks": 1}],
    "restorer": [{"width": 8, "blocks": (1, 1)}, {"width": 8, "blocks": (1, 1), "gate": False}],
    "spade": [{"width": 2, "hidden": 4}],
    "idcgan": [{"width": 8}, {"width": 8, "skip": "before"}],
    "resnet": [{"width": 2, "blocks": 1, "norm": "batch"}, {"width": 2, "blocks": 1, "norm": "none"},
               {"width": 2, "blocks": 1}],
    "unet": [{"width": 4, "downs": 8}, {"width": 4, "downs": 5, "norm": "instance"}],
    "pan": [{"width": 4}, {"width": 4, "form": "8+8"}],
}  # fmt: skip
NO_PICTURES = {"dcgan", "mlp", "projection", "sn_resnet"}
# a part of a picture means nothing to them: see test_what_sees_pictures_whole_is_never_tiled
WHOLE_ONLY = {"context_encoder"}
CASES = [(name, options) for name, choices in FAMILIES.items() for options in choices]


def test_every_family_is_here():
    assert set(FAMILIES) | NO_PICTURES | WHOLE_ONLY == set(GENERATORS)


@pytest.mark.parametrize(("name", "options"), CASES)
@torch.no_grad()
def test_tiles_equal_the_whole_or_the_network_says_that_they_do_not(name, options):
    spy = Spy(randomised(name, **options))
    whole_field = spy.radius is None
    height, width = (330, 1100) if whole_field else (151, 230)
    x = noise(height, width)
    all_at_once = run(spy, x, tile="off")
    assert all_at_once.std() > 0.1
    spy.seen.clear()
    tiled = run(spy, x, tile=512 if whole_field else 96)
    assert len(spy.seen) > (1 if whole_field else 3)
    difference = (tiled - all_at_once).abs().max().item() * 127.5
    if whole_field:
        assert difference > 0.1
    else:
        # far within one level of 255; the rest is rounding of sums in another order
        assert difference < 0.02


@pytest.mark.parametrize(("name", "options"), [case for case in CASES if case[0] in ("residual", "idcgan", "resnet")])
@torch.no_grad()
def test_narrow_pictures_in_tiles(name, options):
    spy = Spy(randomised(name, **options))
    if spy.radius is None:
        return
    for height, width in ((1, 400), (400, 1), (7, 500), (149, 20)):
        x = noise(height, width)
        spy.seen.clear()
        tiled = run(spy, x, tile=64)
        assert len(spy.seen) > 1
        assert (tiled - run(spy, x, tile="off")).abs().max() * 127.5 < 0.02


@torch.no_grad()
def test_the_radius_is_what_makes_tiles_equal():
    spy = Spy(randomised("residual", width=8))
    spy.radius = 2
    x = noise(151, 230)
    assert (run(spy, x, tile=64) - run(spy, x, tile="off")).abs().max() > 1 / 255


@torch.no_grad()
def test_every_picture_of_a_batch_is_tiled_alike():
    x = torch.cat([noise(90, 100, seed) for seed in range(3)])
    network = randomised("idcgan", width=4)
    together = run(network, x, tile=64)
    alone = torch.cat([run(network, x[i : i + 1], tile=64) for i in range(3)])
    assert torch.allclose(together, alone, atol=1e-5)


@pytest.mark.parametrize(("text", "tile"), [("auto", "auto"), ("off", "off"), ("16", 16), ("512", 512)])
def test_parse_tile(text, tile):
    assert parse_tile(text) == tile


@pytest.mark.parametrize("text", ["", "15", "0", "-64", "64.0", "1e3", "whole", "AUTO", "²"])
def test_tiles_that_are_refused(text):
    with pytest.raises(UserError) as caught:
        parse_tile(text)
    assert str(caught.value) == f"--tile {text}: use auto, off, or a side of at least 16 px"
