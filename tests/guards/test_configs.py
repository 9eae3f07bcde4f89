"""Every YAML in configs/ trains two steps at width 8, and resumes."""

from __future__ import annotations

import pytest
from planted import two_folders

from conftest import METHODS, TASKS, small
from img2img.compute.distributed import World
from img2img.config import config_files
from img2img.recipes.settings import resolve
from img2img.training.train import train

TASK_NAMES = sorted(config_files("tasks"))


@pytest.mark.parametrize("method", METHODS)
def test_every_method_trains_and_resumes(method, tmp_path):
    two_and_a_third(method, None, tmp_path / "run")


def two_and_a_third(method, task, run, **extra):
    # with a schedule that depends on the total the number of steps could not grow
    outcome = train(small(method, task, schedule="constant", **extra), World(), run)
    assert outcome.progress.step == 2
    again = train(small(method, task, schedule="constant", **{"train.steps": 3}, **extra), World(), run)
    assert again.progress.step == 3
    assert (run / "weights/last.safetensors").is_file()


@pytest.mark.parametrize("task", TASK_NAMES)
def test_every_task_trains_with_its_default_method(task, tmp_path):
    # pairs of whatever kind are the one thing that is not built in
    data = {"data.path": two_folders(tmp_path / "pairs", range(6))} if task == "paired" else {}
    two_and_a_third(resolve(task).method_name, task, tmp_path / "run", **data)


@pytest.mark.parametrize("method", ["nsgan", "wgan_gp", "egan"])
def test_noise_methods_on_pictures(method, tmp_path):
    assert train(small(method, "images"), World(), tmp_path / "run").progress.step == 2


def test_tasks_of_the_tests_exist():
    assert set(TASKS.values()) <= set(TASK_NAMES)
