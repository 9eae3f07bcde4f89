"""A short loss curve of every method, which a change of the engine must not change.

After a change that is meant to move them (a loss, a network, an initialisation, a random stream), look at what moved
and why, then write curves.json anew: ``CURVES=write python -m pytest tests/guards/test_curves.py``.
In float64, so that processors which round differently agree.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch

from conftest import CROPS, METHODS, TASKS, small
from img2img.compute.distributed import World
from img2img.compute.precision import Precision
from img2img.inference import Shape
from img2img.training.build import build_engine
from img2img.types import Batch

FILE = Path(__file__).with_name("curves.json")
STEPS = 5
# what is small enough to be quick and still goes through every layer
EXTRA = {
    "cyclegan": {"generator.blocks": 1, "pool": 4},
    "pix2pixhd": {"generator.blocks": 1},
    **{name: {"generator.blocks": 1, "flow.layers": [0, 1, 2, 3], "flow.patches": 16} for name in ("cut", "fastcut")},
    "pan_release": {"generator.width": 4, "critic.width": 4},
}


def curve(method: str) -> dict[str, list[float]]:
    """Everything a method notes, step by step, on made data."""
    world = World()
    toy = TASKS.get(method) == "toy"
    count = 8 if toy else 2
    settings = small(method, **{"train.batch": count, "train.seed": 7, **EXTRA.get(method, {})})
    side = None if toy else 32 if TASKS.get(method) == "unpaired" else CROPS.get(method, 64)
    shape = Shape(source=2, target=2, size=None) if toy else Shape(source=3, target=3, size=side)
    engine = build_engine(settings.method, settings.train, shape, world, Precision("fp32", world.device))
    seen: dict[str, list[float]] = {}
    for step in range(STEPS):
        generator = torch.Generator().manual_seed(step)
        batches = []
        for _ in range(engine.batches):
            size = (count, 2) if toy else (count, 3, side, side)
            source, target = (torch.rand(size, generator=generator) * 2 - 1 for _ in "st")
            mask = None
            if engine.rules.flow.needs_mask:
                mask = torch.zeros(count, 1, side, side)
                mask[:, :, side // 4 + 4 : -side // 4 - 4, side // 4 + 4 : -side // 4 - 4] = 1
            source = None if toy else source
            batches.append(Batch(source=source, target=target, mask=mask, index=torch.arange(count)))
        engine.step(step, batches)
        for name, value in engine.log.means().items():
            seen.setdefault(name, []).append(value.item())
        engine.log.clear()
    return seen


def write() -> None:
    """All curves, a line for each thing noted."""
    made = {f"{method}: {name}": line for method in METHODS for name, line in curve(method).items()}
    lines = [
        f"{json.dumps(name)}: {json.dumps([float(f'{value:.7g}') for value in line])}" for name, line in made.items()
    ]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")


@pytest.fixture(scope="module")
def golden():
    torch.set_default_dtype(torch.float64)
    if os.environ.get("CURVES") == "write":
        write()
    yield json.loads(FILE.read_text())
    torch.set_default_dtype(torch.float32)


def test_every_method_has_a_curve(golden):
    assert sorted({key.partition(":")[0] for key in golden}) == METHODS


@pytest.mark.parametrize("method", METHODS)
def test_curve(method, golden):
    made = {f"{method}: {name}": line for name, line in curve(method).items()}
    assert set(made) == {key for key in golden if key.startswith(f"{method}:")}
    for name, line in made.items():
        assert line == pytest.approx(golden[name], rel=1e-5, abs=1e-6), name
