"""Copies to a GPU that the host does not wait for: from page-locked memory alone."""

from __future__ import annotations

import pytest
import torch

from img2img.compute.random import NamedRandom
from img2img.compute.transfer import moved

CPU, CUDA = torch.device("cpu"), torch.device("cuda", 0)


@pytest.fixture
def copies(monkeypatch):
    """What was locked and copied, as a GPU would have it; the tensors stay where they are."""
    done: list[tuple[object, ...]] = []
    to = torch.Tensor.to

    def copy(tensor, device, **how):
        done.append(("copied", device, how))
        return to(tensor, "cpu")

    monkeypatch.setattr(torch.Tensor, "is_pinned", lambda tensor: ("locked", tensor.data_ptr()) in done)
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: done.append(("locked", tensor.data_ptr())) or tensor)
    monkeypatch.setattr(torch.Tensor, "to", copy)
    return done


def test_memory_is_locked_once_and_the_copy_not_waited_for(copies):
    values = torch.arange(4.0)
    assert torch.equal(moved(values, CUDA), values)
    assert copies == [("locked", values.data_ptr()), ("copied", CUDA, {"non_blocking": True})]
    moved(values, CUDA)
    assert len(copies) == 3


def test_nothing_is_locked_on_cpus(copies):
    moved(torch.arange(4.0), CPU)
    assert [what for what, *_ in copies] == ["copied"]


def test_random_numbers_are_the_same_and_their_copy_is_not_waited_for(copies):
    there, here = (NamedRandom(3, 7, "step0", 2, 8, device)("z", (4, 5)) for device in (CUDA, CPU))
    assert torch.equal(there, here)
    assert [what for what, *_ in copies] == ["locked", "copied", "copied"]
    assert copies[1][1:] == (CUDA, {"non_blocking": True})
