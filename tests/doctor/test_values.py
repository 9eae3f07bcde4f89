"""Findings on floats, 16 bits and many channels: ranges, empty, constant and saturated channels, offsets, mixtures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from img2img.config import build
from img2img.data import DataConfig
from img2img.doctor import Diagnosis, examine
from img2img.images import Picture, write


def look(root: Path, **options: object) -> Diagnosis:
    tree = {"path": str(root), "layout": "two_folders", **options}
    return examine(build(DataConfig, tree, "data"), "paired", threads=1)


def texts(diagnosis: Diagnosis) -> dict[str, str]:
    return {finding.kind: finding.text for finding in diagnosis.findings}


def cube(seed: int) -> np.ndarray:
    """(32, 40, 3) in [0, 1): blobs that move, so that no two pictures are alike, plus fine noise."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:32, :40]
    place = rng.random((3, 2)) * (32, 40)
    blobs = [np.exp(-((rows - top) ** 2 + (columns - left) ** 2) / 90) for top, left in place]
    return (0.1 + 0.7 * np.dstack(blobs) + 0.1 * rng.random((32, 40, 3))).astype(np.float32)


def put(root: Path, sources: list[np.ndarray], targets: list[np.ndarray]) -> Path:
    for side, pictures in (("source", sources), ("target", targets)):
        (root / side).mkdir()
        for number, pixels in enumerate(pictures):
            write(root / side / f"{number}.tif", Picture(pixels))
    return root


RANGES = {"range": {"source": (0.0, 10.0), "target": (0.0, 10.0)}}
KINDS = ("ranges", "empty_channels", "constant_channels", "saturated", "offset", "modes", "unreadable")


def test_nothing_is_said_of_floats_with_a_range(tmp_path):
    noise = [cube(seed) + np.random.default_rng(seed).normal(0, 0.01, (32, 40, 3)) for seed in range(5)]
    diagnosis = look(put(tmp_path, [n.astype(np.float32) for n in noise], [cube(seed) for seed in range(5)]), **RANGES)
    assert not texts(diagnosis).keys() & set(KINDS)


def test_each_is_found_and_named(tmp_path):
    sources = [cube(seed) for seed in range(5)]
    targets = [np.dstack([cube(seed) + np.float32(2), np.full((32, 40), 4, np.float32)]) for seed in range(5)]
    for pixels in sources:
        pixels[:, :, 1] = np.minimum(pixels[:, :, 1], 0.15)
    sources[3][:, :, 2] = 0.5
    found = texts(look(put(tmp_path, sources, targets)))
    low, high = (float(f([source.min() if f is min else source.max() for source in sources])) for f in (min, max))
    assert "of the pictures (target) channel 4 is 4 everywhere" in found["empty_channels"]
    assert "of the pictures (source) channel 2 is saturated" in found["saturated"]
    assert found["saturated"].endswith("of the values are 0.15")
    assert found["constant_channels"] == "1 of 5 pictures (source) has channels of one value"
    assert "floats from" in found["ranges"]
    ranges = [f for f in look(tmp_path).findings if f.kind == "ranges"]
    assert f"pictures (source) are 3 channels of floats from {low:g} to {high:g}" == ranges[0].text
    assert f"data.range.source=[{low:g},{high:g}]" in ranges[0].fix
    # the cures: ranges that are said, and files without what is no channel
    for number, (source, target) in enumerate(zip(sources, targets, strict=True)):
        write(tmp_path / f"source/{number}.tif", Picture(source))
        write(tmp_path / f"target/{number}.tif", Picture(target[:, :, :3]))
    for side in ("source", "target"):
        (tmp_path / side / "3.tif").unlink()
    assert not texts(look(tmp_path, **RANGES)).keys() & {"ranges", "empty_channels", "constant_channels"}


@pytest.mark.parametrize("steady", [True, False])
def test_a_constant_offset_between_the_sides(tmp_path, steady):
    sources = [cube(seed) for seed in range(5)]
    targets = [each + np.float32(0.2 if steady else 0.1 * seed) for seed, each in enumerate(sources)]
    found = texts(look(put(tmp_path, sources, targets), range={"source": "minmax", "target": "minmax"}))
    assert ("offset" in found) == steady
    if steady:
        assert found["offset"].startswith("targets are above their sources by 0.2 in all pairs")
        # the cure: a range for each side
        assert "offset" not in texts(look(tmp_path, range={"source": (0.0, 1.0), "target": (0.2, 1.2)}))


def test_mixed_depths_and_values_that_are_no_numbers(tmp_path):
    sources = [(cube(seed) * 60000).astype(np.uint16) for seed in range(5)]
    put(tmp_path, sources, sources)
    write(tmp_path / "source/2.tif", Picture((cube(2) * 255).astype(np.uint8)))
    odd = cube(4)
    odd[1, 1] = np.nan
    write(tmp_path / "target/4.tif", Picture(odd))
    diagnosis = look(tmp_path)
    (modes,) = [finding for finding in diagnosis.findings if finding.kind == "modes"]
    assert (modes.weight, modes.spots[0].files[0].name) == ("wrong", "2.tif")
    assert "training refuses mixed depths" in modes.fix
    (unreadable,) = [finding for finding in diagnosis.findings if finding.kind == "unreadable"]
    assert "3 of 3840 values are no numbers" in unreadable.spots[0].text


def test_floats_of_photos_and_of_halves_have_the_ranges_of_the_sides_they_are(tmp_path):
    """A stated range is enough; the cure of photos names targets, that of pairs side by side both sides."""
    for number in range(5):
        (tmp_path / "photos").mkdir(exist_ok=True)
        write(tmp_path / f"photos/{number}.tif", Picture(cube(number)))
    for more, named in (
        ({"layout": "photos", "synthesis": "denoise"}, ["target"]),
        ({"layout": "side_by_side"}, ["source", "target"]),
    ):
        (finding,) = (one for one in look(tmp_path / "photos", **more).findings if one.kind == "ranges")
        assert [side for side in ("picture", "source", "target") if f"data.range.{side}=" in finding.fix] == named
        stated = {"range": dict.fromkeys(named, (0.0, 10.0))}
        assert "ranges" not in texts(look(tmp_path / "photos", **more, **stated))


def test_photos_that_a_synthesis_is_not_made_for_stop_it(tmp_path):
    (tmp_path / "photos").mkdir()
    for number in range(5):
        write(tmp_path / f"photos/{number}.png", Picture((cube(number) * 60000).astype(np.uint16)))
    (finding,) = (
        one for one in look(tmp_path / "photos", layout="photos", synthesis="rain").findings if one.kind == "synthesis"
    )
    assert finding.weight == "stops"
    assert finding.text == "5 pictures are not 8-bit grey or RGB, which data.synthesis=rain is made for"
    # the cures: another synthesis, 8 bits
    assert "synthesis" not in texts(look(tmp_path / "photos", layout="photos", synthesis="denoise"))
    for number in range(5):
        write(tmp_path / f"photos/{number}.png", Picture((cube(number) * 250).astype(np.uint8)))
    assert "synthesis" not in texts(look(tmp_path / "photos", layout="photos", synthesis="rain"))
