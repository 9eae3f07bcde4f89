"""Every measure against the authors' own programs, which nobody here wrote: their values and published figures.

The files of values are not part of this project; where they are not at hand those tests skip. The figures below were
made by the same programs (run in GNU Octave) from photos that scikit-image brings along.
"""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from photos import Pixels, batch, grey, pair
from PIL import Image

from img2img.errors import UserError
from img2img.metrics import METRICS, PROTOCOLS, measure, read_protocol

TOLERANCE = {"psnr": 1e-9, "ssim": 1e-9, "ssim_auto": 1e-9, "uqi": 1e-9, "vifp": 1e-9, "vif": 1e-6}
NAMES = tuple(TOLERANCE)
# pixels whose Y lies exactly between two levels; programs in doubles round some of them down, here those of p01
TIES = {"p01": 4, "p03": 1, "p05": 1, "p06": 2, "p15": 1}
TIE_EFFECT = {"psnr": 7e-6, "ssim": 5e-8}
RECIPES = ("p01", "p02", "p08", "p09", "p10", "p12", "p13", "p14", "p15", "p16", "p17", "p18", "p19")
PAIRS = tuple(f"p{number:02d}" for number in range(1, 20))
# the smallest side, under which the programs stop or divide nothing by nothing
SMALLEST = {"ssim": 11, "ssim_auto": 11, "uqi": 8, "vifp": 17, "vif": 72}


def stored(folder: Path, name: str, which: str) -> Pixels:
    (file,) = (folder / "data" / "golden").glob(f"{name}_*_{which}.png")
    pixels = np.asarray(Image.open(file))
    return grey(pixels) if pixels.ndim == 2 else pixels


def rows(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / "data" / "golden" / "golden.csv").open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if row["pair"].startswith(name)]


def from_scripts(row: dict[str, str]) -> bool:
    """Made by de-raining methods' own scripts, which the presets stand for."""
    return row["program"].startswith(("MPRNet", "PReNet"))


def values(result: Pixels, target: Pixels, wanted: set[str]) -> dict[tuple[str, str], tuple[float, str]]:
    """Ours, with the reason where there is one, by protocol and measure as the file calls them."""
    made: dict[tuple[str, str], tuple[float, str]] = {}
    if "rgb" in wanted:
        made["rgb", "psnr_chmean"] = measure(read_protocol("rgb,psnr=channels"), ["psnr"], result, target)["psnr"]
        planes = batch(result).transpose(0, 1), batch(target).transpose(0, 1)
        for name in NAMES:
            try:
                found = METRICS[name].measure(*planes, data_range=255).tolist()
                made |= {(channel, name): (value, "nan") for channel, value in zip("RGB", found, strict=True)}
            except UserError as error:
                made |= {(channel, name): (math.nan, str(error)) for channel in "RGB"}
    for protocol in sorted(wanted - set("RGB")):
        # vif of RGB is the mean of what was just measured: a third of this test's time
        names = [name for name in NAMES if (protocol, name) != ("rgb", "vif")]
        made |= {(protocol, name): value for name, value in measure(PROTOCOLS[protocol], names, result, target).items()}
    if "rgb" in wanted:
        made["rgb", "vif"] = (math.fsum(made[channel, "vif"][0] for channel in "RGB") / 3, "nan")
    return made


def off(value: float, wanted: str) -> float:
    """How far a value is from one in the file."""
    if wanted in ("nan", "error"):
        return 0 if math.isnan(value) else math.inf
    expected = float(wanted)
    return 0 if value == expected else abs(value - expected) if math.isfinite(value) else math.inf


@pytest.mark.parametrize("name", PAIRS)
def test_the_authors_programs_give_the_same(name, shared):
    of_pair = [row for row in rows(shared, name) if not from_scripts(row)]
    assert len(of_pair) >= 6
    result, target = stored(shared, name, "dist"), stored(shared, name, "ref")
    made = values(result, target, {row["protocol"] for row in of_pair})
    missed = []
    for row in of_pair:
        value, reason = made[row["protocol"], row["metric"]]
        against = [row[key] for key in ("value", "check_value") if row[key]]
        if "UNSTABLE" in row["note"]:
            against = [row["check_value"]]
        tolerance = TOLERANCE.get(row["metric"], 1e-9)
        if max(off(value, wanted) for wanted in against) > tolerance or (math.isnan(value) and not reason):
            missed.append((row["protocol"], row["metric"], value, against))
    assert not missed


@pytest.mark.parametrize("name", PAIRS)
def test_the_presets_are_what_the_de_raining_scripts_print(name, shared):
    of_pair = [row for row in rows(shared, name) if from_scripts(row)]
    # one-channel pairs have no Y
    assert len(of_pair) == (0 if name in ("p18", "p19") else 4)
    result, target = stored(shared, name, "dist"), stored(shared, name, "ref")
    ties = sum(int(tie_pixels(pixels).sum()) for pixels in (result, target))
    assert ties == TIES.get(name, 0)
    for row in of_pair:
        mprnet = row["program"].startswith("MPRNet")
        made = measure(PROTOCOLS["matlab_y" if mprnet else "prenet_y"], ["psnr", "ssim"], result, target)
        tolerance = TIE_EFFECT[row["metric"]] if mprnet and name == "p01" else 1e-9
        assert off(made[row["metric"]].value, row["value"]) <= tolerance, row


def tie_pixels(rgb: Pixels) -> Pixels:
    """Where Y of BT.601 lies exactly between two levels."""
    total = rgb.astype(np.int64) @ np.array([65481, 128553, 24966]) + 4_080_000
    return (2 * total + 255_000) % 510_000 == 0


@pytest.mark.parametrize("name", RECIPES)
def test_the_recipes_give_the_stored_pictures(name, shared):
    result, target = pair(name)
    assert np.array_equal(result, stored(shared, name, "dist"))
    assert np.array_equal(target, stored(shared, name, "ref"))


# psnr, ssim, ssim_auto, uqi, vifp, vif, printed with 10 digits
PUBLISHED = {
    ("p01", "rgb"): (20.7114049481, 0.3265515855, 0.6419098095, 0.3283968348, 0.2555406114, 0.2912418901),
    ("p01", "gray"): (24.0854355192, 0.4456509356, 0.7486042813, 0.4081880824, 0.3337487467, 0.3898991685),
    ("p01", "y"): (25.4112549957, 0.5027040853, 0.8099754101, 0.4111733294, 0.3507227538, 0.4229249585),
    ("p01", "y_uint8"): (25.4074777406, 0.5025442799, 0.8098040683, 0.4110917000, 0.3503238883, 0.4218937210),
    ("p01", "y_full"): (24.0893336838, 0.4458807396, 0.7488009431, 0.4082946199, 0.3340803076, 0.3906135013),
    ("p02", "rgb"): (29.8701914840, 0.7838902181, 0.7838902181, 0.6939718907, 0.4535388325, 0.3447417763),
    ("p02", "gray"): (29.9617705973, 0.7881165615, 0.7881165615, 0.7030766499, 0.4610174138, 0.3504205803),
    ("p12", "gray"): (4.2596873227, 0.1676209034, 0.1676209034, 0.2026018411, 0.0139515691, 0.0140994946),
    ("p16", "gray"): (31.4331487395, 0.9239790564, 0.9239790564, 0.9387971825, 0.4852599170, math.nan),
    # constants 100 against 120, black against black
    ("p08", "gray"): (22.1102036954, 0.9836109250, 0.9836109250, 60 / 61, math.nan, math.nan),
    ("p09", "gray"): (math.inf, 1, 1, 1, math.nan, math.nan),
}


@pytest.mark.parametrize(("name", "protocol"), PUBLISHED)
def test_published_figures(name, protocol):
    made = measure(PROTOCOLS[protocol], NAMES, *pair(name))
    for metric, expected in zip(NAMES, PUBLISHED[name, protocol], strict=True):
        assert made[metric].value == pytest.approx(expected, rel=0, abs=TOLERANCE[metric], nan_ok=True), metric
        assert bool(made[metric].reason) == (not math.isfinite(expected))


def test_published_figure_of_downsampling_by_three():
    result, target = pair("p19")
    assert measure(PROTOCOLS["gray"], ["ssim_auto"], result, target)["ssim_auto"].value == pytest.approx(
        0.9494596486, rel=0, abs=1e-9
    )


def test_flat_windows_of_planes_that_are_not_whole_numbers():
    # the original gives -0.494 here, of rounding noise
    made = measure(PROTOCOLS["y"], ["uqi"], *pair("p08"))["uqi"].value
    assert made == pytest.approx(0.98798489374894313, rel=0, abs=1e-12)


@pytest.mark.parametrize("metric", SMALLEST)
def test_pictures_below_the_smallest_size(metric):
    target = np.random.default_rng(0).integers(0, 256, (100, 100, 3), dtype=np.uint8)
    side = SMALLEST[metric]
    for height, width in ((side - 1, 100), (100, side - 1)):
        small = target[:height, :width]
        with pytest.raises(UserError, match=f"{metric} needs sides of at least {side} px"):
            METRICS[metric].measure(batch(small), batch(small), data_range=255)
        value, reason = measure(PROTOCOLS["rgb"], [metric], small, small)[metric]
        assert math.isnan(value)
        assert f"at least {side} px" in reason
        assert f"{width}x{height}" in reason
    enough = target[:side, :100]
    assert math.isfinite(float(METRICS[metric].measure(batch(enough), batch(enough), data_range=255)))
