"""Headers of weights files: old ones are read, new ones are written as before."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from img2img.errors import UserError
from img2img.weights.file import FORMAT, check_tensors, read_header, save_weights, tensor_shapes, weights_path
from img2img.weights.header import Shape, WeightsHeader

# as a training wrote it before headers had a type
OLD = {
    "config": {"task": "derain", "method": "l1", "data": {"synthesis": "rain"}, "train": {"seed": 3}},
    "task": "derain",
    "name": "l1",
    "method": {"generator": {"name": "idcgan", "width": 8}, "generator_losses": {"l1": 1}},
    "shape": {"source": 3, "target": 3, "size": 32},
    "seed": 3,
    "which": "best",
    "step": 40,
    "metrics": {"psnr": 21.5, "ssim": float("nan")},
    "chosen_by": "psnr",
    "chosen_on": ["a1", "b2"],
}
TRAINING = ("which", "step", "metrics", "chosen_by", "chosen_on")


def networks() -> nn.ModuleDict:
    return nn.ModuleDict({"generator": nn.Conv2d(3, 4, 3)})


def test_what_a_training_wrote_is_read_key_by_key(tmp_path):
    save_weights(tmp_path / "w.safetensors", networks(), OLD)
    header = read_header(tmp_path / "w.safetensors")
    assert header.shape == Shape(source=3, target=3, size=32)
    assert header.data == {"synthesis": "rain"}
    for key in OLD.keys() - {"shape", "metrics"}:
        assert getattr(header, key) == OLD[key], key
    assert header.metrics["psnr"] == 21.5
    # the same text again, in the same order: files of the same weights stay the same bytes
    assert json.dumps(header.to_json()) == json.dumps(OLD)


def test_missing_keys_have_their_defaults_and_unknown_ones_are_kept():
    assert WeightsHeader.from_json({}, "w") == WeightsHeader()
    assert WeightsHeader().data == {}
    header = WeightsHeader.from_json({"task": "derain", "licence": {"name": "CC0"}}, "w")
    assert (header.task, header.seed, header.step, header.shape) == ("derain", 0, None, None)
    assert header.unknown == {"licence": {"name": "CC0"}}
    assert header.to_json()["licence"] == {"name": "CC0"}


def test_what_no_training_wrote_has_nothing_of_a_training():
    before = {key: value for key, value in OLD.items() if key not in TRAINING}
    assert WeightsHeader.from_json(before, "w").to_json() == before
    # last weights are chosen by nothing, which is said
    last = {**OLD, "which": "last", "metrics": {}, "chosen_by": None, "chosen_on": []}
    assert WeightsHeader.from_json(last, "w").to_json() == last


@pytest.mark.parametrize(
    ("tree", "says"),
    [
        ([1], "must hold keys, got list"),
        ({"method": "pan"}, "method: got 'pan'"),
        ({"config": [1]}, "config: got"),
        ({"seed": "x" * 500}, "seed: got 'xxx"),
        ({"shape": {"source": 3, "target": 3}}, "shape: size: field required"),
        ({"shape": {"source": 0, "target": 3, "size": 4}}, "shape: source: input should be greater"),
        ({"shape": {"source": 3, "target": 10**9, "size": 4}}, "shape: target: input should be less"),
        ({"shape": {"source": 3, "target": 3, "size": 2**40}}, "shape: size: input should be less"),
        ({"shape": {"source": 3, "target": 3, "size": 4, "depth": 1}}, "unknown key 'depth'"),
    ],
)
def test_values_of_another_kind(tree, says):
    with pytest.raises(UserError) as caught:
        WeightsHeader.from_json(tree, "w.safetensors")
    line = str(caught.value)
    assert line.startswith("w.safetensors: ")
    assert says in line
    assert len(line) < 200


def test_a_header_that_is_nested_without_end(tmp_path):
    from safetensors.torch import save_file

    save_file({"weight": torch.zeros(1)}, str(tmp_path / "w.safetensors"), {FORMAT: "[" * 200_000})
    with pytest.raises(UserError, match="not a weights file written by img2img train"):
        read_header(tmp_path / "w.safetensors")


def test_shapes_are_compared_by_name(tmp_path):
    path = tmp_path / "w.safetensors"
    save_weights(path, networks(), OLD)
    assert tensor_shapes(path) == {"generator.weight": (4, 3, 3, 3), "generator.bias": (4,)}
    check_tensors(path, networks())
    fit = "its header and its tensors do not fit together"
    for other, says in (
        (nn.Conv2d(3, 8, 3), "generator.weight is 4x3x3x3, by the header 8x3x3x3"),
        (nn.Conv2d(3, 4, 3, bias=False), "generator.bias belongs to no network that the header asks for"),
        (nn.Sequential(nn.Conv2d(3, 4, 3)), "generator.0.weight, 4x3x3x3 by the header, is missing"),
    ):
        with pytest.raises(UserError) as caught:
            check_tensors(path, nn.ModuleDict({"generator": other}))
        assert str(caught.value) == f"{path}: {fit}: {says}"


def test_a_run_directory_means_its_best_weights(tmp_path):
    (tmp_path / "weights").mkdir()
    for which in ("last", "best"):
        file = tmp_path / f"weights/{which}.safetensors"
        file.touch()
        assert weights_path(str(tmp_path)) == file
        assert weights_path(str(file)) == file
    with pytest.raises(UserError, match="no such run directory or file"):
        weights_path(str(tmp_path / "none"))
    with pytest.raises(UserError, match="no weights in this directory yet"):
        weights_path(str(Path(tmp_path / "weights")))
