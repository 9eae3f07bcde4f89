"""tools/benchmark.py chooses: each of its commands has a function that takes its options, and shows its help."""

from __future__ import annotations

import importlib.util
import inspect
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
import torch

from img2img.compute.random import NamedRandom

TOOL = Path(__file__).resolve().parents[1] / "tools" / "benchmark.py"


def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmark_tool", TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


EXAMPLES = {
    "train": ["--rounds", "3", "--methods", "pan"],
    "gan": ["--methods", "toy", "--threads", "1"],
    "step": ["pan", "plain fp32"],
    "gpu": ["--device", "cpu", "--tiny"],
    "data": ["--pairs", "4"],
    "metrics": [],
    "memory": ["--pairs", "2", "3"],
    "evaluation": ["5"],
    "check_data": ["--pairs", "20"],
    "infer": ["--megapixels", "1"],
    "inference": ["weights", "file", "output"],
    "networks": ["--weights", "derain", "--precision", "bf16"],
}


def test_every_command_is_tried_here():
    assert set(EXAMPLES) == set(tool().FUNCTIONS)


@pytest.mark.parametrize("command", EXAMPLES)
def test_a_commands_options_are_what_its_function_takes(command):
    module, function = tool().FUNCTIONS[command]
    options = vars(tool().arguments().parse_args([command, *EXAMPLES[command]]))
    assert options.pop("command") == command
    inspect.signature(getattr(import_module(f"benchmarks.{module}"), function)).bind(**options)


def test_the_tool_runs_from_another_folder(tmp_path):
    # a worker whose standard input is closed at once has nothing to answer
    done = subprocess.run(
        [sys.executable, str(TOOL), "step", "pan", "ours fp32"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_the_peer_has_the_published_number_of_parameters():
    networks = import_module("benchmarks.networks")
    assert sum(parameter.numel() for parameter in networks.Recurrent().parameters()) == 168_963


# as narrow as it goes, and without what torch's own generator draws
NARROW = ("train.precision=fp32", "train.batch=2", "generator.width=8")
TINY = {
    "pix2pix": ("data.crop=64", "generator.dropout=false", "critic.width=8"),
    "pan": ("data.crop=64", "critic.width=8"),
    "cyclegan": ("data.crop=32", "generator.blocks=1", "critic.width=8"),
    "idcgan": ("data.crop=32", "critic.width=8"),
    "quick": ("data.crop=32",),
    "egan": ("critic.width=8", "fitness_samples=4"),
    "egan_apart": ("critic.width=8", "fitness_samples=4"),
    "wgan_gp": ("critic.width=8",),
    "toy": ("critic.width=8", "train.init=kaiming"),
}


@pytest.mark.parametrize("name", TINY)
def test_a_plain_loop_does_the_mathematics_of_ours(name):
    train = import_module("benchmarks.train")
    subject = train.SUBJECTS[name]
    settings = train.settings_for(name, *NARROW, *TINY[name])
    engine = train.engine_for(settings, "fp32")
    case = train.plain_case(settings)
    for player in engine.players:
        for part, network in player.networks.items():
            case.networks[part].load_state_dict(network.state_dict())
    count = len(case.target)
    case.uniform = lambda step, forward, what, shape: NamedRandom(
        settings.train.seed, step, forward, 0, count, torch.device("cpu")
    )(what, shape)
    plain = subject.plain(case, samples=4) if name.startswith("egan") else subject.plain(case)
    for step in range(2):
        engine.log.clear()
        case.losses.clear()
        engine.step(step, [train.made_batch(settings)] * engine.batches)
        plain()
        theirs = {loss: torch.stack(values).mean().item() for loss, values in case.losses.items()}
        ours = {loss: value.item() for loss, value in engine.log.means().items()}
        # ours also logs the parts of some losses
        assert {loss: ours[loss] for loss in theirs} == pytest.approx(theirs, rel=1e-4, abs=1e-6), step
        assert {loss.rsplit("/", 1)[1] for loss in theirs} >= {
            term.name for term in (*engine.rules.critic_losses, *engine.rules.generator_losses)
        }


def test_train_has_the_subjects_that_are_compared():
    train = import_module("benchmarks.train")
    methods = tool().arguments().parse_args(["train"]).methods
    assert set(methods.split(",")) == set(train.SUBJECTS) == set(TINY)
