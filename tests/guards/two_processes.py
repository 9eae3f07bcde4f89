"""What tests/guards/test_distributed.py runs in each of several processes: ``two_processes.py FOLDER PORT PORT ...``.

Each part meets on a port of its own, as if torchrun had started it.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from conftest import small
from img2img.commands import main
from img2img.compute.distributed import World, join
from img2img.compute.precision import Precision
from img2img.config import dump_yaml
from img2img.engine.player import Player
from img2img.engine.schedule import Constant
from img2img.engine.step import Engine
from img2img.inference import Shape
from img2img.training.build import build_engine
from img2img.training.loop import Trainer
from img2img.training.time_budget import TimeBudget
from img2img.training.validation import Validation
from img2img.types import Batch

STEPS = 5
GLOBAL = 4
INSTANCE = {"generator.norm": "instance", "critic.norm": "instance", "generator.dropout": "false", "data.crop": 32}
PERCEPTUAL = {
    "generator_losses.perceptual_adversarial": "{layers: {1: 5, 3: 1}}",
    "critic_losses.perceptual_margin": "{margin: 0.42, hinge: batch, layers: {1: 5, 3: 1}}",
}
TOY = {"critic.norm": "none"}
# (method, what is set, float64)
EQUAL: dict[str, tuple[str, dict[str, Any], bool]] = {
    # P lies about the margin: the share of one process is above it, the other's below, both together now this, now that
    "pan": ("pix2pix", {**INSTANCE, **PERCEPTUAL}, True),
    "relativistic": ("pix2pix", {**INSTANCE, "games": "[relativistic_average]"}, True),
    "cyclegan": ("cyclegan", {"generator.blocks": 1, "data.crop": 32, "pool": 0}, True),
    "egan": ("egan", {**TOY, "parents": 2, "critic_steps": 2}, True),
    "wgan_gp": ("wgan_gp", TOY, True),
    "dragan": ("nsgan", {**TOY, "critic_losses.dragan": 1}, True),
    "clipped": ("wgan_gp", {**TOY, "optimizers.critic": "{name: adam, lr: 1e-3, clip_norm: 0.1}"}, True),
    "single": ("nsgan", TOY, False),
}


def global_batch(toy: bool, step: int, side: int = 32) -> Batch:
    generator = torch.Generator().manual_seed(step)
    size = (GLOBAL, 2) if toy else (GLOBAL, 3, side, side)
    source, target = (torch.rand(size, generator=generator) * 2 - 1 for _ in "st")
    # samples differ in size, so that a mean over one process's share is another number
    scale = torch.arange(1.0, GLOBAL + 1).view(-1, *[1] * (len(size) - 1)) / GLOBAL
    return Batch(source=None if toy else source, target=target * scale, index=torch.arange(GLOBAL))


def run_equal(name: str, world: World) -> dict[str, torch.Tensor]:
    """Five steps of a method; the weights of every player, all parents in order."""
    method, keys, double = EQUAL[name]
    settings = small(method, **{"train.batch": GLOBAL, **keys})
    toy = settings.task_name == "toy"
    torch.set_default_dtype(torch.float64 if double else torch.float32)
    shape = Shape(source=2, target=2, size=None) if toy else Shape(source=3, target=3, size=32)
    engine: Engine = build_engine(settings.method, settings.train, shape, world, Precision("fp32", world.device))
    share = GLOBAL // world.size
    mine = slice(world.rank * share, (world.rank + 1) * share)
    for step in range(STEPS):
        batches = [global_batch(toy, 10 * step + k).map(lambda t: t[mine]) for k in range(engine.batches)]
        engine.step(step, batches)
    torch.set_default_dtype(torch.float32)
    return {
        f"{place}.{key}": value
        for place, player in enumerate(engine.players)
        for key, value in player.networks.state_dict().items()
    }


def buffers_of(player: Player) -> dict[str, torch.Tensor]:
    """A player's buffers and its EMA's, by name; copies."""
    parts = {"live": player.networks, **({"ema": player.ema.networks} if player.ema else {})}
    return {f"{part}.{key}": b.clone() for part, networks in parts.items() for key, b in networks.named_buffers()}


def run_statistics(world: World) -> dict[str, Any]:
    """One step of a generator with batch normalisation and an EMA, validated; what each process had before the mean."""
    settings = small("pix2pix", **{"data.crop": 32, "train.batch": GLOBAL, "ema_half_life_images": 4})
    shape = Shape(source=3, target=3, size=32)
    engine = build_engine(settings.method, settings.train, shape, world, Precision("fp32", world.device))
    share = GLOBAL // world.size
    own: dict[str, torch.Tensor] = {}
    seen: dict[str, torch.Tensor] = {}

    class Shares:
        def batches(self, position: int) -> Generator[Batch, None, None]:
            while True:
                yield global_batch(False, position).map(lambda t: t[world.rank * share : (world.rank + 1) * share])
                position += GLOBAL

    def validate(networks: torch.nn.ModuleDict, step: int) -> Validation:
        seen.update(buffers_of(engine.parents[0]))
        assert networks is engine.parents[0].shadow()
        return Validation()

    play = engine.step

    def noted(*arguments: Any) -> None:
        play(*arguments)
        own.update(buffers_of(engine.parents[0]))

    engine.step = noted  # type: ignore[method-assign]
    plan = replace(settings.train, steps=1)
    Trainer(engine, Shares(), Constant(), plan, 1, world=world, validate=validate).loop()
    return {"own": own, "validated": seen}


def run_clock(world: World) -> list[int]:
    """Steps and total of a run of 3 s whose main process takes 0.25 s a step and whose other one 0.0625 s."""
    now = [0.0]
    settings = small("nsgan", **{"train.batch": GLOBAL, **TOY})
    shape = Shape(source=2, target=2, size=None)
    engine = build_engine(settings.method, settings.train, shape, world, Precision("fp32", world.device))
    play = engine.step

    def slow(*arguments: Any) -> None:
        play(*arguments)
        now[0] += 0.25 if world.is_main else 0.0625

    class Vectors:
        def batches(self, position: int) -> Generator[Batch, None, None]:
            while True:
                yield global_batch(True, position)

    engine.step = slow  # type: ignore[method-assign]
    budget = TimeBudget(3.0, 40, validate_every=99, checkpoint_every=99, clock=lambda: now[0])
    trainer = Trainer(engine, Vectors(), Constant(), settings.train, 40, world=world, budget=budget)
    return [trainer.loop().step, trainer.total]


def digest(tensors: dict[str, torch.Tensor]) -> str:
    return hashlib.sha256(b"".join(value.numpy().tobytes() for value in tensors.values())).hexdigest()


def write_settings(folder: Path) -> None:
    """config.yaml of a run with a critic with batch normalisation, dropout, a pool and five pairs."""
    settings = small(
        "pix2pix",
        **{"train.steps": 6, "train.batch": 4, "train.checkpoint_every": 3, "train.log_every": 1, "pool": 2,
           "data.path": folder / "pairs", "data.layout": "side_by_side", "data.crop": 32, "data.validation": 0},
    )  # fmt: skip
    (folder / "config.yaml").write_text(dump_yaml(settings.tree))


def infer(folder: Path, output: str) -> list[str]:
    """The command that translates the photos of the test with the first run's weights."""
    words = ["infer", "--weights", "runs/whole", "--input", "photos", "--output", output]
    return [str(folder / word) if place in (2, 4, 6) else word for place, word in enumerate(words)]


def evaluate(folder: Path, output: str) -> list[str]:
    """The command that measures the first run on the pairs of the test."""
    words = [
        "--weights",
        f"m={folder / 'runs/whole'}",
        "--data",
        str(folder / "pairs"),
        "--output",
        str(folder / output),
    ]
    return ["evaluate", *words]


def watch_writes(folder: Path, written: list[str]) -> None:
    """Note what this process opens for writing, makes, renames or removes below ``folder``."""

    def look(event: str, arguments: tuple[Any, ...]) -> None:
        writing = event in ("os.rename", "os.mkdir", "os.remove", "os.truncate")
        if event == "open" and isinstance(arguments[2], int):
            # a folder itself is opened to ask whether one could write here
            changing = arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            writing = bool(changing) and not Path(str(arguments[0])).is_dir()
        if writing and isinstance(arguments[0], str | os.PathLike) and str(arguments[0]).startswith(str(folder)):
            written.append(f"{event} {arguments[0]}")

    sys.addaudithook(look)


def signal_after(step: int, number: int) -> None:
    """This process gets a signal in the middle of a run, before its step of this number."""
    play = Engine.step

    def last(self: Engine, at: int, *arguments: Any) -> None:
        if at == step:
            Engine.step = play  # type: ignore[method-assign]
            os.kill(os.getpid(), number)
        play(self, at, *arguments)

    Engine.step = last  # type: ignore[method-assign]


def work(folder: Path, ports: list[str]) -> int:
    rank = int(os.environ["RANK"])
    results: dict[str, Any] = {}

    def meet() -> None:
        os.environ["MASTER_PORT"] = ports.pop(0)

    meet()
    world = join("cpu", timeout_s=60)
    for name in EQUAL:
        tensors = run_equal(name, world)
        results[name] = digest(tensors)
        if world.is_main:
            torch.save(tensors, folder / f"{name}.pt")
    results["any"] = [world.any(rank == 1), world.any(False)]
    results["share"] = world.broadcast({"from": rank})
    results["gather"] = world.all_gather(rank * 10)
    torch.save(run_statistics(world), folder / f"statistics{rank}.pt")
    results["clock"] = run_clock(world)
    world.close()

    written: list[str] = []
    watch_writes(folder / "runs", written)
    train = ["train", "--config", str(folder / "config.yaml"), "--device", "cpu"]
    meet()
    results["whole"] = main([*train, "--output", str(folder / "runs/whole")])
    meet()
    if rank == 1:
        signal_after(2, signal.SIGTERM)
    results["stopped"] = main([*train, "--output", str(folder / "runs/cut")])
    meet()
    results["cut"] = main([*train, "--output", str(folder / "runs/cut")])
    results["written"] = written[:]

    meet()
    results["infer"] = main(infer(folder, "two"))
    meet()
    results["evaluate"] = main(evaluate(folder, "table2"))
    (folder / f"results{rank}.json").write_text(json.dumps(results))

    meet()
    if rank == 1:
        signal_after(2, signal.SIGKILL)
    print("LAST PART", file=sys.stderr, flush=True)
    return main([*train, "--output", str(folder / "runs/dead")])


if __name__ == "__main__":
    torch.set_num_threads(1)
    sys.exit(work(Path(sys.argv[1]), sys.argv[2:]))
