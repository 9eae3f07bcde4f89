"""Validation: how long one will take is found out on as few pictures as the time allows."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from conftest import small
from img2img.compute.distributed import World
from img2img.inference import Shape
from img2img.recipes.blueprint import draw_up
from img2img.training.run_folder import Run
from img2img.training.validation import Validator


class Pictures:
    """So many pictures of noise, the last ones with other names."""

    def __init__(self, count: int) -> None:
        self.names = [f"{number}.png" for number in range(count)]

    def __len__(self) -> int:
        return len(self.names)

    def digest(self, index: int) -> str:
        return f"digest {index}"

    def whole(self, index: int):
        generator = torch.Generator().manual_seed(index)
        pixels = torch.randint(0, 256, (16, 16, 3), generator=generator, dtype=torch.uint8).numpy()
        return {"source": pixels, "target": pixels}


def validator(count: int, run: Run | None = None, rank: int = 0, size: int = 1, **plan: object):
    settings = small("l1", generator="{name: residual, width: 8}", **plan)
    networks = draw_up(settings.method, Shape(source=3, target=3, size=16)).build_generators()
    world = World(rank=rank, size=size)
    made = Validator(
        Pictures(count), settings.method, settings.train, Shape(source=3, target=3, size=16),
        metrics=settings.task.metrics, protocol=settings.protocol, world=world, run=run,
    )  # fmt: skip
    return made, networks


@pytest.mark.parametrize(
    ("count", "seconds", "budget", "looked_at", "expected"),
    [
        # a picture takes 10 s: one is enough
        (16, 10.0, 6.0, 1, 160.0),
        (16, 2.0, 6.0, 3, 32.0),
        (16, 2.5, 6.0, 2, 40.0),
        (16, 0.1, 6.0, 16, 1.6),
        (3, 2.0, 6.0, 3, 6.0),
        (0, 2.0, 6.0, 0, 0.0),
    ],
)
def test_a_slow_validation_is_rehearsed_on_fewer_pictures(count, seconds, budget, looked_at, expected, monkeypatch):
    made, networks = validator(count, **{"train.validation_images": 100})
    now, seen = [50.0], []

    def translate(translator, index):
        now[0] += seconds
        seen.append(index)
        return [], []

    monkeypatch.setattr(made, "_translate", translate)
    assert made.rehearse(networks, budget, lambda: now[0]) == pytest.approx(expected)
    assert seen == list(range(looked_at))


def test_a_process_rehearses_its_own_share(monkeypatch):
    made, networks = validator(7, rank=1, size=2, **{"train.validation_images": 6})
    now, seen = [50.0], []

    def translate(translator, index):
        now[0] += 1.0
        seen.append(index)
        return [], []

    monkeypatch.setattr(made, "_translate", translate)
    assert made.rehearse(networks, 60.0, lambda: now[0]) == pytest.approx(3.0)
    assert seen == [1, 3, 5]


def test_only_a_validation_leaves_a_sheet(tmp_path):
    made, networks = validator(3, Run(tmp_path), **{"train.validation_images": 2, "train.samples": 1})
    assert made.rehearse(networks, 60.0) > 0
    assert list(tmp_path.iterdir()) == []
    found = made(networks, 4)
    assert [path.name for path in (tmp_path / "samples").iterdir()] == ["step-4.png"]
    assert sorted({row[0] for row in found.rows}) == ["0.png", "1.png"]
    assert set(found.metrics) == {"psnr", "ssim"}
    assert made.digests() == ("digest 0", "digest 1")
    # the network is left as training needs it
    assert all(module.training for module in networks.modules() if isinstance(module, nn.Module))
