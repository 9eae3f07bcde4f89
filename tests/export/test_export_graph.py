"""The module that is exported computes what infer does, for pictures of any size; no ONNX is needed here."""

from __future__ import annotations

import sys

import pytest
import torch
from torch import nn
from translators import translator, unsettled

from img2img.commands import main
from img2img.errors import UserError
from img2img.export.compare import by_torch
from img2img.export.graph import PictureGraph
from img2img.inference.tiles import padded

UNET = {"name": "unet", "width": 8, "downs": 3, "dropout": False}


@pytest.mark.parametrize(("multiple", "minimum"), [(1, 1), (2, 2), (4, 8), (8, 8), (64, 128)])
def test_places_are_those_of_the_padding_of_infer(multiple, minimum):
    graph = PictureGraph(translator(UNET))
    graph.within_flow.multiple, graph.within_flow.minimum = multiple, minimum
    for length in (*range(1, 20), 63, 64, 65, 128, 129):
        line = torch.arange(float(length)).view(1, 1, 1, length)
        # the other axis needs no padding
        rows = line.expand(1, 1, max(multiple, minimum), length)
        expected = padded(rows, multiple, minimum)[0, 0, 0]
        assert torch.equal(line[0, 0, 0, graph._mirrored(length)], expected)


@pytest.mark.parametrize(
    ("generator", "inference"),
    [
        (UNET, {}),
        (UNET, {"norm": "batch"}),
        ({"name": "unet", "width": 8, "downs": 3, "norm": "instance"}, {}),
        ({"name": "residual", "width": 8}, {}),
        ({"name": "resnet", "width": 4, "blocks": 1}, {}),
        ({"name": "resnet", "width": 4, "blocks": 1, "norm": "batch"}, {"norm": "batch"}),
        ({"name": "idcgan", "width": 8}, {"norm": "batch"}),
        ({"name": "pan", "width": 8}, {}),
    ],
    ids=lambda value: "-".join(str(entry) for entry in value.values()),
)
def test_the_graph_gives_what_infer_gives(generator, inference):
    theirs = unsettled(generator, **inference)
    graph, expected = PictureGraph(theirs), by_torch(theirs)
    for shape in ((2, 3, 33, 18), (1, 3, 64, 64), (2, 3, 1, 7)):
        image = torch.rand(shape, generator=torch.Generator().manual_seed(3))
        result = graph(image)
        assert result.shape == image.shape
        assert float(result.std()) > 0.01
        torch.testing.assert_close(result, expected(image, None), rtol=0, atol=2e-5)


def test_neighbours_in_a_batch_do_not_show():
    graph = PictureGraph(unsettled(UNET, norm="batch"))
    image = torch.rand(3, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(graph(image)[1:2], graph(image[1:2]), rtol=0, atol=1e-6)


def test_results_are_grey_where_targets_were():
    theirs = unsettled(UNET)
    theirs.grey_targets = True
    image = torch.rand(1, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    result = PictureGraph(theirs)(image)
    assert torch.equal(result[:, 0], result[:, 2])
    torch.testing.assert_close(result, by_torch(theirs)(image, None), rtol=0, atol=1e-6)


@pytest.mark.parametrize("see_mask", [False, True])
def test_holes_are_filled_and_the_rest_is_kept(see_mask):
    theirs = translator(UNET, flow={"name": "inpaint", "see_mask": see_mask})
    theirs.fill = (104, 117, 123)
    generator = torch.Generator().manual_seed(0)
    image, mask = torch.rand(2, 3, 21, 30, generator=generator), torch.rand(2, 1, 21, 30, generator=generator).round()
    result = PictureGraph(theirs)(image, mask)
    torch.testing.assert_close(result, by_torch(theirs)(image, mask), rtol=0, atol=1e-6)
    torch.testing.assert_close(result * (1 - mask), image * (1 - mask), rtol=0, atol=1e-6)
    # what lies under the mask is not looked at
    other = PictureGraph(theirs)(torch.where(mask > 0, 1 - image, image), mask)
    torch.testing.assert_close(other, result, rtol=0, atol=1e-6)


def test_the_translator_stays_as_it_was():
    theirs = unsettled(UNET, norm="batch")
    before = {name: value.clone() for name, value in theirs.network.state_dict().items()}
    PictureGraph(theirs, torch.float16)
    assert all(torch.equal(value, before[name]) for name, value in theirs.network.state_dict().items())
    assert any(isinstance(part, nn.BatchNorm2d) for part in theirs.network.modules())


def test_dropout_in_results_is_refused_only_where_something_is_dropped():
    with pytest.raises(UserError, match=r"drawn with dropout .*inference.dropout=false"):
        PictureGraph(translator({"name": "unet", "width": 8, "downs": 6, "inference": {"dropout": True}}))
    PictureGraph(translator({"name": "unet", "width": 8, "downs": 6, "inference": {"dropout": False}}))
    PictureGraph(translator({**UNET, "inference": {"dropout": True}}))


@pytest.mark.parametrize("package", ["onnx", "onnxruntime", "onnxscript"])
def test_a_missing_package_is_one_line_with_the_cure(package, tmp_path, monkeypatch, capsys):
    for name in ("onnx", "onnxruntime", "onnxscript"):
        monkeypatch.setitem(sys.modules, name, None if name == package else sys)
    assert main(["export", "--weights", "w.safetensors", "--output", str(tmp_path / "f.onnx")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"export needs the extra (import of {package} halted" in line
    assert line.endswith("pip install 'img2img[onnx]'")
