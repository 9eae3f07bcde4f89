"""Train, resume, translate and evaluate where the names that only POSIX or Linux has are missing."""

from __future__ import annotations

import json
import subprocess
import sys

from small_run import SMALL, lines, make_pairs, save

from conftest import picture

# what Windows lacks (some of it macOS too). Spawned data workers run this as well; of the libraries, which have ways of
# their own there, those that use a name are loaded before
WITHOUT = """
import ctypes, json, multiprocessing, os, shutil, signal, sys
import torch, torch.distributed, torch.utils.data
from multiprocessing import context, resource_tracker

resource_tracker._HAVE_SIGMASK = False
for name in ("pthread_sigmask", "sigtimedwait", "SIGKILL", "SIGHUP", "SIGUSR1"):
    delattr(signal, name)
for name in ("O_DIRECTORY", "O_NOFOLLOW", "sched_getaffinity", "getpgid", "setsid", "killpg"):
    delattr(os, name)
for name in ("resource", "fcntl", "pwd", "grp"):
    sys.modules[name] = None  # importing it fails
context._concrete_contexts.pop("forkserver"), context._concrete_contexts.pop("fork")
multiprocessing.get_all_start_methods = lambda: ["spawn"]
opened, library = os.open, ctypes.CDLL

def open_no_folder(path, *more, **named):
    if sys._getframe(1).f_globals["__name__"].startswith("img2img") and os.path.isdir(path):
        raise PermissionError(13, "Permission denied", str(path))
    return opened(path, *more, **named)

def no_libc(name, *more, **named):
    if "libc" in str(name):
        raise OSError(name)
    return library(name, *more, **named)

os.open, ctypes.CDLL = open_no_folder, no_libc

if __name__ == "__main__":
    from img2img.commands import main

    for words in json.loads(sys.argv[1]):
        status = main(words)
        if status:
            sys.exit(f"{words}: {status}")
"""


def test_train_resume_infer_evaluate(tmp_path):
    make_pairs(tmp_path / "pairs")
    for number in range(2):
        save(tmp_path / f"clean/{number}.png", picture(number))
        save(tmp_path / f"dark/{number}.png", picture(number) // 2)
    train = [
        "train",
        "--task",
        "derain",
        "--method",
        "l1",
        "--data",
        "pairs",
        "--output",
        "run",
        *SMALL,
        "train.report=false",
    ]
    longer = [word for word in train if word != "train.steps=4"] + ["train.steps=6"]
    commands = [
        [*train, "train.workers=1"],
        longer,
        ["infer", "--weights", "run", "--input", "dark", "--output", "made"],
        ["evaluate", "--target", "clean", "--results", "ours=made", "--output", "result"],
    ]
    (tmp_path / "without.py").write_text(WITHOUT)
    call = [sys.executable, str(tmp_path / "without.py"), json.dumps(commands)]
    done = subprocess.run(call, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "| ours |" in done.stdout
    assert lines(tmp_path / "run/validation.jsonl")[-1]["step"] == 6
    assert sorted(path.name for path in (tmp_path / "made").iterdir()) == ["0.png", "1.png"]
    assert (tmp_path / "result/report.html").is_file()
