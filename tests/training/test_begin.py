"""A new run from existing weights: it starts at their figures, goes on exactly, and refuses what does not fit."""

from __future__ import annotations

import copy
import hashlib
import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import yaml
from small_run import evaluate, header, lines, make_pairs, train, tree

from conftest import same
from img2img.commands import main
from img2img.compute.distributed import World
from img2img.errors import UserError
from img2img.recipes.saved import load_generators
from img2img.recipes.settings import resolve
from img2img.training import loop
from img2img.training.begin import check_generators, find
from img2img.weights.file import load_weights
from img2img.weights.header import Shape

WIDTH = "generator.width=8"


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    return make_pairs(tmp_path_factory.mktemp("pairs"))


@pytest.fixture(scope="module")
def first(pairs, tmp_path_factory):
    """A finished run of pix2pix with a moving average."""
    run = tmp_path_factory.mktemp("first") / "run"
    assert train(pairs, run, "--method", "pix2pix", "critic.width=8", "ema_half_life_images=4") == 0
    return run


def begin(pairs: Path, run: Path, source: object, *more: str) -> int:
    return train(pairs, run, "--method", "pix2pix", "critic.width=8", "--from", str(source), *more)


def engine(run: Path) -> dict:
    return torch.load(run / "checkpoint.pt", weights_only=True)["engine"]


def error(capsys) -> str:
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("img2img: ")
    return last


def test_it_starts_at_the_figures_of_the_weights_and_says_where_they_are_from(pairs, first, tmp_path):
    run = tmp_path / "run"
    assert begin(pairs, run, first) == 0
    file = first / "weights/best.safetensors"
    best = [line for line in lines(first / "validation.jsonl") if line["best"]][-1]
    start = lines(run / "validation.jsonl")[0]
    assert start == {**best, "step": 0}
    said = {
        "weights": str(first),
        "optimizer": False,
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "step": best["step"],
    }
    assert yaml.safe_load((run / "config.yaml").read_text())["train"]["begin"] == said
    for which in ("best", "last"):
        assert header(run / f"weights/{which}.safetensors")["config"]["train"]["begin"] == said
    assert evaluate("--weights", f"mine={run}", "--data", pairs, "--output", tmp_path / "out") == 0
    card = json.loads((tmp_path / "out/card.json").read_text())
    assert card["results"]["mine"]["begun_from"] == said


def held_at_step_0(pairs, run, source, monkeypatch, *more) -> dict:
    """The engine's state before the first step."""
    found = {}
    validate = loop.Trainer._validate

    def look(self, reporter):
        if self.progress.step == 0:
            # the optimisers hold live tensors
            found.update(copy.deepcopy(self.engine.state_dict()))
        return validate(self, reporter)

    monkeypatch.setattr(loop.Trainer, "_validate", look)
    assert begin(pairs, run, source, *more) == 0
    return found


def test_average_critics_and_moments_are_taken_over_as_asked(pairs, first, tmp_path, monkeypatch):
    before, weights = engine(first), load_weights(first / "weights/best.safetensors")[1]
    found = held_at_step_0(pairs, tmp_path / "a", first, monkeypatch, "ema_half_life_images=4", "--from-optimizer")
    assert same(found["parents"][0]["networks"], weights)
    assert same(found["parents"][0]["ema"], weights)
    assert same(found["critics"]["networks"], before["critics"]["networks"])
    for theirs, ours in ((before["parents"][0], found["parents"][0]), (before["critics"], found["critics"])):
        assert same(theirs["optimizer"]["state"], ours["optimizer"]["state"])
    # moments are left alone unless asked for; rates are always the new run's
    found = held_at_step_0(pairs, tmp_path / "b", first, monkeypatch, "optimizers.generator.lr=1e-5")
    assert found["parents"][0]["optimizer"]["state"] == {}
    assert same(found["critics"]["networks"], before["critics"]["networks"])


def test_moments_do_not_bring_their_rates(pairs, first, tmp_path, monkeypatch):
    more = ("--from-optimizer", "optimizers.generator.lr=1e-5")
    found = held_at_step_0(pairs, tmp_path / "run", first, monkeypatch, *more)
    assert found["parents"][0]["optimizer"]["param_groups"][0]["lr"] == 1e-5
    assert lines(tmp_path / "run/log.jsonl")[0]["lr"]["generator"] == 1e-5


def test_a_file_brings_the_generator_alone(pairs, first, tmp_path, monkeypatch, capsys):
    file = first / "weights/last.safetensors"
    found = held_at_step_0(pairs, tmp_path / "run", file, monkeypatch)
    assert same(found["parents"][0]["networks"], load_weights(file)[1])
    assert not same(found["critics"]["networks"], engine(first)["critics"]["networks"])
    assert "the critics begin anew: " in capsys.readouterr().err


def test_critics_that_differ_begin_anew(pairs, first, tmp_path, capsys):
    assert begin(pairs, tmp_path / "run", first, "critic.width=4") == 0
    assert "the critics begin anew: critic.width was 8 and is 4" in capsys.readouterr().err


def test_resuming_loads_nothing_again_and_is_exact(pairs, first, tmp_path, monkeypatch):
    source = tmp_path / "source"
    shutil.copytree(first, source)
    assert begin(pairs, tmp_path / "whole", source) == 0
    save = loop.Trainer.save

    def save_and_die(self):
        save(self)
        if self.progress.step == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(loop.Trainer, "save", save_and_die)
    assert begin(pairs, tmp_path / "cut", source) == 130
    monkeypatch.undo()
    shutil.rmtree(source)
    assert begin(pairs, tmp_path / "cut", source) == 0
    for name in ("whole", "cut"):
        assert [line["step"] for line in lines(tmp_path / name / "validation.jsonl")] == [0, 2, 4]
    assert same(engine(tmp_path / "whole"), engine(tmp_path / "cut"))
    configs = [(tmp_path / name / "config.yaml").read_text() for name in ("whole", "cut")]
    assert configs[0] == configs[1]


def test_its_config_repeats_it_with_the_same_weights_only(pairs, first, tmp_path, capsys):
    source = tmp_path / "source"
    shutil.copytree(first, source)
    assert begin(pairs, tmp_path / "run", source) == 0
    config = ["train", "--config", str(tmp_path / "run/config.yaml")]
    assert main([*config, "--output", str(tmp_path / "again")]) == 0
    assert same(engine(tmp_path / "run"), engine(tmp_path / "again"))
    shutil.copy(first / "weights/last.safetensors", source / "weights/best.safetensors")
    assert main([*config, "--output", str(tmp_path / "other")]) == 2
    assert "is not what the run began from" in error(capsys)
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("task", ["paired", "inpaint"])
def test_another_task_is_begun_where_the_network_fits(pairs, first, tmp_path, task):
    words = ["--task", task, "--data", str(pairs), "--output", str(tmp_path / "run"), "--from", str(first)]
    small = [WIDTH, "critic.width=8", "data.crop=32", "train.batch=2", "train.steps=1", "train.precision=fp32"]
    # holes are cut into pictures that stand for themselves
    layout = ["data.layout=photos"] if task == "inpaint" else []
    assert main(["train", "--method", "pix2pix", *words, *small, *layout]) == 0


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["generator.width=16"], "generator.width is 8 in the weights and 16 here; generator.width=8 takes what"),
        (["generator={name: resnet, width: 8}"], "generator is unet in the weights and resnet here; generator=unet"),
        (["--from-optimizer", "optimizers.generator=sgd"], "optimizers.generator is adam there and sgd here"),
        (["train.begin.weights=x"], "train.begin.*: is given by --from"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_line(pairs, first, tmp_path, capsys, more, said):
    assert begin(pairs, tmp_path / "run", first, *more) == 2
    assert said in error(capsys)
    assert not (tmp_path / "run").exists()


def test_other_channels_and_sizes_are_refused(first):
    settings = resolve("derain", "pix2pix", None, None, [WIDTH, "train.steps=1"])
    # the only thing that the check asks of an engine
    engine = SimpleNamespace(
        parents=[SimpleNamespace(networks=load_generators(first / "weights/last.safetensors").networks)],
        world=World(),
    )
    origin = find(str(first), engine)
    check_generators(origin, settings.method, Shape(source=3, target=3, size=32), engine)
    with pytest.raises(UserError, match="turn 3 channels into 3, these data ask for 1 channels into 3; take data"):
        check_generators(origin, settings.method, Shape(source=1, target=3, size=32), engine)
    engine.parents[0].networks["generator"].extra = torch.nn.Linear(2, 5)
    said = r"extra.weight is missing in the weights and 5x2 here; data.crop=32 is what they were trained on"
    with pytest.raises(UserError, match=said):
        check_generators(origin, settings.method, Shape(source=3, target=3, size=64), engine)


def test_what_is_no_weights_is_refused(pairs, first, tmp_path, capsys):
    before = tree(first)
    assert begin(pairs, tmp_path / "run", tmp_path / "nowhere") == 2
    assert f"--from {tmp_path / 'nowhere'}: no such run directory or file" in error(capsys)
    assert begin(pairs, tmp_path / "run", first / "weights/last.safetensors", "--from-optimizer") == 2
    assert "needs a run directory with its checkpoint.pt" in error(capsys)
    assert train(pairs, tmp_path / "run", "--from-optimizer") == 2
    assert "--from-optimizer: needs --from RUN" in error(capsys)
    broken = tmp_path / "broken"
    shutil.copytree(first, broken)
    (broken / "checkpoint.pt").write_bytes(b"no checkpoint")
    assert begin(pairs, tmp_path / "run", broken) == 2
    assert "takes the generator alone" in error(capsys)
    assert not (tmp_path / "run").exists()
    assert tree(first) == before
