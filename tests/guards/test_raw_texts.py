"""What torch and the system say in their own words reaches nobody: the line names the thing and the cure."""

from __future__ import annotations

import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from small_run import SMALL, make_pairs, train, tree

from img2img.compute.memory import is_out_of_memory

ROOT = Path(__file__).resolve().parents[2]
MB = 2**20


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    return make_pairs(tmp_path / "pairs")


@pytest.mark.parametrize(
    ("network", "crop", "says"),
    [
        # three halvings need multiples of 8
        ("{name: unet, width: 8, downs: 3}", 44, "multiples of 8 px, training samples are 44x44; set data.crop=40 or "),
        ("{name: unet, width: 8, downs: 4}", 8, "multiples of 16 px, training samples are 8x8; set data.crop=16"),
        ("{name: resnet, width: 8}", 46, "multiples of 4 px, training samples are 46x46; set data.crop=44 or "),
        ("{name: unet, width: 8}", 45, "multiples of 4 px, training samples are 45x45; set data.crop=44 or "),
    ],
)
def test_a_crop_that_does_not_fit_says_which_would(network, crop, says, pairs, tmp_path, capsys):
    assert train(pairs, tmp_path / "run", f"generator={network}", f"data.crop={crop}") == 2
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert f"data.crop: the network takes sides that are {says}" in line
    assert not (tmp_path / "run").exists()
    # the cure is one
    side = re.search(r"data\.crop=(\d+)", line)[1]
    assert train(pairs, tmp_path / "run", f"generator={network}", f"data.crop={side}") == 0


def limited(code: str, folder: Path, megabytes: float) -> subprocess.CompletedProcess[str]:
    """A Python of its own whose files may have so many MB."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(megabytes * MB), int(megabytes * MB)))

    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, preexec_fn=limit, capture_output=True, text=True, check=False,
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}", "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def test_a_file_size_limit_is_named_before_training(pairs, tmp_path):
    words = ["train", "--task", "derain", "--method", "l1", "--data", str(pairs), "--output", "run",
             *SMALL, "generator={name: residual, width: 64}"]  # fmt: skip
    done = limited(f"import sys; from img2img.commands import main; sys.exit(main({words!r}))", tmp_path, 0.5)
    assert done.returncode == 2
    line = done.stderr.strip().splitlines()[-1]
    assert re.search(r"--output run: the checkpoint will have about [\d.]+ MB, but a file may have 0\.5 MB", line)
    assert "ulimit -f unlimited" in line
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "write", ["torch.save({'format': 1, 'x': torch.zeros(600_000)}, path)", "path.write_bytes(bytes(2**21))"]
)
def test_a_file_size_limit_in_the_middle_of_a_checkpoint(write, tmp_path):
    """torch has a RuntimeError of its own for it, the system an OSError."""
    (tmp_path / "checkpoint.pt").write_bytes(b"before")
    code = (
        "import torch\nfrom pathlib import Path\nfrom img2img.files import atomic\n"
        f"with atomic(Path('checkpoint.pt')) as path:\n    {write}\n"
    )
    done = limited(code, tmp_path, 1)
    line = done.stderr.strip().splitlines()[-1]
    assert line == (
        "img2img.errors.RunError: checkpoint.pt: cannot be written: the limit of 1 MB on the size of a file is reached "
        "(ulimit -f unlimited lifts it); the checkpoint.pt that was there is kept"
    )
    assert tree(tmp_path) == {"checkpoint.pt": b"before"}


def test_a_run_that_diverges_at_once_names_no_checkpoint_that_is_not_there(pairs, tmp_path, capsys):
    assert train(pairs, tmp_path / "run", "optimizers.generator.lr=1e30") == 1
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert "the run has diverged; nothing is kept; lower optimizers.*.lr" in line


def test_a_crop_of_one_pixel_is_trained_on(pairs, tmp_path):
    """A mirrored picture of one column has a negative stride, which numpy calls contiguous and torch refuses."""
    assert train(pairs, tmp_path / "run", "data.crop=1") == 0


def test_memory_that_the_system_refuses_is_called_so():
    text = "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried ..."
    assert is_out_of_memory(RuntimeError(text))
