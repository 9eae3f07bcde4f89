"""A new training that begins from the weights of another: what is taken over, and what must fit for it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import nn

from img2img.config import build, choose, read_yaml
from img2img.data.samples import PLAIN_FORMS
from img2img.engine.optimizers import OPTIMIZERS
from img2img.engine.step import Engine
from img2img.errors import UserError
from img2img.files import inside
from img2img.images.form import Forms
from img2img.recipes.likeness import first_difference
from img2img.recipes.method import Method, name_of
from img2img.recipes.settings import Settings, from_tree
from img2img.training.run_folder import Run
from img2img.weights.file import load_weights, read_header, tensor_shapes, weights_path
from img2img.weights.header import Shape, WeightsHeader


@dataclass(frozen=True)
class Origin:
    """The weights that a training begins from, as ``given``, and its run's last state where a run directory was given.

    ``state`` is the ``engine`` part of a checkpoint.
    """

    given: str
    file: Path
    sha256: str
    header: WeightsHeader
    method: Method
    shape: Shape
    state: Mapping[str, Any] | None

    def misfit(self, text: str) -> UserError:
        """The error that these weights cannot be begun from."""
        return UserError(f"--from {self.given}: {text}")


def begin(settings: Settings, engine: Engine, shape: Shape, forms: Forms = PLAIN_FORMS) -> tuple[Settings, list[str]]:
    """Give the players of ``engine`` the weights that ``train.begin`` names; nothing where it names none.

    All parents take them over, their moving averages too. Of a run directory the critics are taken as well, where they
    are the same networks, and the optimisers' moments where ``train.begin.optimizer`` says so.

    Returns:
        The settings with the weights' checksum and step in ``train.begin``, and lines that say what was taken.

    Raises:
        UserError: no weights there, others than ``train.begin.sha256`` says, or of another network, width or number of
            channels, or for samples of another type or range; moments of another optimiser.
    """
    plan = settings.train
    if plan.begin.weights is None:
        return settings, []
    origin = find(plan.begin.weights, engine)
    if plan.begin.sha256 not in (None, origin.sha256):
        raise origin.misfit(
            f"{origin.file} is not what the run began from (its sha256 was {str(plan.begin.sha256)[:12]}, now it is "
            f"{origin.sha256[:12]}); give --from again with another --output"
        )
    check_generators(origin, settings.method, shape, engine)
    check_forms(origin, forms)
    take_critics, lines = _same_critics(origin, settings.method, engine)
    if plan.begin.optimizer:
        check_optimizers(origin, settings.method, take_critics)
    _take(origin, engine, critics=take_critics, moments=plan.begin.optimizer)
    step = "" if origin.header.step is None else f", step {origin.header.step}"
    found = replace(plan.begin, sha256=origin.sha256, step=origin.header.step)
    return replace(settings, train=replace(plan, begin=found)), [f"begins from {origin.file}{step}", *lines]


def as_begun(settings: Settings, run: Run) -> Settings:
    """The settings of a run's earlier start, which knows the checksum and step of the weights that it began from."""
    before = from_tree(read_yaml(run.config), str(run.config)).train.begin
    return replace(settings, train=replace(settings.train, begin=before))


def find(given: str, engine: Engine) -> Origin:
    """The weights that ``--from`` names, as ``infer --weights`` finds them.

    Raises:
        UserError: there are none, or what lies beside them cannot be read.
    """
    try:
        file = weights_path(given)
    except UserError as error:
        raise UserError(str(error).replace("--weights", "--from", 1)) from error
    header = read_header(file)
    if header.shape is None or not header.method:
        raise UserError(f"--from {given}: {file} does not say what network it belongs to; take weights of a training")
    state, folder = None, Path(given)
    if folder.is_dir() and inside(file, folder):
        try:
            saved = Run(folder).load_checkpoint(engine.world.device)
        except UserError as error:
            raise UserError(
                f"--from {given}: its checkpoint.pt cannot be read; --from {file} takes the generator alone"
            ) from error
        state = saved["engine"] if saved else None
    method = build(Method, header.method, str(file))
    checksum = hashlib.sha256(file.read_bytes()).hexdigest()
    return Origin(given, file, checksum, header, method, header.shape, state)


def check_generators(origin: Origin, method: Method, shape: Shape, engine: Engine) -> None:
    """Refuse weights of other generators than the method's, by the first key that differs, or else the first tensor.

    Raises:
        UserError: with the cure.
    """
    found = first_difference(origin.method, method, "generator")
    if found:
        cure = f"{found.key}={found.theirs} takes what the weights have"
        if found.key == "flow" or None in (found.theirs, found.ours):
            cure = f"--method {origin.header.name or 'METHOD'} trains such networks"
        raise origin.misfit(f"{found.key} is {found.theirs} in the weights and {found.ours} here; {cure}")
    theirs, ours = origin.shape, shape
    if (theirs.source, theirs.target) != (ours.source, ours.target):
        raise origin.misfit(
            f"the weights turn {_channels(theirs)}, these data ask for {_channels(ours)}; "
            f"take data of the weights' channels, or other weights"
        )
    tensor = _first_misfit(tensor_shapes(origin.file), engine.parents[0].networks)
    if tensor:
        sized = theirs.size is not None and theirs.size != ours.size
        cure = (
            f"data.crop={theirs.size} is what they were trained on" if sized else "take the task they were trained on"
        )
        raise origin.misfit(f"the generator has another shape: {tensor}; {cure}")


def check_forms(origin: Origin, forms: Forms) -> None:
    """Refuse weights for samples of another type or range, in whose units the same levels mean something else.

    Raises:
        UserError: naming the side, what it is in the weights and here, and the cure.
    """
    for side in ("source", "target"):
        theirs, ours = origin.header.forms.of(side), forms.of(side)
        if (theirs.dtype, theirs.range) != (ours.dtype, ours.range):
            low, high = theirs.range
            cure = "take data of that type, or other weights"
            if theirs.dtype == ours.dtype:
                cure = f"data.range.{side}=[{low:.9g},{high:.9g}] takes what the weights have"
            raise origin.misfit(f"{side}s are {theirs} in the weights and {ours} here; {cure}")


def _channels(shape: Shape) -> str:
    return f"{shape.source} channels into {shape.target}"


def _first_misfit(found: Mapping[str, tuple[int, ...]], networks: nn.Module) -> str | None:
    """The first tensor that is there and here of different shapes, in words; None where all fit."""
    ours = {name: tuple(value.shape) for name, value in networks.state_dict().items()}
    for name in (*ours, *found):
        if ours.get(name) != found.get(name):
            there, here = (
                "missing" if sides is None else "x".join(map(str, sides)) or "one number"
                for sides in (found.get(name), ours.get(name))
            )
            return f"{name} is {there} in the weights and {here} here"
    return None


def _same_critics(origin: Origin, method: Method, engine: Engine) -> tuple[bool, list[str]]:
    """Whether the critics of the weights' run can be taken, and what is to be said of them."""
    if engine.critics is None:
        return False, []
    anew = "the critics begin anew"
    saved = origin.state["critics"] if origin.state else None
    if saved is None:
        why = f"{origin.file} holds none" if origin.state is None else "that run has none"
        return False, [f"{anew}: {why}"]
    found = first_difference(origin.method, method, "critic")
    if found:
        return False, [f"{anew}: {found.key} was {found.theirs} and is {found.ours}"]
    shapes = {name: tuple(value.shape) for name, value in saved["networks"].items()}
    tensor = _first_misfit(shapes, engine.critics.networks)
    return (False, [f"{anew}: {tensor}"]) if tensor else (True, [f"the critics go on from {origin.given}"])


def check_optimizers(origin: Origin, method: Method, critics: bool) -> None:
    """Refuse moments of optimisers that are not the method's, or that nobody kept.

    Raises:
        UserError: naming the key.
    """
    if origin.state is None:
        raise origin.misfit(
            "--from-optimizer needs a run directory with its checkpoint.pt, which keeps the moments; leave it out"
        )
    for side in ("generator", *(["critic"] if critics else [])):
        key = f"optimizers.{side}"
        theirs, ours = (getattr(each.optimizers, side) for each in (origin.method, method))
        if name_of(theirs) != name_of(ours):
            raise origin.misfit(
                f"--from-optimizer: {key} is {name_of(theirs)} there and {name_of(ours)} here; "
                f"{key}={name_of(theirs)} goes on with its moments"
            )
        groups = [choose(OPTIMIZERS, spec, "optimizer", key).groups for spec in (theirs, ours)]
        if groups[0] != groups[1]:
            raise origin.misfit(
                f"--from-optimizer: {key}.groups is {groups[0]} there and {groups[1]} here; leave --from-optimizer out"
            )


def _take(origin: Origin, engine: Engine, *, critics: bool, moments: bool) -> None:
    """Bring what was found to fit into the players."""
    tensors, state = load_weights(origin.file)[1], origin.state or {}
    for parent in engine.parents:
        parent.begin(tensors, state["parents"][0]["optimizer"] if moments else None)
    if critics and engine.critics is not None:
        saved = state["critics"]
        engine.critics.begin(saved["networks"], saved["optimizer"] if moments else None)
