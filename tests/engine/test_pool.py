"""The history of made images: what comes out, what stays, and that pairs stay whole."""

from __future__ import annotations

import copy

import torch

from img2img.compute.random import NamedRandom
from img2img.engine.pool import ImagePool


def named_random(step: int = 0, total: int = 8) -> NamedRandom:
    return NamedRandom(0, step, "step0", 0, total, torch.device("cpu"))


def numbered(first: int, count: int, channels: int = 1) -> torch.Tensor:
    """Images that are their own number."""
    return torch.arange(first, first + count, dtype=torch.float32).view(-1, 1, 1, 1).expand(-1, channels, 2, 2)


def numbers(images) -> list[int]:
    return [int(image.flatten()[0]) for image in images]


def test_no_pool_gives_back_what_it_was_given():
    images = numbered(0, 3)
    assert ImagePool(0).query(images, named_random(), "critic") is images


def test_the_pool_fills_first():
    pool = ImagePool(5)
    assert numbers(pool.query(numbered(0, 3), named_random(), "critic")) == [0, 1, 2]
    assert numbers(pool.images) == [0, 1, 2]


def test_half_of_what_comes_in_is_swapped():
    pool = ImagePool(50)
    swapped = 0
    for step in range(100):
        batch = numbered(8 * step, 8)
        kept_before = set(numbers(pool.images))
        out = numbers(pool.query(batch, named_random(step), "critic"))
        fresh = set(numbers(batch))
        assert len(pool.images) <= 50
        if len(kept_before) == 50:
            swapped += sum(number not in fresh for number in out)
            # an image is either shown or kept: nothing is lost, nothing doubled
            assert kept_before | fresh == set(out) | set(numbers(pool.images))
            assert len(set(out)) == 8
    # 93 full batches of 8; the binomial's standard deviation is 14
    assert abs(swapped - 93 * 4) < 60


def test_the_swap_follows_the_draws():
    # with one place, 0.5 decides alone
    pool = ImagePool(1)
    pool.query(numbered(100, 1), named_random(total=1), "critic")
    swap = named_random()("pool/critic", (8, 2))[:, 0] < 0.5
    expected, kept = [], 100
    for number, swapped in enumerate(swap.tolist()):
        expected.append(kept if swapped else number)
        kept = number if swapped else kept
    assert 0 < swap.sum() < 8
    assert numbers(pool.query(numbered(0, 8), named_random(), "critic")) == expected
    assert numbers(pool.images) == [kept]


def test_a_pair_is_never_torn_apart():
    # channels 0 to 2 are the condition, 3 to 5 the image
    pool = ImagePool(4)
    for step in range(20):
        out = pool.query(numbered(8 * step, 8, channels=6), named_random(step), "critic")
        assert all(len(image.unique()) == 1 for image in out)


def test_what_is_kept_is_a_copy():
    pool = ImagePool(2)
    images = numbered(0, 2).clone()
    pool.query(images, named_random(), "critic")
    images.fill_(99)
    assert numbers(pool.images) == [0, 1]


def test_the_state_is_the_whole_pool():
    one, other = ImagePool(3), ImagePool(3)
    for step in range(3):
        one.query(numbered(8 * step, 8), named_random(step), "critic")
    other.load_state_dict(copy.deepcopy(one.state_dict()), torch.device("cpu"))
    outs = [pool.query(numbered(50, 8), named_random(9), "critic") for pool in (one, other)]
    assert torch.equal(*outs)
    assert all(torch.equal(a, b) for a, b in zip(one.images, other.images, strict=True))
    # and it is nobody else's
    other.images[0].fill_(-1)
    assert -1 not in numbers(one.images)
