"""Files of weights that start from noise: z, and a class, in; what `infer` writes of that sample out."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from small_run import tree
from torch import nn
from translators import weights_file

from img2img.commands import main
from img2img.export import compare
from img2img.export.model import Session, to_onnx
from img2img.export.request import OPSET
from img2img.export.samples import SampleGraph, noise_inputs
from img2img.images import to_pixels
from img2img.inference import load
from img2img.recipes.saved import load_generators
from img2img.weights.file import save_weights

REASON = "the extra is not installed: pip install 'img2img[onnx]'"
onnx = pytest.importorskip("onnx", reason=REASON)
onnxruntime = pytest.importorskip("onnxruntime", reason=REASON)
pytest.importorskip("onnxscript", reason=REASON)


def noise_weights(path: Path, *, grey: bool = False, **extra: object) -> Path:
    """Weights of pictures whose samples are far from each other; normalised by other statistics than their own."""
    weights_file(path, "dcgan", "images", **extra)
    saved = load_generators(path)
    for part in saved.networks.modules():
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.kaiming_normal_(part.weight, generator=torch.Generator().manual_seed(0))
            part.weight.data *= 2
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.fill_(0.1)
            part.running_var.fill_(1.5)
    save_weights(path, saved.networks, {**saved.header.to_json(), "grey_targets": grey})
    return path


@pytest.mark.parametrize("grey", [False, True])
@pytest.mark.parametrize("norm", ["running", "batch"])
def test_the_graph_gives_what_infer_writes(tmp_path, grey, norm):
    weights = noise_weights(tmp_path / "w.safetensors", grey=grey, **{"generator.inference.norm": norm})
    assert main(["infer", "--weights", str(weights), "--samples", "3", "--output", str(tmp_path / "made")]) == 0
    translator = load(weights)
    made = SampleGraph(translator)(translator.z(3))  # together: neighbours do not show
    assert made.shape == (3, 3, 32, 32)
    for number, values in enumerate(made):
        written = np.asarray(Image.open(tmp_path / f"made/{number:04d}.png").convert("RGB"), int)
        assert written.std() > 10
        assert np.abs(written - to_pixels(values[None] * 2 - 1, np.uint8).astype(int)).max() <= 1


def test_a_file_gives_what_torch_gives(tmp_path, capsys):
    weights = noise_weights(tmp_path / "w.safetensors", classes=(3, 7, 8))
    assert main(["export", "--weights", str(weights), "--output", str(tmp_path / "f.onnx")]) == 0
    said = capsys.readouterr().err
    beside = ", classes float32 (N, 3), 1 at the class and 0 elsewhere, of 3, 7, 8"
    assert f"input: z float32 (N, 100), uniform in (-1, 1){beside}; output: result, pictures in [0, 1]" in said
    assert 0 < float(re.search(r"largest difference from torch (\S+) at 32x32 px, batch 1 and 2", said)[1]) < 1e-5
    session = onnxruntime.InferenceSession(str(tmp_path / "f.onnx"), providers=["CPUExecutionProvider"])
    translator = load(weights)
    z = translator.z(5, start=4)
    given = {"z": z.numpy(), "classes": np.eye(3, dtype=np.float32)[[1] * 5]}
    expected = translator.samples(z=z, label=7)
    (result,) = session.run(None, given)
    np.testing.assert_allclose(result, expected.clamp(-1, 1) / 2 + 0.5, atol=1e-5)
    metadata = json.loads(session.get_modelmeta().custom_metadata_map["img2img export"])
    assert metadata["input"].startswith("z: float32 (N, 100), uniform in (-1, 1)")


def test_lower_precisions_are_measured_on_samples(tmp_path, capsys):
    weights = noise_weights(tmp_path / "w.safetensors")
    for precision in ("fp16", "int8"):
        words = ["--weights", str(weights), "--output", str(tmp_path / f"{precision}.onnx"), "--precision", precision]
        assert main(["export", *words]) == 0
        found = re.search(r"PSNR (\S+) dB, lowest \S+ dB, of 24 pictures", capsys.readouterr().err)
        assert float(found[1]) > (50 if precision == "fp16" else 15)
    before = tree(tmp_path)
    words = [*words[:2], "--output", str(tmp_path / "more.onnx"), "--precision", "fp16", "--calibration", str(tmp_path)]
    assert main(["export", *words]) == 2
    assert "--calibration: these weights make pictures from noise" in capsys.readouterr().err
    assert tree(tmp_path) == before


def test_a_graph_that_differs_is_found(tmp_path):
    translator = load(noise_weights(tmp_path / "w.safetensors"))
    right = compare.by_torch(translator)
    assert compare.drift(right, translator).largest == 0
    assert compare.drift(lambda z: right(z.flip(1)), translator).largest > 0.01


def test_attention_does_not_hold_the_number_of_samples(tmp_path):
    translator = load(weights_file(tmp_path / "w.safetensors", "sagan", "images"))
    session = Session(to_onnx(SampleGraph(translator), OPSET))
    assert compare.drift(session, translator).largest < 1e-4
    assert session(*noise_inputs(translator, 3)).shape == (3, 3, 32, 32)
