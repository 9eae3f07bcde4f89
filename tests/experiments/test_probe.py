"""Arms are measured by turns, get the steps that fit, and one precision; the shipped tables."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from conftest import small
from img2img.compute.distributed import World
from img2img.config import config_files
from img2img.errors import UserError
from img2img.experiments import reproduce as module
from img2img.experiments.plan import ArmPlan, Asked, Plan
from img2img.experiments.probe import measure_by_turns, one_precision, shared_precisions
from img2img.experiments.table import load
from img2img.reports import published
from img2img.training import forecast
from img2img.types import Batch


class Machine:
    """A clock that only steps move on: arm and precision say how far, ``load`` of the moment how much slower."""

    def __init__(self, seconds: dict[tuple[str, str], float], load=lambda now: 1.0) -> None:
        self.now, self.seconds, self.load = 0.0, seconds, load
        self.order: list[str] = []

    def __call__(self) -> float:
        return self.now

    def parts(self, arm: str) -> SimpleNamespace:
        engine = SimpleNamespace(batches=1, precision=None, world=World())

        def step(number, batches):
            torch.rand(1)
            self.order.append(f"{arm} {engine.precision.name}")
            self.now += self.seconds[arm, engine.precision.name] * self.load(self.now)

        engine.step = step
        return SimpleNamespace(engine=engine, source=SimpleNamespace(batches=endless))


def endless(position: int) -> Iterator[Batch]:
    while True:
        yield Batch(index=torch.arange(1))


def measured(machine: Machine, arms: str, precisions: list[str], **extra: object):
    settings = {arm: small("l2", **extra) for arm in arms}
    return measure_by_turns(settings, {arm: machine.parts(arm) for arm in arms}, precisions, World(), clock=machine)


def test_arms_are_stepped_in_turns():
    machine = Machine({("A", "fp32"): 1.0, ("B", "fp32"): 2.0, ("C", "fp32"): 0.5})
    found = measured(machine, "ABC", ["fp32"])
    # one of each warms up; rounds of 3.5 s, of which two are enough where nothing is decided
    assert machine.order == [f"{arm} fp32" for arm in "ABCABCABC"]
    assert found == {"A": {"fp32": 1.0}, "B": {"fp32": 2.0}, "C": {"fp32": 0.5}}


def test_arms_that_will_be_compared_at_equal_time_are_looked_at_longer():
    machine = Machine({("A", "fp32"): 0.01, ("B", "fp32"): 0.02}, lambda now: 9.0 if now < 0.5 else 1.0)
    settings = {arm: small("l2") for arm in "AB"}
    parts = {arm: machine.parts(arm) for arm in "AB"}
    found = measure_by_turns(settings, parts, ["fp32"], World(), decides=True, clock=machine)
    # the load of the first half second would have decided in two rounds
    assert found == {"A": {"fp32": pytest.approx(0.01)}, "B": {"fp32": pytest.approx(0.02)}}
    assert len(machine.order) == 2 + 2 * forecast.ROUNDS


def test_both_precisions_of_an_arm_are_in_every_round():
    seconds = {("A", "fp32"): 1.0, ("A", "bf16"): 0.5, ("B", "fp32"): 2.0, ("B", "bf16"): 1.5}
    machine = Machine(seconds)
    found = measured(machine, "AB", ["fp32", "bf16"])
    # rounds of 5 s: two fit into 6 s for each of two arms
    assert forecast.BUDGET_S == 6.0
    assert machine.order == ["A fp32", "B fp32", "A bf16", "B bf16"] * 3
    assert found == {"A": {"fp32": 1.0, "bf16": 0.5}, "B": {"fp32": 2.0, "bf16": 1.5}}


def test_a_load_that_comes_and_goes_favours_no_arm():
    # three times slower in the first 30 s of every minute; measured one after the other, A would have all of it
    machine = Machine({("A", "fp32"): 0.1, ("B", "fp32"): 0.2}, lambda now: 3.0 if now % 60 < 30 else 1.0)
    found = measured(machine, "AB", ["fp32"], **{"train.steps": "null", "train.minutes": 60})
    assert found["B"]["fp32"] / found["A"]["fp32"] == pytest.approx(2.0)


def plan_of(tmp_path: Path, pairs: Path, length: str, seconds, monkeypatch, table: str = "table3"):
    monkeypatch.setattr(module, "measure_by_turns", lambda settings, *_, **__: {arm: seconds[arm] for arm in settings})
    arms = tuple(seconds)
    words = ("generator.width=8", "data.crop=64", "data.load=null", "train.batch=2")
    asked = Asked(table=table, sets=("derain",), arms=arms, seeds=2, length=length, overrides=words, device="cpu")
    return module.make_plan(module.Reproduction(load(table), asked, {"derain": str(pairs)}, tmp_path / "out", World()))


def test_each_arm_gets_its_steps_of_one_clock(tmp_path, pairs, monkeypatch):
    # sums of 2.5 s and 2.0 s: bf16 for both, though L2 alone is slower in it; 2 min of 0.8 s and of 1.2 s
    seconds = {"L2": {"fp32": 0.5, "bf16": 0.8}, "cGAN": {"fp32": 2.0, "bf16": 1.2}}
    plan = plan_of(tmp_path, pairs, "minutes=2", seconds, monkeypatch)
    assert plan.precision == "bf16"
    arms = plan.runs["derain"]
    assert {name: arm.steps for name, arm in arms.items()} == {"L2": 150, "cGAN": 100}
    # 150 steps, looked at every 8; 100, every 5
    assert {name: arm.validations for name, arm in arms.items()} == {"L2": 19, "cGAN": 20}
    validations = sum(arm.validations * arm.seconds_per_validation for arm in arms.values())
    assert plan.seconds == pytest.approx(2 * (120 + 120 + validations))
    assert plan.disk_bytes == 2 * sum(arm.disk_bytes for arm in arms.values()) > 0


def test_steps_and_published_lengths_know_no_clock(tmp_path, pairs, monkeypatch):
    seconds = {"L2": {"fp32": 0.5, "bf16": 0.49}, "cGAN": {"fp32": 2.0, "bf16": 1.9}}
    plan = plan_of(tmp_path, pairs, "steps=70", seconds, monkeypatch)
    assert plan.precision == "fp32"
    assert [arm.steps for arm in plan.runs["derain"].values()] == [70, 70]
    # 1001 passes over the five pairs that are not held out, two at a time
    plan = plan_of(tmp_path, pairs, "as published", seconds, monkeypatch)
    assert [arm.steps for arm in plan.runs["derain"].values()] == [2503, 2503]


@pytest.mark.parametrize(
    ("measured", "chosen"),
    [
        ([{"fp32": 1.0, "bf16": 1.5}, {"fp32": 5.0, "bf16": 3.0}], "bf16"),
        ([{"fp32": 1.0, "bf16": 0.5}, {"fp32": 9.0, "bf16": 9.0}], "fp32"),
        ([{"fp32": 1.0}, {"fp32": 2.0}], "fp32"),
    ],
)
def test_one_precision_for_the_sum_of_all_arms(measured, chosen):
    assert one_precision(measured) == chosen


def shared_by(*arms):
    return shared_precisions({str(number): settings for number, settings in enumerate(arms)}, World())


def test_any_arm_that_demands_fp32_decides():
    auto = {"train.precision": "auto"}
    assert shared_by(small("pan", **auto), small("l2", **auto)) == ["fp32", "bf16"]
    assert shared_by(small("pan", **auto), small("wgan_gp", **auto)) == ["fp32"]
    assert shared_by(small("pan", **auto), small("l2", **{"train.precision": "fp32"})) == ["fp32"]
    assert shared_by(small("pan", **auto), small("l2", **{"train.precision": "bf16"})) == ["bf16"]
    with pytest.raises(UserError, match="no precision in common"):
        shared_by(small("pan", **{"train.precision": "fp16"}), small("l2", **{"train.precision": "bf16"}))


def test_measuring_leaves_the_global_generator_alone():
    machine = Machine({("A", "fp32"): 1.0})
    before = torch.get_rng_state()
    measured(machine, "A", ["fp32"])
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("name", config_files("tables"))
def test_every_arm_of_a_shipped_table_can_be_trained(name, tmp_path):
    table = load(name)
    if any(its.published for its in table.sets.values()):
        assert set(table.metrics) == {"psnr", "ssim", "uqi", "vif"}
    for set_name, its in table.sets.items():
        if its.published is not None:
            rows = {row.method for row in published.load(its.published).quoted}
            # every printed row is trained or said to be missing, by its name or a shorter one; beside them yardsticks
            yardsticks = {"L2", "pix2pix"} if name == "table4" else set()
            assert rows | yardsticks == {arm.replace("PA+", "PA Loss+") for arm in (*table.arms, *table.missing)}
        for arm in table.arms:
            settings = table.settings(set_name, arm, str(tmp_path))
            assert settings.data.split_seed == 0
            assert settings.method_name in config_files("methods")


def test_shipped_tables_are_pans():
    assert {"table3", "table4", "table5"} <= set(config_files("tables"))
    assert published.load("pan_table3").rows["PAN"] == (23.35, 0.8303, 0.6644, 0.4050)
    assert published.load("pan_table5_edges2handbags").rows["pix2pix-cGAN"] == (16.50, 0.6307, 0.3978, 0.1723)
    assert "slip" in published.load("pan_table5_aerial2map").certainty
    assert "slip" not in published.load("pan_table5_labels2cityscapes").certainty


def test_an_override_of_one_arm_changes_no_other(tmp_path):
    table, word = load("table3"), "ID-CGAN.generator_losses.perceptual.network=hed_vgg16"
    methods = {arm: table.settings("derain", arm, str(tmp_path), [word]).method for arm in table.arms}
    assert methods["ID-CGAN"].generator_losses["perceptual"]["network"] == "hed_vgg16"
    assert [arm for arm, method in methods.items() if "perceptual" in method.generator_losses] == ["ID-CGAN"]
    with pytest.raises(UserError, match="is planned for all arms alike"):
        table.check_overrides(["ID-CGAN.train.steps=5"])


@pytest.mark.parametrize(("length", "warned"), [("minutes=8", ["SPADE"]), ("steps=84", []), ("as published", [])])
def test_the_plan_says_whose_clock_is_over_before_it_has_learnt(length, warned):
    arms = {
        name: ArmPlan(steps=steps, seconds_per_step={"fp32": 1}, seconds_per_validation=1, validations=1, disk_bytes=1)
        for name, steps in (("pix2pix", 1305), ("SPADE", 84))
    }
    asked = Asked(
        table="labels", sets=("camvid",), arms=tuple(arms), seeds=1, length=length, overrides=(), device="cpu"
    )
    lines = Plan(asked=asked, precision="fp32", memory_bytes=1, runs={"camvid": arms}).lines()
    only = [line for line in lines if line.startswith("  only")]
    assert len(only) == len(warned)
    assert all(f"of camvid, {arm} fit in" in line for arm, line in zip(warned, only, strict=True))
