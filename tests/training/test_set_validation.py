"""Generators that start from noise are validated as sets, and a measure of sets chooses their weights."""

from __future__ import annotations

import json

import numpy as np
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
    with pytest.raises(UserError, match="recall_on_pixels is called recall"):
        small("nsgan", metrics="[recall_on_pixels]", selection="recall_on_pixels")
    with pytest.raises(UserError, match="metrics: unknown space 'minst'; did you mean 'mnist'"):
        small("nsgan", metrics="[kid_on_minst]", selection="kid_on_minst")
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


@pytest.fixture
def pictures(tmp_path) -> str:
    rng = np.random.default_rng(0)
    np.save(tmp_path / "pictures.npy", rng.integers(0, 256, (120, 28, 28), dtype=np.uint8))
    return str(tmp_path / "pictures.npy")


GREY = ["data.load=28", "data.crop=28", "data.flip=false", "generator.width=8", "critic.width=8", "train.steps=2",
        "train.validate_every=1", "train.report=false", "data.validation=0.5", "train.batch=4"]  # fmt: skip
CHOSEN = "mmd2_gaussian_median_unbiased_on_mnist"


def test_weights_are_chosen_and_measured_in_the_features_of_a_network(tmp_path, pictures, capsys):
    run = tmp_path / "run"
    names = f"metrics=[{CHOSEN},inception_score_on_mnist,recall]"
    words = ["train", "--task", "images", "--data", pictures, "--output", str(run), *GREY, names, f"selection={CHOSEN}"]
    assert main(words) == 0
    records = [json.loads(line) for line in (run / "validation.jsonl").read_text().splitlines()]
    assert {CHOSEN, "inception_score_on_mnist", "recall"} <= records[0].keys()
    assert "on mnist, pixels: " in records[0]["protocol"]
    said = header(run / "weights/best.safetensors")
    assert (said["chosen_by"], said["step"]) == (CHOSEN, min(records, key=lambda record: record[CHOSEN])["step"])

    capsys.readouterr()
    words = ["--weights", f"new={run}/weights/best.safetensors", "--features", "mnist", "--metrics", "mmd,mode_score"]
    assert main(["evaluate", *words, "--format", "json"]) == 0
    measured = json.loads(capsys.readouterr().out)["rows"]["new"]
    # the same samples against the same ones that were held out
    assert measured[CHOSEN] == pytest.approx(said["metrics"][CHOSEN], abs=1e-6)
    assert "mode_score_on_mnist" in measured


def test_a_feature_network_without_weights_stops_before_the_first_step(tmp_path, pictures, monkeypatch, capsys):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "none"))
    run = tmp_path / "run"
    words = ["train", "--task", "images", "--data", pictures, "--output", str(run), *GREY]
    assert main([*words, "metrics=[recall_on_inception]", "selection=recall_on_inception"]) == 2
    assert "inception needs weights that are not here, and nothing is downloaded" in capsys.readouterr().err
    assert not run.exists()
