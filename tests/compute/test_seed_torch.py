"""A step seeds the generator that dropout draws from on its device, and nothing else where that is the CPU."""

from __future__ import annotations

import torch

from img2img.compute.random import seed_torch

CPU = torch.device("cpu")


def test_the_numbers_are_those_of_manual_seed():
    for seed in (0, 5, 2**63 - 1):
        torch.manual_seed(seed)
        wanted = torch.rand(4)
        torch.rand(3)
        seed_torch(seed, CPU)
        assert torch.equal(torch.rand(4), wanted)


def test_a_step_on_a_cpu_seeds_no_other_device(monkeypatch):
    seen = []
    monkeypatch.setattr(torch, "manual_seed", seen.append)
    seed_torch(1, CPU)
    assert seen == []
    seed_torch(2, torch.device("cuda"))
    assert seen == [2]
