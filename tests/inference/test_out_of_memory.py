"""Memory that runs out in spite of the budget: fewer pixels a forward, said once, and not for ever."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from translators import sources, translator

from img2img.inference.tiles import lay_out

RESIDUAL = {"name": "residual", "width": 4, "blocks": 1}
OVER = "CUDA out of memory. Tried to allocate 2.00 GiB"


class Card(nn.Module):
    """A network on a card that holds ``most`` pixels; it notes the pixels of each forward."""

    def __init__(self, inner: nn.Module, most: int, error: Exception | None = None) -> None:
        super().__init__()
        self.inner, self.most = inner, most
        self.error = error or torch.OutOfMemoryError(OVER)
        self.multiple, self.minimum, self.radius = inner.multiple, inner.minimum, inner.radius
        self.seen: list[int] = []

    def forward(self, x: Tensor) -> Tensor:
        pixels = x.shape[0] * x.shape[2] * x.shape[3]
        self.seen.append(pixels)
        if pixels > self.most:
            raise self.error
        return self.inner(x)


def on_card(most: int, error: Exception | None = None, **method: object):
    """A translator on a card, and the same without; weights that do something."""
    made, plain = (translator(RESIDUAL, **method) for _ in range(2))
    for one in (made, plain):
        for part in one.network.modules():
            if isinstance(part, nn.Conv2d):
                nn.init.kaiming_normal_(part.weight, generator=torch.Generator().manual_seed(0))
    made.network = Card(made.network, most, error)
    return made, plain


@pytest.mark.parametrize("error", [None, MemoryError(), RuntimeError("not enough memory: you tried to allocate 9")])
def test_a_picture_that_does_not_fit_is_taken_in_smaller_tiles(error, capsys):
    made, plain = on_card(20_000, error)
    x = sources(1, 200, 260)
    whole = plain.tensor(x)
    assert torch.allclose(made.tensor(x), whole, atol=1e-5)
    assert made.tiled == 1
    over = [pixels for pixels in made.network.seen if pixels > made.network.most]
    # 52,000 and at most 26,000; then it fits
    assert len(over) == 2
    assert capsys.readouterr().err.count("memory ran out: going on in smaller parts") == 1
    # what has been learned holds for the next picture, and is not said again
    made.network.seen.clear()
    assert torch.allclose(made.tensor(x), whole, atol=1e-5)
    assert max(made.network.seen) <= made.network.most
    assert capsys.readouterr().err == ""


def test_pictures_that_do_not_fit_together_go_in_smaller_groups():
    made, plain = on_card(5_000)
    x = sources(4, 40, 50)
    assert torch.allclose(made.tensor(x), plain.tensor(x), atol=1e-5)
    # whole pictures still, two at once
    assert made.tiled == 0
    assert made.network.seen[-2:] == [4_000, 4_000]


def test_after_three_halvings_it_is_given_up():
    made, _ = on_card(3_000)
    side = 400
    assert lay_out(made.network, side, side, limit=1).pixels < side * side / 16
    with pytest.raises(torch.OutOfMemoryError, match="Tried to allocate"):
        made.tensor(sources(1, side, side))
    # the first is of the count of memory
    tried = [pixels for pixels in made.network.seen if pixels > made.network.most and pixels != 64 * 64]
    assert len(tried) == 4
    assert all(later <= earlier / 2 for earlier, later in zip(tried, tried[1:], strict=False))


def test_the_smallest_tile_is_tried_once():
    made, _ = on_card(1)
    with pytest.raises(torch.OutOfMemoryError):
        made.tensor(sources(1, 20, 20))
    assert made.network.seen == [400]


@pytest.mark.parametrize("tile", ["off", 128])
def test_tiles_that_were_asked_for_stay(tile):
    made, _ = on_card(3_000)
    made.tile = tile
    with pytest.raises(torch.OutOfMemoryError):
        made.tensor(sources(1, 200, 200))
    assert len(made.network.seen) == 1


def test_other_errors_are_not_tried_again():
    made, _ = on_card(3_000, RuntimeError("CUDA error: an illegal memory access was encountered"))
    with pytest.raises(RuntimeError, match="illegal"):
        made.tensor(sources(1, 200, 200))
    assert len(made.network.seen) == 1
