"""Methods of several scales, heads and ways: two steps, resumed, translated; and what their samples show."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from conftest import picture, small
from img2img.compute.distributed import World
from img2img.inference import load
from img2img.reports.figures import grid
from img2img.training.train import train

CONTRAST = {"flow.layers": [0, 1, 2, 3], "flow.patches": 16}


@pytest.mark.parametrize(("method", "extra"), [("pix2pixhd", {}), ("cut", CONTRAST), ("fastcut", CONTRAST)])
def test_two_steps_resumed_and_translated(method, extra, tmp_path):
    def settings(steps: int):
        keys = {"train.batch": 2, "data.crop": 32, "generator.blocks": 1, "schedule": "constant", "train.report": False}
        return small(method, **{**keys, **extra, "train.steps": steps})

    train(settings(1), World(), tmp_path / "run")
    train(settings(2), World(), tmp_path / "run")
    source = picture(1, 40, 52)
    result = load(tmp_path / "run")(source)
    assert result.shape == source.shape
    assert not np.array_equal(result, source)


def test_samples_of_a_cycle_show_both_ways_and_back(tmp_path):
    keys = {"train.steps": 1, "train.batch": 1, "data.crop": 32, "generator.blocks": 1, "train.samples": 1}
    for kind in ("A", "B"):
        for part in ("train", "test"):
            (tmp_path / f"data/{part}{kind}").mkdir(parents=True)
            for number in range(2):
                pixels = picture(10 * ord(kind) + number, 32, 32)
                Image.fromarray(pixels).save(tmp_path / f"data/{part}{kind}/{number}.png")
    settings = small("cyclegan", **keys, **{"data.path": tmp_path / "data", "train.report": False})
    train(settings, World(), tmp_path / "run")
    there, back = load(tmp_path / "run"), load(tmp_path / "run", direction="BtoA")
    shown = np.asarray(Image.open(tmp_path / "run/samples/step-1.png"))
    wide = grid(
        [[picture(0, 32, 32)] * 6], ["source", "result", "and back", "target", "result of the target", "and back"]
    )
    assert shown.shape == wide.shape
    source, target = (np.asarray(Image.open(tmp_path / f"data/test{kind}/0.png")) for kind in ("A", "B"))
    result, made = there(source), back(target)
    labels = ["source", "result", "and back", "target", "result of the target", "and back"]
    expected = grid([[source, result, back(result), target, made, there(made)]], labels)
    assert np.array_equal(shown, expected)
