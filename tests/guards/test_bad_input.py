"""What cannot be done: one line that names the thing, the exit status, and nothing lost or half-written."""

from __future__ import annotations

import errno
import os
import pickle
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from safetensors.torch import save_file

from conftest import picture
from img2img.commands import main
from img2img.training.loop import Trainer

SMALL = ["generator.width=8", "data.crop=32", "train.batch=2", "train.steps=2", "train.precision=fp32"]


def save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A folder to copy: six pairs, a finished run of l1 on them, photos, targets."""
    root = tmp_path_factory.mktemp("trained")
    for number in range(6):
        clean = picture(number)
        save(root / f"pairs/{number}.png", np.concatenate([clean, clean // 2], 1))
        save(root / f"photos/{number}.png", clean // 2)
        save(root / f"targets/{number}.png", clean)
    save(root / "one.png", picture(0))
    before = os.getcwd()
    os.chdir(root)
    try:
        assert main(["train", "--task", "derain", "--method", "l1", "--data", "pairs", "--output", "run", *SMALL]) == 0
        assert main(["train", "--task", "toy", "--output", "noise", "critic.width=8", "data.samples=64", *SMALL[:1],
                     *SMALL[2:]]) == 0  # fmt: skip
    finally:
        os.chdir(before)
    return root


@pytest.fixture
def here(trained, tmp_path, monkeypatch) -> Path:
    """An own copy of it, as the working directory."""
    shutil.copytree(trained, tmp_path / "here", symlinks=True)
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def tree(root: Path) -> dict[str, bytes | None]:
    """Everything below a folder with its bytes."""
    return {str(p.relative_to(root)): p.read_bytes() if p.is_file() else None for p in sorted(root.rglob("*"))}


def odd(root: Path) -> None:
    save(root / "pairs/0.png", picture(0, 48, 63))


def lonely(root: Path) -> None:
    shutil.copytree(root / "photos", root / "two/source")
    shutil.copytree(root / "targets", root / "two/target")
    (root / "two/target/3.png").unlink()


def unequal(root: Path) -> None:
    lonely(root)
    save(root / "two/target/3.png", picture(3, 32, 32))


def cut(root: Path) -> None:
    truncate(root / "pairs/4.png")


def text(root: Path) -> None:
    (root / "pairs/4.png").write_text("not a picture")


def empty(root: Path) -> None:
    (root / "nothing").mkdir()


def doubtful(root: Path) -> None:
    save(root / "mixed/a.png", picture(0, 48, 64))
    save(root / "mixed/b.png", picture(1, 48, 128))
    save(root / "mixed/c.png", picture(2, 64, 64))


def method(name: str, content: dict) -> Callable[[Path], None]:
    def write(root: Path) -> None:
        (root / name).write_text(yaml.safe_dump(content))

    return write


def edited(name: str, old: str, new: str) -> Callable[[Path], None]:
    def write(root: Path) -> None:
        path = root / name
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))

    return write


def raw(name: str, content: bytes) -> Callable[[Path], None]:
    def write(root: Path) -> None:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)

    return write


class Evil:
    def __reduce__(self):
        return (Path.touch, (Path("executed"),))


def pickled(root: Path) -> None:
    (root / "run/checkpoint.pt").write_bytes(pickle.dumps(Evil()))


def saved_by_torch(root: Path) -> None:
    torch.save({"weights": torch.zeros(3), "evil": Evil()}, root / "run/checkpoint.pt")


def other_state(root: Path) -> None:
    state = torch.load(root / "run/checkpoint.pt", weights_only=True)
    state["engine"]["parents"][0] = {"networks": {}}
    torch.save(state, root / "run/checkpoint.pt")


def two_processes(root: Path) -> None:
    state = torch.load(root / "run/checkpoint.pt", weights_only=True)
    state["processes"] *= 2
    torch.save(state, root / "run/checkpoint.pt")


def half_checkpoint(root: Path) -> None:
    truncate(root / "run/checkpoint.pt")


def foreign_weights(root: Path) -> None:
    save_file({"a": torch.zeros(3)}, root / "foreign.safetensors", {"format": "pt"})


def no_weights(root: Path) -> None:
    shutil.rmtree(root / "run/weights")


def more_data(root: Path) -> None:
    save(root / "pairs/7.png", np.concatenate([picture(7), picture(7) // 2], 1))


def damaged_target(root: Path) -> None:
    truncate(root / "targets/2.png")


def missing_result(root: Path) -> None:
    (root / "photos/2.png").unlink()


def small_result(root: Path) -> None:
    save(root / "photos/2.png", picture(2, 24, 32))


def cropped_results(root: Path) -> None:
    for number in range(6):
        save(root / f"photos/{number}.png", picture(number)[:32])


def large_result(root: Path) -> None:
    save(root / "photos/2.png", picture(2, 48, 96))


def linked_targets(root: Path) -> None:
    (root / "link").symlink_to("targets")


def nested_sources(root: Path) -> None:
    shutil.copytree(root / "targets", root / "photos/rainy")


def double_target(root: Path) -> None:
    save(root / "targets/2.jpg", picture(2))


@dataclass
class Case:
    """What is done to the folder before, the command, and what its line must say."""

    what: str
    words: str
    says: tuple[str, ...]
    before: Callable[[Path], None] | None = None
    status: int = 2


MINE = {"generator": "idcgan", "generator_losses": {"l1": 1}, "train": {"steps": 2}}
TRAIN = "train --task derain --method l1 --output new " + " ".join(SMALL)
PAIRS = f"{TRAIN} --data pairs"
AGAIN = f"{PAIRS} --output run"
INFER = "infer --weights run --input photos --output out"
RESULTS = "evaluate --target targets --results a=photos"
WEIGHTS = "evaluate --weights a=run --data pairs --output out"

# fmt: off
CASES = [
    # arguments
    Case("unknown command", "trian", ("'trian'", "did you mean 'train'")),
    Case("unknown flag", f"{PAIRS} --outputt x", ("--outputt", "img2img train --help")),
    Case("no value", "train --task", ("--task",)),
    Case("no task", "train", ("--task", "derain")),
    Case("no weights", "infer --input photos --output out", ("--weights",)),
    Case("unknown task", "train --task derian", ("task 'derian'", "did you mean 'derain'")),
    Case("unknown method", "train --task derain --method pam", ("method 'pam'", "did you mean 'pan'")),
    Case("task file that is not there", "train --task my.yaml", ("my.yaml", "No such file")),
    Case("unknown key", f"{PAIRS} train.stepz=5", ("train", "'stepz'", "did you mean 'steps'")),
    Case("unknown top key", f"{PAIRS} generatr=pan", ("'generatr'", "did you mean 'generator'")),
    Case("unknown key of a network", f"{PAIRS} generator.widht=5", ("generator (idcgan)", "did you mean 'width'")),
    Case("unknown network", f"{PAIRS} generator=unett", ("generator 'unett'", "did you mean 'unet'")),
    Case("unknown critic", f"{PAIRS} critic=patchgn critic_losses.adversarial=1", ("critic 'patchgn'", "'patchgan'")),
    Case("unknown schedule", f"{PAIRS} schedule=linar", ("schedule 'linar'", "did you mean 'linear'")),
    Case("unknown optimiser", f"{PAIRS} optimizers.generator=adm", ("optimizer 'adm'", "did you mean 'adam'")),
    Case("unknown flow", f"{PAIRS} flow=paird", ("flow 'paird'", "did you mean 'paired'")),
    Case("unknown initialisation", f"{PAIRS} train.init=xaviar", ("'xaviar'", "did you mean 'xavier'")),
    Case("wrong type", f"{PAIRS} train.steps=many", ("steps", "'many'")),
    Case("out of range", f"{PAIRS} train.batch=0", ("batch", "greater than or equal to 1")),
    Case("not a number", f"{PAIRS} train.minutes=.nan", ("minutes",)),
    Case("not key=value", f"{PAIRS} 500", ("'500'", "train.steps=500")),
    Case("value that is no YAML", f"{PAIRS} games=[minimax", ("games", "YAML")),
    Case("task as a key", f"{PAIRS} task=edges", ("--task edges",)),
    Case("no threads", f"{PAIRS} --threads 0", ("--threads",)),
    Case("unknown device", f"{PAIRS} --device gpu", ("--device gpu", "cuda")),
    Case("device that cannot be", f"{PAIRS} --device mps", ("--device mps",)),
    # contradictions and combinations without sense
    Case("two lengths", f"{PAIRS} train.minutes=3", ("train.steps", "train.minutes")),
    Case("flag against --config", "train --config run/config.yaml --method pan --output new", ("--method", "l1")),
    Case("task against --config", "train --config run/config.yaml --task edges --output new", ("--task", "derain")),
    Case("data twice", f"{PAIRS} data.path=photos", ("--data", "photos")),
    Case("load below crop", f"{PAIRS} data.load=16", ("data.load=16", "data.crop=32")),
    Case("accumulation that cuts", f"{PAIRS} train.accumulate=3", ("train.accumulate=3",)),
    Case("accumulation across a batch", f"{PAIRS} train.accumulate=2", ("train.accumulate=2", "batch normalisation")),
    Case("critic loss without a critic", f"{PAIRS} critic_losses.adversarial=1", ("critic_losses", "critic is null")),
    Case("loss without a critic", f"{PAIRS} generator_losses.adversarial=1", ("adversarial", "critic is null")),
    Case("negative weight", f"{PAIRS} generator_losses.l1=-1", ("generator_losses.l1",)),
    Case("games without fitness", f"{PAIRS} games=[minimax,wasserstein]", ("fitness",)),
    Case("unknown precision", f"{PAIRS} train.precision=fp12", ("precision", "fp16")),
    Case("fp16 and RMSprop", f"{PAIRS} train.precision=fp16 optimizers.generator=rmsprop", ("train.precision=fp16",)),
    Case("selection that is not measured", f"{PAIRS} selection=mae", ("'mae'", "psnr")),
    Case("crop of PAN's critic", f"{PAIRS} data.crop=48 --method pan", ("critic pan", "multiple of 32")),
    Case("one value a channel", f"{PAIRS} generator=pan generator.width=8 data.crop=64 train.batch=1",
         ("one value per channel", "train.batch", "data.crop")),
    # the user's own files
    Case("mistyped loss in a method's file", "train --task derain --method my.yaml --data pairs --output new",
         ("my.yaml", "generator_losses", "loss 'l11'", "did you mean 'l1'"),
         method("my.yaml", {**MINE, "generator_losses": {"l11": 1}})),
    Case("mistyped key in a method's file", "train --task derain --method my.yaml --data pairs --output new",
         ("my.yaml", "'gmes'", "did you mean 'games'"),
         method("my.yaml", {**MINE, "gmes": []})),
    Case("tasks that is no mapping", "train --task derain --method my.yaml --data pairs --output new",
         ("my.yaml", "tasks"),
         method("my.yaml", {**MINE, "tasks": ["derain"]})),
    Case("no mapping", "train --task my.yaml --output new", ("my.yaml", "mapping"), raw("my.yaml", b"- 1\n")),
    Case("key twice", "train --task my.yaml --output new", ("my.yaml", "twice"), raw("my.yaml", b"a: 1\na: 2\n")),
    Case("key that is a list", "train --task my.yaml --output new", ("my.yaml", "key"), raw("my.yaml", b"? [a]\n: 1")),
    Case("not YAML", "train --config c.yaml --output new", ("c.yaml", "YAML"), raw("c.yaml", b"a: [1\n")),
    Case("not text", "train --config c.yaml --output new", ("c.yaml", "text"), raw("c.yaml", b"\xff\xfe\x00")),
    Case("config that is a folder", "train --config pairs --output new", ("pairs", "directory")),
    Case("config that is not there", "train --config c.yaml --output new", ("c.yaml", "No such file")),
    Case("task that is a number", "train --config c.yaml --output new", ("c.yaml", "task"), raw("c.yaml", b"task: 5")),
    Case("section that is no mapping", "train --config c.yaml --output new --data pairs", ("c.yaml", "data"),
         raw("c.yaml", b"task: derain\ndata: 5")),
    Case("scenes that are not there", f"{PAIRS} data.scenes=no.csv", ("no.csv",)),
    Case("scenes without columns", f"{PAIRS} data.scenes=s", ("s:", "file and scene"), raw("s", b"a,b\n1,2")),
    Case("scenes by semicolons", f"{PAIRS} data.scenes=s", ("'file;scene'", "by commas"), raw("s", b"file;scene\n1;2")),
    Case("name longer than names", f"infer --weights {'w' * 300} photos out", ("www", "File name too long")),
    Case("arrays that are text", "train --task images --data a.npz --output new train.steps=2",
         ("a.npz: an .npz with an array 'images'", "this is none, or damaged"), raw("a.npz", b"text")),
    # the data
    Case("missing folder", f"{TRAIN} --data nowhere", ("nowhere", "no such folder")),
    Case("empty folder", f"{TRAIN} --data nothing", ("nothing", "no pictures"), empty),
    Case("file as a folder", f"{TRAIN} --data one.png", ("one.png", "folder")),
    Case("pair without partner", f"{TRAIN} --data two", ("two/source/3.png", "without partner"), lonely),
    Case("sizes of a pair differ", f"{TRAIN} --data two", ("two/source/3.png", "32x32"), unequal),
    Case("halves of different size", f"{PAIRS} data.layout=side_by_side", ("pairs/0.png", "63 px wide"), odd),
    Case("truncated picture", PAIRS, ("pairs/4.png", "truncated"), cut),
    Case("no picture inside", PAIRS, ("pairs/4.png", "not a picture"), text),
    Case("layout in doubt", f"{TRAIN} --data mixed", ("mixed", "data.layout=photos"), doubtful),
    Case("layout that is not there", f"{PAIRS} data.layout=two_folders", ("pairs", "two sub-folders")),
    # the run
    Case("output is a file", f"{PAIRS} --output one.png", ("--output one.png", "file")),
    Case("output below a file", f"{PAIRS} --output one.png/run", ("--output one.png/run", "is a file")),
    Case("output inside the data", f"{PAIRS} --output pairs/run", ("--output pairs/run", "inside the data")),
    Case("output on /proc", f"{PAIRS} --output /proc/run", ("--output /proc/run",)),
    Case("output holds other files", f"{PAIRS} --output photos", ("--output photos", "no run")),
    Case("run of another method", f"{AGAIN} --method l2", ("--output run", "another", "generator_losses")),
    Case("run of another value", f"{AGAIN} train.batch=3", ("train.batch was 2, now 3",)),
    Case("fewer steps than done", f"{AGAIN} train.steps=1", ("train.steps=1", "already done 2")),
    Case("data have changed", AGAIN, ("data have changed",), more_data),
    Case("checkpoint of another network", f"{AGAIN} train.steps=3", ("run/checkpoint.pt", "another"), other_state),
    Case("checkpoint of two processes", f"{AGAIN} train.steps=3", ("run/checkpoint.pt", "processes"), two_processes),
    Case("damaged checkpoint", AGAIN, ("run/checkpoint.pt", "damaged", "--output"), half_checkpoint),
    Case("empty checkpoint", AGAIN, ("run/checkpoint.pt", "damaged"), raw("run/checkpoint.pt", b"")),
    Case("a pickle as checkpoint", AGAIN, ("run/checkpoint.pt", "not a checkpoint"), pickled),
    Case("another program's checkpoint", AGAIN, ("run/checkpoint.pt", "not a checkpoint"), saved_by_torch),
    Case("damaged config of the run", AGAIN, ("run/config.yaml", "'metods'"),
         edited("run/config.yaml", "method:", "metods:")),
    Case("damaged environment", AGAIN, ("run/environment.json",), raw("run/environment.json", b"{}")),
    Case("no environment", AGAIN, ("run/environment.json",), lambda root: (root / "run/environment.json").unlink()),
    # infer
    Case("no such weights", "infer --weights nowhere --input photos --output out", ("--weights nowhere",)),
    Case("no weights yet", INFER, ("--weights run", "no weights"), no_weights),
    Case("a picture as weights", "infer --weights one.png --input photos --output out", ("one.png", "not a weights")),
    Case("an empty file as weights", "infer --weights e --input photos --output out", ("e:", "not a weights file"),
         raw("e", b"")),
    Case("a checkpoint as weights", "infer --weights run/checkpoint.pt --input photos --output out",
         ("run/checkpoint.pt", "not a weights file")),
    Case("foreign weights", "infer --weights foreign.safetensors --input photos --output out",
         ("foreign.safetensors", "not weights written by"), foreign_weights),
    Case("no input", "infer --weights run --output out", ("--input",)),
    Case("input is not there", "infer --weights run --input nowhere --output out", ("--input nowhere",)),
    Case("input is empty", "infer --weights run --input nothing --output out", ("nothing", "no pictures"), empty),
    Case("results into the input", f"{INFER} --output photos", ("--output photos", "input")),
    Case("results below the input", f"{INFER} --output photos/dry", ("--output photos/dry", "inside the input")),
    Case("results into a file", f"{INFER} --output one.png", ("--output one.png", "file")),
    Case("results below a file", f"{INFER} --output one.png/dry", ("--output one.png/dry", "file")),
    Case("results on /proc", f"{INFER} --output /proc/dry", ("--output /proc/dry",)),
    Case("tile of no sense", f"{INFER} --tile big", ("--tile big", "auto")),
    Case("tile too small", f"{INFER} --tile 8", ("--tile 8", "at least 16")),
    Case("memory of no sense", f"{INFER} --memory lots", ("--memory lots", "800M")),
    Case("too little memory", f"{INFER} --memory 9M", ("--memory 9M", "at least")),
    Case("no batch", f"{INFER} --batch 0", ("--batch", "less than 1")),
    Case("pixels of no sense", f"{INFER} --max-pixels many", ("--max-pixels many", "800M")),
    Case("a video", "infer --weights run --input clip.mp4 --output out", ("clip.mp4", "a video", "ffmpeg"),
         raw("clip.mp4", b"moving")),
    Case("comparisons among the results", "infer --weights run --input nested --output out --compare",
         ("--compare", "name another --output"), lambda root: save(root / "nested/compare/a.png", picture(0))),
    Case("comparisons with noise", "infer --weights noise --output out --compare", ("--compare", "noise")),
    Case("no samples", f"{INFER} --samples 0", ("--samples", "less than 1")),
    Case("samples that are all alike", f"{INFER} --samples 3", ("--samples", "dropout")),
    Case("unknown format of results", f"{INFER} --format pgn", ("--format pgn", "png")),
    Case("unknown precision of results", f"{INFER} --precision fp64", ("--precision", "fp32")),
    Case("masks that nobody needs", f"{INFER} --masks photos", ("--masks", "holes")),
    Case("input for noise", "infer --weights noise --input photos --output out", ("--input", "noise")),
    # evaluate
    Case("nothing to evaluate", "evaluate", ("--results", "--weights")),
    Case("both", f"{RESULTS} --weights b=run", ("either", "--results", "--weights")),
    Case("no target", "evaluate --results a=photos", ("--target",)),
    Case("target beside weights", f"{WEIGHTS} --target targets", ("--target",)),
    Case("data beside results", f"{RESULTS} --data pairs", ("--data",)),
    Case("gain without weights", f"{RESULTS} --require-gain 2", ("--require-gain",)),
    Case("gain without psnr", f"{WEIGHTS} --require-gain 2 --metrics ssim", ("--require-gain", "psnr")),
    Case("results without a name", "evaluate --target targets --results photos", ("--results photos", "NAME=")),
    Case("name twice", f"{RESULTS} --results a=targets", ("'a'", "twice")),
    Case("name that is a path", "evaluate --target targets --results ../a=photos", ("'../a'",)),
    Case("name of the pictures", "evaluate --weights source=run --data pairs --output out", ("'source'",)),
    Case("unknown metric", f"{RESULTS} --metrics psnr,sim", ("--metrics", "'sim'", "did you mean 'ssim'")),
    Case("no metric", f"{RESULTS} --metrics ,", ("--metrics", "at least one")),
    Case("unknown table", f"{RESULTS} --format latx", ("--format", "'latx'", "did you mean 'latex'")),
    Case("unknown part", f"{WEIGHTS} --part train", ("--part",)),
    Case("target is not there", "evaluate --target no --results a=photos", ("no:", "no such folder")),
    Case("results are not there", "evaluate --target targets --results a=no", ("no:", "no such folder")),
    Case("result without target", f"{RESULTS} --output out", ("a=photos", "targets/2.png"), missing_result),
    Case("result of another size", f"{RESULTS} --output out", ("photos/2.png", "32x24", "64x48"), small_result),
    Case("results cut to a multiple", f"{RESULTS} --output out",
         ("64x32", "64x48", "photos/0.png", "multiple of 32?", "--fit crop"), cropped_results),
    Case("result larger than its target", f"{RESULTS} --fit crop --output out",
         ("photos/2.png", "96x48"), large_result),
    Case("unknown fit", f"{RESULTS} --fit centre", ("--fit", "'centre'", "center")),
    Case("fit of weights", f"{WEIGHTS} --fit crop", ("--fit", "--weights")),
    Case("results that are the targets", "evaluate --target targets --results a=targets --output out",
         ("--results a=targets", "folder of the targets")),
    Case("results that lead to the targets", "evaluate --target targets --results a=link --output out",
         ("--results a=link", "folder of the targets"), linked_targets),
    Case("sources that are the targets", f"{RESULTS} --source targets --output out",
         ("--source targets", "folder of the targets")),
    Case("results that hold the sources", f"{RESULTS} --source photos/rainy --output out",
         ("no target for photos/rainy/0.png", "--results a=photos holds the folder of --source"), nested_sources),
    Case("damaged target", f"{RESULTS} --output out", ("targets/2.png", "truncated"), damaged_target),
    Case("which target", f"{RESULTS} --output out", ("targets/2.png", "which one"), double_target),
    Case("report into the targets", f"{RESULTS} --output targets/report", ("--output targets/report", "inside")),
    Case("report into a file", f"{RESULTS} --output one.png", ("--output one.png", "file")),
    Case("report on /proc", f"{RESULTS} --output /proc/report", ("--output /proc/report",)),
    Case("results of weights into their data", "evaluate --weights a=run --data pairs --output pairs",
         ("--output pairs", "into the data")),
    Case("a method's folder is the data", "evaluate --weights pairs=run --data pairs --output .", ("into the data",)),
    Case("evaluate a file", "evaluate --weights a=one.png --data pairs", ("one.png", "not a weights file")),
    Case("evaluate noise with pairs' measures", "evaluate --weights a=noise --metrics psnr", ("psnr",)),
    Case("evaluate on nothing", "evaluate --weights a=run --data nowhere", ("nowhere",)),
    Case("unknown protocol", f"{RESULTS} --protocol matlab", ("--protocol", "'matlab'", "did you mean 'matlab_y'")),
    Case("unknown key of a protocol", f"{RESULTS} --protocol rgb,cropp=4", ("'cropp'", "did you mean 'crop'")),
    Case("protocol's crop of no sense", f"{RESULTS} --protocol rgb,crop=-1", ("crop=-1", "at least 0")),
    Case("crop that leaves nothing", f"{RESULTS} --protocol rgb,crop=24 --output out", ("photos/", "crop=24")),
    Case("resize of no sense", f"{RESULTS} --protocol rgb,resize=big", ("resize=big",)),
    Case("depth that is rounded away", f"{RESULTS} --protocol gray,depth=16", ("depth=16",)),
    Case("depth of no picture here", f"{RESULTS} --protocol rgb,depth=16 --output out", ("photos/", "8 bits")),
    Case("row that is not there", f"{RESULTS} --against b", ("--against", "'b'")),
    Case("scenes of results that are not there", f"{RESULTS} --scenes no.csv", ("no.csv", "file and scene")),
    Case("unknown published table", f"{RESULTS} --published no", ("--published", "'no'")),
    Case("unknown column", f"{WEIGHTS} --columns flop", ("--columns", "'flop'", "did you mean 'flops'")),
    Case("columns of folders", f"{RESULTS} --columns params", ("--columns", "--weights")),
    Case("column size of no sense", f"{WEIGHTS} --columns flops --column-size 256", ("--column-size 256",)),
    Case("source of weights", f"{WEIGHTS} --source photos", ("--source",)),
    Case("source is not there", f"{RESULTS} --source no --output out", ("no:", "no such folder")),
    Case("evaluate a tile of no sense", f"{WEIGHTS} --tile x", ("--tile x",)),
]
# fmt: on


def told(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line on stderr."""
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("img2img: ")
    assert "Traceback" not in lines[0]
    assert "unexpected" not in lines[0]
    return lines[0].removeprefix("img2img: ")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
def test_refused(case, here, capsys, recwarn):
    if case.before is not None:
        case.before(here)
    before = tree(here)
    status = main(case.words.split())
    line = told(capsys)
    assert status == case.status
    for part in case.says:
        assert part in line
    assert tree(here) == before
    assert [str(warning.message) for warning in recwarn] == []  # they would be further lines on stderr


def test_every_case_has_its_own_name():
    assert len({case.what for case in CASES}) == len(CASES)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has what must be missing here")
@pytest.mark.parametrize("words", [PAIRS, INFER, RESULTS])
def test_no_cuda(words, here, capsys):
    before = tree(here)
    assert main([*words.split(), "--device", "cuda"]) == 2
    assert "--device cpu" in told(capsys)
    assert tree(here) == before


def last(capsys: pytest.CaptureFixture[str]) -> str:
    """The last line on stderr, after messages of what was done; no other one is an error."""
    lines = capsys.readouterr().err.splitlines()
    assert [line.startswith("img2img: ") for line in lines].count(True) == 1
    assert lines[-1].startswith("img2img: ")
    assert not any("Traceback" in line for line in lines)
    return lines[-1]


def test_a_picture_damaged_during_training_ends_it_with_what_was_done(here, capsys, monkeypatch):
    save_ = Trainer.save

    def save_and_damage(self):
        save_(self)
        for number in range(6):
            truncate(here / f"pairs/{number}.png")

    monkeypatch.setattr(Trainer, "save", save_and_damage)
    words = f"{PAIRS} train.steps=40 train.checkpoint_every=1 data.cache_mb=0 data.validation=0".split()
    assert main(words) == 1
    assert "truncated" in last(capsys)
    state = torch.load(here / "new/checkpoint.pt", weights_only=True)
    assert 1 <= state["progress"]["step"] < 40


class FullError(OSError):
    def __init__(self) -> None:
        super().__init__(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture
def fill(monkeypatch):
    """Make the disk full for files of a name: their bytes go to /dev/full, where the kernel itself refuses them."""
    from img2img import files

    def full(name: str) -> None:
        atomic = files.atomic

        def on_a_full_disk(path: Path):
            if path.name == name:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.with_name(f".{path.name}.{os.getpid()}.tmp").symlink_to("/dev/full")
            return atomic(path)

        for module in ("files", "training.run_folder", "evaluation.report", "reports.pages.evaluation"):
            monkeypatch.setattr(f"img2img.{module}.atomic", on_a_full_disk)

    return full


needs_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")


@needs_full
@pytest.mark.parametrize("name", ["checkpoint.pt", "weights/last.safetensors", "config.yaml"])
def test_full_disk_in_training_keeps_the_last_good_state(name, here, capsys, fill):
    before = tree(here / "run")
    fill(Path(name).name)
    assert main(f"{AGAIN} train.steps=3".split()) == 1
    line = last(capsys)
    assert f"run/{name}: cannot be written" in line
    after = tree(here / "run")
    for kept in ("checkpoint.pt", name):
        assert after[kept] == before[kept]
    assert not [path for path in after if path.endswith(".tmp")]


@needs_full
def test_full_disk_at_the_first_save_leaves_nothing_half_written(here, capsys, fill):
    fill("best.safetensors")
    assert main(PAIRS.split()) == 1
    assert "new/weights/best.safetensors: cannot be written" in last(capsys)
    assert (here / "new/config.yaml").is_file()
    assert not list((here / "new").glob("**/.*"))
    assert not list((here / "new").glob("**/*.safetensors"))
    assert not (here / "new/checkpoint.pt").exists()


@needs_full
def test_full_disk_in_infer_stops_and_keeps_what_is_done(here, capsys, fill):
    fill("3.png")
    assert main(INFER.split()) == 1
    line = last(capsys)
    assert "out/3.png" in line
    assert "No space left" in line
    assert "2.png" in {path.name for path in (here / "out").iterdir()}
    assert not (here / "out/3.png").exists()
    assert not list((here / "out").glob(".*"))


@needs_full
def test_full_disk_in_evaluate(here, capsys, fill):
    fill("per_image.csv")
    assert main(f"{RESULTS} --output out".split()) == 1
    assert "per_image.csv" in last(capsys)
    assert not (here / "out/per_image.csv").exists()


def test_no_room_for_a_run_is_seen_before_it_begins(here, capsys, monkeypatch):
    usage = shutil.disk_usage(here)
    monkeypatch.setattr("shutil.disk_usage", lambda place: usage._replace(free=1000))
    before = tree(here)
    assert main(PAIRS.split()) == 2
    assert "disk" in last(capsys)
    assert tree(here) == before


def test_a_log_that_cannot_be_written(here, capsys):
    (here / "run/log.jsonl").unlink()
    (here / "run/log.jsonl").mkdir()
    checkpoint = (here / "run/checkpoint.pt").read_bytes()
    assert main(f"{AGAIN} train.steps=3".split()) == 1
    assert "log.jsonl" in last(capsys)
    assert (here / "run/checkpoint.pt").read_bytes() == checkpoint


def test_a_damaged_picture_in_the_data_of_an_evaluation(here, capsys):
    (here / "pairs/4.png").unlink()
    save(here / "pairs/4.jpg", np.concatenate([picture(4), picture(4) // 2], 1))
    truncate(here / "pairs/4.jpg")
    assert main(WEIGHTS.split()) == 2
    assert "pairs/4.jpg" in last(capsys)
    assert not (here / "out/table.md").exists()


def test_infer_goes_on_after_a_file_that_fails(here, capsys):
    truncate(here / "photos/1.png")
    (here / "photos/2.jpg").write_text("not a picture")
    assert main(INFER.split()) == 1
    captured = capsys.readouterr()
    failed = [line for line in captured.err.splitlines() if line.startswith("failed: ")]
    assert len(failed) == 2
    assert "photos/1.png" in failed[0]
    assert "photos/2.jpg" in failed[1]
    assert "5 pictures written" in captured.err
    assert sorted(path.name for path in (here / "out").iterdir()) == [f"{n}.png" for n in (0, 2, 3, 4, 5)]


def test_an_error_of_the_program_itself_is_one_line_too(here, capsys, monkeypatch):
    monkeypatch.setattr("img2img.training.train.open_data", lambda *_: 1 / 0)
    assert main(PAIRS.split()) == 1
    line = last(capsys)
    assert "ZeroDivisionError" in line
    assert "--debug" in line
    with pytest.raises(ZeroDivisionError):
        main([*PAIRS.split(), "--debug"])


def test_debug_shows_where(here, capsys):
    assert main(["train", "--task", "derian", "--debug"]) == 2
    error = capsys.readouterr().err
    assert "Traceback" in error
    assert error.splitlines()[-1].startswith("img2img: unknown task")
