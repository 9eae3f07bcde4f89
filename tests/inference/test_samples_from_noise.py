"""Results from noise."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
import torch
from translators import IDCGAN, sources, translator, weights_file

from img2img.commands import main
from img2img.errors import RunError, UserError
from img2img.images import Picture, joined, read, to_pixels, write
from img2img.inference import list_jobs, load, write_samples
from img2img.randomness import torch_generator


def test_samples_from_noise_are_functions_of_their_number(tmp_path):
    made = load(weights_file(tmp_path / "w.safetensors", "nsgan", "toy"))
    eight = made.samples(8)
    assert eight.shape == (8, 2)
    assert len({tuple(row) for row in eight.tolist()}) == 8
    assert torch.allclose(torch.cat([made.samples(3), made.samples(5, start=3)]), eight, atol=1e-6)
    with pytest.raises(UserError, match="make pictures from noise"):
        made.tensor(sources(1))
    with pytest.raises(UserError, match="make pictures from noise"):
        list_jobs(made, tmp_path, tmp_path / "out", None, None, 1)
    with pytest.raises(UserError, match="translate pictures"):
        translator(IDCGAN).samples(1)
    for values in made.network.parameters():
        values.data.fill_(float("nan"))
    with pytest.raises(RunError, match="no numbers"):
        made.samples(1)


def test_samples_are_grey_where_the_targets_were(tmp_path):
    made = load(weights_file(tmp_path / "w.safetensors", "dcgan", "images"))
    coloured = made.samples(3)
    assert coloured.std(1).max() > 0
    made.grey_targets = True
    assert torch.equal(made.samples(3), coloured.mean(1, keepdim=True).expand(-1, 3, -1, -1))
    assert write_samples(made, tmp_path / "made", 1, False) == (1, 0)
    assert read(tmp_path / "made/0000.png").pixels.shape[2] == 1


@pytest.mark.parametrize("distribution", ["uniform", "normal"])
def test_no_number_is_drawn_twice_and_none_is_another(tmp_path, monkeypatch, distribution):
    """File i is what the rows of one large draw make of row i."""
    flow = f"{{name: noise, z: 5, distribution: {distribution}}}"
    made = load(weights_file(tmp_path / "w.safetensors", "nsgan", "images", flow=flow))
    made.network = Shows()
    count = 40
    generator = torch_generator(made.seed, "z", 0, "results")
    z = torch.rand((count, 5), generator=generator) * 2 - 1
    if distribution == "normal":
        z = torch.erfinv(z.clamp(-1 + 1e-6, 1 - 1e-6)) * 2**0.5
    drawn: list[int] = []
    rand = torch.rand

    def noted(shape: tuple[int, ...], **how: object) -> torch.Tensor:
        drawn.append(shape[0])
        return rand(shape, **how)

    monkeypatch.setattr(torch, "rand", noted)
    for rank in (1, 0):
        assert write_samples(made, tmp_path / "made", count, False, rank=rank, world=2) == (count // 2, 0)
    assert sum(drawn) == 2 * count
    for number in range(count):
        levels = read(tmp_path / f"made/{number:04d}.png").pixels
        assert np.array_equal(levels, to_pixels(z[number].reshape(1, 1, 1, 5), np.uint8))
    (tmp_path / "made/0007.png").unlink()
    assert write_samples(made, tmp_path / "made", count, False) == (1, count - 1)
    assert np.array_equal(read(tmp_path / "made/0007.png").pixels, to_pixels(z[7].reshape(1, 1, 1, 5), np.uint8))
    monkeypatch.undo()
    assert torch.equal(made.samples(1, 7).flatten(), z[7])


class Shows(torch.nn.Module):
    """Shows its numbers as a row of grey pixels."""

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return z[:, None, None, :]


@pytest.mark.parametrize(
    ("dtype", "channels", "ending", "keys"),
    [("uint16", 1, "png", []), ("float32", 6, "tif", ["data.range.target=[0,2]"]), ("uint8", 3, "png", [])],
)
def test_samples_are_of_the_kind_of_the_trainings_files(tmp_path, dtype, channels, ending, keys):
    (tmp_path / "data").mkdir()
    top = {"uint16": 65535, "uint8": 255, "float32": 2}[dtype]
    for number in range(12):
        pixels = (np.random.default_rng(number).random((32, 32, channels)) * top).astype(dtype)
        write(tmp_path / f"data/{number}.{ending}", Picture(pixels))
    words = ["--task", "images", "--method", "dcgan", "--data", f"{tmp_path}/data", "--output", f"{tmp_path}/run"]
    small = ["generator.width=4", "critic.width=4", "train.steps=1", "train.epochs=null", "train.batch=4"]
    assert main(["train", *words, *small, "data.validation=0.5", "train.precision=fp32", *keys]) == 0
    made = ["--weights", str(tmp_path / "run"), "--samples", "2"]
    for more in ([], ["--npy"], ["--between", "0", "1"]):
        assert main(["infer", *made, *more, "--output", str(tmp_path / f"out{''.join(more)}")]) == 0
    file = tmp_path / f"out/0001.{ending}"
    sample = tifffile.imread(file) if ending == "tif" else joined(read(file))
    translator = load(tmp_path / "run")
    units = translator.forms.target.to_pixels(translator.samples(2)[1])
    assert (sample.dtype, sample.shape) == (np.dtype(dtype), (32, 32, channels))
    assert np.array_equal(sample, units)
    assert np.array_equal(np.load(tmp_path / "out--npy/samples.npy")[1], units)
    assert read(tmp_path / "out/grid.png").pixels.dtype == np.uint8
