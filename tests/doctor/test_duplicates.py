"""What the doctor's findings stand on: near thumbnails, confirmed copies, shifts, votes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from planted import jpeg, label, made, save, scene

from img2img.data import DataConfig
from img2img.data.drawings import flat, grey, middle
from img2img.data.split import find_scenes, near
from img2img.doctor.duplicates import copies
from img2img.doctor.inventory import take_inventory
from img2img.doctor.measurements import MeasuredPart
from img2img.doctor.pair_tests import (
    correlation,
    detail,
    peak,
    strokes,
    surface,
    vote,
    vote_rain,
)
from img2img.doctor.threads import in_threads


@pytest.mark.parametrize("block", [3, 256])
@pytest.mark.parametrize("kind", [np.uint8, np.float32])
@pytest.mark.parametrize("sizes", [(40, 0), (40, 23), (5, 60), (0, 7), (7, 0)])
def test_near_pictures_are_those_of_comparing_every_pair(monkeypatch, block, kind, sizes):
    monkeypatch.setitem(near.__globals__, "BLOCK", block)
    rng = np.random.default_rng(0)
    bases = [rng.uniform(40, 210, (24, 24, 3)) for _ in range(4)]

    def draw(count: int) -> np.ndarray:
        stack = np.zeros((count, 24, 24, 3), kind)
        for index in range(count):
            base = bases[index % 4] + rng.normal(0, rng.choice([0.5, 4, 12]), (24, 24, 3)) + rng.uniform(-6, 6)
            stack[index] = base[:, ::-1] if rng.random() < 0.4 else base
        return stack

    one, other = draw(sizes[0]), draw(sizes[1])
    within = sizes == (40, 0)
    found = {}
    for i, j, levels, mirrored in near(one, None if within else other, 8.0):
        for a, b, level, turned in zip(i, j, levels, mirrored, strict=True):
            key = (min(a, b), max(a, b), bool(turned)) if within else (a, b, bool(turned))
            assert key not in found or within
            found[key] = level
    expected = {}
    second = one if within else other
    for a, b in itertools.product(range(len(one)), range(len(second))):
        for turned in (False, True):
            mine = one[a, :, ::-1] if turned else one[a]
            level = np.sqrt(np.mean((mine.astype(float) - second[b].astype(float)) ** 2))
            if level < 8 and (not within or a <= b):
                expected[a, b, turned] = level
    assert found.keys() == expected.keys()
    assert all(found[key] == pytest.approx(expected[key], abs=1e-4) for key in found)
    assert len(found) > 20 or sizes in ((0, 7), (7, 0))


def test_many_copies_of_one_picture_are_one_scene():
    stack = np.repeat(np.random.default_rng(0).integers(0, 256, (1, 24, 24, 3), dtype=np.uint8), 1500, 0)
    assert set(find_scenes(list(stack))) == {0}


def measured(folder) -> MeasuredPart:
    (part,) = take_inventory(DataConfig(path=str(folder), layout="images"), 1).parts
    made = MeasuredPart(part)
    assert sum(made.fill("none", 1)) == len(part.pictures)
    return made


def grain(seed: int) -> np.ndarray:
    """(96, 96, 1) noise of -40 and 40 whose mean is 0 in each 4 x 4 block, so that 24 x 24 block means know nothing."""
    half = np.random.default_rng(seed).choice([-40, 40], (24, 24, 2, 4))
    return np.concatenate([half, -half], 2).transpose(0, 2, 1, 3).reshape(96, 96, 1)


def test_thumbnails_propose_and_pixels_decide(tmp_path):
    """Two pictures whose thumbnails are the same, and their detail is not, are no copies."""
    for folder, seed in (("one", 1), ("other", 2)):
        save(tmp_path / folder / "a.png", np.broadcast_to(120 + grain(seed), (96, 96, 3)).astype(np.uint8))
    save(tmp_path / "one/b.png", scene(1))
    save(tmp_path / "other/b.png", jpeg(scene(1), 30))
    one, other = measured(tmp_path / "one"), measured(tmp_path / "other")
    assert np.abs(one.thumbnails["target"][0].astype(int) - other.thumbnails["target"][0]).max() <= 1
    assert [(copy.first, copy.second, copy.mirrored) for copy in copies(one, other, 1)] == [(1, 1, False)]


def test_a_copy_is_found_behind_nearer_others(tmp_path):
    """The third nearest thumbnail may be that of the copy."""
    clean = scene(5, 96, 96) // 2 + 50
    for number in range(2):
        save(tmp_path / f"one/{number}.png", (clean + grain(number)).astype(np.uint8))
    save(tmp_path / "one/copy.png", (clean * 1.05).astype(np.uint8))
    save(tmp_path / "other/x.png", clean)
    one, other = measured(tmp_path / "one"), measured(tmp_path / "other")
    distances = np.sqrt(((one.thumbnails["target"].astype(float) - other.thumbnails["target"]) ** 2).mean((1, 2, 3)))
    assert distances[:2].max() < 1 < 4 < distances[2] < 12
    assert [one.part.pictures.names[copy.first] for copy in copies(one, other, 1)] == ["copy.png"]


def test_few_pictures_are_in_the_making_at_a_time():
    begun = []
    answers = in_threads(lambda number: begun.append(number) or number, range(1000), 2)
    assert [next(answers) for _ in range(3)] == [0, 1, 2]
    assert len(begun) < 20
    answers.close()
    assert len(begun) < 20


@pytest.mark.parametrize("shift", [(0, 0), (3, -2), (-7, 5), (1, 0), (16, -16)])
def test_the_shift_of_a_rainy_picture(shift):
    clean = scene(2, 160, 200)
    wet = np.roll(made("rain", clean, 1), shift[::-1], (0, 1))
    found, best, margin = peak(surface(detail(grey(middle(wet))), detail(grey(middle(clean)))))
    assert found == shift
    assert best > 0.3
    assert (margin > 0.1) == (shift != (0, 0))


def test_the_surface_is_the_correlation_of_the_moved_picture():
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(2, 70, 90)).astype(np.float32)
    window = np.outer(np.hanning(70), np.hanning(90))
    a, b = (one - one.mean()) * window, (other - other.mean()) * window
    plane = surface(one, other)
    for right, down in ((0, 0), (5, -9), (-16, 16)):
        moved = np.roll(a, (-down, -right), (0, 1))
        direct = (moved * b).sum() / np.sqrt((a * a).sum() * (b * b).sum())
        assert plane[down + 16, right + 16] == pytest.approx(direct, abs=1e-5)


def test_strokes_of_a_map_are_those_of_its_photo():
    same = [correlation(strokes(grey(label(n))), strokes(grey(scene(n)))) for n in range(8)]
    other = [correlation(strokes(grey(label(n + 1))), strokes(grey(scene(n)))) for n in range(8)]
    assert min(same) > 0.3 > 0.2 > max(other)


def test_flat_areas_are_those_without_a_step():
    pixels = np.full((20, 20, 3), 100, np.uint8)
    pixels[:, 10:, 1] = 108
    assert flat(pixels).all()
    pixels[:, 10:, 1] = 109
    assert not flat(pixels)[:, 9:11].any()
    assert flat(pixels)[:, :9].all()
    assert flat(pixels)[:, 11:].all()


@pytest.mark.parametrize("kind", ["rain", "edges", "hole"])
def test_votes_turn_with_the_pair(kind):
    votes = [vote(kind, made(kind, scene(n), n), scene(n)) for n in range(12)]
    turned = [vote(kind, scene(n), made(kind, scene(n), n)) for n in range(12)]
    assert min(votes) >= 0
    assert sum(votes) >= 8
    assert turned == [-one for one in votes]
    assert vote(kind, scene(0), scene(0)) == 0
    assert vote("none", made(kind, scene(0), 0), scene(0)) == 0


def test_a_veil_that_hides_detail_does_not_turn_the_vote():
    """Dense rain takes contrast from what is behind it: the target then has more detail than the source."""
    votes = []
    for number in range(12):
        clean = scene(number).astype(float)
        streaks = made("rain", np.full_like(scene(number), 60), number)[:, :, :1].astype(float) - 60
        votes.append(vote_rain(np.clip(clean * 0.7 + 60 + streaks, 0, 255).astype(np.uint8), scene(number)))
    assert min(votes) >= 0
