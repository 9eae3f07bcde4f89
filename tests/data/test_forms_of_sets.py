"""What the samples of a set are: its files' types, channels, pages and alpha, and the options for them."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
from PIL import Image
from scipy.io import savemat

from conftest import picture
from img2img.config import build
from img2img.data import DataConfig, open_data
from img2img.errors import UserError
from img2img.images import Picture, write
from img2img.images.form import Form, Forms


def opened(root: Path, **options: object):
    tree = {"path": str(root), "layout": "two_folders", "crop": 8, "validation": 0, **options}
    return open_data(build(DataConfig, tree, "data"), 0)


def floats(seed: int, channels: int = 2) -> np.ndarray:
    return (np.random.default_rng(seed).random((9, 11, channels)) * 4 - 1).astype(np.float32)


def put(root: Path, side: str, pixels: list[np.ndarray], ending: str = ".tif") -> None:
    (root / side).mkdir(parents=True, exist_ok=True)
    for number, each in enumerate(pixels):
        write(root / side / f"{number}{ending}", Picture(each))


@pytest.fixture
def bands(tmp_path) -> Path:
    """Two sources of 6 float bands in [-1, 3], two targets of one."""
    put(tmp_path, "source", [floats(seed, 6) for seed in range(2)])
    put(tmp_path, "target", [floats(seed, 1) for seed in range(2)])
    return tmp_path


def test_floats_need_a_range(bands):
    with pytest.raises(UserError, match=r"0\.tif: holds floats, .* say data.range.source=\[LOWEST,HIGHEST\], or"):
        opened(bands)
    with pytest.raises(UserError, match=r"0\.tif: holds floats, .* data.range.target=minmax to measure it"):
        opened(bands, range={"source": (-1, 3)})


def test_minmax_is_measured_once_over_the_training_set(bands):
    put(bands / "train", "source", [floats(seed, 6) for seed in range(2)])
    put(bands / "train", "target", [floats(seed, 1) for seed in range(2)])
    put(bands / "val", "source", [floats(7, 6) * np.float32(1.2)])
    put(bands / "val", "target", [floats(7, 1)])
    data = opened(bands, range={"source": "minmax", "target": (-1.0, 3.0)})
    all_of_it = np.stack([floats(seed, 6) for seed in range(2)])
    form = Form(dtype="float32", channels=6, range=(float(all_of_it.min()), float(all_of_it.max())))
    assert data.train.forms.source == data.validation.forms.source == form
    sample = data.train.sample(0, 0, 0)
    assert sample["source"].shape == (6, 8, 8)
    assert sample["target"].shape == (1, 8, 8)
    outside = int(
        ((floats(7, 6) * np.float32(1.2) < form.range[0]) | (floats(7, 6) * np.float32(1.2) > form.range[1])).sum()
    )
    said = next(note for note in data.notes if "clipped" in note)
    assert f"of the validation part, sources: {outside} of 594 values lie outside" in said
    assert "val/source/0.tif" in said


def test_what_lies_outside_the_range_is_clipped_counted_and_refused_where_it_is_most(bands):
    options = {"source": (-1.0, 3.0), "target": (0.0, 3.0)}
    below = sum(int((floats(seed, 1) < 0).sum()) for seed in range(2))
    data = opened(bands, range=options)
    assert any(f"targets: {below} of 198 values lie outside [0, 3]" in note for note in data.notes)
    assert float(data.train.sample(0, 0, 0)["target"].min()) >= -1
    with pytest.raises(UserError, match=r"data.range.target: .* values .* lie outside \[100, 200\].*0\.tif"):
        opened(bands, range={**options, "target": (100.0, 200.0)})


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_number_is_refused_by_name(bands, value):
    odd = floats(1, 6)
    odd[3, 4, 5] = value
    put(bands, "source", [floats(0, 6), odd])
    with pytest.raises(UserError, match=r"source/1\.tif: 1 of 594 values are no numbers \(NaN or infinite\)"):
        opened(bands, range={"source": (-1, 3), "target": (-1, 3)})


def test_mixed_channels_are_refused_naming_files(bands):
    put(bands, "source", [floats(0, 6), floats(1, 5)])
    ranges = {"source": (-1, 3), "target": (-1, 3)}
    with pytest.raises(UserError, match=r"sources have 5 channels \(.*1\.tif\) and 6 channels \(.*0\.tif\): make them"):
        opened(bands, range=ranges)
    with pytest.raises(UserError, match=r"1\.tif: has 5 channels, 6 are needed"):
        opened(bands, range=ranges, channels=(6, 1))


def test_pages_are_channels_only_when_asked(tmp_path):
    stacks = [np.random.default_rng(seed).integers(0, 65536, (3, 9, 11), np.uint16) for seed in range(2)]
    for side in ("source", "target"):
        (tmp_path / side).mkdir()
        for number, stack in enumerate(stacks):
            tifffile.imwrite(tmp_path / side / f"{number}.tif", stack, photometric="minisblack")
    first = opened(tmp_path)
    assert first.train.forms.source.channels == 1
    assert np.array_equal(first.train.whole(1)["source"][:, :, 0], stacks[1][0])
    assert any("2 of 2 files have several pages, of which the first is taken" in note for note in first.notes)
    every = opened(tmp_path, pages="channels")
    assert every.train.forms.source == Form(dtype="uint16", channels=3, range=(0.0, 65535.0), pages=True)
    assert np.array_equal(every.train.whole(1)["source"], np.moveaxis(stacks[1], 0, 2))
    assert not any("several pages" in note for note in every.notes)


def save_mat73(path: Path, **named: np.ndarray) -> None:
    """As MATLAB writes it: HDF5 behind 512 bytes, the first index running fastest."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, values in named.items():
            file[name] = values.T
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file".ljust(512, b" "))


SAVE = {
    "npy": lambda path, values: np.save(path, values),
    "npz": lambda path, values: np.savez(path, anything=values),
    "mat": lambda path, values: savemat(path, {"cube": values, "wavelength": 5.0}),
    "mat73": lambda path, values: save_mat73(path, cube=values),
}


@pytest.mark.parametrize("kind", SAVE)
def test_arrays_are_pictures(tmp_path, kind):
    for side in ("source", "target"):
        (tmp_path / side).mkdir()
        for number in range(2):
            SAVE[kind](tmp_path / side / f"{number}.{kind[:3]}", floats(number, 5))
    data = opened(tmp_path, range={"source": (-1, 3), "target": (-1, 3)})
    assert np.array_equal(data.train.whole(1)["source"], floats(1, 5))


def test_a_file_of_two_arrays_is_refused_naming_them(tmp_path):
    for side in ("source", "target"):
        (tmp_path / side).mkdir()
        savemat(tmp_path / side / "0.mat", {"before": floats(0), "after": floats(1)})
    with pytest.raises(UserError, match=r"0\.mat: holds 2 arrays \(before, after\); one is needed"):
        opened(tmp_path)


def test_matlab_73_without_h5py_says_what_to_install(tmp_path, monkeypatch):
    for side in ("source", "target"):
        (tmp_path / side).mkdir()
        save_mat73(tmp_path / side / "0.mat", cube=floats(0))
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    with pytest.raises(UserError, match=r"0\.mat: is of MATLAB 7\.3 \(HDF5\), which needs h5py: pip install"):
        opened(tmp_path)


def test_alpha_is_dropped_with_a_line_or_kept_as_a_channel(tmp_path):
    clear = [np.dstack([picture(number), picture(number + 5)[:, :, :1]]) for number in range(2)]
    for side in ("source", "target"):
        (tmp_path / side).mkdir()
        for number, pixels in enumerate(clear):
            Image.fromarray(pixels[:, :, : 4 if side == "source" else 3]).save(tmp_path / side / f"{number}.png")
    dropped = opened(tmp_path)
    assert dropped.train.forms == Forms()
    assert np.array_equal(dropped.train.whole(0)["source"], clear[0][:, :, :3])
    assert any("sources: alpha of 2 of 2 files is dropped (data.alpha=keep" in note for note in dropped.notes)
    assert not any("targets: alpha" in note for note in dropped.notes)
    kept = opened(tmp_path, alpha="keep")
    assert (kept.train.forms.source.channels, kept.train.forms.target.channels) == (4, 3)
    assert np.array_equal(kept.train.whole(0)["source"], clear[0])
    Image.fromarray(clear[1][:, :, :3]).save(tmp_path / "source/1.png")
    with pytest.raises(UserError, match=r"3 channels \(.*1\.png\) and 4 channels \(.*0\.png\).*data.alpha=drop"):
        opened(tmp_path, alpha="keep")


def test_nothing_rounds_to_8_bits_on_the_way(tmp_path):
    """Cache, resizing, cutting, mirroring, turning: levels of a 16-bit picture that 8 bits do not have stay apart."""
    flat = [np.full((24, 24, 1), 1000 + number, np.uint16) for number in range(2)]
    for side in ("source", "target"):
        put(tmp_path, side, flat, ".png")
    data = opened(tmp_path, turn=1.0, load=16)
    for epoch in range(3):
        for index in range(2):
            sample = data.train.sample(epoch, index, 0)
            for side in ("source", "target"):
                assert np.unique(data.train.forms.of(side).to_pixels(sample[side])) == 1000 + index


@pytest.mark.parametrize("pages", ["first", "channels"])
def test_rows_that_tifffile_wrote_as_pages_are_refused_with_the_cure(tmp_path, pages):
    """(H, W, 6) becomes H pages of 6xW px where tifffile is not told what the axes are."""
    pictures = [np.random.default_rng(seed).integers(0, 65536, (30, 40, 6), np.uint16) for seed in range(2)]
    for side in ("source", "target"):
        (tmp_path / side).mkdir()
        for number, pixels in enumerate(pictures):
            tifffile.imwrite(tmp_path / side / f"{number}.tif", pixels)
    line = r"source/0\.tif: its 30 pages of 6x40 px seem to be the rows of a picture of 6 channels: write it as"
    with pytest.raises(UserError, match=line):
        opened(tmp_path, pages=pages)
    for side in ("source", "target"):
        for number, pixels in enumerate(pictures):
            tifffile.imwrite(tmp_path / side / f"{number}.tif", pixels, photometric="minisblack", planarconfig="contig")
    taken = opened(tmp_path, pages=pages).train
    assert taken.forms.source == Form(dtype="uint16", channels=6, range=(0.0, 65535.0))
    assert np.array_equal(taken.whole(1)["source"], pictures[1])
