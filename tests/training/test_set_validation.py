"""Generators that start from noise are validated as sets, and a measure of sets chooses their weights."""

from __future__ import annotations

import json

import pytest
import torch
from small_run import header, main

from conftest import small
from img2img.compute.distributed import World
from img2img.data.samples import Mixture
from img2img.errors import UserError
from img2img.metrics import higher_is_better
from img2img.metrics.sets import mmd
from img2img.training.set_validation import SetValidator, too_few

POINTS = Mixture("8gaussians", 200)
NUMBERS = ("mmd2_gaussian_0.5_unbiased", "recall")


class Shifted:
    """Samples that lie beside the real ones by ``shift``."""

    array = None

    def __init__(self, shift):
        self.shift = shift

    def samples(self, count, start=0):
        numbers = range(start, start + count)
        return torch.stack([POINTS.sample(3, number, 9)["target"] + self.shift for number in numbers])


def test_as_many_samples_as_were_held_out_are_measured_as_sets():
    sets = SetValidator(POINTS, NUMBERS, 150, World())
    far, near = sets.measured(Shifted(0.5)), sets.measured(Shifted(0.0))
    assert tuple(far.metrics) == NUMBERS
    assert near.metrics[NUMBERS[0]] < 0.01 < far.metrics[NUMBERS[0]]
    assert far.protocol.startswith("150 real and 150 made samples on values: mmd2_gaussian_0.5_unbiased")
    (expected,) = mmd(sets._against.ground().features, Shifted(0.5).samples(150), (0.5,)).values()
    assert far.metrics[NUMBERS[0]] == pytest.approx(expected, rel=1e-9)


def test_what_is_better():
    assert [higher_is_better(name) for name in ("psnr", *NUMBERS)] == [True, False, True]


@pytest.mark.parametrize(
    ("numbers", "count", "words"),
    [
        (NUMBERS, 200, ""),
        (("kid",), 200, "kid on values needs 1000 samples of each set, and there are 200 to validate on"),
        (NUMBERS, 49, "only 49 samples were held out"),
        (("psnr",), 200, "samples out of noise have no targets for psnr"),
        ((), 200, ""),
    ],
)
def test_too_few_samples_choose_no_weights(numbers, count, words):
    found = too_few(POINTS, numbers, count)
    assert found.startswith(words)
    assert bool(found) == bool(words)


def test_metrics_that_cannot_be_are_refused():
    with pytest.raises(UserError, match="measure of sets 'frechett'"):
        small("nsgan", metrics="[frechett]", selection="frechett")
    with pytest.raises(UserError, match="1nn is several numbers; name those wanted: 1nn_accuracy, 1nn_real"):
        small("nsgan", metrics="[1nn]", selection="1nn")
    with pytest.raises(UserError, match="metric 'recall'"):
        small("l1", metrics="[recall]", selection="recall")


def test_the_best_weights_are_those_of_the_best_validation(tmp_path):
    run = tmp_path / "run"
    assert main(["train", "--task", "toy", "--output", str(run), "generator.width=8", "critic.width=8",
                 "data.samples=64", "train.steps=3", "train.validate_every=1", "train.validation_images=64",
                 "train.report=false"]) == 0  # fmt: skip
    records = [json.loads(line) for line in (run / "validation.jsonl").read_text().splitlines()]
    name = "mmd2_gaussian_0.05median_unbiased"
    best = min(records, key=lambda record: record[name])
    said = header(run / "weights/best.safetensors")
    assert (said["step"], said["chosen_by"]) == (best["step"], name)
    assert len(records) == 3
