"""Which device a process takes, alone and under torchrun, on machines with GPUs that are not here."""

from __future__ import annotations

import pytest
import torch

from img2img.compute import distributed
from img2img.compute.distributed import join, pick_device
from img2img.errors import UserError


@pytest.fixture
def machine(monkeypatch):
    """Make this a machine with GPUs, and this process one of several."""

    def become(gpus: int, processes: int = 1, local: int = 0, here: int | None = None) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
        monkeypatch.setattr(torch.cuda, "set_device", lambda device: None)
        monkeypatch.setattr(distributed.dist, "init_process_group", lambda *_, **__: None)
        monkeypatch.setattr(distributed.dist, "new_group", lambda *_, **__: None)
        for name, value in (("WORLD_SIZE", processes), ("RANK", local), ("LOCAL_RANK", local)):
            monkeypatch.setenv(name, str(value))
        monkeypatch.setenv("LOCAL_WORLD_SIZE", str(processes if here is None else here))

    return become


@pytest.mark.parametrize("name", ["auto", "cuda"])
def test_each_process_has_a_gpu_of_its_own(name, machine):
    machine(gpus=2, processes=2, local=1)
    assert join(name).device == torch.device("cuda", 1)


def test_one_gpu_for_all_processes_is_refused_with_the_cure(machine):
    machine(gpus=2, processes=2, local=1)
    with pytest.raises(UserError, match=r"--device cuda:0: all 2 processes .* use --device cuda, which gives each"):
        join("cuda:0")


def test_alone_or_one_a_machine_a_number_is_taken(machine):
    machine(gpus=2)
    assert join("cuda:1").device == torch.device("cuda", 1)
    machine(gpus=2, processes=2, here=1)
    assert join("cuda:1").device == torch.device("cuda", 1)


@pytest.mark.parametrize("name", ["auto", "cuda"])
def test_more_processes_than_gpus_are_refused(name, machine):
    machine(gpus=2, processes=4, local=0)
    with pytest.raises(UserError, match="4 processes were started on this machine, which has 2 CUDA devices; start 2"):
        join(name)


def test_processes_on_cpus_are_as_many_as_one_likes(machine):
    machine(gpus=1, processes=4, local=3)
    assert join("cpu").device == torch.device("cpu")
    machine(gpus=0, processes=4, local=3)
    assert join("auto").device == torch.device("cpu")
    with pytest.raises(UserError, match="no CUDA device that torch can use"):
        pick_device("cuda:0")


@pytest.mark.parametrize("name", ["mps", "xpu", "xpu:1"])
def test_other_accelerators_are_taken_where_torch_has_them(name, monkeypatch, machine):
    machine(gpus=0)
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda: torch.device(name))
    monkeypatch.setattr(torch.accelerator, "device_count", lambda: 2)
    assert pick_device(name) == torch.device(name)
    with pytest.raises(UserError, match="there are only 2 of them"):
        pick_device(f"{torch.device(name).type}:2")
    machine(gpus=0, processes=2)
    with pytest.raises(UserError, match="several processes train on cpu or cuda alone"):
        pick_device(name)


def test_an_accelerator_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: False)
    with pytest.raises(UserError, match="--device mps: torch finds no such device on this machine; use --device cpu"):
        pick_device("mps")
    with pytest.raises(UserError, match="only cpu, cuda, mps and xpu are supported"):
        pick_device("meta")
