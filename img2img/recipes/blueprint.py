"""Which networks a method needs for data of a shape: found by running its flow once without data."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from img2img.config import choose
from img2img.errors import UserError
from img2img.networks import CRITICS, GENERATORS
from img2img.networks.base import check_training_shape
from img2img.recipes.method import PENALTY_NEEDS, Method, by_name, name_of
from img2img.types import Batch, Flow, Match
from img2img.weights.header import Shape


@dataclass(frozen=True)
class Blueprint:
    """What builds each network, by name; ``critics`` is empty where the method has none."""

    generators: Mapping[str, Callable[[], nn.Module]]
    critics: Mapping[str, Callable[[], nn.Module]]

    def build_generators(self) -> nn.ModuleDict:
        """New generators, uninitialised, on torch's default device."""
        return nn.ModuleDict({name: make() for name, make in self.generators.items()})

    def build_critics(self) -> nn.ModuleDict | None:
        """New critics, uninitialised; None where the method has none."""
        return nn.ModuleDict({name: make() for name, make in self.critics.items()}) if self.critics else None


def draw_up(method: Method, shape: Shape, samples: int = 2) -> Blueprint:
    """The networks of a method for data of a shape, trained on ``samples`` at once.

    The flow runs on the meta device: each generator is built for what it is first given and answers as it would, and
    each critic for what its match shows it. So the flow alone says what everybody sees.

    Raises:
        UserError: a network that cannot take what the flow gives it; specs that do not name the flow's networks; a
            gradient penalty on a critic with batch normalisation.
    """
    flow = method.build_flow()
    generators = _newcomers(method, flow, shape)
    batch = _without_data(flow, shape, samples)
    images = flow.images(generators, batch)
    critics = _critics(method, flow.matches(batch, images, method.conditional)) if method.critic is not None else {}
    return Blueprint({name: newcomer.build for name, newcomer in generators.items()}, critics)


def draw_up_generators(method: Method, shape: Shape) -> Blueprint:
    """`draw_up` for weights that a training has made: no critics, and the flow ends where all generators are known.

    A forward on the meta device makes torch load its compiler, which takes longer than a picture; this way a flow of
    one generator makes none.

    Raises:
        UserError: specs that do not name the flow's networks.
    """
    flow = method.build_flow()
    generators = _newcomers(method, flow, shape)

    def leave_if_all_are_known() -> None:
        if all(newcomer.in_channels is not None for newcomer in generators.values()):
            raise _AllKnownError

    for newcomer in generators.values():
        newcomer.after_first_look = leave_if_all_are_known
    with suppress(_AllKnownError):
        flow.images(generators, _without_data(flow, shape, 2))
    return Blueprint({name: newcomer.build for name, newcomer in generators.items()}, {})


class _AllKnownError(Exception):
    """Leaves a flow: not an error."""


def _newcomers(method: Method, flow: Flow, shape: Shape) -> dict[str, _Newcomer]:
    spec, _ = method.generator_spec()
    channels = {"source": shape.source, "target": shape.target}
    return {
        name: _Newcomer(
            choose(GENERATORS, own, "generator", where),
            channels[flow.sides[name]],
            shape.size,
            f"{where} {name_of(own)}",
        )
        for name, own, where in by_name(spec, tuple(flow.sides), "generator")
    }


def _critics(method: Method, matches: Sequence[Match]) -> dict[str, Callable[[], nn.Module]]:
    """What builds each critic: for the images of its match beside their condition, at their size."""
    shown = {match.critic: match for match in matches}
    if method.pool and any(match.given for match in matches):
        raise UserError("an image pool does not keep what this flow gives its critic beside the pictures: set pool: 0")
    builders: dict[str, Callable[[], nn.Module]] = {}
    for name, spec, where in by_name(method.critic or "", tuple(shown), "critic"):
        network, match = choose(CRITICS, spec, "critic", where), shown[name]
        channels = match.real.shape[1] + (0 if match.condition is None else match.condition.shape[1])
        size = int(match.real.shape[-1]) if match.real.ndim == 4 else None
        builders[name] = _builder(network, in_channels=channels, size=size, **_widths(network, match.given))
        if match.given:
            with torch.device("meta"):
                _check_takes(builders[name](), match.given, f"{where} {name_of(spec)}")
    if method.penalised():
        with torch.device("meta"):
            modules = [module for build in builders.values() for module in build().modules()]
        if any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in modules):
            raise UserError(PENALTY_NEEDS)
    return builders


def _builder(network: Any, **sizes: int | None) -> Callable[[], nn.Module]:
    def build() -> nn.Module:
        built: nn.Module = network.build(**sizes)
        return built

    return build


def _widths(options: Any, given: Mapping[str, Tensor]) -> dict[str, int]:
    """How wide the rows are that a network is given by name, where its options want to know that to build it."""
    asked = inspect.signature(options.build).parameters
    return {name: int(values.shape[1]) for name, values in given.items() if name in asked and values.ndim == 2}


def _check_takes(network: nn.Module, given: Mapping[str, Tensor], called: str) -> None:
    """Refuse a network that does not take what it will be given by name.

    Raises:
        UserError: naming it.
    """
    try:
        inspect.signature(network.forward).bind(None, **given)
    except TypeError:
        asked = ", ".join(given)
        raise UserError(
            f"{called}: cannot be asked for its {asked}, which this flow needs; name another network"
        ) from None


class _Newcomer(nn.Module):
    """A generator that is built when it is first given something, for as many channels; on the meta device."""

    def __init__(self, options: Any, out_channels: int, size: int | None, called: str) -> None:
        super().__init__()
        self.called = called
        self.options, self.out_channels, self.size = options, out_channels, size
        self.in_channels: int | None = None
        self.widths: dict[str, int] = {}
        self.network: nn.Module | None = None
        self.after_first_look: Callable[[], None] = lambda: None

    def build(self) -> nn.Module:
        """The network for what it was given, on torch's default device."""
        if self.in_channels is None:
            raise LookupError("the flow gave this generator nothing")
        built: nn.Module = self.options.build(
            in_channels=self.in_channels, out_channels=self.out_channels, size=self.size, **self.widths
        )
        return built

    def forward(self, x: Tensor, **given: Tensor) -> Any:
        if self.network is None:
            self.in_channels, self.widths = int(x.shape[1]), _widths(self.options, given)
            self.after_first_look()
            with torch.device("meta"):
                self.network = self.build()
        _check_takes(self.network, given, self.called)
        return check_training_shape(self.network, tuple(x.shape), given)


def _without_data(flow: Flow, data: Shape, samples: int) -> Batch:
    """A batch of shapes alone, as the flow prepares it."""

    def empty(name: str, shape: Sequence[int]) -> Tensor:
        return torch.empty(tuple(shape), device="meta")

    sides = () if data.size is None else (data.size, data.size)
    batch = Batch(
        source=empty("source", (samples, data.source, *sides)),
        target=empty("target", (samples, data.target, *sides)),
        mask=empty("mask", (samples, 1, *sides)) if flow.needs_mask else None,
        index=torch.empty(samples, dtype=torch.int64, device="meta"),
        extra={"classes": empty("classes", (samples, len(data.classes)))} if data.classes else {},
    )
    return flow.prepare(batch, empty)
