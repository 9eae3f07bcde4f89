"""Translators out of weights files."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from translators import sources, weights_file

from conftest import picture, small
from img2img.errors import UserError
from img2img.inference import (
    load,
    weights_header,
)
from img2img.weights.file import FORMAT


def test_a_tile_side_is_refused_where_statistics_are_the_whole_pictures(tmp_path):
    weights = weights_file(tmp_path / "w.safetensors", "pix2pix")
    with pytest.raises(UserError, match="leave --tile out"):
        load(weights, tile=512)
    assert load(weights, tile="off").tile == "off"


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_precision(tmp_path, precision):
    file = weights_file(tmp_path / "w.safetensors", "l2")
    x = sources(1)
    made = load(file, precision=precision).tensor(x)
    assert made.dtype == torch.float32
    assert torch.allclose(made, load(file).tensor(x), atol=0.02)
    with pytest.raises(UserError, match="unknown precision 'fp8'"):
        load(file, precision="fp8")


@pytest.mark.parametrize("tile", ["foo", "8", -4, 0])
def test_tiles_of_no_sense_are_refused_from_python_too(tmp_path, tile):
    with pytest.raises(UserError, match="--tile"):
        load(weights_file(tmp_path / "w.safetensors"), tile=tile)


def test_a_file_alone_is_enough(tmp_path, monkeypatch):
    file = weights_file(tmp_path / "run/weights/best.safetensors", "pix2pix", seed=3)
    alone = tmp_path / "elsewhere/any name.safetensors"
    alone.parent.mkdir()
    shutil.copy(file, alone)
    shutil.move(tmp_path / "run", tmp_path / "gone")
    monkeypatch.chdir(tmp_path / "elsewhere")
    made, again = load(alone), load(tmp_path / "gone")
    assert (made.inference.norm, made.inference.dropout) == ("batch", True)
    assert made.shape.size == 64
    x = sources(1, 30, 40)
    assert torch.equal(made.tensor(x), again.tensor(x))
    assert not torch.equal(made.tensor(x), load(weights_file(tmp_path / "b.safetensors", "pix2pix")).tensor(x))
    header = weights_header(alone)
    assert (header["task"], header["name"]) == ("derain", "pix2pix")
    assert header["config"]["train"]["batch"] == 4


def test_a_run_gives_its_best_weights(tmp_path):
    weights_file(tmp_path / "weights/last.safetensors", "l2", seed=1)
    x = sources(1)
    last = load(tmp_path).tensor(x)
    weights_file(tmp_path / "weights/best.safetensors", "l2", seed=2)
    best = load(str(tmp_path)).tensor(x)
    assert not torch.equal(last, best)
    assert torch.equal(last, load(tmp_path / "weights/last.safetensors").tensor(x))


@pytest.mark.parametrize("content", [b"", b"hello", b"\x00" * 100, b"PK\x03\x04" + b"x" * 50])
def test_files_of_something_else(tmp_path, content):
    file = tmp_path / "w.safetensors"
    file.write_bytes(content)
    with pytest.raises(UserError, match=r"w\.safetensors: not a weights file written by img2img train"):
        load(file)


@pytest.mark.parametrize(
    ("metadata", "line"),
    [
        (None, "a safetensors file, but not weights written by img2img train"),
        ({"format": "pt"}, "a safetensors file, but not weights written by img2img train"),
        ({FORMAT: "{}"}, "its header and its tensors do not fit together"),
        ({FORMAT: "[1]"}, "its header and its tensors do not fit together"),
        ({FORMAT: "{"}, "not a weights file written by img2img train"),
        ({FORMAT: '{"method": {"generator": "pam", "generator_losses": {"l1": 1}}, "shape": {"source": 3, "target": 3, '
                  '"size": 64}}'}, "unknown generator 'pam'; did you mean 'pan'?"),
    ],
)  # fmt: skip
def test_safetensors_of_something_else(tmp_path, metadata, line):
    file = tmp_path / "w.safetensors"
    save_file({"weight": torch.zeros(2)}, str(file), metadata)
    with pytest.raises(UserError) as caught:
        load(file)
    assert line in str(caught.value)


def test_tensors_of_another_network(tmp_path):
    header = weights_header(weights_file(tmp_path / "a.safetensors", "l2"))
    header["method"]["generator"] = {"name": "idcgan", "width": 16}
    tensors = load(tmp_path / "a.safetensors").network.state_dict()
    tensors = {f"generator.{name}": value.contiguous() for name, value in tensors.items()}
    save_file(tensors, str(tmp_path / "b.safetensors"), {FORMAT: json.dumps(header)})
    with pytest.raises(UserError, match=r"b\.safetensors: its header and its tensors do not fit together"):
        load(tmp_path / "b.safetensors")


def test_weights_that_are_not_there(tmp_path):
    with pytest.raises(UserError, match=r"--weights .*/none: no such run directory or file"):
        load(tmp_path / "none")
    with pytest.raises(UserError, match=r"no weights in this directory yet \(expected weights/best\.safetensors\)"):
        load(tmp_path)
    with pytest.raises(UserError, match="--device tpu: unknown device"):
        load(weights_file(tmp_path / "a.safetensors"), device="tpu")


def test_what_training_writes_is_what_inference_reads(tmp_path):
    from img2img.compute.distributed import World
    from img2img.training.train import train

    outcome = train(small("l2", **{"train.validate_every": 2}), World(), tmp_path / "run")
    assert outcome.progress.step == 2
    made = load(tmp_path / "run")
    header = weights_header(tmp_path / "run")
    assert header["method"]["generator"] == {"name": "idcgan", "width": 8}
    assert np.array_equal(made.pixels(picture(0)), load(tmp_path / "run/weights/last.safetensors").pixels(picture(0)))
