"""Seeds are functions of names: the same everywhere, different for every name."""

from __future__ import annotations

import hashlib

import torch

from img2img.randomness import generator, stable_seed, torch_generator


def test_a_seed_is_the_hash_of_its_parts():
    digest = hashlib.blake2b(b"int:0\x1fstr:jitter\x1fint:3", digest_size=8).digest()
    assert stable_seed(0, "jitter", 3) == int.from_bytes(digest, "little") // 2
    assert 0 <= stable_seed(2**40, "x") < 2**63


def test_parts_cannot_run_into_each_other():
    seeds = [stable_seed(*parts) for parts in ((1, 23), (12, 3), ("1", 23), ("1", "23"), (123,), ("a", "b"), ("ab",))]
    assert len(set(seeds)) == len(seeds)


def test_streams_repeat_and_differ():
    assert generator(0, "rain", 1).random() == generator(0, "rain", 1).random()
    assert generator(0, "rain", 1).random() != generator(0, "rain", 2).random()
    draws = [torch.rand(3, generator=torch_generator(0, name)) for name in ("z", "z", "alpha")]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
