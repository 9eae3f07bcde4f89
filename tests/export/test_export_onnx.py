"""Files for onnxruntime: equal to torch at any size, in any opset, and never written where they are not."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from small_run import save, tree
from torch import nn
from translators import translator, unsettled, weights_file

from conftest import picture
from img2img.commands import main
from img2img.errors import RunError, UserError
from img2img.export import compare
from img2img.export.graph import PictureGraph
from img2img.export.model import Session, to_onnx
from img2img.export.pictures import calibration
from img2img.export.quantise import quantised
from img2img.inference import weights_header
from img2img.recipes.saved import load_generators
from img2img.weights.file import FORMAT, save_weights

REASON = "the extra is not installed: pip install 'img2img[onnx]'"
onnx = pytest.importorskip("onnx", reason=REASON)
pytest.importorskip("onnxruntime", reason=REASON)
pytest.importorskip("onnxscript", reason=REASON)

ROOT = Path(__file__).resolve().parents[2]
RESIDUAL = {"name": "residual", "width": 8, "blocks": 2}


@pytest.fixture(autouse=True)
def _short_timing(monkeypatch):
    monkeypatch.setattr(compare, "SIDE", 64)


def telling_weights(path: Path, method: str = "l1", **extra: object) -> Path:
    """A weights file whose results are far from its inputs and from grey."""
    weights_file(path, method, **extra)
    saved = load_generators(path)
    for part in saved.networks.modules():
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.kaiming_normal_(part.weight, generator=torch.Generator().manual_seed(0))
    save_weights(path, saved.networks, saved.header.to_json())
    return path


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A folder with weights, their file as the command wrote it, and what the command said."""
    folder = tmp_path_factory.mktemp("exported")
    telling_weights(folder / "w.safetensors", **{"generator.name": "unet", "generator.downs": 4})
    said: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("img2img.commands.export.say", said.append)
        patch.setattr(compare, "SIDE", 64)
        words = ["--weights", str(folder / "w.safetensors"), "--output", str(folder / "derain.onnx")]
        assert main(["export", *words]) == 0
    return folder, said


def test_what_the_command_says(exported):
    folder, (file, inputs, difference, speed) = exported
    size = (folder / "derain.onnx").stat().st_size
    assert file == f"{folder / 'derain.onnx'}: {size / 1e6:.2f} MB, fp32, opset 18"
    assert inputs == (
        "input: image float32 (batch, 3, height, width), RGB in [0, 1], any size; output: result, like image"
    )
    # by the network's multiple of 16
    found = re.fullmatch(r"largest difference from torch (\S+) at 48x32, 51x33, 9x5 px, batch 1 and 2", difference)
    assert 0 < float(found[1]) < 1e-5
    assert re.fullmatch(
        r"speed at 64x64 px, 1 threads, median of \d by turns: onnxruntime \S+ MP/s, torch \S+ MP/s \(\S+x\)", speed
    )


def test_the_file_describes_itself_and_no_machine(exported):
    folder, _ = exported
    model = onnx.load(folder / "derain.onnx")
    onnx.checker.check_model(model)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(metadata[FORMAT]) == weights_header(folder / "w.safetensors")
    assert json.loads(metadata["img2img export"])["precision"] == "fp32"
    sides = [
        [axis.dim_param or axis.dim_value for axis in value.type.tensor_type.shape.dim]
        for value in (*model.graph.input, *model.graph.output)
    ]
    assert sides == [["batch", 3, "height", "width"]] * 2
    assert str(ROOT).encode() not in (folder / "derain.onnx").read_bytes()
    assert b"stack_trace" not in (folder / "derain.onnx").read_bytes()


def test_the_example_of_the_documents_gives_what_infer_gives(exported, monkeypatch):
    folder, _ = exported
    monkeypatch.chdir(folder)
    save(folder / "rainy.png", picture(3, 45, 70))
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/export.md").read_text(encoding="utf-8"), re.DOTALL)
    assert "img2img" not in example
    exec(compile(example, "docs/export.md", "exec"), {})
    words = ["--weights", "w.safetensors", "--input", "rainy.png", "--output", "infer.png"]
    assert main(["infer", *words]) == 0
    result, wanted = (np.asarray(Image.open(folder / name), dtype=int) for name in ("dry.png", "infer.png"))
    assert wanted.std() > 5
    assert np.abs(result - wanted).max() <= 1


@pytest.mark.parametrize(
    ("generator", "inference", "opset"),
    [
        ({"name": "unet", "width": 8, "downs": 5, "dropout": False}, {"norm": "batch"}, 18),
        ({"name": "resnet", "width": 4, "blocks": 1}, {}, 18),
        ({"name": "idcgan", "width": 8}, {}, 21),
        ({"name": "pan", "width": 8}, {}, 17),
    ],
    ids=["unet", "resnet", "idcgan", "pan"],
)
def test_networks_in_onnxruntime_equal_torch(generator, inference, opset):
    theirs = unsettled(generator, **inference)
    model = to_onnx(PictureGraph(theirs), opset)
    assert [entry.version for entry in model.opset_import if entry.domain == ""] == [opset]
    session, expected = Session(model), compare.by_torch(theirs)
    for shape in ((1, 3, 64, 64), (2, 3, 65, 130), (3, 3, 1, 9)):
        image = torch.rand(shape, generator=torch.Generator().manual_seed(5))
        result = session(image)
        assert float(result.std()) > 0.01
        torch.testing.assert_close(result, expected(image, None), rtol=0, atol=2e-5)


def test_a_mask_is_the_second_input():
    theirs = translator({"name": "unet", "width": 8, "downs": 3}, flow={"name": "inpaint", "see_mask": True})
    theirs.fill = (104, 117, 123)
    session = Session(to_onnx(PictureGraph(theirs), 18))
    assert [entry.name for entry in session.session.get_inputs()] == ["image", "mask"]
    assert compare.drift(session, theirs).largest < 1e-5


def test_an_opset_that_cannot_be_had_is_refused():
    with pytest.raises(UserError, match="--opset 9: this network cannot be converted to it; 18 is the exporter's own"):
        to_onnx(PictureGraph(translator(RESIDUAL)), 9)


def test_a_network_that_looks_at_values_to_choose_its_way_is_refused():
    theirs = translator(RESIDUAL)
    original = theirs.network.forward
    theirs.network.forward = lambda x: original(x) if x.mean() > 0 else x
    with pytest.raises(UserError, match=r"^this network cannot be exported: .{20,250}$"):
        to_onnx(PictureGraph(theirs), 18)


def test_lower_precisions_cost_what_is_said(monkeypatch):
    monkeypatch.setattr("img2img.export.pictures.MOST_SIDE", 64)
    theirs = unsettled({"name": "idcgan", "width": 8})
    pictures = calibration(None, theirs)[:3]
    whole = to_onnx(PictureGraph(theirs), 18)
    models = {
        "fp32": whole,
        "fp16": to_onnx(PictureGraph(theirs, torch.float16), 18),
        "int8": quantised(whole, pictures),
    }
    costs = {name: compare.cost(Session(model), theirs, pictures) for name, model in models.items()}
    assert costs["fp32"].lowest > 100
    assert 50 < costs["fp16"].lowest < costs["fp32"].lowest
    assert 20 < costs["int8"].lowest < costs["fp16"].lowest
    # the figure by hand: 10 lg(1 / mean squared difference)
    (image,), *_ = pictures
    difference = Session(models["int8"])(image).double() - compare.by_torch(theirs)(image, None).double()
    (single,) = [compare.cost(Session(models["int8"]), theirs, pictures[:1])]
    assert single.mean == pytest.approx(-10 * float(torch.log10((difference**2).mean())), abs=1e-9)
    kinds = {entry.data_type for entry in models["fp16"].graph.initializer if len(entry.dims) == 4}
    assert kinds == {onnx.TensorProto.FLOAT16}
    assert {entry.data_type for entry in models["int8"].graph.initializer} >= {onnx.TensorProto.INT8}
    image_in, result = (
        value.type.tensor_type.elem_type for value in (*models["fp16"].graph.input, *models["fp16"].graph.output)
    )
    assert image_in == result == onnx.TensorProto.FLOAT


def test_a_lower_precision_through_the_command(tmp_path, capsys):
    telling_weights(tmp_path / "w.safetensors", "quick")
    for number in range(3):
        save(tmp_path / f"photos/{number}.png", picture(number))
    words = ["--weights", str(tmp_path / "w.safetensors"), "--output", str(tmp_path / "half.onnx")]
    assert main(["export", *words, "--precision", "fp16", "--calibration", str(tmp_path / "photos")]) == 0
    (line,) = (line for line in capsys.readouterr().err.splitlines() if line.startswith("fp16"))
    assert re.fullmatch(
        r"fp16 against fp32: PSNR \S+ dB, lowest \S+ dB, of 3 pictures: a result at 30 dB from its target loses about "
        r"\S+ dB",
        line,
    )
    metadata = {entry.key: entry.value for entry in onnx.load(tmp_path / "half.onnx").metadata_props}
    assert json.loads(metadata["img2img export"])["psnr_to_fp32"] > 50


def test_what_differs_from_torch_is_not_written(tmp_path, monkeypatch, capsys):
    telling_weights(tmp_path / "w.safetensors")
    before = tree(tmp_path)

    def perturbed(graph: PictureGraph, opset: int):
        for weight in graph.parameters():
            weight.data.mul_(1.001)
        return to_onnx(graph, opset)

    monkeypatch.setattr("img2img.export.run.to_onnx", perturbed)
    words = ["--weights", str(tmp_path / "w.safetensors"), "--output", str(tmp_path / "f.onnx")]
    assert main(["export", *words]) == 1
    # on a slow machine what is being done is said before
    line = capsys.readouterr().err.splitlines()[-1]
    assert re.search(r"f.onnx: not written: .* differs from torch by up to \S+ of values in \[0, 1\] \(1e-04", line)
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    ("result", "says"),
    [
        (lambda image: image / 0 * 0, "values that are no numbers"),
        (lambda image: image[..., :-1], r"gives \(1, 3, 32, 33\) where torch gives \(1, 3, 32, 34\)"),
    ],
    ids=["nan", "cut"],
)
def test_values_that_are_no_numbers_and_other_sizes_are_found(result, says):
    with pytest.raises(RunError, match=says):
        compare.drift(result, translator(RESIDUAL))


BAD = [
    (["--output", "f.onnx", "--opset", "99"], r"--opset 99: the installed onnx knows 1 to \d+; 18 is the exporter's"),
    (["--output", "f.bin"], "--output f.bin: name a file that ends in .onnx"),
    (["--output", "folder.onnx"], "--output folder.onnx: name a file that ends in .onnx"),
    (["--output", "there.onnx"], r"--output there.onnx: is already there \(--overwrite replaces it\)"),
    (["--output", "w.safetensors/f.onnx"], "w.safetensors is a file, a folder is needed"),
    (["--output", "f.onnx", "--calibration", "photos"], "--calibration: fp32 is compared with torch itself"),
    (["--output", "f.onnx", "--precision", "int8", "--calibration", "photos"], "photos: no such folder"),
    (["--output", "f.onnx", "--precision", "int4"], "invalid choice: 'int4'"),
    (
        ["--output", "f.onnx", "--direction", "AtoB"],
        "--direction AtoB: w.safetensors holds no network for the way back",
    ),
    (["--output", "f.onnx", "--weights", "nowhere"], "--weights nowhere: no such run directory or file"),
    (
        ["--output", "f.onnx", "--weights", "drawn.safetensors"],
        "cannot be exported: their results are drawn with dropout",
    ),
    (["--output", "f.onnx", "--weights", "toy.safetensors"], "cannot be exported: they make vectors, no pictures"),
]


@pytest.mark.parametrize(("words", "says"), BAD, ids=[says[:30] for _, says in BAD])
def test_what_cannot_be_done_is_one_line_and_leaves_nothing(words, says, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    weights_file(Path("w.safetensors"))
    weights_file(Path("drawn.safetensors"), "pix2pix")
    weights_file(Path("toy.safetensors"), "nsgan", "toy")
    Path("there.onnx").write_bytes(b"mine")
    Path("folder.onnx").mkdir()
    before = tree(tmp_path)
    assert main(["export", *([] if "--weights" in words else ["--weights", "w.safetensors"]), *words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(says, line)
    assert tree(tmp_path) == before
