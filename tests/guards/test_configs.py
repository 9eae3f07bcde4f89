"""Tasks and methods of configs/: what goes together trains two steps at width 8, resumes and translates.

What does not is refused with a reason. Each method is trained, each task with two methods or more, and each family of
methods on every kind of task that it takes; of all other pairs the networks are planned.
"""

from __future__ import annotations

import json

import numpy as np
import pytest
from planted import two_folders
from small_run import save

from conftest import METHODS, NOISE, TASKS, picture, small
from img2img.compute.distributed import World
from img2img.config import config_files, plain
from img2img.errors import UserError
from img2img.inference import load
from img2img.recipes.blueprint import draw_up
from img2img.recipes.settings import resolve
from img2img.training.train import train
from img2img.weights.header import Shape

TASK_NAMES = sorted(config_files("tasks"))
UNPAIRED = ("cut", "cyclegan", "fastcut")
PAIRED = tuple(name for name in METHODS if name not in (*NOISE, *UNPAIRED, "sagan", "context_encoder"))

FAMILIES = (PAIRED, UNPAIRED, NOISE, ("sagan",), ("context_encoder",))

# further methods of tasks; those that learn pairs take turns on pairs of labels or drawings
MORE = {
    "aerial2map": ("pan",),
    "camvid": ("cgan",),
    "cityscapes": ("pix2pixhd",),
    "edges2handbags": ("l2_cgan",),
    "edges2photo": ("idcgan",),
    "edges2shoes": ("idcgan_release",),
    "facades": ("l2", "cyclegan"),
    "labels2photo": ("spade",),
    "map2aerial": ("pa_cgan",),
    "paired": ("quick",),
    "photo2labels": ("restorer",),
    "colorize": ("idcgan",),
    "deblur": ("pan",),
    "dehaze": ("quick",),
    "denoise": ("cyclegan",),
    "edges": ("l1",),
    "jpeg": ("cgan",),
    "superres": ("pix2pix",),
    "inpaint": ("pix2pix", "quick"),
    "style": ("fastcut",),
    "unpaired": ("cut",),
    "images": ("nsgan", "wgan_gp", "egan"),
}
TRAINED = sorted(
    {(TASKS.get(method, "derain"), method) for method in METHODS}
    | {(task, resolve(task).method_name) for task in TASK_NAMES}
    | {(task, method) for task, methods in MORE.items() for method in methods}
)


def data_of(task, method, folder):
    """Where a task's data are, if its pairs are not built in: label maps left, as A, or named as they are."""
    data = resolve(task, method).data
    if data.layout == "unpaired" and task in MORE and resolve(task).data.layout == "auto":
        for number in range(4):
            save(folder / "sides/trainA" / f"{number}.png", picture(number, 72, 72))
            save(folder / "sides/trainB" / f"{number}.png", picture(number + 9, 72, 72))
        return {"data.path": folder / "sides"}
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


@pytest.mark.parametrize(("task", "method"), TRAINED)
def test_a_pair_trains_resumes_and_translates(task, method, tmp_path):
    # with a schedule that depends on the total the number of steps could not grow
    extra = {"schedule": "constant", "train.report": False, **data_of(task, method, tmp_path)}
    assert train(small(method, task, **extra), World(), tmp_path / "run").progress.step == 2
    if task == TASKS.get(method, "derain"):
        more = small(method, task, **{"train.steps": 3}, **extra)
        assert train(more, World(), tmp_path / "run").progress.step == 3
    translator = load(tmp_path / "run/weights/last.safetensors")
    if translator.flow.from_noise:
        shape = (2,) if task == "toy" else (3, 32, 32)
        assert translator.samples(2).shape == (2, *shape)
        return
    photo, hole = picture(3, 64, 64), np.zeros((64, 64), np.uint8)
    hole[16:48, 16:48] = 255
    result = translator(photo, hole) if translator.needs_mask else translator(photo)
    assert np.asarray(result).shape == photo.shape
    if translator.needs_mask:
        assert np.array_equal(np.asarray(result)[hole == 0], photo[hole == 0])


def kind(task):
    """What a task's data are, by its name."""
    return {"images": "pictures", "toy": "points", "inpaint": "holes", "style": "unpaired"}.get(
        task, "unpaired" if task == "unpaired" else "pairs"
    )


def goes_together(task, method):
    """Whether a method can learn a task, by hand."""
    if method in NOISE or method == "sagan":
        return kind(task) == "pictures" or (kind(task) == "points" and method != "sagan")
    if method == "context_encoder":
        return kind(task) == "holes"
    return kind(task) in (("unpaired", "pairs", "holes") if method in UNPAIRED else ("pairs", "holes"))


def test_what_is_trained_covers_tasks_methods_and_kinds():
    for task in TASK_NAMES:
        assert len([method for its, method in TRAINED if its == task]) >= 2, task
    assert {method for _, method in TRAINED} == set(METHODS)
    for family in FAMILIES:
        taken = {kind(task) for task in TASK_NAMES for method in family if goes_together(task, method)}
        # to those that learn from unpaired pictures photos with a hole are pictures like any other
        taken -= {"holes"} if family == UNPAIRED else set()
        assert {kind(task) for task, method in TRAINED if method in family} == taken, family


@pytest.mark.parametrize("task", TASK_NAMES)
def test_every_method_is_planned_or_refused_with_the_reason(task, planned):
    for method in METHODS:
        if goes_together(task, method):
            settings = resolve(task, method)
            channels, size = (2, None) if task == "toy" else (3, settings.data.crop)
            key = json.dumps([plain(settings.method), channels, size], default=str, sort_keys=True)
            if key not in planned:
                planned.add(key)
                draw_up(settings.method, Shape(source=channels, target=channels, size=size))
            continue
        with pytest.raises(UserError) as refused:
            resolve(task, method)
        said = str(refused.value)
        assert "\n" not in said
        assert f"--method {method}" in said
        assert f"--task {task}" in said
        # both cures that the line names do
        takes, other = said.split("take --method ")[1].split(", or --task ")
        assert goes_together(task, takes)
        assert goes_together(other.split(" ")[0], method)


@pytest.fixture(scope="module")
def planned():
    """The methods, with what tasks change of them, whose networks have been planned."""
    return set()


def test_who_asks_for_a_layout_gets_it():
    assert resolve("unpaired", "l1", None, None, ["data.layout=unpaired"]).data.layout == "unpaired"
    assert resolve("derain", "nsgan", None, None, ["data.layout=images"]).data.layout == "images"


def test_tasks_of_the_tests_exist():
    assert {*TASKS.values(), *MORE} <= set(TASK_NAMES)
