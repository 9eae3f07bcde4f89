"""tools/ship_weights.py: a run and words in a YAML become file, YAML and card; nothing where fp16 costs too much."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from small_run import save, tree
from translators import weights_file

from conftest import picture
from img2img.config import dump_yaml
from img2img.errors import UserError
from img2img.zoo import shelf
from img2img.zoo.card import card
from img2img.zoo.shelf import entry_of, shipped_file

SCRIPT = Path(__file__).resolve().parents[2] / "tools/ship_weights.py"
WORDS = {
    "description": "Rain off toys.",
    "task": "derain",
    "data": "toys",
    "licence": "CC0",
    "figures": [{"data": "two made pairs", "metric": "psnr", "value": 21.5, "interval": [21.0, 22.0]}],
    "fails": ["On everything else."],
    "sample": {"data": "toys"},
}


@pytest.fixture
def tool(tmp_path, monkeypatch) -> ModuleType:
    """The script, as if the sources lay in ``tmp_path``: two pairs, a YAML without what a program knows."""
    spec = importlib.util.spec_from_file_location("ship_weights", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for number in range(2):
        clean = picture(number)
        save(tmp_path / f"toys/clean/{number}.png", clean)
        save(tmp_path / f"toys/rainy/{number}.png", (clean * 0.9 + 10).astype(np.uint8))
    for folder in ("zoo", "docs/models"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "zoo/toy.yaml").write_text(dump_yaml(WORDS))
    monkeypatch.setattr(module, "ROOT", tmp_path)
    for place in (module, shelf):
        monkeypatch.setattr(place, "folder", lambda: tmp_path / "zoo")
    return module


def test_a_run_becomes_a_file_a_yaml_and_a_card(tool, tmp_path):
    weights = weights_file(tmp_path / "run.safetensors")
    tool.ship(str(weights), "toy")
    entry = entry_of("toy")
    assert shipped_file("toy").is_file()
    # untrained weights give their input back: the figure is the pairs' own
    cleans = [picture(number).astype(float) for number in range(2)]
    errors = [np.mean((np.floor(clean * 0.9 + 10) - clean) ** 2) for clean in cleans]
    assert entry.sample.metrics["psnr"] == pytest.approx(np.mean([10 * np.log10(255**2 / e) for e in errors]), abs=1e-9)
    assert entry.parameters > 0
    assert entry.network.startswith("{name: residual")
    assert (tmp_path / "docs/models/toy.md").read_text() == card("toy", entry)


def test_what_loses_in_fp16_is_not_shipped(tool, tmp_path, monkeypatch):
    weights = weights_file(tmp_path / "run.safetensors")
    before = tree(tmp_path)
    found = iter([{"psnr": 25.0, "ssim": 0.9}, {"psnr": 24.98, "ssim": 0.9}])
    monkeypatch.setattr(tool, "measured", lambda *_: next(found))
    with pytest.raises(UserError, match=r"fp16 costs 0\.0200 dB on toys, more than 0\.01"):
        tool.ship(str(weights), "toy")
    assert tree(tmp_path) == before
