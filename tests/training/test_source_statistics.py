"""What a training's sources look like stands in its weights, and grey targets make grey results."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from planted import save, scene, side_by_side, two_folders

from conftest import small
from img2img.compute.distributed import World
from img2img.data import DataConfig, open_data
from img2img.data.source_statistics import SourceStatistics, levels_of, measure_training
from img2img.images import read
from img2img.inference import load, translate
from img2img.training.train import train
from img2img.weights.file import read_header
from img2img.weights.header import WeightsHeader


def test_levels_of_a_picture_counted_by_hand():
    pixels = np.array([[[0, 0, 0], [255, 255, 255]], [[16, 17, 16], [239, 238, 200]]], np.uint8)
    expected = {"level": 1491 / 12, "dark": 5 / 12, "light": 4 / 12, "colour": 40 / 4}
    assert levels_of(pixels) == pytest.approx(expected)


def settings(folder, method="l1", **extra):
    return small(method, "paired", **{"data.path": folder, "data.crop": 64, **extra})


def test_weights_say_what_sources_were(tmp_path):
    two_folders(tmp_path / "pairs", range(8), "edges")
    train(settings(tmp_path / "pairs"), World(), tmp_path / "run")
    found = read_header(tmp_path / "run/weights/last.safetensors").source_statistics
    assert found is not None
    assert found.ground == 255
    assert found.colour == (0, 0)
    assert found.aspect == (1.3333, 1.3333)
    assert found.width == 128
    assert found.light[0] > 0.6
    assert load(tmp_path / "run").statistics == found


def test_pairs_side_by_side_have_the_shape_of_a_half(tmp_path):
    side_by_side(tmp_path / "pairs", range(4))
    config = settings(tmp_path / "pairs", **{"data.layout": "side_by_side", "data.validation": 0}).data
    found, grey = measure_training(open_data(config, 0).train, 0)
    assert (found.aspect, found.width, found.ground, grey) == ((1.3333, 1.3333), 128, None, False)


def test_a_header_without_them_is_read_and_written_as_before():
    tree = WeightsHeader(task="derain").to_json()
    assert "source_statistics" not in tree
    assert "grey_targets" not in tree
    assert WeightsHeader.from_json(tree, "old").source_statistics is None
    statistics = SourceStatistics(level=(1, 2), dark=(0, 1), light=(0, 0.5), colour=(0, 3))
    tree = WeightsHeader(source_statistics=statistics, grey_targets=True).to_json()
    again = WeightsHeader.from_json(tree, "new")
    assert (again.source_statistics, again.grey_targets) == (statistics, True)


@pytest.fixture
def to_grey(tmp_path):
    """A run on pairs whose sources are colour and whose targets are grey, files of three channels."""
    for number in range(8):
        save(tmp_path / f"pairs/source/{number}.png", scene(number))
        grey = scene(number).mean(2, keepdims=True).astype(np.uint8)
        save(tmp_path / f"pairs/target/{number}.png", np.repeat(grey, 3, 2))
    train(settings(tmp_path / "pairs", "quick"), World(), tmp_path / "run")
    return tmp_path


def test_grey_targets_make_grey_results(to_grey, capsys):
    translator = load(to_grey / "run")
    assert translator.grey_targets
    translate(to_grey / "run", to_grey / "pairs/source/0.png", to_grey / "out")
    result = read(to_grey / "out/0.png").pixels
    assert result.shape == (96, 128, 1)
    # the mean of what the network gives, before it is rounded
    source = torch.from_numpy(scene(0)).permute(2, 0, 1)[None] / 127.5 - 1
    with torch.no_grad():
        raw = translator.network(source)[0].mean(0)
    expected = np.floor((raw.double().clamp(-1, 1).numpy() + 1) * 127.5 + 0.5)
    assert np.abs(expected - result[:, :, 0]).max() <= 1
    # validation, arrays and tensors have three channels, all the same
    for made in (translator.pixels(scene(0)), translator(scene(0))):
        assert made.shape == (96, 128, 3)
        assert (made == made[:, :, :1]).all()
        assert np.abs(made[:, :, 0].astype(int) - result[:, :, 0]).max() <= 1


def test_colour_targets_are_left_as_they_are(tmp_path):
    two_folders(tmp_path / "pairs", range(8))
    train(settings(tmp_path / "pairs"), World(), tmp_path / "run")
    header = read_header(tmp_path / "run/weights/last.safetensors")
    assert not header.grey_targets
    assert "grey_targets" not in header.to_json()


def test_pictures_without_sources_are_grey_if_all_of_them_are(tmp_path):
    levels = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3)).astype(np.uint8)
    np.savez(tmp_path / "grey.npz", images=levels[..., 0])
    np.savez(tmp_path / "colour.npz", images=levels)
    for name, grey in (("grey", True), ("colour", False)):
        config = DataConfig(
            path=str(tmp_path / f"{name}.npz"), layout="images", load=8, crop=8, flip=False, validation=0
        )
        assert measure_training(open_data(config, 0).train, 0) == (None, grey)
