"""Every YAML in configs/ trains two steps at width 8, and resumes."""

from __future__ import annotations

import pytest

from conftest import METHODS, TASKS, small
from img2img.config import config_files
from img2img.engine.distributed import World
from img2img.tasks import resolve
from img2img.training import train

TASK_NAMES = sorted(config_files("tasks"))


@pytest.mark.parametrize("method", METHODS)
def test_every_method_trains_and_resumes(method, tmp_path):
    outcome = train(small(method), World(), tmp_path / "run")
    assert outcome.progress.step == 2
    again = train(small(method, **{"train.steps": 3}), World(), tmp_path / "run") if method not in SCHEDULED else None
    assert again is None or again.progress.step == 3
    assert (tmp_path / "run/weights/last.safetensors").is_file()


# their schedule depends on the total, so that the number of steps is fixed
SCHEDULED = {"quick", "pix2pix", "cyclegan"}


@pytest.mark.parametrize("task", TASK_NAMES)
def test_every_task_trains_with_its_default_method(task, tmp_path):
    method = resolve(task).method_name
    assert train(small(method, task), World(), tmp_path / "run").progress.step == 2


@pytest.mark.parametrize("method", ["nsgan", "wgan_gp", "egan"])
def test_noise_methods_on_pictures(method, tmp_path):
    assert train(small(method, "images"), World(), tmp_path / "run").progress.step == 2


def test_tasks_of_the_tests_exist():
    assert set(TASKS.values()) <= set(TASK_NAMES)
