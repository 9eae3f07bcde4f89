"""Any size through any network: padding, tiles that equal the whole, windows."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from img2img.errors import UserError
from img2img.networks import GENERATORS
from img2img.tiles import BLEND, padded, parse_tile, run, spans, whole


class Spy(nn.Module):
    """A network that notes what it is given; by default it gives its input back."""

    def __init__(self, inner: nn.Module | None = None, multiple: int = 1, minimum: int = 1, radius: int | None = 0):
        super().__init__()
        self.inner = inner or nn.Identity()
        self.multiple = getattr(inner, "multiple", multiple)
        self.minimum = getattr(inner, "minimum", minimum)
        self.radius = getattr(inner, "radius", radius)
        self.seen: list[tuple[int, int]] = []

    def forward(self, x: Tensor) -> Tensor:
        self.seen.append((x.shape[2], x.shape[3]))
        return self.inner(x)


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


@given(
    length=st.integers(1, 700), tiles=st.integers(0, 5), margin=st.integers(0, 6), multiple=st.sampled_from([1, 2, 8])
)
@settings(max_examples=150, deadline=None)
def test_spans_overlap_enough_and_are_aligned(length, tiles, margin, multiple):
    margin *= multiple
    side = -(-(2 * (margin + BLEND) + multiple) // multiple) * multiple + tiles * multiple
    made = list(spans(length, side, margin, multiple))
    assert made[0][0] == 0
    assert made[-1][1] == length
    assert all(start % multiple == 0 and 0 < stop - start <= side for start, stop in made)
    for (_, stop), (start, _) in zip(made, made[1:], strict=False):
        assert stop - start >= 2 * margin + BLEND


@given(height=st.integers(1, 200), width=st.integers(1, 200), tile=st.sampled_from([16, 48, 64]))
@settings(max_examples=40, deadline=None)
def test_windows_sum_to_one(height, width, tile):
    x = noise(height, width)
    made = run(Spy(multiple=2, radius=3), x, tile=tile)
    assert torch.allclose(made, x, atol=1e-6)


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


def randomised(name: str, **options) -> nn.Module:
    torch.manual_seed(0)
    network = GENERATORS[name](**options).build(in_channels=3, out_channels=3, size=None)
    for part in network.modules():
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.kaiming_normal_(part.weight, a=0.2)
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_(0, 0.3)
            part.running_var.uniform_(0.5, 2)
    return network.eval()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("residual", {"width": 8}),
        ("residual", {"width": 4, "blocks": 1}),
        ("idcgan", {"width": 8}),
        ("resnet", {"width": 2, "blocks": 1, "norm": "batch"}),
        ("resnet", {"width": 2, "blocks": 1, "norm": "none"}),
    ],
)
@pytest.mark.parametrize(("height", "width"), [(151, 230), (149, 20)])
@torch.no_grad()
def test_tiles_equal_the_whole(name, options, height, width):
    spy = Spy(randomised(name, **options))
    x = noise(height, width)
    tiled, all_at_once = run(spy, x, tile=96), run(spy, x, tile="off")
    assert len(spy.seen) > 2
    difference = (tiled - all_at_once).abs().max().item() * 127.5
    # far within one level of 255; the rest is rounding of sums in another order
    assert difference < 0.02
    assert all_at_once.std() > 0.1


@torch.no_grad()
def test_the_radius_is_what_makes_tiles_equal():
    spy = Spy(randomised("residual", width=8))
    spy.radius = 2
    x = noise(151, 230)
    assert (run(spy, x, tile=64) - run(spy, x, tile="off")).abs().max() > 1 / 255


@pytest.mark.parametrize(("multiple", "minimum", "radius"), [(1, 1, 0), (2, 2, 29), (8, 64, 100), (64, 128, None)])
def test_a_side_too_small_is_enlarged(multiple, minimum, radius):
    spy = Spy(multiple=multiple, minimum=minimum, radius=radius)
    x = noise(1, 2000)
    assert torch.allclose(run(spy, x, tile=16), x, atol=1e-6)
    margin = 128 if radius is None else -(-radius // multiple) * multiple
    widest = max(width for _, width in spy.seen)
    assert widest >= minimum
    assert 2 * (margin + BLEND) + multiple <= widest < 2 * (margin + BLEND) + 2 * multiple + 1
    assert len(spy.seen) > 3


def test_auto_bounds_the_memory():
    spy = Spy(multiple=2, radius=29)
    run(spy, torch.zeros(1, 1, 1200, 1250), tile="auto")
    assert spy.seen == [(1200, 1250)]
    spy.seen.clear()
    run(spy, torch.zeros(1, 1, 1300, 1250), tile="auto")
    assert len(spy.seen) == 4
    assert max(max(shape) for shape in spy.seen) == 768
    spy.seen.clear()
    run(spy, torch.zeros(1, 1, 1300, 1250), tile="off")
    assert spy.seen == [(1300, 1250)]


def test_a_tile_larger_than_the_picture_is_the_whole():
    spy = Spy(multiple=2, radius=4)
    run(spy, noise(60, 61), tile=64)
    assert spy.seen == [(60, 62)]


def test_every_picture_of_a_batch_is_tiled_alike():
    x = torch.cat([noise(90, 100, seed) for seed in range(3)])
    network = randomised("idcgan", width=4)
    with torch.no_grad():
        together = run(network, x, tile=64)
        alone = torch.cat([run(network, x[i : i + 1], tile=64) for i in range(3)])
    assert torch.allclose(together, alone, atol=1e-5)


def test_tiles_are_never_seen_twice():
    spy = Spy(multiple=2, radius=3)
    places = Counter()
    for span in spans(500, 64, 4, 2):
        places[span] += 1
    assert set(places.values()) == {1}
    run(spy, noise(500, 10), tile=64)
    assert len(spy.seen) == len(places)


@pytest.mark.parametrize(("text", "tile"), [("auto", "auto"), ("off", "off"), ("16", 16), ("512", 512)])
def test_parse_tile(text, tile):
    assert parse_tile(text) == tile


@pytest.mark.parametrize("text", ["", "15", "0", "-64", "64.0", "1e3", "whole", "AUTO", "²"])
def test_tiles_that_are_refused(text):
    with pytest.raises(UserError) as caught:
        parse_tile(text)
    assert str(caught.value) == f"--tile {text}: use auto, off, or a side of at least 16 px"
