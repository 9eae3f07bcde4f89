"""Weights files of strangers: what their headers ask for is looked at before it is built."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from translators import weights_file

from img2img.commands import main
from img2img.errors import UserError
from img2img.recipes.saved import load_generators
from img2img.weights.file import FORMAT, load_weights, read_header


class Allocated(TorchDispatchMode):
    """Counts the numbers of all tensors that are made off the meta device."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        for value in result if isinstance(result, tuple | list) else (result,):
            if isinstance(value, torch.Tensor) and value.device.type != "meta":
                self.numbers += value.numel()
        return result


@contextmanager
def counted(monkeypatch) -> Iterator[tuple[Allocated, list[str]]]:
    """(the numbers that take memory, the modules that are built) within."""
    modules: list[str] = []
    before = nn.Module.__init__

    def count(self, *args, **kwargs) -> None:
        modules.append(type(self).__name__)
        before(self, *args, **kwargs)

    with monkeypatch.context() as patch, Allocated() as allocated:
        patch.setattr(nn.Module, "__init__", count)
        yield allocated, modules


def hostile(path, generator, shape=None, **method):
    """A small file of ``residual``'s tensors whose header asks for something else."""
    good = weights_file(path.with_name("good.safetensors"))
    header, tensors = load_weights(good)
    header["method"] |= {"generator": generator, **method}
    header["shape"] |= shape or {}
    save_file(tensors, str(path), {FORMAT: json.dumps(header)})
    return path


@pytest.mark.parametrize(
    ("generator", "shape", "method", "says"),
    [
        ({"name": "residual", "blocks": 10_000_000}, {}, {}, "generator (residual): blocks: input should be less"),
        ({"name": "residual", "width": 1_000_000}, {}, {}, "generator (residual): width: input should be less"),
        ({"name": "resnet", "blocks": 10_000_000}, {}, {}, "generator (resnet): blocks: input should be less"),
        ({"name": "unet", "downs": 1_000_000}, {}, {}, "generator (unet): downs: input should be less"),
        ({"name": "mlp", "width": 10**9}, {}, {}, "generator (mlp): width: input should be less"),
        ("dcgan", {}, {"flow": {"name": "noise", "z": 10**12}}, "flow (noise): z: input should be less"),
        ("dcgan", {"size": 2**300}, {}, "shape: size: input should be less"),
        ("residual", {"source": 10**15}, {}, "shape: source: input should be less"),
    ],
)
def test_sizes_without_sense_are_refused_before_anything_is_built(
    generator, shape, method, says, tmp_path, monkeypatch
):
    path = hostile(tmp_path / "w.safetensors", generator, shape, **method)
    with counted(monkeypatch) as (allocated, modules), pytest.raises(UserError) as caught:
        load_generators(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert says in str(caught.value)
    # the box that networks of a flow lie in
    assert set(modules) <= {"ModuleDict"}
    assert allocated.numbers == 0


@pytest.mark.parametrize(
    ("generator", "shape", "method"),
    [
        ({"name": "residual", "width": 1024, "blocks": 256}, {}, {}),
        ({"name": "residual", "width": 8, "blocks": 5}, {}, {}),
        ({"name": "resnet", "width": 1024, "blocks": 256}, {}, {}),
        ({"name": "unet", "width": 1024, "downs": 10}, {}, {}),
        ({"name": "pan", "width": 1024, "form": "8+8"}, {}, {}),
        ({"name": "mlp", "width": 16_384}, {}, {}),
        ({"name": "dcgan", "width": 1024}, {"size": 65_536}, {"flow": {"name": "noise", "z": 16_384}}),
        ({"name": "residual", "width": 8}, {"source": 65_536, "target": 65_536}, {}),
    ],
)
def test_tensors_that_the_file_does_not_have_take_no_memory(generator, shape, method, tmp_path, monkeypatch):
    path = hostile(tmp_path / "w.safetensors", generator, shape, **method)
    with counted(monkeypatch) as (allocated, modules), pytest.raises(UserError) as caught:
        load_generators(path)
    # other tensors than the file's, or a network that cannot be what the header says
    reasons = (
        "its header and its tensors do not fit together: generator.",
        "the network cannot take batches of shape",
        "data.crop: the network takes sides that are multiples of",
    )
    assert str(caught.value).startswith(tuple(f"{path}: {reason}" for reason in reasons))
    assert "\n" not in str(caught.value)
    assert len(modules) < 5000
    # at most a handful of bookkeeping scalars
    assert allocated.numbers < 100


def test_infer_says_it_in_one_line(tmp_path, capsys):
    path = hostile(tmp_path / "w.safetensors", {"name": "residual", "width": 1024, "blocks": 256})
    (tmp_path / "in").mkdir()
    words = ["infer", "--weights", str(path), "--input", str(tmp_path / "in"), "--output", str(tmp_path / "out")]
    assert main(words) == 2
    said = capsys.readouterr().err
    first = "generator.first.weight is 8x12x3x3, by the header 1024x12x3x3"
    assert said == f"img2img: {path}: its header and its tensors do not fit together: {first}\n"
    assert not (tmp_path / "out").exists()


def test_an_honest_file_is_rebuilt_bit_for_bit(tmp_path):
    path = weights_file(tmp_path / "w.safetensors", "cyclegan", seed=5)
    saved = load_generators(path)
    assert list(saved.networks) == ["to_target", "to_source"]
    assert saved.header == read_header(path)
    tensors = load_weights(path)[1]
    state = saved.networks.state_dict()
    assert state.keys() == tensors.keys()
    assert all(torch.equal(state[name], tensors[name]) for name in tensors)
    assert {value.device.type for value in state.values()} == {"cpu"}
