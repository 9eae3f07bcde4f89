"""Pictures through a generator: holes, tiles, rounding, values that are no numbers."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from translators import IDCGAN, sources, translator, unsettled, weights_file

from conftest import picture, small
from img2img.errors import RunError, UserError
from img2img.flows.paired import Paired
from img2img.images import Picture
from img2img.inference import (
    Translator,
    load,
)
from img2img.inference.generator import finite
from img2img.inference.tiles import whole
from img2img.types import Batch


def test_batch_statistics_are_never_tiled():
    """Tiles would each be normalised by their own statistics: seams."""
    made = unsettled(IDCGAN, norm="batch")
    made.tile = 64
    x = sources(1, 150, 150)
    tiled = made.tensor(x)
    made.tile = "off"
    assert torch.equal(tiled, made.tensor(x))
    running = unsettled(IDCGAN, norm="running")
    running.tile = 64
    assert torch.allclose(running.tensor(x), whole(running.network.eval(), x).detach(), atol=1e-4)


def test_tiles_are_told_as_they_are_done():
    made = translator(IDCGAN)
    told: list[tuple[int, int]] = []
    made.on_tile = lambda done, of: told.append((done, of))
    made.tensor(sources(2))
    assert told == []
    made.tile = 64
    made.tensor(sources(2, 60, 200))
    assert told == [(n, len(told)) for n in range(1, len(told) + 1)]
    assert len(told) > 4


def test_a_hole_is_filled_and_the_rest_is_kept():
    made = unsettled(IDCGAN, norm="running")
    filler = translator(IDCGAN, flow="inpaint")
    filler.network.load_state_dict(made.network.state_dict())
    x = sources(2, 20, 30)
    mask = torch.zeros(2, 1, 20, 30)
    mask[:, :, 5:12, 8:20] = 1
    hole = mask.expand_as(x) > 0
    y = filler.tensor(x, mask)
    assert torch.equal(y[~hole], x[~hole])
    assert torch.allclose(y[hole], made.tensor(x)[hole])
    pixels = picture(0)
    with pytest.raises(UserError, match="a mask is needed"):
        filler.pixels(pixels)
    with pytest.raises(UserError, match="the mask is 8x8, the picture 64x48"):
        filler.picture(Picture(pixels), Picture(np.zeros((8, 8, 1), np.uint8)))
    with pytest.raises(UserError, match="leave the mask out"):
        made.tensor(x, mask)


def test_what_lies_under_the_mask_does_not_show(tmp_path):
    """Training saw holes filled by one colour; what a person wants removed must not be looked at."""
    made = load(weights_file(tmp_path / "w.safetensors", "l2", "inpaint"))
    assert list(made.fill) == small("l2", "inpaint").tree["data"]["hole"]["fill"]
    for part in made.network.modules():
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.kaiming_normal_(part.weight, generator=torch.Generator().manual_seed(0))
    mask = np.zeros((48, 64, 1), np.uint8)
    mask[10:30, 20:40] = 255
    one, other, filled = picture(0).copy(), picture(0).copy(), picture(0).copy()
    other[12:28, 22:38] = 0
    filled[mask[:, :, 0] > 0] = made.fill
    results = [made.picture(Picture(pixels), Picture(mask)).pixels for pixels in (one, other, filled)]
    assert np.array_equal(results[0], results[1])
    assert np.array_equal(results[0], results[2])
    assert not np.array_equal(results[0], one)
    bare = Translator(made.network, made.method, made.shape, device=made.device)
    assert not np.array_equal(*(bare.picture(Picture(p), Picture(mask)).pixels for p in (one, other)))


def test_weights_trained_on_filled_holes_may_be_told_where_they_are(tmp_path):
    """L1 and the like see in-painting as any other pair: no mask is needed, and one says what to fill beforehand."""
    made = load(weights_file(tmp_path / "w.safetensors", "l1", "inpaint", flow="paired"))
    assert (made.needs_mask, made.takes_mask) == (False, True)
    mask = np.zeros((48, 64, 1), np.uint8)
    mask[10:30, 20:40] = 255
    filled = picture(0).copy()
    filled[mask[:, :, 0] > 0] = made.fill
    expected = made.picture(Picture(filled)).pixels
    assert np.array_equal(made.picture(Picture(picture(0)), Picture(mask)).pixels, expected)
    assert np.array_equal(made(picture(0), mask[:, :, 0]), expected)
    assert not load(weights_file(tmp_path / "rain.safetensors", "l1")).takes_mask


def test_a_result_is_a_tensor_like_any_other():
    made = translator({"name": "residual", "width": 4})
    result = made(sources(1))
    result.add_(1)
    layer = nn.Conv2d(3, 1, 1)
    layer(result).mean().backward()
    assert layer.weight.grad is not None


def test_masks_of_a_set_do_not_disturb_methods_that_ignore_them():
    made = unsettled(IDCGAN, norm="running")
    pixels, mask = picture(0), np.full((48, 64, 1), 255, np.uint8)
    assert np.array_equal(made.pixels(pixels, mask), made.pixels(pixels))


def test_pixels_are_the_rounded_result():
    made = unsettled(IDCGAN, norm="running")
    pixels = picture(0)
    values = made.tensor(torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None] / 127.5 - 1)
    expected = np.floor((values[0].permute(1, 2, 0).double().numpy() + 1) * 127.5 + 0.5)
    assert np.abs(made.pixels(pixels) - expected).max() <= 1
    assert (made.pixels(pixels) == expected).mean() > 0.999


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_many_values_that_are_numbers_are_numbers(dtype):
    values = torch.ones(1, 3, 256, 256, dtype=dtype)
    assert finite(values) is values
    for wrong in (float("nan"), float("inf"), -float("inf")):
        values[0, 2, 255, 255] = wrong
        with pytest.raises(RunError, match="no numbers"):
            finite(values)


def test_values_that_are_no_numbers_make_no_picture():
    made = unsettled(IDCGAN, norm="running")
    nn.init.constant_(made.network.last.bias, float("nan"))
    with pytest.raises(RunError, match="no numbers"):
        made.picture(Picture(picture(0)))


@pytest.mark.parametrize("generator", ["residual", "idcgan", "unet", "pan", "resnet"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (700, 7), (33, 47)])
def test_any_size_comes_back_as_it_was(generator, shape):
    made = translator({"name": generator, "width": 4} | ({"blocks": 1} if generator == "resnet" else {}))
    result = made.pixels(picture(0, *shape))
    assert result.shape == (*shape, 3)
    assert np.array_equal(result, made(picture(0, *shape)))


class WithAttention(nn.Module):
    """A network of two outputs: the picture made darker, and where it looked."""

    multiple = minimum = 1
    radius = 0

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x * 0.5 - 0.5, x.new_zeros(len(x), 1, *x.shape[2:])


@dataclass(frozen=True)
class FirstOutput(Paired):
    """A flow that knows what the network's outputs are."""

    def images(self, generators: Mapping[str, nn.Module], batch: Batch) -> dict[str, Tensor]:
        picture, attention = generators["generator"](batch.source)
        return {"fake": picture, "attention": attention}


@pytest.mark.parametrize("tile", ["off", 32])
def test_the_flow_says_which_of_several_outputs_is_the_result(tile):
    made = translator({"name": "residual", "width": 4})
    made.network, made.flow, made.tile = WithAttention(), FirstOutput(), tile
    x = sources(2, 60, 90)
    assert torch.allclose(made.tensor(x), x * 0.5 - 0.5, atol=1e-6)
    levels = picture(0)
    assert np.abs(made.pixels(levels).astype(float) - levels / 2).max() <= 1


def test_cycles_translate_by_the_one_generator_that_does():
    made = translator(IDCGAN, flow="cycle")
    assert made.flow.networks == ("to_target", "to_source")
    x = sources(1)
    with torch.no_grad():
        expected = copy.deepcopy(made.network).eval()(x)
    assert torch.allclose(made.tensor(x), expected, atol=1e-6)
