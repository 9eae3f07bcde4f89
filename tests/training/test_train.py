"""What a training says and refuses on its way."""

from __future__ import annotations

import gc
import json
import weakref

import numpy as np
import pytest
import torch
from PIL import Image

from conftest import picture, small
from img2img.compute.distributed import World
from img2img.compute.precision import kernels_taken
from img2img.engine.player import Player
from img2img.errors import RunError, UserError
from img2img.recipes.settings import resolve
from img2img.training.loop import Trainer
from img2img.training.run_folder import Run
from img2img.training.train import train


def test_steps_may_change_while_nothing_is_saved(tmp_path):
    run = tmp_path / "run"
    train(small("l1", **{"train.steps": 2}), World(), run)
    (run / "checkpoint.pt").unlink()
    assert train(small("l1", **{"train.steps": 3}), World(), run).progress.step == 3


def test_a_gradient_that_is_not_finite_never_reaches_the_checkpoint(tmp_path, monkeypatch):
    apply, calls = Player.apply, []

    def spoil(self, gradients, rate_factor=1.0):
        calls.append(1)
        if len(calls) > 5:  # the measurement takes some
            gradients[0] = gradients[0] * torch.inf
        apply(self, gradients, rate_factor)

    extra = {"train.steps": 40, "train.checkpoint_every": 1, "train.log_every": 100, "train.validate_every": 100}
    monkeypatch.setattr(Player, "apply", spoil)
    with pytest.raises(RunError, match="not finite"):
        train(small("l1", **extra), World(), tmp_path / "run")
    saved = torch.load(tmp_path / "run/checkpoint.pt", weights_only=True)
    assert saved["progress"]["step"] >= 1
    weights = saved["engine"]["parents"][0]["networks"].values()
    assert all(torch.isfinite(value).all() for value in weights)


def test_a_critic_that_has_won_is_an_alarm(tmp_path, capsys):
    # a generator that hardly moves against a fast critic
    extra = {
        "train.steps": 200, "train.log_every": 10, "optimizers.generator.lr": 1e-9, "optimizers.critic.lr": 1e-2,
        "critic.norm": "none", "critic_steps": 3,
    }  # fmt: skip
    train(small("nsgan", **extra), World(), tmp_path / "run")
    assert capsys.readouterr().err.count("the critic tells every fake") == 1


def test_a_collapsed_generator_and_few_samples_are_told(tmp_path, capsys):
    extra = {"train.init": "normal", "data.samples": 16, "train.validate_every": 2}
    train(small("nsgan", **extra), World(), tmp_path / "run")
    told = capsys.readouterr().err
    # N(0, 0.02) weights of a narrow network give the same point for every z
    assert "collapse" in told
    assert "only 16 samples" in told
    train(small("nsgan", **{"train.validate_every": 2}), World(), tmp_path / "other")
    assert "collapse" not in capsys.readouterr().err


def test_upright_pairs_are_not_taken_for_photos(tmp_path):
    for number in range(4):
        clean = picture(number, 96, 64)
        Image.fromarray(np.concatenate([clean, clean // 2 + 60], 1)).save(tmp_path / f"{number}.png")
    settings = resolve("derain", "l1", str(tmp_path), None, ["train.steps=1"])
    with pytest.raises(UserError, match=r"halves of its pictures show the same; say data\.layout"):
        train(settings, World(), None)


@pytest.mark.parametrize(
    ("extra", "tf32", "benchmark"),
    [
        ({}, False, True),
        ({"train.tf32": "true"}, True, True),
        ({"train.tf32": "true", "train.deterministic": "true"}, False, False),
    ],
)
def test_the_kernels_are_chosen_and_recorded(extra, tf32, benchmark, tmp_path):
    run = tmp_path / "run"
    before = kernels_taken()
    train(small("l1", **{"train.steps": 1, **extra}), World(), run)
    said = json.loads((run / "environment.json").read_text())
    deterministic = "train.deterministic" in extra
    assert (said["tf32"], said["cudnn_benchmark"], said["deterministic"]) == (tf32, benchmark, deterministic)
    assert kernels_taken() == before


def test_compiled_networks_cannot_have_children():
    with pytest.raises(UserError, match=r"train\.compile=true"):
        train(small("egan", **{"train.compile": "true"}), World(), None)


def test_patience_without_a_metric_is_refused():
    with pytest.raises(UserError, match=r"train\.patience"):
        small("nsgan", **{"train.patience": 2, "selection": "none"})


def test_a_damaged_picture_to_validate_on_is_refused_before_anything_is_written(tmp_path):
    for part, numbers in (("train", range(3)), ("val", range(3, 5))):
        (tmp_path / "data" / part).mkdir(parents=True)
        for number in numbers:
            clean = picture(number)
            Image.fromarray(np.concatenate([clean, clean // 2], 1)).save(tmp_path / f"data/{part}/{number}.png")
    damaged = tmp_path / "data/val/4.png"
    damaged.write_bytes(damaged.read_bytes()[:-200])
    settings = small("l1", **{"data.path": tmp_path / "data", "data.layout": "side_by_side", "data.crop": 32,
                              "train.validation_images": 2})  # fmt: skip
    with pytest.raises(UserError, match=r"val/4\.png") as error:
        train(settings, World(), tmp_path / "run")
    assert error.value.exit_status == 2
    assert not (tmp_path / "run").exists()


def tensors_of(value):
    """All tensors in nested dictionaries and lists."""
    if isinstance(value, torch.Tensor):
        yield value
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ():
        yield from tensors_of(part)


@pytest.mark.parametrize(
    ("method", "keys"),
    [
        ("cyclegan", {"pool": 2, "generator.blocks": 1, "ema_half_life_images": 4}),
        ("pix2pix", {"train.precision": "fp16"}),
    ],
)
def test_nothing_of_a_loaded_checkpoint_is_kept_while_the_run_goes_on(method, keys, tmp_path, monkeypatch):
    def settings(steps: int):
        return small(method, **{**keys, "data.crop": 32, "schedule": "constant", "train.steps": steps})

    train(settings(1), World(), tmp_path / "run")
    load, loop = Run.load_checkpoint, Trainer.loop
    loaded: list[weakref.ref] = []
    alive: list[int] = []

    def watched(self, device):
        state = load(self, device)
        loaded.extend(weakref.ref(tensor) for tensor in tensors_of(state))
        return state

    def looping(self):
        gc.collect()
        alive.append(sum(reference() is not None for reference in loaded))
        return loop(self)

    monkeypatch.setattr(Run, "load_checkpoint", watched)
    monkeypatch.setattr(Trainer, "loop", looping)
    assert train(settings(2), World(), tmp_path / "run").progress.step == 2
    assert len(loaded) > 50
    assert alive == [0]
