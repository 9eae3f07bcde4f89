"""``img2img completion``: real shells are asked what they would complete."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from img2img.commands import COMMANDS, main
from img2img.config import config_files
from img2img.zoo import names

ASK_BASH = """
source "$1"
complete -p img2img
shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_img2img
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def scripts(tmp_path_factory) -> Path:
    """A file for each shell, called by its name."""
    from img2img.commands.completion import described
    from img2img.commands.shells import SHELLS

    folder = tmp_path_factory.mktemp("scripts")
    commands = described()
    for name, script in SHELLS.items():
        (folder / name).write_text(script(commands), encoding="utf-8")
    return folder


def bash(scripts: Path, *words: str) -> list[str]:
    """What bash would offer for the last word."""
    call = ["bash", "--norc", "-c", ASK_BASH, "bash", str(scripts / "bash"), "img2img", *words]
    done = subprocess.run(call, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    registered, *offered = done.stdout.splitlines()
    assert registered == "complete -o default -F _img2img img2img"
    return [word for word in offered if word]


def fish(scripts: Path, *words: str) -> list[str]:
    """What fish would offer for the last word."""
    call = ["fish", "--no-config", "-c", f"source {scripts / 'fish'}; complete -C '{' '.join(['img2img', *words])}'"]
    done = subprocess.run(call, capture_output=True, text=True, check=True)
    return [line.partition("\t")[0] for line in done.stdout.splitlines()]


ASKS = {"bash": bash, "fish": fish}


@pytest.fixture(params=ASKS)
def ask(request, scripts):
    if shutil.which(request.param) is None:
        pytest.skip(f"needs {request.param}")
    return lambda *words: ASKS[request.param](scripts, *words)


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("in",), {"infer"}),
        (("train", "--me"), {"--method"}),
        (("train", "--task", "edges2s"), {"edges2shoes"}),
        (("train", "--from", "derain-f"), {"derain-fast"}),
        (("infer", "--precision", ""), {"auto", "fp32", "bf16", "fp16"}),
        (("infer", "--weights", ""), set(names())),
        (("evaluate", "--protocol", "matlab"), {"matlab_y"}),
        (("list", "protocols", "basic"), {"basicsr_y"}),
        (("train", "train.val"), {"train.validate_every=", "train.validation_images="}),
        (("reproduce", "table"), {name for name in config_files("tables") if name.startswith("table")}),
        (("completion", ""), {"bash", "zsh", "fish"}),
    ],
)
def test_shells_offer_what_there_is(ask, words, offered, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where no files are that could be offered
    assert set(ask(*words)) == offered


def test_every_command_is_offered(ask):
    assert set(COMMANDS) <= set(ask(""))


def test_what_may_be_a_file_is_left_to_bash(scripts):
    for words in (("infer", "--input", ""), ("infer", "--weights", "runs/"), ("train", "data.path", "=", "")):
        assert bash(scripts, *words) == []


def test_zsh_can_read_its_script(scripts):
    if shutil.which("zsh") is None:
        pytest.skip("needs zsh")
    subprocess.run(["zsh", "-n", scripts / "zsh"], check=True)


def test_the_command_prints_the_script(scripts, capsys):
    assert main(["completion", "bash"]) == 0
    assert capsys.readouterr().out == (scripts / "bash").read_text(encoding="utf-8")
    assert main(["completion", "csh"]) == 2
    assert "csh" in capsys.readouterr().err
