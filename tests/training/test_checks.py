"""What is refused before a training begins; the shapes that are checked are those that a step really gives."""

from __future__ import annotations

import shutil
from types import SimpleNamespace

import pytest
import torch

from conftest import small
from img2img.compute.distributed import World
from img2img.compute.precision import Precision
from img2img.data import open_data
from img2img.data.loader import Stream
from img2img.errors import UserError
from img2img.training import checks
from img2img.training.build import build_engine, shape_of
from img2img.training.run_folder import Run


def prepared(method: str, task: str | None = None, **extra: object):
    """(engine, training samples, settings) of a small method on its task's built-in data."""
    settings = small(method, task, **{"train.batch": 2, **extra})
    data = open_data(settings.data, 0)
    world = World()
    shape = shape_of(data.train, 0)
    engine = build_engine(settings.method, settings.train, shape, world, Precision("fp32", world.device))
    return engine, data.train, settings


# every flow, conditions, masks beside the picture, two networks a side, several parents
SHAPES = [
    ("pix2pix", "derain", {}),
    ("pix2pix", "inpaint", {"flow": "{name: inpaint, see_mask: true}"}),
    ("pan", "inpaint", {}),
    ("cyclegan", "unpaired", {"data.crop": 32, "generator.blocks": 1}),
    ("nsgan", "toy", {}),
    ("nsgan", "images", {}),
    ("egan", "toy", {"parents": 2, "train.batch": 4}),
    ("l1", "derain", {}),
]


@pytest.mark.parametrize(("method", "task", "extra"), SHAPES)
def test_every_network_is_asked_about_what_a_step_gives_it(method, task, extra, monkeypatch):
    engine, samples, settings = prepared(method, task, **extra)
    networks = {
        f"{side}/{name}": network
        for side, player in zip(("generator", "critic"), engine.players[:: len(engine.parents)], strict=False)
        for name, network in player.networks.items()
    }
    asked: dict[str, set[tuple[int, ...]]] = {name: set() for name in networks}
    check = checks.check_training_shape

    def note(network, shape, given=None):
        asked[next(name for name, known in networks.items() if known is network)].add(shape)
        return check(network, shape)

    monkeypatch.setattr(checks, "check_training_shape", note)
    checks.check_batches(engine, settings.method, settings.train, samples)

    given: dict[str, set[tuple[int, ...]]] = {name: set() for name in networks}
    for name, network in networks.items():
        network.register_forward_pre_hook(lambda _, inputs, name=name: given[name].add(tuple(inputs[0].shape)))
    stream = Stream(samples, batch=settings.train.batch, seed=0).batches(0)
    engine.step(0, [next(stream) for _ in range(engine.batches)])
    stream.close()
    assert asked == given
    assert all(asked.values())


@pytest.mark.parametrize(
    ("method", "task", "extra", "message"),
    [
        ("l1", "derain", {"generator": "pan", "data.crop": 64, "train.batch": 1}, "a batch of 1 at 64x64 px"),
        # instance statistics are each picture's own, whatever the batch
        ("cyclegan", "unpaired", {"data.crop": 4, "generator.blocks": 1}, "layers.8 sees 1x1"),
        # each of two parents makes one of the two pictures that the critics learn from
        (
            "pix2pix", "derain",
            {"generator": "pan", "generator.width": 8, "games": "[minimax, non_saturating]", "parents": 2, "pool": 0,
             "fitness": "{name: quality_diversity, gamma: 0.1}", "critic_game": "minimax"},
            "a batch of 1 at 64x64 px",
        ),
        # the generator takes any size, the critic does not
        (
            "l1", "inpaint",
            {"generator": "residual", "generator.width": 8, "critic": "{name: patchgan, width: 8, layers: 5}",
             "critic_losses": "{adversarial: 1}", "data.crop": 32},
            "samples of 32x32 px are too small for the network; set data.crop=128",
        ),
    ],
)  # fmt: skip
def test_batches_that_no_network_takes_are_refused(method, task, extra, message):
    # some when the networks are drawn up, the others when all that is shown to them is looked at
    def build_and_check():
        engine, samples, settings = prepared(method, task, **extra)
        checks.check_batches(engine, settings.method, settings.train, samples)

    with pytest.raises(UserError, match=message):
        build_and_check()


def test_a_flow_that_the_task_has_nothing_for_is_refused_before_anything_is_opened():
    with pytest.raises(UserError, match="fills the hole of a photo, and --task derain has none") as error:
        small("pix2pix", "derain", flow="inpaint")
    assert error.value.exit_status == 2


def test_checking_leaves_the_networks_as_they_are():
    engine, samples, settings = prepared("pix2pix")
    before = [{key: value.clone() for key, value in p.networks.state_dict().items()} for p in engine.players]
    checks.check_batches(engine, settings.method, settings.train, samples)
    for player, kept in zip(engine.players, before, strict=True):
        assert all(torch.equal(kept[key], value) for key, value in player.networks.state_dict().items())


@pytest.mark.parametrize(("free", "refused"), [(1000, True), (0, False), (10**9, False)])
def test_a_disk_too_full_for_two_checkpoints_is_refused(free, refused, tmp_path, monkeypatch):
    engine, _, _ = prepared("l1")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(10**9, 10**9 - free, free))
    run = Run(tmp_path / "deep" / "run")
    if refused:
        with pytest.raises(UserError, match="the disk is too full"):
            checks.check_space(run, engine)
    else:
        checks.check_space(run, engine)


@pytest.mark.parametrize(
    ("precision", "capability", "told"),
    [("bf16", (7, 5), True), ("bf16", (8, 6), False), ("fp32", (7, 5), False), ("auto", (7, 5), False)],
)
def test_bf16_that_a_gpu_emulates_is_told(precision, capability, told, monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    engine = SimpleNamespace(critics=None, world=World(device=torch.device("cuda", 0)))
    plan = small("l1", **{"train.precision": precision}).train
    lines = checks.cautions(engine, plan, range(100))
    assert [line for line in lines if "emulates" in line and "fp16" in line] == lines
    assert bool(lines) is told
