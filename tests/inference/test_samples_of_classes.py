"""Samples of classes: in turn, of one, in a grid with a row for each; and trainings that learn them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from translators import weights_file

from conftest import small
from img2img.commands import main
from img2img.compute.distributed import World
from img2img.compute.precision import Precision
from img2img.data.array_files import read_arrays
from img2img.errors import UserError
from img2img.images import read
from img2img.inference import load
from img2img.networks.classes import ClassNorm
from img2img.recipes.blueprint import draw_up
from img2img.training.build import build_engine
from img2img.training.train import train
from img2img.types import Batch
from img2img.weights.header import Shape, WeightsHeader

LABELS = (2, 5, 7)


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """Weights of three classes, each with a brightness of its own."""
    path = weights_file(tmp_path_factory.mktemp("w") / "w.safetensors", "dcgan", "images", classes=LABELS)
    return str(path)


def infer(weights: object, output: object, *more: str) -> int:
    return main(["infer", "--weights", str(weights), "--output", str(output), *more])


def test_samples_are_of_all_classes_in_turn_or_of_one(digits):
    made = load(digits)
    told = []
    made.network.register_forward_pre_hook(
        lambda module, inputs, given: told.append(given["classes"].argmax(1).tolist()), with_kwargs=True
    )
    made.samples(5)
    made.samples(2, start=4)
    made.samples(2, label=7)
    made.samples(z=made.z(2), label=5)
    made.samples(z=made.z(4))
    assert told == [[0, 1, 2, 0, 1], [1, 2], [2, 2], [1, 1], [0, 1, 2, 0]]
    assert made.classes_of(range(4)) == [2, 5, 7, 2]
    with pytest.raises(UserError, match="--class 3: no class of these weights; they know 2, 5, 7"):
        made.samples(1, label=3)


def test_a_grid_has_a_row_for_each_class(tmp_path, digits):
    assert infer(digits, tmp_path, "--samples", "4", "--grid", "3x2", "--npy") == 0
    names = sorted(path.name for path in tmp_path.glob("0*"))
    assert names == ["0000-class2.png", "0001-class5.png", "0002-class7.png", "0003-class2.png"]
    grid = read(tmp_path / "grid.png").pixels
    assert grid.shape == (3 * 34 - 2, 2 * 34 - 2, 3)
    # cell (k, j): sample j's z, of class k
    assert np.array_equal(grid[:32, :32], read(tmp_path / "0000-class2.png").pixels)
    assert np.array_equal(grid[34:66, 34:], read(tmp_path / "0001-class5.png").pixels)
    assert np.load(tmp_path / "labels.npy").tolist() == [2, 5, 7, 2]
    # the arrays can be learnt from again
    assert np.load(tmp_path / "samples.npy").shape == (4, 32, 32, 3)


def test_one_class_alone(tmp_path, digits, capsys):
    assert infer(digits, tmp_path, "--class", "5", "--samples", "3", "--grid", "2x2", "--between", "0", "1") == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "0000-class5.png", "0001-class5.png", "0002-class5.png", "between-0-1.png", "grid.png",
    ]  # fmt: skip
    first = read(tmp_path / "0000-class5.png").pixels
    assert np.array_equal(read(tmp_path / "grid.png").pixels[:32, :32], first)
    assert np.array_equal(read(tmp_path / "between-0-1.png").pixels[:, :32], first)
    assert infer(digits, tmp_path / "all", "--samples", "2", "--between", "0", "1", "--steps", "3") == 0
    strip = read(tmp_path / "all/between-0-1.png").pixels
    assert strip.shape == (3 * 34 - 2, 3 * 34 - 2, 3)
    assert np.array_equal(strip[34:66, :32], first)
    assert infer(digits, tmp_path / "no", "--class", "4") == 2
    assert infer(digits, tmp_path / "no", "--grid", "4x4") == 2
    assert not (tmp_path / "no").exists()
    told = capsys.readouterr().err
    assert "--class 4: no class of these weights; they know 2, 5, 7" in told
    assert "--grid 4x4: each of the 3 classes has a row: --grid 3x4" in told


def test_weights_without_classes_say_so(tmp_path, capsys):
    weights = weights_file(tmp_path / "w.safetensors", "nsgan", "images")
    assert infer(weights, tmp_path / "no", "--class", "4") == 2
    assert "--class 4: no class of these weights; they have no classes" in capsys.readouterr().err
    # what a header says where there are none is as before
    header = WeightsHeader(shape=Shape(source=3, target=3, size=32))
    assert header.to_json()["shape"] == {"source": 3, "target": 3, "size": 32}


def test_rows_come_back_with_their_label(tmp_path):
    """Trained on a table with a label, what is made is such a table."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 60) * 3
    rows = np.column_stack([labels + rng.normal(0, 0.1, 60), rng.normal(5, 1, 60), labels])
    np.savetxt(tmp_path / "t.csv", rows, delimiter=",", header="mass,radius,label", comments="")
    settings = small("nsgan", "toy", **{"data.path": tmp_path / "t.csv", "data.classes": "true"})
    train(settings, World(), tmp_path / "run")
    assert infer(tmp_path / "run", tmp_path / "made", "--samples", "6", "--between", "0", "3", "--steps", "2") == 0
    made = read_arrays(tmp_path / "made/points.csv")
    assert (made.columns, made.labels.tolist()) == (("mass", "radius"), [0, 3, 0, 3, 0, 3])
    strip = read_arrays(tmp_path / "made/between-0-3.csv")
    assert strip.labels.tolist() == [0, 0, 3, 3]
    # sample 0 is of class 0, sample 3 of class 3
    assert np.allclose(strip.values[[0, 3]], made.values[[0, 3]], atol=1e-4)


def test_a_pair_learns_each_class_its_place():
    settings = small("nsgan", "toy", **{"critic.norm": "none", "critic_losses.r1": 0.1, "generator.width": 16})
    shape = Shape(source=2, target=2, size=None, classes=(0, 1, 2))
    engine = build_engine(settings.method, settings.train, shape, World(), Precision("fp32", torch.device("cpu")))
    engine.batch = 96
    places = torch.tensor([[2.0, 0.0], [-2.0, 0.0], [0.0, 2.0]])
    for player in engine.players:
        player.rates = [0.01]
    for step in range(300):
        generator = torch.Generator().manual_seed(step)
        classes = torch.nn.functional.one_hot(torch.randint(3, (96,), generator=generator), 3).float()
        target = classes @ places + 0.05 * torch.randn(96, 2, generator=generator)
        engine.step(step, [Batch(target=target, index=torch.arange(96), extra={"classes": classes})])
    classes = torch.eye(3).repeat_interleave(200, 0)
    made = engine.parents[0]["generator"](torch.rand(600, 2) * 2 - 1, classes=classes).detach()
    means = torch.stack([made[classes[:, label] == 1].mean(0) for label in range(3)])
    assert torch.cdist(means, places).argmin(1).tolist() == [0, 1, 2]


@pytest.mark.parametrize("method", ["sngan", "dcgan", "sagan"])
def test_the_key_alone_makes_pairs_class_conditional(method):
    settings = small(method, "images")
    shape = Shape(source=3, target=3, size=32, classes=LABELS)
    blueprint = draw_up(settings.method, shape)
    generator, critic = blueprint.build_generators()["generator"], blueprint.build_critics()["critic"]
    assert any(isinstance(module, ClassNorm) for module in generator.modules())
    assert critic.projection.embed.in_features == 3


def test_networks_that_know_no_classes_are_refused():
    shape = Shape(source=3, target=3, size=32, classes=LABELS)
    with pytest.raises(UserError, match="critic patchgan: cannot be asked for its classes, which this flow needs"):
        draw_up(small("dcgan", "images", critic="patchgan").method, shape)
    with pytest.raises(UserError, match=r"data.classes=true: flow 'paired' makes pictures of pictures"):
        small("pan", "derain", **{"data.classes": "true"})
