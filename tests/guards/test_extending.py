"""The examples of docs/extending.md work as they stand there."""

from __future__ import annotations

import re
import sys
import types
from pathlib import Path

from PIL import Image

from conftest import picture
from img2img.compute.distributed import World
from img2img.losses import GENERATOR_LOSSES
from img2img.networks import GENERATORS
from img2img.recipes.settings import resolve
from img2img.training.train import train

PAGE = Path(__file__).resolve().parents[2] / "docs/extending.md"


def test_loss_network_method_and_task_of_the_page_train_together(tmp_path, monkeypatch):
    text = PAGE.read_text(encoding="utf-8")
    modules = []
    for number, code in enumerate(re.findall(r"```python\n(.*?)```", text, re.DOTALL)):
        module = types.ModuleType(f"example_{number}")
        monkeypatch.setitem(sys.modules, module.__name__, module)
        exec(compile(code, f"{PAGE.name}, example {number}", "exec"), module.__dict__)
        modules.append(module)
    lines = re.findall(r"one line in `(\w+)` of `[\w/.]+`: `\"(\w+)\": (\w+),`", text)
    assert [line[0] for line in lines] == ["GENERATOR_LOSSES", "GENERATORS"]
    registers = {"GENERATOR_LOSSES": GENERATOR_LOSSES, "GENERATORS": GENERATORS}
    for (register, name, cls), module in zip(lines, modules, strict=True):
        monkeypatch.setitem(registers[register], name, getattr(module, cls))
    names = re.findall(r"`(\w+\.yaml)`(?:.*?):\n\n```yaml\n(.*?)```", text, re.DOTALL)
    for name, content in names:
        (tmp_path / name).write_text(content)
    for side, change in (("foggy", 2), ("clear", 1)):
        (tmp_path / "data" / side).mkdir(parents=True)
        for number in range(4):
            image = Image.fromarray(picture(number, 72, 80) // change)
            image.save(tmp_path / "data" / side / f"{number}.png")
    monkeypatch.chdir(tmp_path)
    small = ["train.steps=2", "train.validation_images=1", "train.precision=fp32"]
    settings = resolve("fog.yaml", None, str(tmp_path / "data"), None, small)
    assert settings.method_name == "sharp.yaml"
    outcome = train(settings, World(), tmp_path / "run")
    assert outcome.progress.step == 2
    assert "generator/gradient" in (tmp_path / "run/log.jsonl").read_text()
