"""The files of a run: whole, cut back, the same for the same weights, refused when foreign."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from img2img.errors import UserError
from img2img.progress import duration
from img2img.training.run_folder import Run
from img2img.weights.file import load_weights, save_weights

CPU = torch.device("cpu")


def networks() -> nn.ModuleDict:
    torch.manual_seed(0)
    return nn.ModuleDict({"generator": nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))})


def test_logs_are_cut_back_to_the_checkpoint(tmp_path):
    run = Run(tmp_path)
    run.append("log.jsonl", {"step": 1})
    lengths = run.log_lengths()
    assert lengths == {"log.jsonl": 12, "validation.jsonl": 0}
    run.append("log.jsonl", {"step": 2})
    run.append("validation.jsonl", {"step": 2})
    run.cut_logs(lengths)
    assert (tmp_path / "log.jsonl").read_text() == '{"step": 1}\n'
    assert (tmp_path / "validation.jsonl").read_text() == ""


def test_the_checkpoint_stays_whole_when_writing_fails(tmp_path):
    run = Run(tmp_path)
    run.save_checkpoint({"step": 1})

    class Unwritable:
        def __reduce__(self):
            raise RuntimeError("no space")

    with pytest.raises(UserError, match="checkpoint"):
        run.save_checkpoint({"step": 2, "what": Unwritable()})
    assert run.load_checkpoint(CPU) == {"format": "img2img checkpoint 1", "step": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.pt"]


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", "another"])
def test_a_foreign_checkpoint_is_refused(tmp_path, content):
    run = Run(tmp_path)
    if content == "another":
        torch.save({"model": torch.ones(1)}, run.checkpoint)
    else:
        run.checkpoint.write_bytes(content)
    with pytest.raises(UserError, match=r"checkpoint\.pt: not a checkpoint of this program"):
        run.load_checkpoint(CPU)


def test_weights_come_back_with_what_they_need(tmp_path):
    path = tmp_path / "weights" / "last.safetensors"
    save_weights(path, networks().to(memory_format=torch.channels_last), {"step": 3, "metrics": {"psnr": 21.5}})
    header, tensors = load_weights(path)
    assert header == {"step": 3, "metrics": {"psnr": 21.5}}
    expected = networks().state_dict()
    assert tensors.keys() == expected.keys()
    assert all(torch.equal(tensors[name], expected[name]) for name in expected)


def test_the_same_weights_are_the_same_file(tmp_path):
    for name in "ab":
        save_weights(tmp_path / name, networks(), {"step": 3, "task": "derain"})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_foreign_weights_are_refused(tmp_path):
    from safetensors.torch import save_file

    save_file({"x": torch.ones(1)}, str(tmp_path / "other.safetensors"))
    (tmp_path / "text.safetensors").write_text("weights")
    for name, message in (("other", "not weights written by"), ("text", "not a weights file"), ("none", "no such")):
        with pytest.raises(UserError, match=message):
            load_weights(tmp_path / f"{name}.safetensors")


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (59.4, "59 s"), (60, "1 min 00 s"), (190, "3 min 10 s"), (7500, "2 h 05 min")]
)
def test_durations_for_people(seconds, text):
    assert duration(seconds) == text
