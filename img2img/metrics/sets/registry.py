"""Measures of sets by name, what each needs, and the numbers it gives (one entry each).

A number's full name says the space it is taken in: ``frechet_on_mnist``. Without one it is of pixels, or of values.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from img2img.errors import UserError, unknown
from img2img.metrics.sets.classes import inception_score, mode_score
from img2img.metrics.sets.kernels import KERNELS, MEDIAN, SCALES, Bandwidth, Estimator, kid, mmd, mmd_name
from img2img.metrics.sets.mixtures import modes
from img2img.metrics.sets.neighbours import nearest_neighbour, precision_recall
from img2img.metrics.sets.sample_set import SampleSet
from img2img.metrics.sets.spaces import PIXELS, SPACES, Extent, extent_of
from img2img.metrics.sets.transport import frechet, wasserstein

T = TypeVar("T")
ON = "_on_"
MMD_NAME = re.compile(r"mmd2_(?P<kernel>[a-z]+)_(?P<width>[^_]+)_(?P<estimator>unbiased|biased)")


@dataclass(frozen=True)
class SetNumber:
    """How a number is shown and read: its title in tables, the digits behind the point, which way is better.

    ``space``: in which it is taken, a name of `SPACES`.
    """

    title: str
    digits: int
    higher_is_better: bool = False
    space: str = PIXELS.name

    @property
    def heading(self) -> str:
        """The title with the space."""
        return f"{self.title}, {self.space}"


@dataclass(frozen=True)
class SetMeasure:
    """A measure of sets: ``compute`` (real, made) gives ``numbers`` by name; ``definition`` says what it is in a line.

    ``needs`` says how many samples of each set it takes in a space of F numbers; beyond ``most`` it takes minutes.
    ``of``: the part of a `SampleSet` that it looks at.
    """

    name: str
    definition: str
    numbers: Mapping[str, SetNumber]
    compute: Callable[[SampleSet, SampleSet], Mapping[str, float]]
    needs: Callable[[int], int]
    of: str = "features"
    most: int | None = None

    def obstacle(self, sets: Extent) -> str:
        """Why it cannot be taken of such sets, with what is needed; empty where it can."""
        if self.of == "probabilities" and not sets.classes:
            return f"{self.name} needs a classifier's probabilities, and {sets.space} have none"
        if self.of == "mixture" and not sets.modes:
            return f"{self.name} are counted of mixtures whose modes are known"
        needed = self.needs(sets.features)
        if sets.count < needed:
            return f"{self.name} on {sets.space} needs {needed} samples of each set, and there are {sets.count}"
        return ""


def _wasserstein(real: SampleSet, made: SampleSet) -> Mapping[str, float]:
    return {"wasserstein": wasserstein(real.features, made.features)}


def _frechet(real: SampleSet, made: SampleSet) -> Mapping[str, float]:
    return {"frechet": frechet(real.features, made.features)}


def _nearest_neighbour(real: SampleSet, made: SampleSet) -> Mapping[str, float]:
    return nearest_neighbour(real.features, made.features)


def _kid(real: SampleSet, made: SampleSet) -> Mapping[str, float]:
    mean, spread = kid(real.features, made.features)
    return {"kid": mean, "kid_std": spread}


def _precision_recall(real: SampleSet, made: SampleSet) -> Mapping[str, float]:
    precision, recall = precision_recall(real.features, made.features)
    return {"precision": precision, "recall": recall}


def _inception_score(real: SampleSet, made: SampleSet) -> Mapping[str, float]:
    mean, spread = inception_score(_given(made.probabilities))
    return {"inception_score": mean, "inception_score_std": spread}


def _mode_score(real: SampleSet, made: SampleSet) -> Mapping[str, float]:
    return {"mode_score": mode_score(_given(real.probabilities), _given(made.probabilities))}


def _modes(real: SampleSet, made: SampleSet) -> Mapping[str, float]:
    centres, sigma = _given(real.mixture)
    covered, share = modes(made.features, centres.to(made.features), sigma)
    return {"modes": float(covered), "high_quality": share}


def _given(value: T | None) -> T:
    if value is None:
        raise ValueError("asked for in spite of its obstacle")
    return value


def _mmd(
    bandwidths: tuple[Bandwidth, ...], kernel: str, estimator: Estimator, real: SampleSet, made: SampleSet
) -> Mapping[str, float]:
    return mmd(real.features, made.features, bandwidths, kernel, estimator)


def _mmd_measure(
    name: str, bandwidths: tuple[Bandwidth, ...], kernel: str = "gaussian", estimator: Estimator = "unbiased"
) -> SetMeasure:
    form = "" if estimator == "unbiased" else f" {estimator}"
    numbers = {
        mmd_name(width, kernel, estimator): SetNumber(f"MMD² {kernel} h={width}{form}", 5) for width in bandwidths
    }
    definition = f"squared kernel MMD, {kernel}, {estimator}, at bandwidths {', '.join(str(h) for h in bandwidths)}"
    return SetMeasure(name, definition, numbers, partial(_mmd, bandwidths, kernel, estimator), lambda features: 2)


SET_MEASURES: dict[str, SetMeasure] = {
    measure.name: measure
    for measure in (
        _mmd_measure("mmd", SCALES),
        SetMeasure(
            "wasserstein",
            "Wasserstein-1 distance by optimal assignment, Euclidean",
            {"wasserstein": SetNumber("Wasserstein", 4)},
            _wasserstein,
            lambda features: 1,
            most=5000,
        ),
        SetMeasure(
            "frechet",
            "squared Fréchet distance of Gaussians fitted to both sets",
            {"frechet": SetNumber("Fréchet", 3)},
            _frechet,
            lambda features: features + 1,
        ),
        SetMeasure(
            "1nn",
            "leave-one-out 1-NN accuracy, of real and of made: 0.5 is ideal, 1 told apart, near 0 copies",
            {
                "1nn_accuracy": SetNumber("1-NN accuracy", 3),
                "1nn_real": SetNumber("of real", 3),
                "1nn_made": SetNumber("of made", 3),
            },
            _nearest_neighbour,
            lambda features: 2,
        ),
        SetMeasure(
            "kid",
            "kernel inception distance: cubic kernel, unbiased, mean and deviation of 100 subsets of 1000",
            {"kid": SetNumber("KID 100 x 1000", 5), "kid_std": SetNumber("its std", 5)},
            _kid,
            lambda features: 1000,
        ),
        SetMeasure(
            "precision_recall",
            "improved precision and recall, balls to the third neighbour",
            {"precision": SetNumber("precision k=3", 3, True), "recall": SetNumber("recall k=3", 3, True)},
            _precision_recall,
            lambda features: 4,
        ),
        SetMeasure(
            "inception_score",
            "inception score of a classifier's probabilities, mean and deviation of 10 splits",
            {
                "inception_score": SetNumber("IS, 10 splits", 3, True),
                "inception_score_std": SetNumber("its std", 3),
            },
            _inception_score,
            lambda features: 20,
            of="probabilities",
        ),
        SetMeasure(
            "mode_score",
            "mode score of a classifier's probabilities against those of the real samples",
            {"mode_score": SetNumber("mode score", 3, True)},
            _mode_score,
            lambda features: 2,
            of="probabilities",
        ),
        SetMeasure(
            "modes",
            "modes of a known mixture that are covered, and the share of samples that lie at one",
            {"modes": SetNumber("modes", 0, True), "high_quality": SetNumber("high quality", 3, True)},
            _modes,
            lambda features: 1,
            of="mixture",
        ),
    )
}


def set_measure(name: str, where: str = "--metrics") -> SetMeasure:
    """A measure by its name, or by that of one of its numbers (mmd2_gaussian_0.1_unbiased, precision).

    Raises:
        UserError: an unknown name; a bandwidth that is none.
    """
    if name in SET_MEASURES:
        return SET_MEASURES[name]
    one = MMD_NAME.fullmatch(name)
    if one is not None:
        return _mmd_measure(name, (_bandwidth(one["width"], name),), _kernel(one["kernel"]), _estimator(one))
    for measure in SET_MEASURES.values():
        if name in measure.numbers:
            return measure
    numbers = [number for measure in SET_MEASURES.values() for number in measure.numbers]
    raise unknown("measure of sets", name, {*SET_MEASURES, *numbers}, where)


def _bandwidth(text: str, name: str) -> Bandwidth:
    if MEDIAN.fullmatch(text):
        return text
    try:
        return float(text)
    except ValueError:
        raise UserError(f"{name}: its bandwidth {text!r} must be a number, median or such as 0.25median") from None


def _kernel(name: str) -> str:
    if name not in KERNELS:
        raise unknown("kernel", name, KERNELS)
    return name


def _estimator(found: re.Match[str]) -> Estimator:
    return "biased" if found["estimator"] == "biased" else "unbiased"


def in_space(name: str, space: str = PIXELS.name, where: str = "--metrics") -> tuple[str, str]:
    """(measure or number, space) of a full name, such as frechet_on_mnist; ``space`` where the name says none.

    Raises:
        UserError: an unknown space.
    """
    bare, on, said = name.rpartition(ON)
    if not on:
        bare, said = name, space
    if said not in SPACES:
        raise unknown("space", said, SPACES, where if on else "--features")
    return bare, said


def full_name(number: str, space: str) -> str:
    """The name of a number with its space, which is left out where it is that of the samples themselves."""
    return number if space == PIXELS.name else f"{number}{ON}{space}"


def set_numbers(names: Sequence[str], where: str = "--metrics", space: str = PIXELS.name) -> dict[str, SetNumber]:
    """The numbers that ``names`` of measures or of numbers stand for, by their full names, in that order.

    ``space``: of the names that say none.

    Raises:
        UserError: as `set_measure` and `in_space`.
    """
    found: dict[str, SetNumber] = {}
    for name in names:
        bare, its_space = in_space(name, space, where)
        numbers = set_measure(bare, where).numbers
        for number in numbers if bare in SET_MEASURES else (bare,):
            found[full_name(number, its_space)] = replace(numbers[number], space=its_space)
    return found


def spaces_of(names: Sequence[str], space: str = PIXELS.name) -> list[str]:
    """The spaces that ``names`` of measures or of numbers are taken in, each once; ``space`` of those that say none.

    Raises:
        UserError: as `set_numbers`.
    """
    return list(dict.fromkeys(number.space for number in set_numbers(names, space=space).values()))


def measure_sets(real: SampleSet, made: SampleSet, names: Sequence[str]) -> dict[str, float]:
    """The numbers of these sets that ``names`` stand for, which say no space: both sets lie in one.

    Raises:
        UserError: unknown names; sets that a measure cannot be taken of, with the number of samples it needs.
    """
    found: dict[str, float] = {}
    wanted: list[str] = []
    for name in names:
        measure = set_measure(name)
        wanted += measure.numbers if name in SET_MEASURES else [name]
        if measure.numbers.keys() <= found.keys():
            continue
        if obstacle := measure.obstacle(extent_of(real, made)):
            raise UserError(obstacle)
        found.update(measure.compute(real, made))
    return {name: found[name] for name in wanted}


def fitting(sets: Extent) -> tuple[list[str], list[str]]:
    """(names of all measures that such sets allow, a line on each that they allow for more samples or fewer).

    What asks for a classifier or for known modes is left out without a word where there are none.
    """
    names, lines = [], []
    for name, measure in SET_MEASURES.items():
        obstacle = measure.obstacle(sets)
        if not obstacle and measure.most is not None and sets.count > measure.most:
            obstacle = f"{name} of more than {measure.most} samples takes minutes: ask for it by name"
        if not obstacle:
            names.append(name)
        elif measure.of == "features":
            lines.append(f"left out: {obstacle}")
    return names, lines
