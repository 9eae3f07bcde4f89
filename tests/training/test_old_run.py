"""A run directory of version 0.1.0 before the rooms were parted: it goes on, and its weights are still of use.

``old_run/run`` was stopped by SIGTERM at step 7 of 12; ``finished.safetensors`` are the last weights of that program's
own way to the end, ``translated.png`` is what it made of the right half of ``data/val/6.png`` with ``run``'s best ones.
Crops are as large as the pictures and nothing is flipped: which random draws choose them has changed since.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

import img2img
from img2img.commands import main
from img2img.training.environment import processor
from img2img.weights.file import load_weights

OLD = Path(__file__).with_name("old_run")
ENVIRONMENT = json.loads((OLD / "run/environment.json").read_text())
# another processor or another torch rounds differently, and processors of one name may differ in their vectors
SAME_MACHINE = (ENVIRONMENT["torch"], ENVIRONMENT["device_name"], "AVX512") == (
    torch.__version__,
    processor(),
    torch.backends.cpu.get_cpu_capability(),
)


@pytest.fixture
def run(tmp_path, monkeypatch) -> Path:
    """A copy of the old run beside its data; the working directory is theirs."""
    shutil.copytree(OLD, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "run"


def test_it_goes_on_to_the_same_end(run, capsys):
    assert "validation_load" not in yaml.safe_load((run / "config.yaml").read_text())["data"]
    assert main(["train", "--config", "run/config.yaml", "--output", "run", "--device", "cpu"]) == 0
    assert "going on from step 7 of 12" in capsys.readouterr().err
    assert yaml.safe_load((run / "config.yaml").read_text())["data"]["validation_load"] == "load"
    expected, before, finished = (
        load_weights(path)[1]
        for path in (
            OLD / "finished.safetensors",
            OLD / "run/weights/last.safetensors",
            run / "weights/last.safetensors",
        )
    )
    assert finished.keys() == expected.keys()
    for name, value in expected.items():
        moved = (value - before[name]).abs().max().item()
        assert moved > 0
        torch.testing.assert_close(finished[name], value, rtol=0, atol=0 if SAME_MACHINE else moved / 20)
    for name, steps in (("log.jsonl", [3, 6, 9, 12]), ("validation.jsonl", [4, 8, 12])):
        assert [json.loads(line)["step"] for line in (run / name).read_text().splitlines()] == steps


def test_its_weights_translate_as_they_did(run):
    rainy = np.asarray(Image.open(OLD / "data/val/6.png"))[:, 32:]
    translated = np.asarray(img2img.load(run, device="cpu")(rainy))
    expected = np.asarray(Image.open(OLD / "translated.png"))
    assert np.abs(expected.astype(int) - rainy).max() > 3
    assert np.abs(expected.astype(int) - translated).max() <= (0 if SAME_MACHINE else 1)
