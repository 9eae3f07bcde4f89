"""``img2img.train`` is the command: its files, its refusals; a callback looks on and may end the run."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import numpy as np
import pytest
from small_run import header, lines, make_pairs
from small_run import train as by_command

import img2img
from conftest import picture
from img2img.config import nested
from img2img.errors import RunError, UserError
from img2img.inference import Translator

KEYS = {
    "generator": {"width": 8},
    "data.crop": np.int64(32),
    "train": {"batch": 2, "steps": 4, "precision": "fp32", "validate_every": 2, "checkpoint_every": 2},
    "train.log_every": 1,
}


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    return make_pairs(tmp_path_factory.mktemp("pairs"))


def test_it_writes_what_the_command_writes(pairs, tmp_path):
    assert by_command(pairs, tmp_path / "command") == 0
    trained = img2img.train("derain", "l1", pairs, tmp_path / "python", **KEYS)
    for name in ("best", "last"):
        one, other = (tmp_path / folder / f"weights/{name}.safetensors" for folder in ("command", "python"))
        assert one.read_bytes() == other.read_bytes()
    assert (tmp_path / "command/config.yaml").read_bytes() == (tmp_path / "python/config.yaml").read_bytes()
    assert lines(tmp_path / "command/validation.jsonl") == lines(tmp_path / "python/validation.jsonl")
    assert (trained.run, trained.step, trained.total, trained.finished) == (tmp_path / "python", 4, 4, True)
    validated = lines(trained.run / "validation.jsonl")
    assert trained.selection == "psnr"
    assert trained.best == max(line["psnr"] for line in validated)
    assert trained.metrics == {name: validated[-1][name] for name in ("psnr", "ssim")}
    assert isinstance(trained.translator(), Translator)
    assert header(trained.weights("last"))["step"] == 4
    dry = trained.translator("last", tile="off")(picture(0))
    assert np.array_equal(dry, img2img.load(trained.weights("last"))(picture(0)))


def test_a_callback_is_told_and_may_end_the_run_which_then_goes_on(pairs, tmp_path):
    told = []

    def stop_at_3(status):
        told.append(status)
        return "stop" if status.step == 3 else None

    run = tmp_path / "run"
    trained = img2img.train("derain", "l1", {"path": pairs}, run, stop_at_3, **KEYS)
    assert (trained.step, trained.total, trained.finished) == (3, 4, False)
    assert [status.step for status in told] == [1, 2, 3]
    assert [status.losses["generator/l1"] for status in told] == [
        line["generator/l1"] for line in lines(run / "log.jsonl")
    ]
    validated = lines(run / "validation.jsonl")
    assert [dict(status.validation) for status in told] == [
        {}, {name: validated[0][name] for name in ("psnr", "ssim")}, {}
    ]  # fmt: skip
    assert [status.best for status in told] == [None, validated[0]["psnr"], validated[0]["psnr"]]
    assert img2img.train("derain", "l1", pairs, run, stop_at_3, **KEYS).finished
    assert [status.step for status in told] == [1, 2, 3, 4]
    whole = tmp_path / "whole"
    img2img.train("derain", "l1", pairs, whole, **KEYS)
    assert (run / "weights/last.safetensors").read_bytes() == (whole / "weights/last.safetensors").read_bytes()


def test_it_begins_from_weights(pairs, tmp_path):
    first = img2img.train("derain", "l1", pairs, tmp_path / "first", **KEYS)
    told = []
    second = img2img.train("derain", "l1", pairs, tmp_path / "second", told.append, from_weights=first.run, **KEYS)
    assert (told[0].step, told[0].losses) == (0, {})
    assert told[0].validation["psnr"] == first.best
    assert second.best >= first.best


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({}, "--task is needed"),
        ({"task": "derian"}, "did you mean 'derain'"),
        ({"task": "derain", "data": "none"}, "none"),
        ({"task": "derain", "train": {"stps": 4}}, "did you mean 'steps'"),
        ({"task": "derain", "stps": 4}, "unknown key 'stps'"),
        ({"task": "derain", "train.steps": "many"}, "train: steps"),
        ({"task": "derain", "device": "gpu"}, "--device gpu"),
        ({"task": "derain", "from_optimizer": True}, "from_optimizer=True: needs from_weights"),
    ],
)
def test_what_is_refused_is_an_exception_and_nothing_is_written(tmp_path, given, line):
    with pytest.raises(UserError, match=re.escape(line)):
        img2img.train(output=tmp_path / "run", **given)
    assert not list(tmp_path.iterdir())


def test_a_callback_that_gives_something_else_or_fails(pairs, tmp_path):
    with pytest.raises(RunError, match="callback: gave True; it may give 'stop'"):
        img2img.train("derain", "l1", pairs, tmp_path / "run", lambda status: True, **KEYS)

    def fail(status):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        img2img.train("derain", "l1", pairs, tmp_path / "run", fail, **KEYS)


def test_a_signal_comes_to_its_handler_when_all_is_saved(pairs, tmp_path):
    def interrupt(status):
        os.kill(os.getpid(), signal.SIGINT)

    # what a shell starts in the background ignores it
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            img2img.train("derain", "l1", pairs, tmp_path / "run", interrupt, **KEYS)
    finally:
        signal.signal(signal.SIGINT, before)
    assert header(tmp_path / "run/weights/last.safetensors")["step"] == 1


def test_keys_may_be_nested_or_dotted():
    given = {"train.steps": 4, "train": {"batch": 2}, "data.path": Path("a/b"), "games": ("minimax",)}
    assert nested(given) == {"train": {"steps": 4, "batch": 2}, "data": {"path": "a/b"}, "games": ["minimax"]}


def test_the_example_of_the_documents_runs(pairs, tmp_path, monkeypatch, capsys):
    document = Path(__file__).resolve().parents[2] / "docs/training.md"
    (code,) = re.findall(r"^```python\n(.*?)^```", document.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pairs").symlink_to(pairs)
    names = {"picture": picture(0)}
    exec(compile(code, str(document), "exec"), names)
    assert names["dry"].shape == picture(0).shape
    said = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in said[:-1]] == ["step 2 of 8", "step 4 of 8"]
    assert said[-1].startswith("runs/mine 4 False ")
