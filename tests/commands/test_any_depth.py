"""Data of any type and number of channels through train, infer and evaluate with an identity."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from small_run import header, tree

import img2img
from img2img.commands import main
from img2img.images import Picture, write
from img2img.images.form import Form
from img2img.images.raster import read_any

FULL = {"uint8": 255, "uint16": 65535}
# an ending that holds such samples, floats alternately as TIFF and .npy
ENDINGS = {("uint8", 1): ".png", ("uint8", 3): ".png", ("uint16", 1): ".png", ("uint16", 3): ".png",
           ("uint8", 2): ".npy", ("float32", 2): ".npy", ("float32", 4): ".npy"}  # fmt: skip
LOW, HIGH = -2.0, 6.0


def samples(dtype: str, channels: int, seed: int) -> np.ndarray:
    """(20, 24, C) of all levels of the type, or of [-2, 6]."""
    rng = np.random.default_rng(seed)
    if dtype == "float32":
        return (LOW + (HIGH - LOW) * rng.random((20, 24, channels))).astype(np.float32)
    return rng.integers(0, FULL[dtype], (20, 24, channels), dtype, endpoint=True)


def put(folder: Path, side: str, dtype: str, channels: int, ending: str, numbers: range = range(3)) -> None:
    (folder / side).mkdir(parents=True, exist_ok=True)
    for number in numbers:
        write(folder / side / f"{number}{ending}", Picture(samples(dtype, channels, number)))


def train(data: Path, output: Path, *more: str) -> int:
    """The exit status of a step of a network that begins as the identity, and of equal sides learns nothing else."""
    return main(["train", "--task", "paired", "--method", "quick", "--data", str(data), "--output", str(output),
                 "generator.width=4", "generator.blocks=1", "train.steps=1", "train.batch=1", "data.crop=16",
                 "data.load=null", "train.precision=fp32", "train.validation_images=1", "data.layout=two_folders",
                 "train.report=false", *more])  # fmt: skip


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 6])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_files_come_back_as_they_are(tmp_path, capsys, dtype, channels):
    ending = ENDINGS.get((dtype, channels), ".tif")
    for side in ("source", "target"):
        put(tmp_path / "data", side, dtype, channels, ending)
    stated = [f"data.range.{side}=[{LOW},{HIGH}]" for side in ("source", "target")] if dtype == "float32" else []
    stated += ["data.channels=1"] if (dtype, channels) == ("uint8", 1) else []
    assert train(tmp_path / "data", tmp_path / "run", *stated) == 0
    form = header(tmp_path / "run/weights/best.safetensors").get("forms", {"source": None})["source"]
    low, high = (LOW, HIGH) if dtype == "float32" else (0, FULL[dtype])
    plain = (dtype, channels) == ("uint8", 3)
    assert form == (None if plain else {"dtype": dtype, "channels": channels, "range": [low, high], "pages": False})

    words = ["--weights", str(tmp_path / "run"), "--input", str(tmp_path / "data/source")]
    assert main(["infer", *words, "--output", str(tmp_path / "made")]) == 0
    assert sorted(tree(tmp_path / "made")) == [f"{number}{ending}" for number in range(3)]
    for number in range(3):
        made = read_any(tmp_path / f"made/{number}{ending}").pixels
        assert made.dtype == dtype
        # the last bit of float32 in [-1, 1], brought to the range
        tolerance = (high - low) * 2**-23 if dtype == "float32" else 0
        assert np.abs(made.astype(float) - samples(dtype, channels, number)).max() <= tolerance

    words = ["--weights", f"same={tmp_path / 'run'}", "--data", str(tmp_path / "data"), "--metrics", "psnr,mae"]
    assert main(["evaluate", *words, "--output", str(tmp_path / "report"), "--format", "json"]) == 0
    table = json.loads((tmp_path / "report/table.json").read_text())
    assert table["methods"]["same"]["mae"]["mean"] <= (1e-5 if dtype == "float32" else 0)
    assert "alpha" not in str(table["notes"])
    depth = {"uint8": "8 bit, data range 255", "uint16": "16 bit, data range 65535",
             "float32": "float, data range -2 to 6"}[dtype]  # fmt: skip
    assert f"{'RGB' if channels == 3 else 'every channel'}, {depth}" in table["protocol"]
    capsys.readouterr()


@pytest.fixture(scope="module")
def grey12(tmp_path_factory) -> Path:
    """data of 12 bits in 16-bit grey, and the run on them."""
    root = tmp_path_factory.mktemp("grey12")
    for side in ("source", "target"):
        (root / "data" / side).mkdir(parents=True)
        for number in range(3):
            write(root / "data" / side / f"{number}.png", Picture(samples("uint16", 1, number) // 16))
    assert train(root / "data", root / "run", *RANGE12) == 0
    return root


RANGE12 = ["data.range.source=[0,4095]", "data.range.target=[0,4095]"]


def infer(run: Path, given: Path, output: Path, *more: str) -> int:
    return main(["infer", "--weights", str(run), "--input", str(given), "--output", str(output), *more])


def one_line(capsys) -> str:
    """The last line on stderr, which is the error."""
    return capsys.readouterr().err.strip().splitlines()[-1]


def test_results_are_in_the_files_units_and_what_lies_outside_is_counted(grey12, tmp_path, capsys):
    pixels = samples("uint16", 1, 0) // 16
    pixels[2, 3] = 5000
    (tmp_path / "in").mkdir()
    write(tmp_path / "in/a.png", Picture(pixels))
    assert infer(grey12 / "run", tmp_path / "in", tmp_path / "out") == 0
    made = read_any(tmp_path / "out/a.png").pixels
    assert made.dtype == np.uint16
    assert np.array_equal(made, pixels.clip(0, 4095))
    assert "1 values outside [0, 4095] were clipped" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("dtype", "channels", "ending", "line"),
    [
        ("uint16", 6, ".tif", "has 6 channels, these weights take 1"),
        ("float32", 1, ".tif", "has samples of float32, these weights take 1 channel of uint16, 0 to 4095"),
        ("uint8", 1, ".png", "has samples of uint8, these weights take 1 channel of uint16, 0 to 4095"),
    ],
)
def test_pictures_of_another_form_are_refused(grey12, tmp_path, capsys, dtype, channels, ending, line):
    write(tmp_path / f"in{ending}", Picture(samples(dtype, channels, 0)))
    assert infer(grey12 / "run", tmp_path / f"in{ending}", tmp_path / "out") == 2
    assert f"in{ending}: {line}" in one_line(capsys)
    assert not (tmp_path / "out").exists()


def test_a_new_run_begins_from_weights_of_its_own_form_alone(grey12, tmp_path, capsys):
    begin = ["--from", str(grey12 / "run")]
    assert train(grey12 / "data", tmp_path / "same", *RANGE12, *begin) == 0
    assert train(grey12 / "data", tmp_path / "range", *begin) == 2
    assert one_line(capsys) == (
        f"img2img: --from {grey12 / 'run'}: sources are 1 channel of uint16, 0 to 4095 in the weights and 1 channel of "
        f"uint16, 0 to 65535 here; data.range.source=[0,4095] takes what the weights have"
    )
    for side in ("source", "target"):
        put(tmp_path / "eight", side, "uint8", 1, ".png")
        put(tmp_path / "six", side, "uint16", 6, ".tif")
    assert train(tmp_path / "eight", tmp_path / "type", "data.channels=1", *begin) == 2
    assert "uint8, 0 to 255 here; take data of that type, or other weights" in one_line(capsys)
    assert train(tmp_path / "six", tmp_path / "channels", *begin) == 2
    assert "the weights turn 1 channels into 1, these data ask for 6 channels into 6" in one_line(capsys)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["eight", "same", "six"]


def test_an_export_says_what_0_and_1_are(grey12, tmp_path, capsys):
    onnx = pytest.importorskip("onnx")
    words = ["export", "--weights", str(grey12 / "run"), "--output", str(tmp_path / "net.onnx")]
    assert main(words) == 0
    facts = {entry.key: json.loads(entry.value) for entry in onnx.load(tmp_path / "net.onnx").metadata_props}
    (told,) = (tree for tree in facts.values() if "input" in tree)
    assert told["input"] == "image: float32 NCHW in [0, 1], which is 1 channel of uint16, 0 to 4095"
    assert told["output"] == "result: float32 NCHW in [0, 1], which is 1 channel of uint16, 0 to 4095"
    assert main([*words[:-1], str(tmp_path / "half.onnx"), "--precision", "fp16"]) == 2
    assert "is calibrated and compared on 8-bit pictures, and these weights take 1 channel" in one_line(capsys)
    assert not (tmp_path / "half.onnx").exists()


def test_many_bands_to_one_map(tmp_path, capsys):
    """12 bands of 16 bits to one float map: results are arrays as the sources, and no row of inputs is measured."""
    put(tmp_path / "data", "source", "uint16", 12, ".npz")
    put(tmp_path / "data", "target", "float32", 1, ".tif")
    assert train(tmp_path / "data", tmp_path / "run", f"data.range.target=[{LOW},{HIGH}]") == 0
    assert infer(tmp_path / "run", tmp_path / "data/source", tmp_path / "made") == 0
    assert sorted(tree(tmp_path / "made")) == ["0.npz", "1.npz", "2.npz"]
    made = read_any(tmp_path / "made/0.npz").pixels
    assert (made.shape, made.dtype) == ((20, 24, 1), np.float32)
    assert LOW <= made.min() < made.max() <= HIGH
    assert infer(tmp_path / "run", tmp_path / "data/source/0.npz", tmp_path / "made.png") == 2
    assert "1 channel of float32, -2 to 6, which are written as" in one_line(capsys)
    words = ["--weights", f"quick={tmp_path / 'run'}", "--data", str(tmp_path / "data"), "--metrics", "mae"]
    assert main(["evaluate", *words, "--output", str(tmp_path / "report"), "--format", "json"]) == 0
    table = json.loads((tmp_path / "report/table.json").read_text())
    assert list(table["methods"]) == ["quick"]
    assert "float, data range -2 to 6" in table["protocol"]
    direct = [
        np.abs(read_any(tmp_path / f"made/{number}.npz").pixels - samples("float32", 1, number)).mean()
        for number in range(3)
    ]
    assert table["methods"]["quick"]["mae"]["mean"] == pytest.approx(np.mean(direct) * 255 / (HIGH - LOW), rel=1e-5)


@pytest.mark.parametrize(("dtype", "pages", "each"), [("uint16", 3, 1), ("float32", 5, 1), ("uint8", 2, 3)])
def test_pages_come_back_as_pages(tmp_path, capsys, dtype, pages, each):
    """As other programs write and read them."""

    def read_pages(path: Path) -> list[np.ndarray]:
        with tifffile.TiffFile(path) as file:
            return [page.asarray() for page in file.pages]

    for side in ("source", "target"):
        (tmp_path / "data" / side).mkdir(parents=True)
        for number in range(3):
            with tifffile.TiffWriter(tmp_path / f"data/{side}/{number}.tif") as file:
                for page in np.split(samples(dtype, pages * each, number), pages, axis=2):
                    file.write(page.squeeze(2) if each == 1 else page)
    stated = [f"data.range.{side}=[{LOW},{HIGH}]" for side in ("source", "target")] if dtype == "float32" else []
    assert train(tmp_path / "data", tmp_path / "run", "data.pages=channels", *stated) == 0
    words = ["--weights", str(tmp_path / "run"), "--input", str(tmp_path / "data/source")]
    assert main(["infer", *words, "--output", str(tmp_path / "made")]) == 0
    for number in range(3):
        given, made = (read_pages(tmp_path / folder / f"{number}.tif") for folder in ("data/source", "made"))
        assert len(made) == pages
        for page, other in zip(given, made, strict=True):
            assert (page.shape, page.dtype) == (other.shape, other.dtype)
            assert np.abs(page.astype(float) - other).max() <= (1e-5 if dtype == "float32" else 0)
    assert main(["infer", *words, "--output", str(tmp_path / "npy"), "--format", "npy"]) == 0
    assert np.load(tmp_path / "npy/0.npy").shape == (20, 24, pages * each)
    capsys.readouterr()


def test_holes_in_16_bit_grey_are_filled_as_in_training(tmp_path, capsys):
    """Of photos alone; what lies under a mask is never seen."""
    put(tmp_path, "photos", "uint16", 1, ".png")
    words = [
        "--task",
        "inpaint",
        "--method",
        "l1",
        "--data",
        str(tmp_path / "photos"),
        "--output",
        str(tmp_path / "run"),
    ]
    small = ["generator.width=4", "data.crop=64", "data.load=null", "train.steps=1", "train.batch=2",
             "train.precision=fp32", "train.report=false"]  # fmt: skip
    assert main(["train", *words, *small]) == 0
    translator = img2img.load(tmp_path / "run")
    assert (translator.forms.source, translator.forms.target) == (
        Form(dtype="uint16", channels=1, range=(0, 65535)),
    ) * 2
    assert translator.fill == (115,)
    picture = samples("uint16", 1, 0)
    mask = np.zeros((20, 24), np.uint8)
    mask[4:12, 6:16] = 255
    filled = np.where(mask[:, :, None] > 0, np.uint16(115 * 257), picture)
    made = translator(picture, mask)
    assert made.dtype == np.uint16
    assert np.array_equal(made, translator(np.where(mask[:, :, None] > 0, np.uint16(7), picture), mask))
    assert np.array_equal(made, translator(filled, mask))
    # what is known stays, to the last of 65535 levels
    assert np.array_equal(made[mask == 0], picture[mask == 0])
    capsys.readouterr()
