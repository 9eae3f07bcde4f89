"""A run that is cut anywhere and started again is bit for bit the run that was not."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from conftest import METHODS, same, small
from img2img.compute.distributed import World
from img2img.config import dump_yaml
from img2img.training import loop as trainer_module
from img2img.training.train import train


def weights(run: Path) -> str:
    return hashlib.sha256((run / "weights/last.safetensors").read_bytes()).hexdigest()


def state(run: Path):
    return torch.load(run / "checkpoint.pt", weights_only=True)["engine"]


class CutError(Exception):
    pass


EVOLVED = {
    "games": "[minimax, non_saturating]",
    "fitness": "quality_diversity",
    "survival": "pareto",
    "parents": 2,
    "generator_losses.perceptual_adversarial.layers": "{1: 1}",
    "critic_losses.perceptual_margin.layers": "{1: 1}",
}
SPECIAL = [
    ("egan", {"parents": 4}),
    ("egan", {"parents": 4, "survival": "pareto"}),
    ("pan", {"train.precision": "fp16"}),
    ("l1", {"ema_half_life_images": 16}),
]


@pytest.mark.parametrize(("method", "further"), [*((method, {}) for method in METHODS), *SPECIAL])
def test_cut_at_every_step(method, further, tmp_path, monkeypatch):
    steps = 3
    extra = {
        **further,
        "train.steps": steps,
        "train.checkpoint_every": 1,
        "train.log_every": 2,
        "train.validate_every": 100,
    }
    if method == "cyclegan":
        extra["pool"] = 3
    settings = small(method, **extra)
    train(settings, World(), tmp_path / "whole")
    save = trainer_module.Trainer.save

    def save_and_die(self):
        save(self)
        if self.progress.step < steps:
            raise CutError

    monkeypatch.setattr(trainer_module.Trainer, "save", save_and_die)
    for _ in range(steps - 1):
        with pytest.raises(CutError):
            train(settings, World(), tmp_path / "cut")
    train(settings, World(), tmp_path / "cut")
    assert same(state(tmp_path / "whole"), state(tmp_path / "cut"))
    assert weights(tmp_path / "whole") == weights(tmp_path / "cut")
    logs = [(tmp_path / name / "log.jsonl").read_text().count("\n") for name in ("whole", "cut")]
    assert logs[0] == logs[1]


@pytest.mark.parametrize(("method", "task"), [("pan", "inpaint"), ("cyclegan", "unpaired"), ("egan", "toy")])
def test_kill_9_of_a_real_process_with_workers(method, task, tmp_path):
    settings = small(
        method,
        task,
        **{"train.steps": 12, "train.checkpoint_every": 4, "train.workers": 2, "train.batch": 2, "data.flip": "true"},
    )
    config = tmp_path / "config.yaml"
    config.write_text(dump_yaml(settings.tree))
    command = [sys.executable, "-m", "img2img", "train", "--config", str(config), "--threads", "1", "--output"]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    train(settings, World(), tmp_path / "whole")
    process = subprocess.Popen([*command, str(tmp_path / "cut")], stdout=-3, stderr=-3, env=env, start_new_session=True)
    deadline = time.monotonic() + 120
    while not (tmp_path / "cut/checkpoint.pt").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    # a kill after the end would prove nothing
    assert not torch.load(tmp_path / "cut/checkpoint.pt", weights_only=True)["progress"]["finished"]
    subprocess.run([*command, str(tmp_path / "cut")], check=True, capture_output=True, env=env)
    assert same(state(tmp_path / "whole"), state(tmp_path / "cut"))
    assert weights(tmp_path / "whole") == weights(tmp_path / "cut")


def test_sigterm_saves_and_exits_0(tmp_path):
    command = [sys.executable, "-m", "img2img", "train", "--task", "toy", "--output", str(tmp_path / "run"),
               "generator.width=8", "critic.width=8", "train.steps=1000000"]  # fmt: skip
    process = subprocess.Popen(command, stdout=-3, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not (tmp_path / "run/log.jsonl").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.terminate()
    error = process.communicate()[1]
    assert process.returncode == 0, error
    assert "the same command goes on" in error
    progress = torch.load(tmp_path / "run/checkpoint.pt", weights_only=True)["progress"]
    assert 0 < progress["step"] < 1000000


def test_a_finished_run_says_so(tmp_path, capsys):
    settings = small("l1")
    train(settings, World(), tmp_path / "run")
    before = weights(tmp_path / "run")
    train(settings, World(), tmp_path / "run")
    assert "finished" in capsys.readouterr().err
    assert weights(tmp_path / "run") == before
