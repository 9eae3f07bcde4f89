"""Every YAML in configs/ trains two steps at width 8, and resumes."""

from __future__ import annotations

import pytest
from planted import two_folders
from small_run import save

from conftest import METHODS, TASKS, picture, small
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
    two_and_a_third(resolve(task).method_name, task, tmp_path / "run", **ready_pairs(task, tmp_path))


def ready_pairs(task, folder):
    """Where a task's data are, for tasks whose pairs are not built in: label maps left, as A, or named as they are."""
    data = resolve(task).data
    if data.synthesis != "none" or data.layout != "auto":
        return {}
    if data.drawn == "none":
        return {"data.path": two_folders(folder / "pairs", range(6))}
    for number in range(6):
        photo = picture(number, 96, 96)
        label = photo // 128 * 255
        label[:, :48] = 64
        names = (data.source, data.target) if data.source else ("A", "B")
        sides = (label, photo) if (data.drawn == "source") == (data.direction == "AtoB") else (photo, label)
        for name, pixels in zip(names, sides, strict=True):
            save(folder / "pairs" / name / f"{number}.png", pixels)
    return {"data.path": folder / "pairs"}


@pytest.mark.parametrize("method", ["nsgan", "wgan_gp", "egan"])
def test_noise_methods_on_pictures(method, tmp_path):
    assert train(small(method, "images"), World(), tmp_path / "run").progress.step == 2


def test_tasks_of_the_tests_exist():
    assert set(TASKS.values()) <= set(TASK_NAMES)
