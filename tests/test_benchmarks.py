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

TOOL = Path(__file__).resolve().parents[1] / "tools" / "benchmark.py"


def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmark_tool", TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


EXAMPLES = {
    "train": ["--rounds", "3", "--methods", "pan"],
    "step": ["pan", "plain fp32"],
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
