"""PatchNCE against its formula, written as a loop over queries (Park et al. 2020, eq. 3)."""

from __future__ import annotations

import math

import pytest
import torch
from fake_view import FakeView

from img2img.losses import GENERATOR_LOSSES


def unit(seed: int, *shape: int) -> torch.Tensor:
    values = torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return (values / values.norm(dim=-1, keepdim=True)).requires_grad_()


def plainly(query: torch.Tensor, key: torch.Tensor, tau: float) -> float:
    """-log of e^(q k+ / tau) over itself and all e^(q k- / tau) of the same picture; the mean over queries."""
    losses = []
    for mine, theirs in zip(query.tolist(), key.tolist(), strict=True):
        for place, q in enumerate(mine):
            powers = [math.exp(sum(a * b for a, b in zip(q, k, strict=True)) / tau) for k in theirs]
            losses.append(-math.log(powers[place] / sum(powers)))
    return sum(losses) / len(losses)


@pytest.mark.parametrize(("name", "prefix"), [("patch_nce", ""), ("identity_nce", "same_")])
def test_is_the_mean_over_layers_of_the_formula(name, prefix):
    # the second layer has fewer places, as a small map has
    pairs = [(unit(1, 2, 5, 4), unit(2, 2, 5, 4)), (unit(3, 2, 3, 4), unit(4, 2, 3, 4))]
    images = {}
    for number, (query, key) in enumerate(pairs, 1):
        images |= {f"{prefix}query{number}": query, f"{prefix}key{number}": key}
    for tau in (0.07, 0.5):
        expected = sum(plainly(query, key, tau) for query, key in pairs) / 2
        loss = GENERATOR_LOSSES[name](temperature=tau)
        assert loss(FakeView("generator", images=images)).item() == pytest.approx(expected, rel=1e-12)
    assert GENERATOR_LOSSES[name]().temperature == 0.07


def test_keys_are_constants():
    query, key = unit(1, 1, 5, 4), unit(2, 1, 5, 4)
    loss = GENERATOR_LOSSES["patch_nce"]()(FakeView("generator", images={"query1": query, "key1": key}))
    to_query, to_key = torch.autograd.grad(loss, [query, key], allow_unused=True)
    assert to_key is None
    assert to_query.abs().flatten(2).sum(2).min() > 0


def test_a_picture_is_never_told_from_another_one():
    """Negatives lie within the picture: what the other one of the batch holds changes nothing."""
    query, key = unit(1, 2, 5, 4), unit(2, 2, 5, 4)
    loss = GENERATOR_LOSSES["patch_nce"]()
    both = loss(FakeView("generator", images={"query1": query, "key1": key}))
    alone = [loss(FakeView("generator", images={"query1": query[n : n + 1], "key1": key[n : n + 1]})) for n in (0, 1)]
    torch.testing.assert_close(both, (alone[0] + alone[1]) / 2)
