"""Measures of sets: by hand, against scipy and torchmetrics, and ideal sets of a mixture of 8 Gaussians."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from scipy.spatial.distance import cdist
from scipy.stats import wasserstein_distance
from torch import nn

from img2img.errors import UserError
from img2img.metrics.sets import (
    frechet,
    inception_score,
    kid,
    median_distance,
    mmd,
    mode_score,
    modes,
    nearest_neighbour,
    precision_recall,
    wasserstein,
)
from img2img.metrics.sets.distances import squared_distances

STD = 0.02 / 1.414
ANGLES = torch.arange(8, dtype=torch.float64) * math.pi / 4
CENTRES = torch.stack([ANGLES.cos(), ANGLES.sin()], 1) * 2 / 1.414


def mixture(count, seed, of=range(8), std=STD):
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.tensor(list(of)).repeat(-(-count // len(of)))[:count]
    return CENTRES[drawn] + std * torch.randn(count, 2, generator=generator, dtype=torch.float64)


def points(*values):
    return torch.tensor(values, dtype=torch.float64)[:, None]


def normal(count, features, seed, shift=0.0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, features, generator=generator, dtype=torch.float64) + shift


def test_mmd_by_hand():
    # real {0, 1}, made {0, 2}, h 1: pairs at 1 and at 2 within, at 0, 2, 1, 1 across
    k1, k2 = math.exp(-0.5), math.exp(-2)
    found = mmd(points(0, 1), points(0, 2), (1.0,))
    assert found == {"mmd2_gaussian_1_unbiased": pytest.approx(k1 + k2 - 2 * (1 + k2 + 2 * k1) / 4, abs=1e-15)}
    biased = mmd(points(0, 1), points(0, 2), (1.0,), estimator="biased")
    by_hand = (1 + k1) / 2 + (1 + k2) / 2 - 2 * (1 + k2 + 2 * k1) / 4
    assert biased == {"mmd2_gaussian_1_biased": pytest.approx(by_hand, abs=1e-15)}
    e1, e2 = math.exp(-0.5), math.exp(-1)
    laplacian = mmd(points(0, 1), points(0, 2), (2.0,), kernel="laplacian")
    assert laplacian == {"mmd2_laplacian_2_unbiased": pytest.approx(e1 + e2 - 2 * (1 + e2 + 2 * e1) / 4, abs=1e-15)}


def test_mmd_takes_its_median_from_the_real_set():
    real, made = points(0, 1, 3), points(0, 10, 20)
    assert median_distance(real) == 2
    found = mmd(real, made, ("median", "0.5median", 2, 1))
    assert list(found.values())[:2] == list(found.values())[2:]


def test_mmd_in_many_dimensions_and_by_blocks_is_the_plain_sum():
    real, made = normal(1100, 33, 0), normal(200, 33, 1, 0.2)
    (value,) = mmd(real, made, (5.0,)).values()

    def kernel(x, y):
        return np.exp(cdist(x, y, "sqeuclidean") / -50)

    x, y = real.numpy(), made.numpy()
    within = sum((kernel(z, z).sum() - len(z)) / (len(z) * (len(z) - 1)) for z in (x, y))
    assert value == pytest.approx(within - 2 * kernel(x, y).mean(), abs=1e-12)


# of ideal sets: h = the median distance (2.00), median / sqrt 2, .5 and .1; measured apart from this program, n = 2000
IDEAL = {
    "same": (0, 0, 0, 0),
    "7 of 8": (0.0075, 0.0116, 0.0201, 0.0200),
    "4 adjacent": (0.133, 0.177, 0.140, 0.124),
    "4 alternate": (0.0001, 0.0020, 0.101, 0.120),
    "1 of 8": (0.360, 0.541, 0.856, 0.848),
    "std x5": (0, 0.0001, 0.0001, 0.0185),
    "std x10": (0.0001, 0.0001, 0.0008, 0.0615),
}
DRAWS = {
    "same": {},
    "7 of 8": {"of": range(7)},
    "4 adjacent": {"of": range(4)},
    "4 alternate": {"of": range(0, 8, 2)},
    "1 of 8": {"of": [0]},
    "std x5": {"std": 5 * STD},
    "std x10": {"std": 10 * STD},
}


def in_the_limit(h, of=range(8), std=STD):
    """MMD^2 of the mixture and one of other modes: expectations of a Gaussian kernel under Gaussians are closed."""

    def kernel(ours, s, theirs, t):
        wide = h**2 + s**2 + t**2
        apart = (CENTRES[list(ours)][:, None] - CENTRES[list(theirs)][None]).square().sum(2)
        return float((apart / (-2 * wide)).exp().mean()) * h**2 / wide

    whole = range(8)
    return kernel(whole, STD, whole, STD) + kernel(of, std, of, std) - 2 * kernel(whole, STD, of, std)


@pytest.mark.parametrize("name", IDEAL)
def test_mmd_of_ideal_sets(name):
    real, made = mixture(2000, 0), mixture(2000, 1, **DRAWS[name])
    found = list(mmd(real, made, ("median", "0.70710678median", 0.5, 0.1)).values())
    # the sets behind these figures had modes of random shares
    assert found == pytest.approx(IDEAL[name], rel=0.1, abs=0.004)
    limit = [in_the_limit(h, **DRAWS[name]) for h in (2.0, 2**0.5, 0.5, 0.1)]
    assert found == pytest.approx(limit, rel=0.02, abs=0.0012)


def test_the_biased_floor_is_what_is_stated():
    real, made = mixture(256, 0), mixture(256, 1)
    median = median_distance(real)
    mean_kernel = float(squared_distances(real, real).mul(-0.5 / median**2).exp().mean())
    (unbiased,) = mmd(real, made, ("median",)).values()
    (biased,) = mmd(real, made, ("median",), estimator="biased").values()
    assert biased - unbiased == pytest.approx(2 * (1 - mean_kernel) / 256, rel=0.05)
    assert biased - unbiased == pytest.approx(0.0028, rel=0.1)


def test_wasserstein_by_hand_and_against_scipy_in_one_dimension():
    # the diagonal costs 3 + 3, the crossing 4 + 1
    assert wasserstein(points(0, 4), points(3, 1)) == 1.0
    assert wasserstein(torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0]])) == 5.0
    real, made = normal(300, 1, 0), normal(300, 1, 1, 0.5)
    assert wasserstein(real, made) == pytest.approx(wasserstein_distance(real[:, 0], made[:, 0]), rel=1e-12)


def test_frechet_by_hand_and_against_scipy():
    # variances 2 and 8 (over N - 1), means 1 and 4: 9 + 2 + 8 - 2 sqrt(16)
    assert frechet(points(0, 2), points(2, 6)) == pytest.approx(11)
    real, made = normal(100, 6, 0) @ normal(6, 6, 2), normal(120, 6, 1, 0.3)
    first, second = np.cov(real.numpy().T), np.cov(made.numpy().T)
    apart = ((real.mean(0) - made.mean(0)) ** 2).sum()
    expected = apart + np.trace(first + second - 2 * sqrtm(first @ second).real)
    assert frechet(real, made) == pytest.approx(float(expected), rel=1e-9)
    assert frechet(real, real) == pytest.approx(0, abs=1e-6)


def test_1nn_by_hand():
    # 0 and 1 find each other; 5 finds 6, 6 finds 5, 6.5 finds 6; 1.2 finds 1
    found = nearest_neighbour(points(0, 1, 6), points(5, 6.5, 1.2))
    # real: 0 -> 1 right, 1 -> 1.2 wrong, 6 -> 6.5 wrong; made: 5 -> 6 wrong, 6.5 -> 6 wrong, 1.2 -> 1 wrong
    assert found == {"1nn_accuracy": pytest.approx(1 / 6), "1nn_real": pytest.approx(1 / 3), "1nn_made": 0.0}
    assert nearest_neighbour(points(0, 1), points(8, 9))["1nn_accuracy"] == 1
    # 0 has one equally near neighbour of each set, 1 its copy, and so have the made ones
    assert nearest_neighbour(points(-1, 0), points(1, 9))["1nn_real"] == pytest.approx((1 + 0.5) / 2)


def test_precision_and_recall_by_hand():
    real, made = points(0, 1, 2, 10), points(0.5, 2.5, 30, 31)
    # k 1: real radii 1, 1, 1, 8; made radii 2, 2, 1, 1
    assert precision_recall(real, made, k=1) == (0.5, 0.75)


@pytest.mark.parametrize(
    ("draw", "accuracy", "precision", "recall"),
    [
        ({}, 0.498, 0.97, 0.98),
        ({"of": range(0, 8, 2)}, 0.66, 0.97, 0.47),
        ({"of": range(7)}, 0.535, 0.96, 0.85),
        ({"std": 3 * STD}, 0.747, 0.46, 0.99),
    ],
)
def test_neighbours_of_ideal_sets(draw, accuracy, precision, recall):
    pairs = [(mixture(1000, seed), mixture(1000, 50 + seed, **draw)) for seed in range(3)]
    found = torch.tensor([[nearest_neighbour(*pair)["1nn_accuracy"], *precision_recall(*pair)] for pair in pairs])
    assert found.mean(0).tolist() == pytest.approx([accuracy, precision, recall], abs=0.03)


def test_copies_are_seen_by_1nn_alone():
    real = mixture(500, 0)
    assert nearest_neighbour(real, real.clone())["1nn_accuracy"] == 0
    assert precision_recall(real, real.clone()) == (1, 1)
    wide = normal(300, 100, 0)
    assert nearest_neighbour(wide, wide.clone())["1nn_accuracy"] == 0


def test_modes_and_high_quality_share():
    assert modes(mixture(4000, 0), CENTRES, STD) == (8, pytest.approx(1 - math.exp(-4.5), abs=0.005))
    assert modes(mixture(500, 0, of=range(0, 8, 2)), CENTRES, STD)[0] == 4
    at = CENTRES[torch.tensor([0] * 199 + [1])]
    assert modes(at, CENTRES, STD) == (2, 1.0)
    assert modes(torch.cat([at, CENTRES[:1]]), CENTRES, STD) == (1, 1.0)  # one of 201 is less than half a percent
    assert modes(CENTRES + 0.1, CENTRES, STD) == (0, 0.0)


class Flat(nn.Module):
    """Features of pictures that are their numbers, for oracles that insist on pictures."""

    num_features = 12

    def forward(self, pictures):
        return pictures.flatten(1)


def test_frechet_and_kid_against_torchmetrics_with_the_same_features():
    try:
        from torchmetrics.image.fid import FrechetInceptionDistance
        from torchmetrics.image.kid import KernelInceptionDistance
    except RuntimeError as error:
        pytest.skip(f"torchvision is built for another torch: {error}")

    real, made = (normal(200, 12, seed, shift).reshape(-1, 3, 2, 2) for seed, shift in ((0, 0.0), (1, 0.4)))
    fid = FrechetInceptionDistance(feature=Flat(), input_img_size=(3, 2, 2), normalize=False).set_dtype(torch.float64)
    subsets = KernelInceptionDistance(feature=Flat(), subsets=3, subset_size=200)
    for oracle in (fid, subsets):
        oracle.update(real, real=True)
        oracle.update(made, real=False)
    assert frechet(real, made) == pytest.approx(float(fid.compute()), rel=1e-6)
    mean, spread = kid(real, made, subsets=3, size=200)
    assert mean == pytest.approx(float(subsets.compute()[0]), rel=1e-5)
    assert spread == pytest.approx(0, abs=1e-12)  # every subset is the whole


def test_kid_is_unbiased_and_repeats():
    real, made = normal(400, 4, 0), normal(400, 4, 1)
    mean, spread = kid(real, made, subsets=50, size=100)
    assert abs(mean) < 3 * spread
    assert kid(real, made, subsets=50, size=100) == (mean, spread)
    assert kid(real, made, subsets=50, size=100, seed=1) != (mean, spread)


def test_inception_and_mode_score_by_hand():
    certain = torch.eye(4).repeat(10, 1)
    assert inception_score(certain, splits=10) == pytest.approx((4.0, 0.0))
    assert inception_score(torch.full((40, 4), 0.25)) == pytest.approx((1.0, 0.0))
    assert mode_score(certain, certain) == pytest.approx(4.0)
    # two of four classes: the information ln 2, less KL((1/2, 1/2, 0, 0) || 1/4) = ln 2
    assert mode_score(certain, certain[:, [0, 1, 0, 1]] * 0 + torch.eye(4)[[0, 1] * 20]) == pytest.approx(1.0)
    # one part says p, the other the reverse: 2 parts of one row each repeated
    p = torch.tensor([[0.9, 0.1], [0.1, 0.9]]).repeat(10, 1)
    information = 0.9 * math.log(1.8) + 0.1 * math.log(0.2)
    assert inception_score(p, splits=2)[0] == pytest.approx(math.exp(information), rel=1e-6)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: mmd(points(0, math.nan, 1), points(0, 1)), "real set: 1 samples hold NaN or infinity, the first is 1"),
        (lambda: mmd(points(0, 1), points(0, math.inf)), "made set: 1 samples"),
        (lambda: mmd(points(0, 1), points(0)), "made set has 1 samples; at least 2"),
        (lambda: mmd(points(0, 1), normal(3, 2, 0)), "hold 1 numbers each and the made ones 2"),
        (lambda: mmd(points(0, 1), points(0, 1), ("mean",)), "bandwidth mean"),
        (lambda: mmd(points(0, 1), points(0, 1), (0,)), "bandwidth 0: must be above 0"),
        (lambda: mmd(points(1, 1), points(0, 1)), "half of the real samples are equal"),
        (lambda: mmd(points(0, 1), points(0, 1), kernel="cubic"), "cubic"),
        (lambda: mmd(points(0, 1), points(0, 1), estimator="none"), "none"),
        (lambda: wasserstein(points(0, 1), points(0, 1, 2)), "2 real and 3 made samples; take 2 of each"),
        (lambda: nearest_neighbour(points(0, 1, 2), points(0, 1)), "take 2 of each"),
        (lambda: frechet(normal(12, 12, 0), normal(99, 12, 0)), "real set has 12 samples; at least 13"),
        (lambda: kid(normal(999, 2, 0), normal(1000, 2, 0)), "999 samples; at least 1000"),
        (lambda: precision_recall(points(0, 1, 2), points(0, 1, 2, 3)), "3 samples; at least 4"),
        (lambda: inception_score(torch.eye(4)), "4 samples; at least 20"),
        (lambda: mode_score(torch.eye(4), 2 * torch.eye(4)), "made set's probabilities must be at least 0 and sum"),
        (lambda: mode_score(torch.eye(4), torch.eye(3)), "4 classes of the real and 3"),
        (lambda: mmd(torch.zeros(3), points(0, 1)), "shape"),
    ],
)
def test_bad_sets_are_refused(call, words):
    with pytest.raises(UserError, match=words):
        call()
