"""Weights as they are shipped: half the size, as good, from nowhere in particular, whole or refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from translators import weights_file

from conftest import picture
from img2img.config import build
from img2img.data.fingerprint import Fingerprint
from img2img.errors import UserError
from img2img.inference import load
from img2img.metrics import measure, read_protocol
from img2img.weights.file import load_weights, read_header, save_weights, write_tensors
from img2img.weights.release import to_fp16
from img2img.zoo import ZooEntry, names, shipped_file

ENTRY = build(
    ZooEntry,
    {
        "description": "Rain off toys.",
        "task": "derain",
        "data": "toys",
        "licence": "CC0",
        "figures": [{"data": "two pairs", "metric": "psnr", "value": 21.5, "interval": [21.0, 22.0]}],
        "fails": ["On everything else."],
        "sample": {"data": "toys", "metrics": {"psnr": 21.5}},
    },
    "test",
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """Trained weights of fp32: shipped ones moved by less than what fp16 can tell apart."""
    path = tmp_path_factory.mktemp("trained") / "w.safetensors"
    header, tensors = load_weights(shipped_file(names()[0]))
    random = torch.Generator().manual_seed(0)
    moved = {
        name: value * (1 + (torch.rand(value.shape, generator=random) - 0.5) * 2**-10) if value.ndim > 1 else value
        for name, value in tensors.items()
    }
    write_tensors(path, moved, {key: value for key, value in header.items() if key != "release"})
    return path


def test_fp16_costs_under_a_hundredth_of_a_db(trained, tmp_path):
    to_fp16(trained, tmp_path / "half.safetensors", ENTRY)
    tensors = load_file(tmp_path / "half.safetensors")
    assert torch.float16 in {value.dtype for value in tensors.values()}
    assert (tmp_path / "half.safetensors").stat().st_size < 0.75 * trained.stat().st_size
    clean = picture(1, 96, 128)
    noise = np.random.default_rng(0).normal(0, 20, clean.shape)
    rainy = (clean + noise).clip(0, 255).astype(np.uint8)
    results = [load(path)(rainy) for path in (trained, tmp_path / "half.safetensors")]
    first, second = (
        measure(read_protocol("rgb"), ["psnr"], np.asarray(result), clean)["psnr"].value for result in results
    )
    assert abs(first - second) < 0.01


def test_what_is_stored_in_fp16_is_fp32_when_loaded_and_vectors_lose_nothing(trained, tmp_path):
    to_fp16(trained, tmp_path / "half.safetensors", ENTRY)
    before, after = load_weights(trained)[1], load_weights(tmp_path / "half.safetensors")[1]
    for name, value in before.items():
        assert after[name].dtype == value.dtype
        expected = torch.from_numpy(value.numpy().astype(np.float16).astype(np.float32)) if value.ndim > 1 else value
        assert torch.equal(after[name], expected)


def test_the_header_says_where_they_come_from_but_no_place_of_this_machine(tmp_path):
    header = read_header(weights_file(tmp_path / "w.safetensors")).to_json()
    header["config"]["data"] |= {"path": "/home/ann/rain", "scenes": "/home/ann/scenes.csv", "layout": "side_by_side"}
    save_weights(tmp_path / "w.safetensors", load_networks(tmp_path / "w.safetensors"), header)
    to_fp16(tmp_path / "w.safetensors", tmp_path / "half.safetensors", ENTRY)
    shipped = read_header(tmp_path / "half.safetensors")
    assert (shipped.data["path"], shipped.data["scenes"], shipped.data["layout"]) == (None, None, "auto")
    assert shipped.release["licence"] == "CC0"
    assert shipped.release["figures"][0]["value"] == 21.5
    assert len(shipped.release["tensors_sha256"]) == 64
    assert b"/home/ann" not in (tmp_path / "half.safetensors").read_bytes()
    header["config"]["task"] = "/home/ann/own.yaml"
    save_weights(tmp_path / "w.safetensors", load_networks(tmp_path / "w.safetensors"), header)
    with pytest.raises(UserError, match=r"would name a place of this machine: config\.task: /home/ann/own\.yaml"):
        to_fp16(tmp_path / "w.safetensors", tmp_path / "again.safetensors", ENTRY)
    assert not (tmp_path / "again.safetensors").exists()


@pytest.mark.parametrize("layout", ["images", "arrays"])
def test_that_there_were_no_sources_is_kept(layout, tmp_path):
    weights = weights_file(tmp_path / "w.safetensors", "nsgan", "images")
    header = read_header(weights).to_json()
    header["config"]["data"] |= {"path": "/home/ann/digits", "layout": layout}
    write_tensors(weights, load_weights(weights)[1], header)
    to_fp16(weights, tmp_path / "s.safetensors", ENTRY)
    shipped = read_header(tmp_path / "s.safetensors")
    assert (shipped.data["path"], shipped.data["layout"]) == (None, layout)


def test_values_that_fp16_cannot_hold_are_refused(tmp_path):
    path = weights_file(tmp_path / "w.safetensors")
    networks, header = load_networks(path), read_header(path).to_json()
    weight = next(value for value in networks.parameters() if value.ndim > 1)
    with torch.no_grad():
        weight.view(-1)[0] = 1e5
    save_weights(path, networks, header)
    with pytest.raises(UserError, match="values beyond 65504, which fp16 cannot hold"):
        to_fp16(path, tmp_path / "half.safetensors", ENTRY)


def load_networks(path: Path) -> torch.nn.ModuleDict:
    from img2img.recipes.saved import load_generators

    return load_generators(path).networks


def test_of_weights_that_it_began_from_the_checksum_stays_and_not_the_place(trained, tmp_path):
    header, tensors = load_weights(trained)
    begin = {"weights": "/home/me/runs/first", "optimizer": False, "sha256": "0" * 64, "step": 7}
    train = {**header["config"]["train"], "begin": begin}
    write_tensors(tmp_path / "w.safetensors", tensors, {**header, "config": {**header["config"], "train": train}})
    to_fp16(tmp_path / "w.safetensors", tmp_path / "half.safetensors", ENTRY)
    shipped = read_header(tmp_path / "half.safetensors").config["train"]["begin"]
    assert shipped == {**begin, "weights": "first"}


def test_what_the_training_saw_goes_along(trained, tmp_path):
    header, tensors = load_weights(trained)
    known = Fingerprint((3, 2**63, 2**64 - 1), 4, 3).to_json()
    write_tensors(tmp_path / "w.safetensors", tensors, {**header, "fingerprint": known})
    to_fp16(tmp_path / "w.safetensors", tmp_path / "half.safetensors", ENTRY)
    assert read_header(tmp_path / "half.safetensors").fingerprint == known
