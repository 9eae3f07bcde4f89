"""What must hold on a GPU (see `benchmarks.gpu`): each check gives what it saw, or raises AssertionError."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import torch

import img2img
from benchmarks.train import made_batch, settings_for, shape
from img2img.compute.distributed import World
from img2img.compute.precision import Precision, kernels
from img2img.engine.step import Engine
from img2img.recipes.settings import Settings
from img2img.training.build import build_engine
from img2img.types import Batch

ROOT = Path(__file__).resolve().parents[1]
CHECKED = ("pix2pix", "pan", "cyclegan")


@dataclass(frozen=True)
class Place:
    """The device, and whether networks are narrow and pictures small."""

    device: torch.device
    tiny: bool

    def name(self) -> str:
        """What the device calls itself."""
        return torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else str(self.device)

    def wait(self) -> None:
        """Until everything that was asked of it is done."""
        if self.device.type != "cpu":
            torch.get_device_module(self.device).synchronize()

    def settings(self, name: str, *more: str) -> Settings:
        """What a subject is set up with here."""
        narrow = ["generator.width=8", *(["critic.width=8"] if name != "quick" else []), "data.load=null"]
        crop = "data.crop=64"
        return settings_for(name, *([*narrow, crop] if self.tiny else []), *more)


def engine_on(device: torch.device, settings: Settings, precision: str = "fp32") -> Engine:
    """An engine and its networks on a device."""
    plan = replace(settings.train, precision=cast(Any, precision))
    return build_engine(settings.method, plan, shape(settings), World(device=device), Precision(precision, device))


def batches(engine: Engine, settings: Settings, device: torch.device) -> list[Batch]:
    """What one step takes."""
    return [made_batch(settings).map(lambda values: values.to(device))] * engine.batches


def losses_of(device: torch.device, settings: Settings, precision: str = "fp32", steps: int = 2) -> dict[str, float]:
    """The means over the first steps."""
    engine = engine_on(device, settings, precision)
    taken = batches(engine, settings, device)
    for step in range(steps):
        engine.step(step, taken)
    assert not bool(engine.log.bad), f"{precision}: a loss is not finite"
    return {name: value.item() for name, value in engine.log.means().items()}


def without_dropout(place: Place, name: str) -> Settings:
    """Each device draws dropout's numbers by itself."""
    return place.settings(name, *(["generator.dropout=false"] if name == "pix2pix" else []))


def apart(one: dict[str, float], other: dict[str, float]) -> float:
    """The largest difference of two sets of losses, relative above 1."""
    return max(abs(one[name] - other[name]) / max(1.0, abs(other[name])) for name in other)


def equal_to_the_cpu(place: Place) -> str:
    """Losses of the first step in fp32, without TF32."""
    seen = {}
    with kernels():
        for name in CHECKED:
            settings = without_dropout(place, name)
            here, there = (losses_of(device, settings, steps=1) for device in (place.device, torch.device("cpu")))
            seen[name] = apart(here, there)
    assert max(seen.values()) < 1e-4, f"differs from the CPU: {seen}"
    return ", ".join(f"{name} {value:.1e}" for name, value in seen.items())


def resumed_bit_for_bit(place: Place) -> str:
    """Two steps, a state, two more; another engine with that state makes the same two."""
    with kernels(deterministic=True):
        for name in CHECKED:
            settings = place.settings(name)
            first, second = engine_on(place.device, settings), engine_on(place.device, settings)
            taken = batches(first, settings, place.device)
            for step in range(2):
                first.step(step, taken)
            second.load_state_dict(torch.load(saved(first), weights_only=False))
            second.load_local_state(first.local_state())
            for engine in (first, second):
                for step in (2, 3):
                    engine.step(step, taken)
            one, two = ([part for player in e.players for part in player.parameters] for e in (first, second))
            equal = all(torch.equal(mine, theirs) for mine, theirs in zip(one, two, strict=True))
            assert equal, f"{name}: other weights after going on from a state"
    return ", ".join(CHECKED)


def saved(engine: Engine) -> str:
    """A file of the engine's state."""
    file = str(Path(tempfile.mkdtemp()) / "state.pt")
    torch.save(engine.state_dict(), file)
    return file


def half_precisions(place: Place) -> str:
    """Losses in bf16 and fp16 beside those in fp32: finite, and within a tenth."""
    settings = without_dropout(place, "pix2pix")
    exact = losses_of(place.device, settings)
    seen = {name: apart(losses_of(place.device, settings, name), exact) for name in ("bf16", "fp16")}
    assert max(seen.values()) < 0.1, f"far from fp32: {seen}"
    return ", ".join(f"{name} {value:.1e}" for name, value in seen.items())


def nothing_waits(place: Place) -> str:
    """torch raises where a step makes the host wait for a CUDA device."""
    if place.device.type != "cuda":
        return "(only CUDA can tell)"
    for name in (*CHECKED, "egan", "wgan_gp"):
        settings = place.settings(name) if name in CHECKED else settings_for(name)
        engine = engine_on(place.device, settings)
        taken = batches(engine, settings, place.device)
        engine.step(0, taken)
        torch.cuda.set_sync_debug_mode("error")
        try:
            engine.step(1, taken)
        except RuntimeError as error:
            raise AssertionError(f"{name}: {str(error).splitlines()[0]}") from error
        finally:
            torch.cuda.set_sync_debug_mode("default")
    return "no step waits"


def two_processes(place: Place) -> str:
    """A toy training by torchrun, through nccl on two GPUs."""
    if place.device.type == "cuda" and torch.cuda.device_count() < 2:
        return "(one GPU)"
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    words = ["--task", "toy", "--method", "nsgan", "--device", place.device.type, "train.steps=4", "train.batch=8"]
    with tempfile.TemporaryDirectory() as folder:
        command = [*torchrun, str(ROOT / "tools" / "train.py"), *words, "--output", f"{folder}/run"]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
        assert done.returncode == 0, (done.stderr.strip() or done.stdout.strip()).splitlines()[-1]
    return "four steps"


def infer_keeps_its_budget(place: Place) -> str:
    """A picture that does not fit into the memory it is given at once: what is taken, beside what was given."""
    side, given = (256, "600M") if place.tiny else (3000, "2G")
    translator = img2img.load("derain-fast", device=str(place.device), memory=given)
    if place.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(place.device)
    result = translator(torch.rand(3, side, side) * 2 - 1)
    assert result.shape == (3, side, side)
    assert bool(result.isfinite().all())
    if place.device.type != "cuda":
        return "(only CUDA can tell what was taken)"
    taken = torch.cuda.max_memory_reserved(place.device)
    assert taken < 2e9, f"{taken / 1e9:.2f} GB taken of 2 GB"
    return f"{taken / 1e9:.2f} GB of 2 GB"


CHECKS: dict[str, Callable[[Place], str]] = {
    "fp32 as on the CPU to 1e-4": equal_to_the_cpu,
    "resume bit for bit with train.deterministic": resumed_bit_for_bit,
    "bf16 and fp16": half_precisions,
    "no synchronisation in a step": nothing_waits,
    "two processes": two_processes,
    "infer within its budget": infer_keeps_its_budget,
}
