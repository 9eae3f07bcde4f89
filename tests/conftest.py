"""Shared helpers: small settings of every method, and one thread so that tests run side by side."""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest
import torch
from browser import PROGRAMS, Browser, installed
from feature_weights import options
from PIL import Image

from img2img.config import config_files
from img2img.recipes.settings import Settings, resolve

torch.set_num_threads(1)

SHARED = Path(__file__).resolve().parents[2] / "shared"

# the task on which each method is tested
NOISE = ("gan", "nsgan", "dcgan", "lsgan", "wgan", "wgan_gp", "dragan", "hinge", "ragan", "sngan", "egan", "egan_gp")
TASKS = {
    "quick": "derain",
    "cyclegan": "unpaired",
    "cut": "unpaired",
    "fastcut": "unpaired",
    "context_encoder": "inpaint",
    **dict.fromkeys(NOISE, "toy"),
    "sagan": "images",
}
# the smallest crop of methods whose networks need more than 64 px
CROPS = {"pan_release": 256, "sagan": 32}
METHODS = sorted(config_files("methods"))


def small(method: str, task: str | None = None, **extra: object) -> Settings:
    """A method at width 8 and a small crop, fp32."""
    task = task or TASKS.get(method, "derain")
    values: dict[str, object] = {
        "train.steps": 2,
        "train.batch": 4,
        "train.precision": "fp32",
        "train.validation_images": 1,
        "data.validation_crop": 32,
        "generator.width": 8,
        "critic.width": 8,
    }
    if task == "toy":
        # N(0, 0.02) on 8 units lets so little through that Adam's eps would hold the generator still
        values |= {"data.samples": 64, "train.init": "kaiming"}
    else:
        values |= {"data.crop": CROPS.get(method, 64), "data.load": "null"}
        if task == "images":
            values |= {"data.crop": 32, "data.load": 40}
    values |= extra
    settings = resolve(task, method, None, None, ())
    if settings.method.critic is None:
        values.pop("critic.width")
    for loss in settings.method.generator_losses:
        # trained features are hundreds of megabytes
        values |= {f"generator_losses.{loss}.{key}": value for key, value in options(loss).items()}
    if settings.method.fitness is not None:
        # judged on the training batch, which is all that a small run has
        values.setdefault("fitness_samples", "null")
    return resolve(task, method, None, None, [f"{key}={value}" for key, value in values.items()])


def same(one, other) -> bool:
    """Bit for bit equal, through mappings and sequences of tensors and plain values."""
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other, strict=True))
    return one == other


@pytest.fixture
def shared() -> Path:
    """The folder with real data, where there is one."""
    if not (SHARED / "data").is_dir():
        pytest.skip("real data (../shared/data) are not here")
    return SHARED


def picture(seed: int, height: int = 48, width: int = 64) -> np.ndarray:
    """A smooth random picture (H, W, 3) uint8."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    return np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC))


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Six pairs side by side, clean left and darker right."""
    folder = tmp_path / "pairs"
    folder.mkdir()
    for number in range(6):
        clean = picture(number)
        Image.fromarray(np.concatenate([clean, clean // 2], 1)).save(folder / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """A real browser, where there is one."""
    program = installed()
    if program is None:
        pytest.skip(f"no browser here (looked for {', '.join(PROGRAMS)})")
    one = Browser(program, tmp_path_factory.mktemp("profile"))
    yield one
    one.close()
