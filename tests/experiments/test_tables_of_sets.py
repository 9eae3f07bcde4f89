"""``img2img reproduce`` of generators from noise: mixtures and pictures, resumed, aggregated by hand, diverged."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from img2img.commands import main
from img2img.data.modes import mixture_modes
from img2img.errors import DivergedError, UserError
from img2img.experiments import reproduce as module
from img2img.experiments.aggregate import at_equal_time, at_equal_updates, nearest, over_seeds
from img2img.experiments.plan import ArmPlan
from img2img.experiments.points import OTHERS, REAL, drawn
from img2img.experiments.table import load
from img2img.metrics.sets import mmd, modes
from img2img.training import loop
from img2img.training.points import kept_steps, read_points

MIXTURES = """\
title: Small mixtures
data: none
measure: {name: points, frames: 2, numbers: [mmd2_gaussian_0.1_unbiased, modes, high_quality]}
looks: 2
threads: 1
steps: 2
seeds: 2
quick: {steps: 1, seeds: 1}
overrides: [generator.width=8, critic.width=8, train.batch=8, train.samples=0, train.report=false, train.log_every=1]
sets:
  eight: {title: 8 Gaussians, task: toy, overrides: [data.mixture=8gaussians]}
arms:
  plain: {method: nsgan}
  E-GAN: {method: egan, overrides: [fitness_samples=8]}
quoted:
  - {title: elsewhere, columns: [a, b], note: another kernel, rows: {plain: ["1", "2"]}}
"""
PICTURES = """\
title: Small pictures
data: shared
measure:
  {name: pictures, samples: 8, frames: 2, numbers: [mmd2_gaussian_median_unbiased_on_cifar10, 1nn_accuracy, recall]}
looks: 2
threads: 1
overrides:
  [data.load=8, data.crop=8, train.log_every=1, train.batch=4, train.report=false, generator.width=8, critic.width=8]
sets:
  baseline: {title: baseline, task: images}
  weak: {title: weak generator, task: images, overrides: [generator.width=4]}
arms:
  plain: {method: gan}
  saturating: {method: gan, overrides: ["games=[minimax]"]}
"""


def plan_of(steps: int, seconds: float) -> ArmPlan:
    return ArmPlan(
        steps=steps, seconds_per_step={"fp32": seconds}, seconds_per_validation=0, validations=1, disk_bytes=1
    )


def mixtures(tmp_path: Path, output: str, *more: str) -> int:
    (tmp_path / "mixtures.yaml").write_text(MIXTURES)
    return main(["reproduce", str(tmp_path / "mixtures.yaml"), "--output", str(tmp_path / output), *more])


def pictures(tmp_path: Path, output: str, *more: str) -> int:
    (tmp_path / "pictures.yaml").write_text(PICTURES)
    rng = np.random.default_rng(0)
    np.save(tmp_path / "set.npy", rng.integers(0, 256, (20, 8, 8, 3), dtype=np.uint8))
    words = [str(tmp_path / "pictures.yaml"), "--data", str(tmp_path / "set.npy"), "--output", str(tmp_path / output)]
    return main(["reproduce", *words, *(more or ("--steps", "2"))])


def cells(table: str, row: str, nth: int = 0) -> list[str]:
    """The cells of the nth row of a Markdown text that begins with a name."""
    lines = [line for line in table.splitlines() if line.startswith(f"| {row} |")]
    return [cell.strip() for cell in lines[nth].split("|")[2:-1]]


def test_average_and_best_are_those_of_the_seeds():
    its = over_seeds([3.0, 1.0, 5.0], higher_is_better=False)
    assert (its.average, its.best) == (3.0, 1.0)
    assert over_seeds([3.0, 1.0, 5.0], higher_is_better=True).best == 5.0
    assert math.isnan(over_seeds([], higher_is_better=True).average)


def test_equal_updates_and_equal_time_by_hand():
    # 600 steps of 10 ms with one child each; 300 of 50 ms with three
    arms = {"plain": plan_of(600, 0.01), "E-GAN": plan_of(300, 0.05)}
    # 600 updates against 900: E-GAN has made 600 after 200 of its steps
    assert at_equal_updates(arms, {"plain": 1, "E-GAN": 3}) == {"plain": 600, "E-GAN": 200}
    # 6 s against 15 s: in 6 s E-GAN makes 120
    assert at_equal_time(arms, "fp32") == pytest.approx({"plain": 600, "E-GAN": 120})
    assert [nearest([50, 100, 150], wanted) for wanted in (120, 125, 7, 900)] == [100, 100, 50, 150]


def test_mixtures_are_trained_measured_and_drawn(tmp_path, capsys):
    assert mixtures(tmp_path, "out") == 0
    table = (tmp_path / "out/table.md").read_text()
    assert capsys.readouterr().out == table
    points = [
        torch.from_numpy(read_points(kept_steps(tmp_path / f"out/runs/plain/seed-{seed}")[2])[0]) for seed in (0, 1)
    ]
    real = torch.from_numpy(drawn("8gaussians", 2000, REAL))
    narrow = [mmd(real, each, (0.1,))["mmd2_gaussian_0.1_unbiased"] for each in points]
    covered = [modes(each, *mixture_modes("8gaussians")) for each in points]
    row = cells(table, "plain")
    assert row[:2] == [f"{sum(narrow) / 2:.5f}", f"{min(narrow):.5f}"]
    assert row[2:4] == [f"{sum(each[0] for each in covered) / 2:.1f}", str(max(each[0] for each in covered))]
    assert row[-3:-1] == ["2", "2"]
    assert cells(table, "E-GAN")[-3:-1] == ["2", "6"]
    # at equal updates E-GAN has made one step of its two
    assert cells(table, "E-GAN", 1)[-3:-1] == ["1", "3"]
    floor = mmd(real, torch.from_numpy(drawn("8gaussians", 2000, OTHERS)), (0.1,))["mmd2_gaussian_0.1_unbiased"]
    assert cells(table, "real, others")[0] == f"{floor:.5f}"
    assert cells(table, "plain (quoted)") == ["1", "2"]
    assert "\\begin{tabular}" in (tmp_path / "out/table.tex").read_text()
    for name in ("film.png", "quality_by_updates.png", "quality_by_time.png", "survivors-E-GAN.png"):
        assert (tmp_path / "out" / name).stat().st_size > 0
    assert not (tmp_path / "out/survivors-plain.png").exists()
    assert not list(tmp_path.glob("out/runs/*/*/samples/*.png"))


class CutError(Exception):
    pass


def test_a_table_cut_after_each_run_is_the_same(tmp_path, monkeypatch):
    assert mixtures(tmp_path, "whole", "--seeds", "1") == 0
    # time is measured anew for another output: it decides only where arms are compared at equal time
    (tmp_path / "cut").mkdir()
    (tmp_path / "cut/plan.yaml").write_bytes((tmp_path / "whole/plan.yaml").read_bytes())
    save = loop.Trainer.save

    def save_and_die(self):
        save(self)
        raise CutError

    monkeypatch.setattr(loop.Trainer, "save", save_and_die)
    for _ in range(2):
        assert mixtures(tmp_path, "cut", "--seeds", "1") == 1
    monkeypatch.setattr(loop.Trainer, "save", save)
    assert mixtures(tmp_path, "cut", "--seeds", "1") == 0
    for name in ("table.md", "table.tex", "film.png", "survivors-E-GAN.png"):
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_the_short_form_and_what_the_table_says_of_its_length(tmp_path, capsys):
    assert mixtures(tmp_path, "quick", "--quick", "--arms", "plain") == 0
    assert [path.name for path in (tmp_path / "quick/runs/plain").iterdir()] == ["seed-0"]
    assert cells((tmp_path / "quick/table.md").read_text(), "plain")[-3] == "1"
    capsys.readouterr()
    assert main(["reproduce", "table3", "--data", str(tmp_path), "--output", str(tmp_path / "no")]) == 2
    assert "how long? give --minutes" in capsys.readouterr().err
    assert main(["reproduce", "table3", "--quick", "--data", str(tmp_path), "--output", str(tmp_path / "no")]) == 2
    assert "table3 has no short form" in capsys.readouterr().err
    assert mixtures(tmp_path, "no", "--data", str(tmp_path)) == 2
    assert "data are built in" in capsys.readouterr().err


def test_a_run_that_diverges_is_told_and_the_rest_goes_on(tmp_path, monkeypatch):
    train, begun = module.train, []

    def diverging(settings, world, folder, **more):
        begun.append((settings.method_name, settings.train.seed))
        if begun[-1] == ("nsgan", 1):
            folder.mkdir(parents=True, exist_ok=True)
            raise DivergedError("the loss is not finite any more")
        return train(settings, world, folder, **more)

    monkeypatch.setattr(module, "train", diverging)
    assert mixtures(tmp_path, "out") == 0
    table = (tmp_path / "out/table.md").read_text()
    alone = cells(table, "plain (1 of 2 diverged)")
    assert alone[0] == alone[1] != "–"
    begun.clear()
    assert mixtures(tmp_path, "out") == 0
    assert begun == []


def test_pictures_are_measured_on_every_set_and_across(tmp_path):
    assert pictures(tmp_path, "out") == 0
    table = (tmp_path / "out/table.md").read_text()
    across = [cells(table, "plain")[0], cells(table, "plain")[1]]
    assert across == [cells(table, "plain", 1)[0], cells(table, "plain", 2)[0]]
    assert cells(table, "real, others")[:2] == [cells(table, "real, others", n)[0] for n in (1, 2)]
    assert "8 pictures of the last generator against 8 training pictures, on cifar10, pixels" in table
    assert "| MMD² gaussian h=median, cifar10 | 1-NN accuracy, pixels |" in table
    assert "On cifar10: 64 features, the means of the last maps of a small classifier" in table
    for name in ("losses.png", "grids.png"):
        for set_name in ("baseline", "weak"):
            assert (tmp_path / "out" / set_name / name).stat().st_size > 0
    made, surface = read_points(kept_steps(tmp_path / "out/weak/runs/plain/seed-0")[2])
    assert (made.shape, made.dtype, surface) == ((16, 8, 8, 3), np.uint8, None)


def test_too_few_pictures_are_refused_before_anything_is_trained(tmp_path, capsys):
    assert pictures(tmp_path, "first") == 0
    np.save(tmp_path / "few.npy", np.zeros((6, 8, 8, 3), np.uint8) + np.arange(6, dtype=np.uint8)[:, None, None, None])
    words = ["--data", str(tmp_path / "few.npy"), "--output", str(tmp_path / "no"), "--steps", "1"]
    capsys.readouterr()
    assert main(["reproduce", str(tmp_path / "pictures.yaml"), *words]) == 2
    assert "the table is measured on 8" in capsys.readouterr().err
    assert not (tmp_path / "no").exists()


@pytest.mark.parametrize("name", ["toy", "generator-loss", "robustness", "digits"])
def test_every_arm_of_a_shipped_table_is_a_method(name):
    table = load(name)
    for set_name in table.sets:
        for arm in table.arms:
            settings = table.settings(set_name, arm, None if table.data == "none" else "digits", ["train.steps=1"])
            assert settings.train.steps == 1
    if name == "robustness":
        weak = table.settings("weak-both", "E-GAN-4", "digits", ["train.steps=1"]).method
        assert (weak.parents, weak.generator["width"], weak.critic["width"]) == (4, 8, 8)


def test_quoted_figures_need_one_for_each_column(tmp_path):
    (tmp_path / "mixtures.yaml").write_text(MIXTURES.replace('["1", "2"]', '["1"]'))
    with pytest.raises(UserError, match="1 figures for 2 columns"):
        load(str(tmp_path / "mixtures.yaml"))
