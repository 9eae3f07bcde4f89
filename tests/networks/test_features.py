"""Frozen feature networks against torchvision's own forward, and what is said of weights that are no good."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from feature_weights import LAYERS, state, weights_file
from safetensors.torch import save_file
from torch import nn

from img2img.errors import UserError
from img2img.networks import features
from img2img.networks.features import frozen_features, torchvision_models

needs_torchvision = pytest.mark.skipif(
    find_spec("torchvision") is None, reason="torchvision is not installed (pip install 'img2img[perceptual]')"
)


def pictures(side: int = 24) -> torch.Tensor:
    return torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(1)) * 2 - 1


@needs_torchvision
@pytest.mark.parametrize("name", ["vgg16", "vgg19"])
def test_features_are_those_of_torchvisions_forward_on_its_own_transforms(name):
    models = torchvision_models()
    network = frozen_features(name, weights_file("torchvision"), LAYERS)
    with torch.device("meta"):
        whole = models.get_model(name, weights=None).features[:9]
    whole.load_state_dict({key.removeprefix("features."): v for key, v in state("torchvision").items()}, assign=True)
    preset = models.get_model_weights(name)["IMAGENET1K_V1"].transforms(crop_size=24, resize_size=24)
    # the preset takes pictures in [0, 1]
    expected = whole(preset((pictures() + 1) / 2))
    found = network(pictures())
    assert list(found) == list(LAYERS)
    torch.testing.assert_close(found["relu2_2"], expected, rtol=1e-4, atol=1e-5)


def test_blurred_pooling_is_maxima_then_a_binomial_filter_of_stride_two():
    maxima = torch.arange(16.0).reshape(1, 1, 4, 4)
    # reflected by 2 a line 0 1 2 3 is 2 1 0 1 2 3 2 1; (1, 2, 1) / 4 at every second place, by hand
    along = torch.tensor([1.0, 1.0, 2.5])
    made = features.BlurPool()(maxima)
    # rows count 4, columns 1
    torch.testing.assert_close(made[0, 0], 4 * along[:, None] + along[None, :])


def test_heds_weights_see_blue_green_red_grey_levels_less_their_means(tmp_path):
    generator = torch.Generator().manual_seed(2)
    weight, bias = torch.randn(3, 3, 3, 64, generator=generator), torch.randn(64, generator=generator) * 50
    path = tmp_path / "hed.safetensors"
    save_file({"block1/layers/conv2d/vars/0": weight, "block1/layers/conv2d/vars/1": bias}, path)
    grey_levels = (pictures().flip(1) + 1) * 127.5 - torch.tensor([103.939, 116.779, 123.68]).view(1, 3, 1, 1)
    # Keras keeps rows, columns, in, out
    original = nn.functional.conv2d(grey_levels, weight.permute(3, 2, 0, 1), bias, padding=1).relu()
    found = frozen_features("hed_vgg16", str(path), ("relu1_1",))(pictures())["relu1_1"]
    torch.testing.assert_close(found, original / 57.6, rtol=1e-4, atol=1e-3)


@pytest.mark.skipif(find_spec("h5py") is None, reason="h5py is not installed (pip install h5py)")
def test_arrays_of_keras_are_read_and_a_damaged_file_is_named(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "hed.h5", "w") as arrays:
        arrays["block1/layers/conv2d/vars/0"] = torch.ones(3, 3, 3, 64).numpy()
        arrays["block1/layers/conv2d/vars/1"] = torch.zeros(64).numpy()
    assert frozen_features("hed_vgg16", str(tmp_path / "hed.h5"), ("relu1_1",)).layers[0].weight.shape == (64, 3, 3, 3)
    (tmp_path / "cut.h5").write_bytes((tmp_path / "hed.h5").read_bytes()[:3000])
    with pytest.raises(UserError, match="damaged, or no weights of hed_vgg16"):
        frozen_features("hed_vgg16", str(tmp_path / "cut.h5"), ("relu1_1",))


def test_one_channel_is_shown_as_grey():
    network = frozen_features("stlpips_vgg16", weights_file(), ("relu1_1",))
    grey = pictures()[:, :1]
    torch.testing.assert_close(network(grey)["relu1_1"], network(grey.repeat(1, 3, 1, 1))["relu1_1"])
    with pytest.raises(UserError, match="1 or 3 channels"):
        network(torch.zeros(1, 2, 24, 24))


def test_nothing_in_it_is_trained():
    network = frozen_features("stlpips_vgg16", weights_file(), ("relu2_2",))
    assert list(network.parameters())
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert not any(isinstance(layer, nn.Dropout) for layer in network.modules())


def test_small_pictures_are_refused_and_the_smallest_allowed_is_taken():
    network = frozen_features("stlpips_vgg16", weights_file(), ("relu2_2",))
    with pytest.raises(UserError, match="at least 4 px"):
        network(pictures(3))
    assert network(pictures(4))["relu2_2"].shape == (2, 128, 3, 3)


def test_absent_weights_are_named_with_their_place_and_source(monkeypatch, tmp_path):
    monkeypatch.setattr(features, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"vgg_shift_tolerant\.pth \(pip install stlpips-pytorch\).*nothing is downl"):
        frozen_features("stlpips_vgg16", None, ("relu2_2",))
    with pytest.raises(UserError, match="vgg16, vgg19 and Inception are built by torchvision, which is not installed"):
        frozen_features("vgg16", None, ("relu2_2",))
    with pytest.raises(UserError, match=r"none\.pth: no such file"):
        frozen_features("stlpips_vgg16", str(tmp_path / "none.pth"), ("relu2_2",))


@needs_torchvision
def test_torchs_cache_is_looked_at_and_the_substitute_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    words = (
        r"put vgg16-397923af\.pth \(https://\S+/vgg16-397923af\.pth\) at \S+checkpoints/vgg16-397923af\.pth.*stlpips"
    )
    with pytest.raises(UserError, match=words):
        frozen_features("vgg16", None, ("relu2_2",))
    place = tmp_path / "hub" / "checkpoints"
    place.mkdir(parents=True)
    # as torchvision's own file is: from before torch's files were archives
    torch.save(state("torchvision"), place / "vgg16-397923af.pth", _use_new_zipfile_serialization=False)
    network = frozen_features("vgg16", None, ("relu2_2",))
    torch.testing.assert_close(network.layers[0].weight, state("torchvision")["features.0.weight"])


def _cut(path: Path) -> None:
    path.write_bytes(Path(weights_file()).read_bytes()[:5000])


def _other(path: Path) -> None:
    torch.save(state("stlpips") | {"net.slice2.6.weight": torch.zeros(128, 32, 3, 3)}, path)


def _empty(path: Path) -> None:
    torch.save({}, path)


def _nan(path: Path) -> None:
    torch.save(state("stlpips") | {"net.slice1.0.bias": torch.full((64,), torch.nan)}, path)


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (_cut, "damaged, or no weights of stlpips_vgg16"),
        (lambda path: path.write_bytes(b""), "damaged, or no weights of stlpips_vgg16"),
        (lambda path: path.write_text("words"), "damaged, or no weights of stlpips_vgg16"),
        (lambda path: torch.save([1, 2], path), "holds no weights by name"),
        (_other, r"not the weights of stlpips_vgg16: its layer 6\.weight has shape"),
        (_empty, r"its layer 0\.weight is missing"),
        (_nan, r"layer 0\.bias of stlpips_vgg16 holds values that are not finite"),
    ],
)
def test_weights_that_are_no_good_are_refused_in_one_line(write, words, tmp_path):
    path = tmp_path / "weights.pth"
    write(path)
    with pytest.raises(UserError, match=words) as caught:
        frozen_features("stlpips_vgg16", str(path), ("relu2_2",))
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_safetensors_are_read_too(tmp_path):
    save_file(state("stlpips"), tmp_path / "weights.safetensors")
    network = frozen_features("stlpips_vgg16", str(tmp_path / "weights.safetensors"), ("relu1_1",))
    torch.testing.assert_close(network.layers[0].weight, state("stlpips")["net.slice1.0.weight"])
    (tmp_path / "broken.safetensors").write_bytes(b"\x00" * 20)
    with pytest.raises(UserError, match="damaged"):
        frozen_features("stlpips_vgg16", str(tmp_path / "broken.safetensors"), ("relu1_1",))


def test_unknown_names():
    with pytest.raises(UserError, match=r"did you mean 'vgg1[69]'"):
        frozen_features("vgg15", None, ("relu2_2",))
    with pytest.raises(UserError, match="unknown layer of stlpips_vgg16 'relu2_3'; did you mean"):
        frozen_features("stlpips_vgg16", weights_file(), ("relu2_3",))
