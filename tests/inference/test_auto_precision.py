"""infer --precision auto: bf16 where it is fast and was measured to be as good, else fp32."""

from __future__ import annotations

import importlib
import json

import pytest
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from img2img import zoo

# the package gives out a function of the module's own name
module = importlib.import_module("img2img.inference.load")
load = module.load


def shipped_with(cost, tmp_path):
    """Shipped weights whose header says another cost of bf16 (None: nothing)."""
    file = zoo.shipped_file(zoo.names()[0])
    with safe_open(file, "pt") as opened:
        metadata = opened.metadata()
    key = next(key for key, text in metadata.items() if '"release"' in text)
    header = json.loads(metadata[key])
    header["release"]["bf16_costs"] = cost
    save_file(load_file(file), tmp_path / "other.safetensors", {**metadata, key: json.dumps(header)})
    return tmp_path / "other.safetensors"


@pytest.mark.parametrize(
    ("cost", "instructions", "taken"),
    [(0.01, True, "bf16"), (-0.01, True, "bf16"), (0.01, False, "fp32"), (0.06, True, "fp32"), (None, True, "fp32")],
)
def test_auto(tmp_path, monkeypatch, cost, instructions, taken):
    monkeypatch.setattr(module, "is_fast_in_bf16", lambda device: instructions)
    assert load(shipped_with(cost, tmp_path), "cpu", "auto").precision.name == taken


def test_what_is_asked_for_is_taken(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "is_fast_in_bf16", lambda device: True)
    weights = shipped_with(0.0, tmp_path)
    assert [load(weights, "cpu", name).precision.name for name in ("fp32", "bf16")] == ["fp32", "bf16"]
    assert load(weights, "cpu").precision.name == "fp32", "figures do not depend on the machine"
