"""Weights and pictures to pictures: statistics, dropout, names, folders, weights files."""

from __future__ import annotations

import copy
import gc
import shutil
import weakref
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn
from translators import translator, weights_file

from conftest import picture, small
from img2img.errors import RunError, UserError
from img2img.images import Picture, find, read, write
from img2img.inference import (
    Job,
    Summary,
    Translator,
    as_results_are_made,
    load,
    output_names,
    plan,
    translate_folder,
    weights_header,
)
from img2img.inference.tiles import whole
from img2img.inference.translator import CODEC, finite
from img2img.recipes.method import Inference
from img2img.weights.file import FORMAT

IDCGAN = {"name": "idcgan", "width": 8}


def sources(count: int, height: int = 24, width: int = 36) -> torch.Tensor:
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(1)) * 2 - 1


def unsettled(generator: dict, **inference: object):
    """A translator whose running statistics are not those of any picture, and whose weights are large enough to see."""
    made = translator({**generator, "inference": inference})
    for part in made.network.modules():
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.kaiming_normal_(part.weight, generator=torch.Generator().manual_seed(0))
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.fill_(0.02)
            part.running_var.fill_(1.5)
    return made


def test_running_statistics():
    made = unsettled(IDCGAN, norm="running")
    x = sources(2)
    with torch.no_grad():
        expected = copy.deepcopy(made.network).eval()(x)
    assert torch.allclose(made.tensor(x), expected.clamp(-1, 1), atol=1e-6)


def test_batch_statistics_are_each_pictures_own():
    made = unsettled(IDCGAN, norm="batch")
    x = sources(3)
    twin = copy.deepcopy(made.network).train()
    with torch.no_grad():
        expected = torch.cat([twin(x[i : i + 1]) for i in range(3)])
        together = twin(x)
    assert torch.allclose(made.tensor(x), expected, atol=1e-6)
    assert not torch.allclose(together, expected, atol=1e-2)


@pytest.mark.parametrize("norm", ["running", "batch"])
@pytest.mark.parametrize("training", [True, False])
def test_no_buffer_moves_and_every_flag_comes_back(norm, training):
    made = unsettled({"name": "unet", "width": 4}, norm=norm, dropout=True)
    made.network.train(training)
    made.network.encoder[1][1].eval()
    before = [value.clone() for value in made.network.state_dict().values()]
    flags = [(part.training, getattr(part, "track_running_stats", None)) for part in made.network.modules()]
    made.tensor(sources(2))
    assert all(torch.equal(one, other) for one, other in zip(before, made.network.state_dict().values(), strict=True))
    assert flags == [(part.training, getattr(part, "track_running_stats", None)) for part in made.network.modules()]
    with pytest.raises(ZeroDivisionError), as_results_are_made(made.network, Inference(norm=norm)):
        raise ZeroDivisionError
    assert flags == [(part.training, getattr(part, "track_running_stats", None)) for part in made.network.modules()]


@pytest.mark.parametrize("norm", ["running", "batch"])
def test_dropout_is_on_only_where_asked_for(norm):
    off = unsettled({"name": "unet", "width": 8}, norm=norm)
    on = unsettled({"name": "unet", "width": 8}, norm=norm, dropout=True)
    x = sources(1, 64, 64)
    assert torch.equal(off.tensor(x), off.tensor(x, sample=1))
    assert not torch.equal(off.tensor(x), on.tensor(x))
    first = on.tensor(x)
    torch.manual_seed(123)
    assert torch.equal(first, on.tensor(x)), "dropout is a function of the seed and the sample"
    assert not torch.equal(first, on.tensor(x, sample=1))


def test_results_leave_torchs_random_numbers_alone():
    made = unsettled({"name": "unet", "width": 4}, dropout=True)
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    made.tensor(sources(1, 64, 64))
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("inference", [{"norm": "running", "dropout": True}, {"norm": "batch"}, {"norm": "running"}])
def test_a_result_does_not_depend_on_its_neighbours(inference):
    made = unsettled({"name": "unet", "width": 8}, **inference)
    x = sources(3, 64, 64)
    alone = torch.cat([made.tensor(x[i : i + 1]) for i in range(3)])
    assert torch.allclose(made.tensor(x), alone, atol=1e-5)


def test_batch_statistics_are_never_tiled():
    """Tiles would each be normalised by their own statistics: seams."""
    made = unsettled(IDCGAN, norm="batch")
    made.tile = 64
    x = sources(1, 150, 150)
    tiled = made.tensor(x)
    made.tile = "off"
    assert torch.equal(tiled, made.tensor(x))
    running = unsettled(IDCGAN, norm="running")
    running.tile = 64
    assert torch.allclose(running.tensor(x), whole(running.network.eval(), x).detach(), atol=1e-4)


def test_a_tile_side_is_refused_where_statistics_are_the_whole_pictures(tmp_path):
    weights = weights_file(tmp_path / "w.safetensors", "pix2pix")
    with pytest.raises(UserError, match="leave --tile out"):
        load(weights, tile=512)
    assert load(weights, tile="off").tile == "off"


@pytest.mark.parametrize(("generator", "differing"), [("unet", 1), ("idcgan", 0)])
def test_tiles_that_differ_from_the_whole_are_counted(generator, differing, tmp_path):
    made = translator({"name": generator, "width": 2})
    made.tile = 64
    (tmp_path / "in").mkdir()
    for name, side in (("large", 400), ("small", 40)):
        Image.fromarray(picture(1, side, 32)).save(tmp_path / f"in/{name}.png")
    summary = translate_folder(made, plan(made, tmp_path / "in", tmp_path / "out", None, None, 1))
    assert (summary.done, summary.differing) == (2, differing)


def test_tiles_are_told_as_they_are_done():
    made = translator(IDCGAN)
    told: list[tuple[int, int]] = []
    made.on_tile = lambda done, of: told.append((done, of))
    made.tensor(sources(2))
    assert told == []
    made.tile = 64
    made.tensor(sources(2, 60, 200))
    assert told == [(n, len(told)) for n in range(1, len(told) + 1)]
    assert len(told) > 4


def test_a_hole_is_filled_and_the_rest_is_kept():
    made = unsettled(IDCGAN, norm="running")
    filler = translator(IDCGAN, flow="inpaint")
    filler.network.load_state_dict(made.network.state_dict())
    x = sources(2, 20, 30)
    mask = torch.zeros(2, 1, 20, 30)
    mask[:, :, 5:12, 8:20] = 1
    hole = mask.expand_as(x) > 0
    y = filler.tensor(x, mask)
    assert torch.equal(y[~hole], x[~hole])
    assert torch.allclose(y[hole], made.tensor(x)[hole])
    pixels = picture(0)
    with pytest.raises(UserError, match="a mask is needed"):
        filler.pixels(pixels)
    with pytest.raises(UserError, match="the mask is 8x8, the picture 64x48"):
        filler.picture(Picture(pixels), Picture(np.zeros((8, 8, 1), np.uint8)))
    with pytest.raises(UserError, match="leave the mask out"):
        made.tensor(x, mask)


def test_what_lies_under_the_mask_does_not_show(tmp_path):
    """Training saw holes filled by one colour; what a person wants removed must not be looked at."""
    made = load(weights_file(tmp_path / "w.safetensors", "l2", flow="inpaint"))
    assert list(made.fill) == small("l2").tree["data"]["hole"]["fill"]
    for part in made.network.modules():
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.kaiming_normal_(part.weight, generator=torch.Generator().manual_seed(0))
    mask = np.zeros((48, 64, 1), np.uint8)
    mask[10:30, 20:40] = 255
    one, other, filled = picture(0).copy(), picture(0).copy(), picture(0).copy()
    other[12:28, 22:38] = 0
    filled[mask[:, :, 0] > 0] = made.fill
    results = [made.picture(Picture(pixels), Picture(mask)).pixels for pixels in (one, other, filled)]
    assert np.array_equal(results[0], results[1])
    assert np.array_equal(results[0], results[2])
    assert not np.array_equal(results[0], one)
    bare = Translator(made.network, made.method, made.shape, device=made.device)
    assert not np.array_equal(*(bare.picture(Picture(p), Picture(mask)).pixels for p in (one, other)))


def test_weights_trained_on_filled_holes_may_be_told_where_they_are(tmp_path):
    """L1 and the like see in-painting as any other pair: no mask is needed, and one says what to fill beforehand."""
    made = load(weights_file(tmp_path / "w.safetensors", "l1", "inpaint"))
    assert (made.needs_mask, made.takes_mask) == (False, True)
    mask = np.zeros((48, 64, 1), np.uint8)
    mask[10:30, 20:40] = 255
    filled = picture(0).copy()
    filled[mask[:, :, 0] > 0] = made.fill
    expected = made.picture(Picture(filled)).pixels
    assert np.array_equal(made.picture(Picture(picture(0)), Picture(mask)).pixels, expected)
    assert np.array_equal(made(picture(0), mask[:, :, 0]), expected)
    assert not load(weights_file(tmp_path / "rain.safetensors", "l1")).takes_mask


def test_a_result_is_a_tensor_like_any_other():
    made = translator({"name": "residual", "width": 4})
    result = made(sources(1))
    result.add_(1)
    layer = nn.Conv2d(3, 1, 1)
    layer(result).mean().backward()
    assert layer.weight.grad is not None


def test_masks_of_a_set_do_not_disturb_methods_that_ignore_them():
    made = unsettled(IDCGAN, norm="running")
    pixels, mask = picture(0), np.full((48, 64, 1), 255, np.uint8)
    assert np.array_equal(made.pixels(pixels, mask), made.pixels(pixels))


def test_pixels_are_the_rounded_result():
    made = unsettled(IDCGAN, norm="running")
    pixels = picture(0)
    values = made.tensor(torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None] / 127.5 - 1)
    expected = np.floor((values[0].permute(1, 2, 0).double().numpy() + 1) * 127.5 + 0.5)
    assert np.abs(made.pixels(pixels) - expected).max() <= 1
    assert (made.pixels(pixels) == expected).mean() > 0.999


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_many_values_that_are_numbers_are_numbers(dtype):
    values = torch.ones(1, 3, 256, 256, dtype=dtype)
    assert finite(values) is values
    for wrong in (float("nan"), float("inf"), -float("inf")):
        values[0, 2, 255, 255] = wrong
        with pytest.raises(RunError, match="no numbers"):
            finite(values)


def test_values_that_are_no_numbers_make_no_picture():
    made = unsettled(IDCGAN, norm="running")
    nn.init.constant_(made.network.last.bias, float("nan"))
    with pytest.raises(RunError, match="no numbers"):
        made.picture(Picture(picture(0)))


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_precision(tmp_path, precision):
    file = weights_file(tmp_path / "w.safetensors", "l2")
    x = sources(1)
    made = load(file, precision=precision).tensor(x)
    assert made.dtype == torch.float32
    assert torch.allclose(made, load(file).tensor(x), atol=0.02)
    with pytest.raises(UserError, match="unknown precision 'fp8'"):
        load(file, precision="fp8")


# names


def names(files: list[str], suffix: str | None = None) -> dict[str, str]:
    root = Path("/in")
    return {str(k.relative_to(root)): str(v) for k, v in output_names([root / f for f in files], root, suffix).items()}


def test_names_and_folders_stay():
    files = ["a.jpg", "a.png", "b/a.JPEG", "c.tar.png", "d.gif"]
    assert names(files) == {"a.jpg": "a.jpg", "a.png": "a.png", "b/a.JPEG": "b/a.JPEG", "c.tar.png": "c.tar.png",
                            "d.gif": "d.png"}  # fmt: skip


@pytest.mark.parametrize(
    ("files", "suffix"),
    [
        (["a.jpg", "a.png", "a_jpg.png"], ".png"),
        (["a.jpg", "a.jpeg", "a.png", "a_jpg.png", "a_jpeg.png", "a_jpg_2.png"], ".png"),
        (["a.gif", "a.png", "a_gif.png", "a.ppm"], None),
        (["A.png", "a.png", "a.PNG", "a_png.png"], ".png"),
        (["s/a.jpg", "a.jpg", "s/a.png"], ".png"),
    ],
)
def test_no_two_results_share_a_place(files, suffix):
    for order in (files, files[::-1]):
        made = names(order, suffix)
        assert set(made) == set(files)
        # also where the file system does not tell a from A
        assert len({name.lower() for name in made.values()}) == len(files)
        # what can keep its name does
        kept = [file for file in files if file.endswith(".png") and "A.png" not in files]
        assert all(made[file] == file for file in kept)


def test_a_result_keeps_its_place_when_others_join():
    assert names(["a.gif", "a.png"])["a.png"] == names(["a.png"])["a.png"] == "a.png"
    assert names(["a.gif", "a.png"])["a.gif"] == "a_gif.png"


def test_places_of_several_samples_differ(tmp_path):
    for name in ("a.png", "a_0.png", "a_1.jpg"):
        Image.new("RGB", (4, 4)).save(tmp_path / name)
    made = translator({"name": "unet", "width": 4, "inference": {"dropout": True}})
    jobs = plan(made, tmp_path, tmp_path.parent / "out", None, None, 2)
    assert [job.sample for job in jobs] == [0, 1] * 3
    assert len({job.result for job in jobs}) == 6


# planning


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pictures: RGB in a sub-folder, grey, with alpha."""
    root = tmp_path / "photos"
    (root / "sub").mkdir(parents=True)
    Image.fromarray(picture(0)).save(root / "sub/colour.jpg", quality=100, subsampling=0)
    Image.fromarray(picture(1)[:, :, 0]).save(root / "grey.png")
    Image.fromarray(np.dstack([picture(2), picture(3)[:, :, :1]])).save(root / "alpha.png")
    return root


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("given", "output", "line"),
    [
        ("nothing", "out", "--input {0}/nothing: no such file or folder"),
        ("photos", "photos", "--output {0}/photos: lies inside the input {0}/photos"),
        ("photos", "photos/sub/made", "--output {0}/photos/sub/made: lies inside the input"),
        ("photos", "link", "--output {0}/link: lies inside the input"),
        ("photos/grey.png", "photos", "--output {0}/photos: is the folder of the input"),
        ("photos", "file", "--output {0}/file: is a file"),
        ("empty", "out", "{0}/empty: no pictures in it"),
        ("photos/sub", "photos", None),
    ],
)
def test_plans(folder, tmp_path, given, output, line):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(folder / "sub")
    made = translator({"name": "residual", "width": 4})
    ask = (made, tmp_path / given, tmp_path / output, None, None, 1)
    if line is None:
        assert [job[:2] for job in plan(*ask)] == [(folder / "sub/colour.jpg", folder / "colour.jpg")]
        return
    with pytest.raises(UserError) as caught:
        plan(*ask)
    assert line.format(tmp_path) in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_result_never_lands_in_the_input(tmp_path):
    """Input a/b with a sub-folder b, output a: a/b/x.png would be the place of a/b/b/x.png."""
    (tmp_path / "a/b/b").mkdir(parents=True)
    Image.new("RGB", (4, 4)).save(tmp_path / "a/b/b/x.png")
    made = translator({"name": "residual", "width": 4})
    with pytest.raises(UserError, match="would lie inside the input"):
        plan(made, tmp_path / "a/b", tmp_path / "a", None, None, 1)


def test_plans_with_masks(folder, tmp_path):
    plain = translator({"name": "residual", "width": 4})
    filler = translator({"name": "residual", "width": 4}, flow="inpaint")
    masks = tmp_path / "masks"
    (masks / "sub").mkdir(parents=True)
    for name in ("sub/colour.png", "grey.png"):
        Image.new("L", (64, 48), 255).save(masks / name)
    for made, given, line in (
        (plain, masks, "--masks: these weights do not fill holes"),
        (filler, None, "these weights fill holes: give --masks"),
        (filler, masks, f"--masks {masks}: no mask for {folder / 'alpha.png'}"),
        (filler, tmp_path / "none", "no such folder"),
    ):
        with pytest.raises(UserError) as caught:
            plan(made, folder, tmp_path / "out", given, None, 1)
        assert line in str(caught.value)
    Image.new("L", (64, 48)).save(masks / "alpha.tif")
    jobs = plan(filler, folder, tmp_path / "out", masks, None, 1)
    assert {job.source.name: job.mask.name for job in jobs} == {
        "alpha.png": "alpha.tif",
        "colour.jpg": "colour.png",
        "grey.png": "grey.png",
    }


def test_several_samples_need_dropout(folder, tmp_path):
    with pytest.raises(UserError, match="--samples: these weights make one result a picture"):
        plan(translator({"name": "unet", "width": 4}), folder, tmp_path / "out", None, None, 2)


# folders


def test_a_folder_is_translated_whatever_its_pictures_are(folder, tmp_path):
    write(folder / "deep.png", Picture(picture(4).astype(np.uint16) * 257 + 3))
    before = tree(folder)
    made = translator({"name": "residual", "width": 4})
    seen: list[int] = []
    jobs = plan(made, folder, tmp_path / "out", None, None, 1)
    summary = translate_folder(made, jobs, on_done=lambda done, _: seen.append(done))
    assert summary == Summary(done=4)
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
    jobs = plan(made, folder, tmp_path / "out", None, None, 1)
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
    jobs = plan(made, folder, out, None, None, 1)
    assert translate_folder(made, jobs) == Summary(done=2, skipped=1)
    assert (out / "grey.png").read_bytes() == b"mine"
    assert translate_folder(made, jobs) == Summary(skipped=3)
    assert translate_folder(made, jobs, overwrite=True) == Summary(done=3)
    assert read(out / "grey.png").pixels.shape == (48, 64, 1)


def test_one_that_cannot_be_written_is_named(folder, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "sub").write_text("a file where a folder is needed")
    made = translator({"name": "residual", "width": 4})
    summary = translate_folder(made, plan(made, folder, out, None, None, 1))
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
    jobs = plan(made, folder, tmp_path / "out", None, None, 1)
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
    jobs = plan(made, tmp_path / "a.png", tmp_path / "out", None, None, 2)
    assert translate_folder(made, jobs).done == 2
    one, other = read(tmp_path / "out/a_0.png"), read(tmp_path / "out/a_1.png")
    assert not np.array_equal(one.pixels, other.pixels)


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
    summary = translate_folder(made, plan(made, tmp_path / "in", tmp_path / "out", None, None, 1), batch=2)
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
    jobs = plan(made, tmp_path / "in", tmp_path / "out", tmp_path / "masks", None, 1)
    summary = translate_folder(made, jobs, batch=4)
    assert summary.done == 3
    assert summary.failed == {str(tmp_path / "in/2.png"): "the mask is 8x8, the picture 64x48"}


def test_memory_bounds_what_goes_together_and_what_is_read_ahead(tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    for number in range(8):
        Image.fromarray(picture(number, 96, 128)).save(tmp_path / f"in/{number}.png")
    made = translator({"name": "residual", "width": 4})
    made.memory = 470_000_000
    assert made.ahead == 470_000_000 // 8
    monkeypatch.setattr(type(made), "ahead", 3 * 96 * 128 * CODEC)
    seen = shapes_seen(made, monkeypatch)
    assert translate_folder(made, plan(made, tmp_path / "in", tmp_path / "out", None, None, 1), batch=8).done == 8
    assert max(shape[0] for shape in seen) <= 3


def test_a_heavy_picture_is_alone_whatever_the_batch(tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    for number in range(6):
        write(tmp_path / f"in/{number}.png", Picture(picture(number, 96, 128).astype(np.uint16) * 257))
    made = translator({"name": "residual", "width": 4})
    monkeypatch.setattr(type(made), "ahead", 96 * 128 * CODEC)
    alive: list[int] = []
    pictures: weakref.WeakValueDictionary[int, Picture] = weakref.WeakValueDictionary()

    def noted(path: Path, *more: object) -> Picture:
        result = read(path, *more)
        pictures[len(alive)] = result
        alive.append(len(pictures))
        return result

    monkeypatch.setattr("img2img.inference.folder.read", noted)
    jobs = plan(made, tmp_path / "in", tmp_path / "out", None, None, 1)
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
    jobs = plan(made, tmp_path / "in", tmp_path / "out", None, None, 1)
    gc.disable()
    try:
        summary = translate_folder(made, jobs, batch=4)
        assert len(summary.failed) == 8
        assert len(held) == 0
    finally:
        gc.enable()


def test_reading_and_writing_are_bounded_by_what_they_take(tmp_path):
    made = translator({"name": "residual", "width": 4})
    made.memory = 700_000_000
    made.admit(4000, 3000)
    with pytest.raises(UserError, match=r"4000x3000 px need \S+ of memory to be read and written; --memory allows 7"):
        made.admit(4000, 3000, 36)
    (tmp_path / "in").mkdir()
    deep = Picture(picture(0, 1500, 3000).astype(np.uint16) * 257)
    for name in ("deep.png", "deep.tif"):
        write(tmp_path / "in" / name, deep)
    write(tmp_path / "in/plain.png", Picture(picture(0, 1500, 3000)))
    write(tmp_path / "in/heavy.webp", Picture(picture(0, 1500, 3000)))
    made.memory = 560_000_000
    summary = translate_folder(made, plan(made, tmp_path / "in", tmp_path / "out", None, None, 1))
    assert {Path(file).name for file in summary.failed} == {"deep.png", "deep.tif", "heavy.webp"}


@pytest.mark.parametrize("tile", ["foo", "8", -4, 0])
def test_tiles_of_no_sense_are_refused_from_python_too(tmp_path, tile):
    with pytest.raises(UserError, match="--tile"):
        load(weights_file(tmp_path / "w.safetensors"), tile=tile)


@pytest.mark.parametrize("generator", ["residual", "idcgan", "unet", "pan", "resnet"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (700, 7), (33, 47)])
def test_any_size_comes_back_as_it_was(generator, shape):
    made = translator({"name": generator, "width": 4} | ({"blocks": 1} if generator == "resnet" else {}))
    result = made.pixels(picture(0, *shape))
    assert result.shape == (*shape, 3)
    assert np.array_equal(result, made(picture(0, *shape)))


# weights


def test_a_file_alone_is_enough(tmp_path, monkeypatch):
    file = weights_file(tmp_path / "run/weights/best.safetensors", "pix2pix", seed=3)
    alone = tmp_path / "elsewhere/any name.safetensors"
    alone.parent.mkdir()
    shutil.copy(file, alone)
    shutil.move(tmp_path / "run", tmp_path / "gone")
    monkeypatch.chdir(tmp_path / "elsewhere")
    made, again = load(alone), load(tmp_path / "gone")
    assert (made.inference.norm, made.inference.dropout) == ("batch", True)
    assert made.shape.size == 64
    x = sources(1, 30, 40)
    assert torch.equal(made.tensor(x), again.tensor(x))
    assert not torch.equal(made.tensor(x), load(weights_file(tmp_path / "b.safetensors", "pix2pix")).tensor(x))
    header = weights_header(alone)
    assert (header["task"], header["name"]) == ("derain", "pix2pix")
    assert header["config"]["train"]["batch"] == 4


def test_a_run_gives_its_best_weights(tmp_path):
    weights_file(tmp_path / "weights/last.safetensors", "l2", seed=1)
    x = sources(1)
    last = load(tmp_path).tensor(x)
    weights_file(tmp_path / "weights/best.safetensors", "l2", seed=2)
    best = load(str(tmp_path)).tensor(x)
    assert not torch.equal(last, best)
    assert torch.equal(last, load(tmp_path / "weights/last.safetensors").tensor(x))


@pytest.mark.parametrize("content", [b"", b"hello", b"\x00" * 100, b"PK\x03\x04" + b"x" * 50])
def test_files_of_something_else(tmp_path, content):
    file = tmp_path / "w.safetensors"
    file.write_bytes(content)
    with pytest.raises(UserError, match=r"w\.safetensors: not a weights file written by img2img train"):
        load(file)


@pytest.mark.parametrize(
    ("metadata", "line"),
    [
        (None, "a safetensors file, but not weights written by img2img train"),
        ({"format": "pt"}, "a safetensors file, but not weights written by img2img train"),
        ({FORMAT: "{}"}, "its header and its tensors do not fit together"),
        ({FORMAT: "[1]"}, "its header and its tensors do not fit together"),
        ({FORMAT: "{"}, "not a weights file written by img2img train"),
        ({FORMAT: '{"method": {"generator": "pam", "generator_losses": {"l1": 1}}, "shape": {"source": 3, "target": 3, '
                  '"size": 64}}'}, "unknown generator 'pam'; did you mean 'pan'?"),
    ],
)  # fmt: skip
def test_safetensors_of_something_else(tmp_path, metadata, line):
    file = tmp_path / "w.safetensors"
    save_file({"weight": torch.zeros(2)}, str(file), metadata)
    with pytest.raises(UserError) as caught:
        load(file)
    assert line in str(caught.value)


def test_tensors_of_another_network(tmp_path):
    import json

    header = weights_header(weights_file(tmp_path / "a.safetensors", "l2"))
    header["method"]["generator"] = {"name": "idcgan", "width": 16}
    tensors = load(tmp_path / "a.safetensors").network.state_dict()
    tensors = {f"generator.{name}": value.contiguous() for name, value in tensors.items()}
    save_file(tensors, str(tmp_path / "b.safetensors"), {FORMAT: json.dumps(header)})
    with pytest.raises(UserError, match=r"b\.safetensors: its header and its tensors do not fit together"):
        load(tmp_path / "b.safetensors")


def test_weights_that_are_not_there(tmp_path):
    with pytest.raises(UserError, match=r"--weights .*/none: no such run directory or file"):
        load(tmp_path / "none")
    with pytest.raises(UserError, match=r"no weights in this directory yet \(expected weights/best\.safetensors\)"):
        load(tmp_path)
    with pytest.raises(UserError, match="--device tpu: unknown device"):
        load(weights_file(tmp_path / "a.safetensors"), device="tpu")


# noise


def test_samples_from_noise_are_functions_of_their_number(tmp_path):
    made = load(weights_file(tmp_path / "w.safetensors", "nsgan", "toy"))
    eight = made.samples(8)
    assert eight.shape == (8, 2)
    assert len({tuple(row) for row in eight.tolist()}) == 8
    assert torch.allclose(torch.cat([made.samples(3), made.samples(5, start=3)]), eight, atol=1e-6)
    with pytest.raises(UserError, match="make pictures from noise"):
        made.tensor(sources(1))
    with pytest.raises(UserError, match="make pictures from noise"):
        plan(made, tmp_path, tmp_path / "out", None, None, 1)
    with pytest.raises(UserError, match="translate pictures"):
        translator(IDCGAN).samples(1)
    for values in made.network.parameters():
        values.data.fill_(float("nan"))
    with pytest.raises(RunError, match="no numbers"):
        made.samples(1)


def test_what_training_writes_is_what_inference_reads(tmp_path):
    from img2img.compute.distributed import World
    from img2img.training.train import train

    outcome = train(small("l2", **{"train.validate_every": 2}), World(), tmp_path / "run")
    assert outcome.progress.step == 2
    made = load(tmp_path / "run")
    header = weights_header(tmp_path / "run")
    assert header["method"]["generator"] == {"name": "idcgan", "width": 8}
    assert np.array_equal(made.pixels(picture(0)), load(tmp_path / "run/weights/last.safetensors").pixels(picture(0)))
