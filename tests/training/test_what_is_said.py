"""What a training says of itself: of which step a loss is, what the first sheet shows, results that are one colour."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from small_run import SMALL, make_pairs, save
from torch import nn

from conftest import picture, small
from img2img.commands import main
from img2img.compute.distributed import World
from img2img.inference import Shape
from img2img.progress import Reporter
from img2img.training.run_folder import Run
from img2img.training.validation import Validator


def test_a_loss_that_is_not_of_this_step_says_of_which_it_is(capsys):
    with Reporter(100, "step", every_s=0) as reporter:
        reporter.advance(1)
        reporter.advance(50, {"l1": 0.25})
        reporter.advance(51)
        reporter.advance(60, {"l1": 0.125})
    lines = [line.split(" left")[1].strip() for line in capsys.readouterr().err.splitlines()]
    assert lines == ["", "l1 0.25", "l1 0.25  (of step 50)", "l1 0.125"]


def test_the_question_of_the_source_is_asked_where_there_is_one(tmp_path, capsys):
    for number in range(4):
        save(tmp_path / f"faces/{number}.png", picture(number, 40, 40))
    make_pairs(tmp_path / "pairs")
    noise = ["--task", "images", "--data", str(tmp_path / "faces"), "data.load=null", "data.validation=0"]
    paired = ["--task", "derain", "--method", "l1", "--data", str(tmp_path / "pairs")]
    for words, asked in ((noise, False), (paired, True)):
        out = tmp_path / f"run{asked}"
        small_critic = [] if asked else ["critic.width=8"]
        assert main(["train", *words, "--output", str(out), *SMALL, *small_critic]) == 0
        said = capsys.readouterr().err
        assert ("is the source on the left?" in said) is asked
        assert (f"pictures as they are trained on: {out / 'pairs.png'}" in said) is not asked


class Pictures:
    """Eight pictures of noise (or of one grey), which are their own targets."""

    def __init__(self, spread: int) -> None:
        self.names = [f"{number}.png" for number in range(8)]
        self.spread = spread

    def __len__(self) -> int:
        return len(self.names)

    def digest(self, index: int) -> str:
        return f"digest {index}"

    def whole(self, index: int):
        generator = torch.Generator().manual_seed(index)
        noise = torch.randint(-self.spread, self.spread + 1, (16, 16, 3), generator=generator)
        pixels = (100 + 10 * index + noise).to(torch.uint8).numpy()
        return {"source": pixels, "target": pixels}


class Scaled(nn.Module):
    """Every picture, its distance to its own mean made smaller; so that each result has another colour."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mean = x.mean((2, 3), keepdim=True)
        return mean + self.share * (x - mean)


@pytest.mark.parametrize(
    ("share", "spread", "said"), [(0.0, 50, True), (0.02, 50, True), (0.2, 50, False), (1.0, 0, False)]
)
def test_results_of_one_colour_are_said_at_each_validation(share, spread, said, tmp_path, capsys):
    settings = small("l1", generator="{name: residual, width: 8}")
    run = Run(tmp_path)
    validate = Validator(
        Pictures(spread), settings.method, settings.train, Shape(source=3, target=3, size=16),
        metrics=settings.task.metrics, protocol=settings.protocol, world=World(), run=run,
    )  # fmt: skip
    for step in (10, 20):
        validate(nn.ModuleDict({"generator": Scaled(share)}), step)
    lines = [line for line in capsys.readouterr().err.splitlines() if "one colour" in line]
    assert len(lines) == 2 * said
    if said:
        assert lines[1].startswith("step 20: every result is nearly one colour, the targets are not (a collapse")
        assert lines[1].endswith(f"see {run.sample_sheet(20)}")
        assert run.sample_sheet(20).is_file()


def test_pairs_of_one_run(tmp_path: Path, capsys):
    """An untrained network at step 2 of 2 is grey; the line stands beside the validation that it is about."""
    assert main(["train", "--task", "derain", "--method", "l1", "--data", str(make_pairs(tmp_path / "p")), "--output",
                 str(tmp_path / "run"), *SMALL, "train.steps=2"]) == 0  # fmt: skip
    assert capsys.readouterr().err.count("one colour") == 1
