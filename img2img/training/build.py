"""From a method, a plan and the data's shape to the engine that trains."""

from __future__ import annotations

from img2img.compute.distributed import World
from img2img.compute.precision import Precision
from img2img.data import Samples
from img2img.engine.step import Engine
from img2img.errors import UserError
from img2img.inference import Shape
from img2img.recipes.build import build_players, rules
from img2img.recipes.method import Method
from img2img.recipes.train_config import TrainConfig


def shape_of(samples: Samples, seed: int) -> Shape:
    """Channels, training size in px (None for vectors) and classes, read off the first training sample.

    Raises:
        UserError: there is nothing in it, or it cannot be read.
    """
    sample = samples.sample(0, 0, seed)
    target = sample.get("target")
    source = sample.get("source", target)
    if source is None:
        raise UserError("the data set gives neither source nor target")
    target = source if target is None else target
    size = int(target.shape[-1]) if target.ndim == 3 else None
    classes = getattr(samples, "classes", ())
    return Shape(source=int(source.shape[0]), target=int(target.shape[0]), size=size, classes=classes)


def build_engine(method: Method, plan: TrainConfig, shape: Shape, world: World, precision: Precision) -> Engine:
    """The engine of a method for data of a shape, initialised from the seed, on the world's device.

    Raises:
        UserError: what the method says makes no sense together, or not with the plan's precision.
    """
    parents, critics, pools = build_players(
        method,
        shape=shape,
        seed=plan.seed,
        init=plan.init,
        world=world,
        scaled=plan.precision == "fp16",
        samples=max(1, plan.batch // (world.size * plan.accumulate)),
    )
    return Engine(
        rules(method),
        parents,
        critics,
        pools,
        world=world,
        precision=precision,
        seed=plan.seed,
        batch=plan.batch,
        accumulate=plan.accumulate,
    )


def state_bytes(engine: Engine) -> int:
    """About the size of a checkpoint: weights, two moments of each, and the moving average where there is one."""
    total = 0
    for player in engine.players:
        size = sum(parameter.numel() * parameter.element_size() for parameter in player.parameters)
        total += size * (4 if player.ema else 3)
    return total


def compile_networks(engine: Engine, backend: str = "inductor") -> None:
    """``torch.compile`` every network, in place, for the forwards that training differentiates once.

    Penalties and results are made by the networks as they are written (`uncompiled`).

    Raises:
        UserError: a population, whose children are copies.
    """
    if len(engine.rules.games) > 1:
        raise UserError("train.compile=true: children of several games are copies, which lose what was compiled")
    for player in engine.players:
        for network in player.networks.values():
            network.compile(backend=backend)
