"""Folders of pictures: batches, failures, what is kept, what is in memory."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path

import numpy as np
import pytest
import torch
from photo_folder import make_photos
from PIL import Image
from torch import nn
from translators import translator, unsettled

from conftest import picture
from img2img.errors import RunError
from img2img.images import Picture, find, read, write
from img2img.inference import (
    Job,
    Summary,
    Translator,
    list_jobs,
    translate_folder,
)
from img2img.inference.budget import CODEC, Budget
from img2img.inference.folder import _same
from img2img.inference.summary import summed


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pictures: RGB in a sub-folder, grey, with alpha."""
    return make_photos(tmp_path / "photos")


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_is_translated_whatever_its_pictures_are(folder, tmp_path):
    write(folder / "deep.png", Picture(picture(4).astype(np.uint16) * 257 + 3))
    before = tree(folder)
    made = translator({"name": "residual", "width": 4})
    seen: list[int] = []
    jobs = list_jobs(made, folder, tmp_path / "out", None, None, 1)
    summary = translate_folder(made, jobs, on_done=lambda done, _: seen.append(done))
    assert summary == Summary(done=4, unchanged=4)
    assert seen == [1, 2, 3, 4]
    assert tree(folder) == before
    assert {str(f.relative_to(tmp_path / "out")) for f in find(tmp_path / "out")} == set(before)
    # an untrained residual network gives its input back: depth, alpha and grey must be the input's
    for name in ("grey.png", "alpha.png", "deep.png"):
        one, other = read(folder / name), read(tmp_path / "out" / name)
        assert np.array_equal(one.pixels, other.pixels)
        assert one.pixels.dtype == other.pixels.dtype
        assert (one.alpha is None and other.alpha is None) or np.array_equal(one.alpha, other.alpha)


def test_a_broken_file_does_not_stop_the_others(folder, tmp_path):
    data = (folder / "grey.png").read_bytes()
    (folder / "broken.png").write_bytes(data[: len(data) // 2])
    (folder / "text.jpg").write_text("no picture")
    made = translator({"name": "residual", "width": 4})
    jobs = list_jobs(made, folder, tmp_path / "out", None, None, 1)
    summary = translate_folder(made, jobs)
    assert (summary.done, summary.skipped) == (3, 0)
    assert {Path(name).name: "\n" in reason for name, reason in summary.failed.items()} == {
        "broken.png": False,
        "text.jpg": False,
    }
    assert "damaged or truncated" in summary.failed[str(folder / "broken.png")]
    assert set(tree(tmp_path / "out")) == {"sub/colour.jpg", "grey.png", "alpha.png"}


def test_existing_results_are_kept_unless_told(folder, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "grey.png").write_bytes(b"mine")
    made = translator({"name": "residual", "width": 4})
    jobs = list_jobs(made, folder, out, None, None, 1)
    assert translate_folder(made, jobs) == Summary(done=2, unchanged=2, skipped=1)
    assert (out / "grey.png").read_bytes() == b"mine"
    assert translate_folder(made, jobs) == Summary(skipped=3)
    assert translate_folder(made, jobs, overwrite=True) == Summary(done=3, unchanged=3)
    assert read(out / "grey.png").pixels.shape == (48, 64, 1)


def test_one_that_cannot_be_written_is_named(folder, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "sub").write_text("a file where a folder is needed")
    made = translator({"name": "residual", "width": 4})
    summary = translate_folder(made, list_jobs(made, folder, out, None, None, 1))
    assert summary.done == 2
    assert list(summary.failed) == [str(folder / "sub/colour.jpg")]
    assert "cannot be written" in summary.failed[str(folder / "sub/colour.jpg")]


def test_a_full_disk_ends_it_and_says_what_is_done(folder, tmp_path, monkeypatch):
    import img2img.inference.folder as room

    def full(path: Path, made: Picture, **how: object) -> tuple[str, ...]:
        if path.name == "grey.png":
            raise RunError(f"{path}: cannot be written: No space left on device")
        return write(path, made, **how)

    monkeypatch.setattr(room, "write", full)
    made = translator({"name": "residual", "width": 4})
    jobs = list_jobs(made, folder, tmp_path / "out", None, None, 1)
    with pytest.raises(RunError, match=r"grey\.png: .*No space left on device \(1 pictures are done\)"):
        translate_folder(made, jobs)
    assert (tmp_path / "out/alpha.png").exists()


def test_running_out_of_memory_names_the_way_out(folder, tmp_path, monkeypatch):
    def out_of_memory(*_: object) -> None:
        raise RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 10 bytes")

    made = translator({"name": "residual", "width": 4})
    monkeypatch.setattr(made, "pictures", out_of_memory)
    job = Job(folder / "grey.png", tmp_path / "out.png")
    summary = translate_folder(made, [job])
    assert summary.failed == {str(folder / "grey.png"): "not enough memory: give a smaller --memory or --tile"}


def test_samples_are_their_own_pictures(tmp_path):
    Image.fromarray(picture(0)).save(tmp_path / "a.png")
    made = unsettled({"name": "unet", "width": 8}, norm="batch", dropout=True)
    jobs = list_jobs(made, tmp_path / "a.png", tmp_path / "out", None, None, 2)
    assert translate_folder(made, jobs).done == 2
    one, other = read(tmp_path / "out/a_0.png"), read(tmp_path / "out/a_1.png")
    assert not np.array_equal(one.pixels, other.pixels)


@pytest.mark.parametrize(("generator", "differing"), [("unet", 1), ("idcgan", 0)])
def test_tiles_that_differ_from_the_whole_are_counted(generator, differing, tmp_path):
    made = translator({"name": generator, "width": 2})
    made.tile = 64
    (tmp_path / "in").mkdir()
    for name, side in (("large", 400), ("small", 40)):
        Image.fromarray(picture(1, side, 32)).save(tmp_path / f"in/{name}.png")
    summary = translate_folder(made, list_jobs(made, tmp_path / "in", tmp_path / "out", None, None, 1))
    assert (summary.done, summary.differing) == (2, differing)


def shapes_seen(made: Translator, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """What the network is given from now on."""
    seen: list[tuple[int, ...]] = []
    forward = made.network.forward

    def noted(x: torch.Tensor) -> torch.Tensor:
        seen.append(tuple(x.shape))
        return forward(x)

    monkeypatch.setattr(made.network, "forward", noted)
    return seen


@pytest.mark.parametrize(
    ("inference", "expected"), [({}, [2, 1, 2, 1]), ({"norm": "batch"}, [1] * 6), ({"dropout": True}, [1] * 6)]
)
def test_batches_hold_pictures_of_one_shape_that_do_not_show_in_each_other(tmp_path, monkeypatch, inference, expected):
    sides = [(48, 64)] * 3 + [(64, 48)] * 2 + [(48, 64)]
    (tmp_path / "in").mkdir()
    for number, (height, width) in enumerate(sides):
        Image.fromarray(picture(number, height, width)).save(tmp_path / f"in/{number}.png")
    made = translator({"name": "unet", "width": 4, "downs": 4, "inference": inference})
    seen = shapes_seen(made, monkeypatch)
    summary = translate_folder(made, list_jobs(made, tmp_path / "in", tmp_path / "out", None, None, 1), batch=2)
    assert summary == Summary(done=6)
    assert [shape[0] for shape in seen] == expected
    places = np.cumsum([0, *expected[:-1]])
    assert [shape[2:] for shape in seen] == [sides[place] for place in places]


def test_one_that_fails_does_not_spoil_its_batch(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "masks").mkdir()
    for number in range(4):
        Image.fromarray(picture(number)).save(tmp_path / f"in/{number}.png")
        Image.new("L", (64, 48) if number != 2 else (8, 8), 255).save(tmp_path / f"masks/{number}.png")
    made = translator({"name": "residual", "width": 4}, flow="inpaint")
    jobs = list_jobs(made, tmp_path / "in", tmp_path / "out", tmp_path / "masks", None, 1)
    summary = translate_folder(made, jobs, batch=4)
    assert summary.done == 3
    assert summary.failed == {str(tmp_path / "in/2.png"): "the mask is 8x8, the picture 64x48"}


def test_memory_bounds_what_goes_together_and_what_is_read_ahead(tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    for number in range(8):
        Image.fromarray(picture(number, 96, 128)).save(tmp_path / f"in/{number}.png")
    made = translator({"name": "residual", "width": 4})
    made.budget.memory = 470_000_000
    assert made.budget.ahead == 470_000_000 // 8
    monkeypatch.setattr(Budget, "ahead", 3 * 96 * 128 * CODEC)
    seen = shapes_seen(made, monkeypatch)
    assert translate_folder(made, list_jobs(made, tmp_path / "in", tmp_path / "out", None, None, 1), batch=8).done == 8
    assert max(shape[0] for shape in seen) <= 3


def test_a_heavy_picture_is_alone_whatever_the_batch(tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    for number in range(6):
        write(tmp_path / f"in/{number}.png", Picture(picture(number, 96, 128).astype(np.uint16) * 257))
    made = translator({"name": "residual", "width": 4})
    monkeypatch.setattr(Budget, "ahead", 96 * 128 * CODEC)
    alive: list[int] = []
    pictures: weakref.WeakValueDictionary[int, Picture] = weakref.WeakValueDictionary()

    def noted(path: Path, *more: object, pages: bool = False) -> Picture:
        result = read(path, *more)
        pictures[len(alive)] = result
        alive.append(len(pictures))
        return result

    monkeypatch.setattr("img2img.inference.labels.read_any", noted)
    jobs = list_jobs(made, tmp_path / "in", tmp_path / "out", None, None, 1)
    assert translate_folder(made, jobs, batch=4).done == 6
    assert max(alive) == 1


def test_failures_hold_no_pictures(tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    for number in range(8):
        Image.fromarray(picture(number)).save(tmp_path / f"in/{number}.png")
    made = translator({"name": "residual", "width": 4})
    held: weakref.WeakSet[torch.Tensor] = weakref.WeakSet()

    def fails(x: torch.Tensor) -> torch.Tensor:
        held.add(x)
        raise RuntimeError("no such luck")

    monkeypatch.setattr(made.network, "forward", fails)
    jobs = list_jobs(made, tmp_path / "in", tmp_path / "out", None, None, 1)
    gc.disable()
    try:
        summary = translate_folder(made, jobs, batch=4)
        assert len(summary.failed) == 8
        assert len(held) == 0
    finally:
        gc.enable()


def test_results_equal_to_their_inputs_are_counted(folder, tmp_path):
    """By pixels, before they are encoded: a JPEG of an unchanged picture has other bytes."""
    write(folder / "deep.png", Picture(picture(4).astype(np.uint16) * 257 + 3))
    made = translator({"name": "residual", "width": 4})
    jobs = list_jobs(made, folder, tmp_path / "out", None, ".jpg", 1)
    summary = translate_folder(made, jobs, batch=2)
    assert (summary.done, summary.unchanged) == (4, 4)
    assert translate_folder(made, jobs).unchanged == 0, "what was there before is not looked at"
    last = [part for part in made.network.modules() if isinstance(part, nn.Conv2d)][-1]
    # one level of 255 brighter
    nn.init.constant_(last.bias, 2 / 255)
    assert translate_folder(made, jobs, overwrite=True).unchanged == 0


@pytest.mark.parametrize("row", [0, 63, 64, 129])
def test_one_pixel_makes_a_difference(row):
    before = np.zeros((130, 3, 3), np.uint16)
    after = before.copy()
    assert _same(before, after)
    after[row, 2, 1] = 1
    assert not _same(before, after)
    assert not _same(before, before[:, :, :1])
    assert not _same(before, before.astype(np.uint8))


def test_what_several_processes_did_is_told_in_the_order_in_which_people_count():
    parts = [
        Summary(done=2, unchanged=1, failed={"in/10.png": "cut"}, notes={"grey": ["in/1.png", "in/11.png"]}),
        Summary(done=3, unchanged=2, failed={"in/2.png": "cut", "in/a.png": "cut"}, notes={"grey": ["in/9.png"]}),
    ]
    total = summed(parts)
    assert (total.done, total.unchanged) == (5, 3)
    assert list(total.failed) == ["in/2.png", "in/10.png", "in/a.png"]
    assert total.notes == {"grey": ["in/1.png", "in/9.png", "in/11.png"]}
