"""A wheel, installed elsewhere, works in an empty folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from PIL import Image

from img2img.config import dump_yaml, parse_yaml
from img2img.recipes.settings import resolve
from img2img.zoo import entry_of, names

ROOT = Path(__file__).resolve().parents[2]
KINDS = ("py", "html", "css", "js", "mjs", "gz", "yaml", "safetensors")
PHOTO = ROOT / "datasets/samples/derain/rainy/rocket.png"


def run(*words: object, **more: object) -> str:
    done = subprocess.run([sys.executable, "-m", *map(str, words)], capture_output=True, text=True, **more)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_wheel_works_in_an_empty_folder(tmp_path):
    # a copy, since building leaves its folders beside the sources
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        (tmp_path / "copy").mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / "copy")
    for name in ("img2img", "configs"):
        shutil.copytree(ROOT / name, tmp_path / "copy" / name, ignore=shutil.ignore_patterns("__pycache__"))
    run("build", "--wheel", "--no-isolation", "--outdir", tmp_path, tmp_path / "copy")
    (wheel,) = tmp_path.glob("*.whl")
    target, empty = tmp_path / "target", tmp_path / "empty"
    run("pip", "install", "--quiet", "--no-deps", "--no-index", "--no-compile", "--target", target, wheel)
    shutil.rmtree(tmp_path / "copy")

    assert (target / "img2img/py.typed").is_file()
    assert (target / "bin/img2img").is_file()
    for path in (path for kind in KINDS for path in (ROOT / "img2img").rglob(f"*.{kind}")):
        assert (target / path.relative_to(ROOT)).is_file(), f"{path} is not in the wheel"
    for path in (ROOT / "configs").rglob("*.yaml"):
        assert (target / "img2img" / path.relative_to(ROOT)).read_bytes() == path.read_bytes()
    assert {path.parts[0] for path in (p.relative_to(target) for p in target.rglob("*.py"))} == {"img2img"}

    empty.mkdir()
    # -P and PYTHONPATH: the installed package is found before the one this checkout is linked in with
    environment = {**os.environ, "PYTHONPATH": str(target), "PYTHONSAFEPATH": "1"}
    where = [sys.executable, "-c", "import img2img; print(img2img.__file__)"]
    found = subprocess.run(where, capture_output=True, text=True, cwd=empty, env=environment).stdout
    assert found.startswith(str(target))
    shown = run("img2img", "train", "--task", "derain", "--print-config", cwd=empty, env=environment)
    assert shown == dump_yaml(resolve("derain").tree)
    rain = parse_yaml(shown, "shown")["data"]["rain"]
    assert (rain["kind"], rain["psnr_min"], rain["psnr_max"]) == ("streaks", 20.0, 23.0)
    shipped, hole = names(), tmp_path / "hole.png"
    with Image.open(PHOTO) as photo:
        mask = Image.new("L", photo.size)
    mask.paste(255, (40, 40, 80, 60))
    mask.save(hole)
    commands = []
    for name in shipped:
        words = {"images": ("--samples", 1), "inpaint": ("--input", PHOTO, "--masks", hole)}.get(
            entry_of(name).task, ("--input", PHOTO)
        )
        output = name if "--samples" in words else f"{name}.png"
        commands.append([str(word) for word in ("infer", "--weights", name, *words, "--output", output)])
    every = f"from img2img.commands import main\nassert not any(map(main, {commands!r}))"
    done = subprocess.run([sys.executable, "-c", every], capture_output=True, text=True, cwd=empty, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(list(empty.iterdir())) == len(shipped)
