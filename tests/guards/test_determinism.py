"""A run is a function of its seed: not of workers, of the global generators, or of how many pictures go at once."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from conftest import small
from img2img.compute.distributed import World
from img2img.inference import Shape, translator_of, write_samples
from img2img.recipes.build import build_players
from img2img.training.train import train
from img2img.weights.file import load_weights

KEYS = {"data.crop": 32, "train.steps": 3, "train.batch": 2, "train.validation_images": 1}


def weights(method: str, folder, **extra: object) -> dict[str, torch.Tensor]:
    train(small(method, **{**KEYS, **extra}), World(), folder)
    return load_weights(folder / "weights/last.safetensors")[1]


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("method", ["pix2pix", "cyclegan", "egan"])
def test_the_seed_alone_decides(method, tmp_path):
    # dropout, a pool and flips; another draw of the global generators between the runs changes nothing
    extra = {"cyclegan": {"pool": 2, "generator.blocks": 1, "train.steps": 2}}.get(method, {})
    one = weights(method, tmp_path / "one", **extra)
    torch.manual_seed(99)
    np.random.seed(99)
    assert same(one, weights(method, tmp_path / "again", **extra))
    other = weights(method, tmp_path / "other", **extra, **{"train.seed": 1})
    assert not any(torch.equal(one[name], other[name]) for name in one if one[name].ndim > 1)


def test_workers_change_no_bit(tmp_path):
    keys = {"generator": "{name: residual, width: 8}", "train.steps": 4}
    assert same(
        weights("l1", tmp_path / "thread", **keys), weights("l1", tmp_path / "two", **keys, **{"train.workers": 2})
    )


def translator(method: str, task: str | None = None, **extra: object):
    settings = small(method, task, **extra)
    vector = settings.task_name == "toy"
    shape = Shape(source=2, target=2, size=None) if vector else Shape(source=3, target=3, size=32)
    parents, _, _ = build_players(
        settings.method, shape=shape, seed=0, init="kaiming",
        world=World(), scaled=False,
    )  # fmt: skip
    return translator_of(parents[0].networks, settings.method, shape, torch.device("cpu"), "fp32")


@pytest.mark.parametrize("method", ["pix2pix", "l1"])
def test_pictures_together_or_alone_give_the_same_results(method):
    # pix2pix judges by each picture's own statistics, with dropout; l1 by running ones
    one = translator(method, **{"data.crop": 32})
    pictures = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    together = one.tensor(pictures)
    alone = torch.cat([one.tensor(picture[None]) for picture in pictures])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-5)
    torch.manual_seed(5)
    assert torch.equal(one.tensor(pictures), together)
    # the network is left as training needs it
    assert all(module.training for module in one.network.modules())


def test_samples_from_noise_together_or_alone():
    one = translator("nsgan")
    together = one.samples(4)
    alone = torch.cat([one.samples(1, number) for number in range(4)])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-5)
    assert len(together.unique(dim=0)) == 4


def test_processes_share_the_samples_out(tmp_path):
    one = translator("nsgan", "images")
    assert write_samples(one, tmp_path / "one", 3, False) == (3, 0)
    assert [write_samples(one, tmp_path / "two", 3, False, rank=rank, world=2) for rank in (0, 1)] == [(2, 0), (1, 0)]
    for number in range(3):
        name = f"{number:04d}.png"
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
