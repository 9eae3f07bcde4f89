"""Files of arrays by their content, and their samples' way to the network and back."""

from __future__ import annotations

import gzip
import pickle
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.io import savemat

from img2img.config import build, plain
from img2img.data import DataConfig, open_data
from img2img.data.array_files import read_arrays
from img2img.data.config import Ranges
from img2img.data.rows import ArrayRecipe, recipe_of
from img2img.errors import UserError
from img2img.evaluation.set_sources import data_source

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (6, 28, 28), dtype=np.uint8)
LABELS = np.array([3, 1, 4, 1, 5, 9], np.uint8)
PHOTOS = RNG.integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)


def idx(values: np.ndarray) -> bytes:
    """As the format is described: 0, 0, type 8, sides, sizes, values."""
    head = struct.pack(">BBBB", 0, 0, 8, values.ndim)
    return head + b"".join(struct.pack(">i", side) for side in values.shape) + values.tobytes()


def mnist(folder: Path, name: str = "train", zipped: bool = True) -> Path:
    ending, pack = (".gz", gzip.compress) if zipped else ("", bytes)
    (folder / f"{name}-labels-idx1-ubyte{ending}").write_bytes(pack(idx(LABELS)))
    file = folder / f"{name}-images-idx3-ubyte{ending}"
    file.write_bytes(pack(idx(IMAGES)))
    return file


@pytest.mark.parametrize("zipped", [True, False])
def test_idx_with_its_labels(tmp_path, zipped):
    read = read_arrays(mnist(tmp_path, zipped=zipped))
    assert np.array_equal(read.values, IMAGES)
    assert read.labels.tolist() == [3, 1, 4, 1, 5, 9]


def test_a_folder_of_mnist_trains_on_its_training_files(tmp_path):
    mnist(tmp_path, "t10k")
    assert len(read_arrays(tmp_path).values) == 6
    mnist(tmp_path)
    data = open_data(DataConfig(path=str(tmp_path), layout="images", load=28, crop=28, flip=False, validation=0.0), 0)
    assert [file["name"] for file in data.manifest["files"]] == ["train-images-idx3-ubyte.gz"]
    sample = data.train.sample(0, 2, 0)
    assert int(sample["label"]) == 4
    assert torch.equal(sample["target"][1], torch.from_numpy(IMAGES[2]).float() / 127.5 - 1)
    grey = open_data(replace(data.train.config, channels=1), 0).train
    assert torch.equal(grey.sample(0, 2, 0)["target"], sample["target"][:1])
    assert grey.forms.target.channels == 1
    levels = data_source("real", "", grey).take([2])
    assert levels.shape == (1, 28, 28, 3)
    assert np.array_equal(levels[0, :, :, 0], IMAGES[2])


def planes(photos: np.ndarray) -> np.ndarray:
    return photos.transpose(0, 3, 1, 2).reshape(len(photos), 3072)


def test_batches_of_cifar_binary_and_pickled(tmp_path):
    classes = np.array([0, 7, 9, 2], np.uint8)
    records = np.concatenate([classes[:, None], planes(PHOTOS)], 1)
    for number in (1, 2):
        rows = records[2 * number - 2 : 2 * number]
        (tmp_path / f"data_batch_{number}.bin").write_bytes(rows.tobytes())
    (tmp_path / "test_batch.bin").write_bytes(records[:1].tobytes())
    read = read_arrays(tmp_path)
    assert np.array_equal(read.values, PHOTOS)
    assert read.labels.tolist() == [0, 7, 9, 2]
    python = tmp_path / "data_batch_1"
    python.write_bytes(pickle.dumps({b"data": planes(PHOTOS), b"labels": [0, 7, 9, 2]}, protocol=2))
    read = read_arrays(python)
    assert np.array_equal(read.values, PHOTOS)
    assert read.labels.tolist() == [0, 7, 9, 2]


def test_a_pickle_that_is_a_program_is_refused(tmp_path):
    class Runs:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "ran",))

    file = tmp_path / "data_batch_1"
    file.write_bytes(pickle.dumps({b"data": Runs()}, protocol=2))
    with pytest.raises(UserError, match="which no array needs"):
        read_arrays(file)
    assert not (tmp_path / "ran").exists()


def test_csv_keeps_names_and_labels(tmp_path):
    (tmp_path / "a.csv").write_text("mass;label;radius\n1.5;0;-2\n2.5;1;4e3\n")
    read = read_arrays(tmp_path / "a.csv")
    assert read.values.tolist() == [[1.5, -2.0], [2.5, 4000.0]]
    assert (read.columns, read.labels.tolist()) == (("mass", "radius"), [0, 1])
    (tmp_path / "b.csv").write_text("1,2\n3,4\n")
    assert read_arrays(tmp_path / "b.csv").values.tolist() == [[1, 2], [3, 4]]
    assert read_arrays(tmp_path / "b.csv").columns == ()


def test_npy_npz_and_mat(tmp_path):
    rows = RNG.normal(size=(5, 3))
    np.save(tmp_path / "a.npy", rows)
    np.savez(tmp_path / "a.npz", whatever=rows)
    np.savez(tmp_path / "b.npz", other=rows, images=rows + 1, labels=np.arange(5))
    savemat(tmp_path / "a.mat", {"planet": rows})
    for name in ("a.npy", "a.npz", "a.mat"):
        assert np.array_equal(read_arrays(tmp_path / name).values, rows)
    (tmp_path / "a.mat").rename(tmp_path / "renamed.dat")
    assert np.array_equal(read_arrays(tmp_path / "renamed.dat").values, rows)
    chosen = read_arrays(tmp_path / "b.npz")
    assert np.array_equal(chosen.values, rows + 1)
    assert chosen.labels.tolist() == [0, 1, 2, 3, 4]


ROWS = np.array([[0.0, 5.0], [10.0, 5.0], [2.0, 5.0]])
BAD = {
    "nan": ({"a": np.array([[1.0, 2.0], [3.0, np.nan]])}, {}, r"1 values are NaN or infinite, the first at \[1, 1\]"),
    "constant": ({"a": ROWS}, {"scale": "column"}, "1 columns are constant: 1; leave them out"),
    "all": ({"a": ROWS * 0 + 3}, {}, "every value is 3; there is nothing to learn"),
    "one": ({"a": ROWS[:1]}, {}, "holds 1 sample; at least 2"),
    "shape": ({"a": np.arange(4.0)}, {}, r"holds float64 \(4,\); rows \(N, F\)"),
    "channels": ({"a": np.zeros((2, 4, 4, 5))}, {}, "holds samples of 4x4x5"),
    "oblong": ({"a": RNG.normal(size=(2, 4, 5))}, {}, "its images are 5x4; numbers are taken as squares"),
    "several": ({"a": ROWS, "b": ROWS}, {}, r"several arrays \(a, b\); call the one that is meant 'images'"),
    "labels": ({"images": ROWS, "labels": np.arange(2)}, {}, "3 samples and 2 labels"),
    "halves": ({"images": ROWS, "labels": np.array([0, 1, 0.5])}, {}, "labels are no whole numbers"),
    "range": ({"a": IMAGES}, {"range": Ranges(target=(0.0, 100.0))}, "is read as arrays, which data.range is not for"),
    "grey": ({"a": IMAGES}, {"channels": 4}, "pictures of 1 channel, data.channels=4 fits none of them"),
    "rgb": ({"a": PHOTOS}, {"channels": 1}, "pictures of 3 channels, data.channels=1 fits none of them"),
    "numbers": ({"a": RNG.normal(size=(2, 4, 4, 3))}, {"channels": 1}, "of 3 channels, data.channels=1 fits none"),
    "side": ({"a": RNG.normal(size=(3, 10))}, {"side": 3}, "rows of 10 do not fit data.side=3; 4 is least"),
}


@pytest.mark.parametrize("case", BAD)
def test_arrays_that_cannot_be_learnt_from(tmp_path, case):
    arrays, options, line = BAD[case]
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(UserError, match=line) as caught:
        open_data(DataConfig(path=str(tmp_path / "a.npz"), **options), 0)
    assert str(caught.value).startswith(f"--data {tmp_path}/a.npz: ")


def test_damaged_and_unknown_files(tmp_path):
    cut = mnist(tmp_path, zipped=False)
    cut.write_bytes(cut.read_bytes()[:-10])
    (tmp_path / "word.csv").write_text("1,2\n3,four\n")
    (tmp_path / "short.csv").write_text("1,2\n3\n")
    (tmp_path / "v73.mat").write_bytes(b"MATLAB 7.3 MAT-file")
    (tmp_path / "notes.md").write_text("nothing")
    for name, line in {
        cut.name: "it should hold 6x28x28 values and holds 4694",
        "word.csv": "is no table of numbers .*four",
        "short.csv": "is no table of numbers .*column",
        "v73.mat": "damaged",
        "notes.md": "is a file; a folder of pictures is needed, or arrays",
    }.items():
        with pytest.raises(UserError, match=line):
            read_arrays(tmp_path / name)
    for name in ("a", "b"):
        np.save(tmp_path / f"{name}.npy", ROWS)
    with pytest.raises(UserError, match=r"several files of arrays \(a.npy, b.npy"):
        read_arrays(tmp_path)


@pytest.mark.parametrize("by_column", [True, False])
@pytest.mark.parametrize("square", [True, False])
def test_rows_come_back_in_their_units(by_column, square):
    rows = RNG.normal(size=(7, 10)) * np.arange(1, 11) + 100
    recipe = recipe_of(rows, [], by_column=by_column, square=square, side=None, where="")
    seen = recipe.to_network(rows)
    assert seen.shape == ((7, 1, 4, 4) if square else (7, 10))
    if square:
        assert (seen.flatten(1)[:, 10:] == -1).all()
    values = seen.flatten(1)[:, :10]
    edges = (values.min(0).values, values.max(0).values) if by_column else (values.min(), values.max())
    assert torch.allclose(edges[0], torch.tensor(-1.0))
    assert torch.allclose(edges[1], torch.tensor(1.0))
    again = build(ArrayRecipe, plain(recipe), "header")
    assert np.allclose(again.from_network(seen), rows, rtol=1e-6)


def test_the_model_case_becomes_squares_of_69():
    recipe = recipe_of(RNG.random((3, 4734)), [], by_column=True, square=True, side=None, where="")
    assert recipe.square == 69
    assert recipe.to_network(np.zeros((2, 4734))).shape == (2, 1, 69, 69)


def test_images_of_numbers_come_back(tmp_path):
    images = RNG.normal(size=(4, 8, 8, 3)) * 1e3
    np.save(tmp_path / "a.npy", images)
    data = open_data(DataConfig(path=str(tmp_path / "a.npy"), validation=0.0), 0)
    seen = torch.stack([data.train.sample(0, index, 0)["target"] for index in range(4)])
    assert seen.shape == (4, 3, 8, 8)
    assert np.allclose(data.train.recipe.from_network(seen), images, rtol=1e-5, atol=1e-2)
