"""What is refused before anything is written: a wrong place, batches that do not fit, a disk too full."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from img2img.compute.precision import has_bf16
from img2img.data import Samples
from img2img.data.loader import collate
from img2img.engine.step import Engine
from img2img.errors import UserError
from img2img.files import check_folder, file_size_limit, inside
from img2img.networks.base import check_training_shape
from img2img.recipes.checks import accumulation_obstacle
from img2img.recipes.method import Method
from img2img.recipes.train_config import TrainConfig
from img2img.training.build import state_bytes
from img2img.training.run_folder import Run
from img2img.types import Batch, Flow, Shown

# below so many training samples a critic knows them by heart
FEW = 50


def check_place(run: Run, data: str | None) -> None:
    """Refuse a run directory that lies inside the ``data``, or cannot be made or written; nothing is made.

    Raises:
        UserError: naming --output.
    """
    if data is not None and inside(run.folder, Path(data)):
        raise UserError(f"--output {run.folder}: lies inside the data {data}; name a folder outside them")
    check_folder(run.folder, "--output")


def check_partners(flow: Flow, samples: Samples, layout: str) -> list[str]:
    """Refuse to learn pairs from partners that are drawn at random; where ``data.layout`` asks for that, say so.

    Raises:
        UserError: with what can be done.
    """
    if not flow.needs_pairs or samples.kind != "unpaired":
        return []
    if layout != "unpaired":
        raise UserError(
            "this method learns from pairs, and these data are unpaired (trainA, trainB): each source would have "
            "another target at random; take --task unpaired --method cyclegan, or data.layout=two_folders where names "
            "make pairs (data.layout=unpaired trains on them all the same)"
        )
    return [
        "data.layout=unpaired: partners are drawn at random, and this method learns each target as the one of its "
        "source; --method cyclegan does not"
    ]


def check_enough(flow: Flow, samples: Samples) -> None:
    """Refuse to learn a distribution from one sample.

    Raises:
        UserError: with how many are needed.
    """
    if flow.from_noise and len(samples) < 2:
        raise UserError(
            f"--data: holds {len(samples)} sample to train on; at least 2 are needed, and some thousands to learn what "
            f"they have in common (data.validation=0 holds none back)"
        )


def check_batches(engine: Engine, method: Method, plan: TrainConfig, samples: Samples) -> None:
    """Refuse batches that processes cannot share, that cannot be summed over parts, or that a network cannot take.

    Raises:
        UserError: naming the keys.
    """
    processes, parts = engine.world.size, plan.accumulate
    if plan.batch % (processes * parts):
        raise UserError(
            f"train.batch={plan.batch} cannot be shared evenly among {processes} processes"
            f"{f' in {parts} micro-batches' if parts > 1 else ''}"
        )
    if parts > 1:
        obstacle = accumulation_obstacle(method) or _batch_norm(engine)
        if obstacle:
            raise UserError(f"train.accumulate={parts}: gradients cannot be summed over parts: {obstacle}")
    check_shapes(engine, samples, plan.batch // processes // parts)


def _batch_norm(engine: Engine) -> str | None:
    for player in engine.players:
        if any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in player.networks.modules()):
            return "batch normalisation takes its statistics over the whole batch"
    return None


def check_shapes(engine: Engine, samples: Samples, count: int) -> None:
    """Refuse forwards of ``count`` samples that give a normalisation one value per channel, or do not fit a network.

    The method's own flow runs once on the meta device, so that every network is asked about what it will be given.

    Raises:
        UserError: as `check_training_shape`, or data without what the flow needs.
    """
    rules, critics = engine.rules, engine.critics
    generators = {name: _StandIn(network) for name, network in engine.parents[0].networks.items()}
    if critics is not None and len(engine.parents) > 1:
        # what the critics learn from is made by all parents, a share each
        rules.flow.images(generators, _without_data(rules.flow, samples, max(1, count // len(engine.parents))))
    batch = _without_data(rules.flow, samples, count)
    images = rules.flow.images(generators, batch)
    if critics is None:
        return
    judges = {name: _StandIn(network) for name, network in critics.networks.items()}
    for match in rules.flow.matches(batch, images, rules.conditional):
        for image in (match.real, match.fake):
            judges[match.critic](Shown(image, match.condition).joined(), **match.given)


def _without_data(flow: Flow, samples: Samples, count: int) -> Batch:
    """A batch of shapes alone, as the flow prepares it."""

    def empty(name: str, shape: Sequence[int]) -> Tensor:
        return torch.empty(tuple(shape), device="meta")

    batch = collate([(samples.sample(0, 0, 0), 0)] * count)
    return flow.prepare(batch.map(lambda values: values.to("meta")), empty)


class _StandIn(nn.Module):
    """Takes a network's place in a forward without data: what it is given is checked, and answered as it would."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.answers: dict[tuple[object, ...], object] = {}

    def forward(self, x: Tensor, **given: Tensor) -> object:
        shape = tuple(x.shape)
        asked = (shape, *sorted(given))
        if asked not in self.answers:
            self.answers[asked] = check_training_shape(self.network, shape, given)
        return self.answers[asked]


def check_space(run: Run, engine: Engine) -> None:
    """Refuse to begin what cannot be saved: the checkpoint, its successor beside it, the weights; too large a file.

    Raises:
        UserError: with what is needed and what is free, in MB.
    """
    folder = run.folder.resolve()
    while not folder.exists():
        folder = folder.parent
    state = state_bytes(engine)
    limit = file_size_limit()
    if limit is not None and limit < state:
        raise UserError(
            f"--output {run.folder}: the checkpoint will have about {state / 2**20:.3g} MB, but a file may have "
            f"{limit / 2**20:.3g} MB here (ulimit -f unlimited lifts the limit)"
        )
    free, needed = shutil.disk_usage(folder).free, 3 * state
    # some file systems say that 0 bytes are free
    if 0 < free < needed:
        raise UserError(
            f"--output {run.folder}: the disk is too full: the run needs about {needed / 2**20:.0f} MB, "
            f"{free / 2**20:.0f} MB are free"
        )


def cautions(engine: Engine, plan: TrainConfig, samples: Samples) -> list[str]:
    """Lines about what can be trained on, or in, but hardly well."""
    lines = []
    if engine.critics is not None and len(samples) < FEW:
        lines.append(
            f"only {len(samples)} samples to train on: a critic soon knows so few by heart; look at validation"
        )
    if plan.precision == "bf16" and not has_bf16(engine.world.device):
        lines.append(
            "train.precision=bf16: this GPU emulates it (compute capability below 8.0), slower than fp32; take fp16"
        )
    return lines
