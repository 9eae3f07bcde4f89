"""Which kernels a GPU may take: set within, put back afterwards, whatever the names a program has set them by."""

from __future__ import annotations

import pytest
import torch

from img2img.compute.precision import has_bf16, kernels, kernels_taken

BACKENDS = torch.backends
CUDA = torch.device("cuda", 0)


def switches():
    parts = (BACKENDS.cudnn.conv, BACKENDS.cudnn.rnn, BACKENDS.cuda.matmul) if hasattr(BACKENDS.cudnn, "conv") else ()
    return [
        *(part.fp32_precision for part in parts),
        BACKENDS.cudnn.benchmark,
        torch.are_deterministic_algorithms_enabled(),
    ]


@pytest.fixture(autouse=True)
def as_before():
    before, shared = switches(), getattr(BACKENDS, "fp32_precision", None)
    yield
    if shared is not None:
        BACKENDS.fp32_precision = shared
        BACKENDS.cudnn.conv.fp32_precision, BACKENDS.cudnn.rnn.fp32_precision = before[:2]
        BACKENDS.cuda.matmul.fp32_precision = before[2]


def test_tf32_is_off_unless_asked_for():
    with kernels():
        assert not BACKENDS.cudnn.allow_tf32
        assert not BACKENDS.cuda.matmul.allow_tf32
    with kernels(tf32=True):
        assert BACKENDS.cudnn.allow_tf32
        assert BACKENDS.cuda.matmul.allow_tf32
        with kernels():
            assert not kernels_taken()["tf32"]
        assert kernels_taken()["tf32"]


def test_what_is_bit_exact_takes_neither_tf32_nor_what_is_fastest_today():
    before = switches()
    with kernels(tf32=True, benchmark=True, deterministic=True):
        assert kernels_taken() == {"tf32": False, "cudnn_benchmark": False, "deterministic": True}
        with kernels():
            # results that a training makes on its way
            assert torch.are_deterministic_algorithms_enabled()
    assert switches() == before


@pytest.mark.parametrize("asked", [{}, {"tf32": True, "benchmark": True}, {"deterministic": True}])
def test_all_is_put_back(asked):
    before, legacy = switches(), (BACKENDS.cudnn.allow_tf32, BACKENDS.cuda.matmul.allow_tf32)
    with pytest.raises(KeyError), kernels(**asked):
        raise KeyError
    assert switches() == before
    assert (BACKENDS.cudnn.allow_tf32, BACKENDS.cuda.matmul.allow_tf32) == legacy


@pytest.mark.skipif(not hasattr(BACKENDS.cudnn, "conv"), reason="torch < 2.9 has the older names alone")
@pytest.mark.parametrize("part", ["all", "conv"])
def test_a_program_may_have_set_them_by_the_newer_names(part):
    if part == "all":
        BACKENDS.fp32_precision = "tf32"
    else:
        BACKENDS.cudnn.conv.fp32_precision = "ieee"  # apart from the rest: the older name cannot be read
    before = switches()
    with kernels():
        assert switches()[:3] == ["ieee", "ieee", "ieee"]
    with kernels(tf32=True):
        assert switches()[:3] == ["tf32", "tf32", "tf32"]
    assert switches() == before


@pytest.mark.parametrize(("capability", "has"), [((7, 0), False), ((7, 5), False), ((8, 0), True), ((9, 0), True)])
def test_bf16_before_compute_capability_8_is_emulated(capability, has, monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert has_bf16(CUDA) is has
    assert has_bf16(torch.device("cpu"))
