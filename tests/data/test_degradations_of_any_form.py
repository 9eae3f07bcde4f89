"""Sources made of pictures of 16 bits, of floats and of any channels: by hand, and against the same on 8 bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from conftest import picture
from img2img.config import build
from img2img.data import open_data
from img2img.data.config import DataConfig
from img2img.data.holes import fill_levels
from img2img.data.synthesis import ANY_FORM, SYNTHESES
from img2img.errors import UserError
from img2img.images import Picture, write
from img2img.images.form import Form
from img2img.randomness import generator

DEEP = Form(dtype="uint16", channels=1, range=(0, 65535))
KELVIN = Form(dtype="float32", channels=5, range=(250, 330))


def source(synthesis: str, clean: np.ndarray, form: Form, **options: object) -> np.ndarray:
    config = build(DataConfig, {"synthesis": synthesis, **options}, "data")
    made = SYNTHESES[synthesis](clean, config, generator(0, "test"), min(clean.shape[:2]), form)
    assert made["target"] is clean
    assert (made["source"].shape, made["source"].dtype) == (clean.shape, clean.dtype)
    assert form.outside(made["source"]) == 0
    return made["source"]


def of_form(form: Form, height: int = 96, width: int = 80) -> np.ndarray:
    """Waves that fill the middle half of a form's range."""
    low, high = form.range
    rows, columns = np.mgrid[:height, :width][..., None] / 24
    waves = np.sin(rows + np.arange(form.channels)) * np.cos(columns)
    values = (low + high) / 2 + (high - low) / 4 * waves
    return (values if form.dtype == "float32" else np.rint(values)).astype(form.dtype)


@pytest.mark.parametrize("form", [DEEP, KELVIN, Form(dtype="uint8", channels=4), Form(range=(10, 200))], ids=str)
@pytest.mark.parametrize("synthesis", ANY_FORM)
@pytest.mark.parametrize("size", [(1, 1), (3, 7), (64, 50)])
def test_type_channels_and_range_are_kept(synthesis, form, size):
    clean = of_form(form, *size)
    if synthesis == "hole" and size == (1, 1):
        return
    assert np.array_equal(source(synthesis, clean, form), source(synthesis, clean, form))


@pytest.mark.parametrize("synthesis", ANY_FORM)
def test_the_same_picture_in_finer_levels_is_degraded_alike(synthesis):
    """What 8 bits round: 257 levels of 16 bits are one of theirs."""
    clean = np.clip(picture(0, 64, 64), 40, 200)
    form = Form(dtype="uint16", channels=3, range=(0, 65535))
    coarse = source(synthesis, clean, Form())
    fine = source(synthesis, clean.astype(np.uint16) * 257, form)
    # Pillow rounds to 8 bits four times on the way
    assert np.abs(fine / 257 - coarse).max() <= (2 if synthesis == "superres" else 0.51)
    if synthesis != "hole":
        assert (fine % 257 != 0).mean() > 0.9


@pytest.mark.parametrize(("form", "unit"), [(DEEP, 257), (KELVIN, 80 / 255)], ids=str)
def test_noise_is_a_share_of_the_range(form, unit):
    clean = of_form(form)
    noise = source("denoise", clean, form, noise={"sigma": [2, 2]}) - clean.astype(np.float64)
    assert noise.std() == pytest.approx(2 * unit, rel=0.05)
    photons = source("denoise", clean, form, noise={"kind": "poisson", "photons": [100, 100]}) - clean.astype(float)
    span = form.range[1] - form.range[0]
    expected = np.sqrt((clean - form.range[0]).mean() / span / 100) * span
    assert photons.std() == pytest.approx(expected, rel=0.05)


def test_a_blur_keeps_what_8_bits_would_lose():
    clean = np.full((40, 40, 5), 300, np.float32)
    clean[20, 20] = 301
    blurred = source("deblur", clean, KELVIN, blur={"kind": "gaussian", "sigma": [1, 1]})
    assert blurred[20, 20, 0] == pytest.approx(300 + 1 / (2 * np.pi), abs=2e-3)
    assert np.allclose(blurred[20, 21], 300 + np.exp(-0.5) / (2 * np.pi), atol=2e-3)


def test_superres_is_pillows_of_floats():
    clean = of_form(KELVIN)
    made = source("superres", clean, KELVIN, superres={"scale": 2})
    plane = Image.fromarray(clean[:, :, 3].copy()).resize((40, 48), Image.Resampling.BICUBIC)
    assert np.array_equal(made[:, :, 3], np.clip(plane.resize((80, 96), Image.Resampling.BICUBIC), 250, 330))


def test_holes_have_the_same_share_of_any_range():
    assert fill_levels((117, 104, 123), 3) == (117, 104, 123)
    # the mean of the three
    assert fill_levels((117, 104, 123), 5) == (115,) * 5
    made = source("hole", of_form(KELVIN), KELVIN)
    assert np.allclose(made[48, 40], 250 + 80 * 115 / 255)
    colours = Form(dtype="uint16", channels=3, range=(0, 65535))
    assert source("hole", of_form(colours), colours)[48, 40].tolist() == [117 * 257, 104 * 257, 123 * 257]


def put(folder: Path, form: Form, numbers: int = 3) -> str:
    folder.mkdir()
    for number in range(numbers):
        write(folder / f"{number}.tif", Picture(np.roll(of_form(form), 7 * number, 0)))
    return str(folder)


@pytest.mark.parametrize(("form", "stated"), [(DEEP, "auto"), (KELVIN, [250, 330]), (KELVIN, "minmax")], ids=str)
@pytest.mark.parametrize("synthesis", ANY_FORM)
def test_samples_of_a_folder_of_photos_keep_their_depth(tmp_path, synthesis, form, stated):
    keys = {"path": put(tmp_path / "photos", form), "synthesis": synthesis, "layout": "photos", "crop": 32}
    data = open_data(build(DataConfig, {**keys, "range": {"target": stated}}, "data"), 0)
    forms = data.train.forms
    assert forms.source == forms.target
    assert (forms.source.dtype, forms.source.channels) == (form.dtype, form.channels)
    sample = data.train.sample(0, 0, 0)
    assert sample["source"].shape == sample["target"].shape == (form.channels, 32, 32)
    whole = data.train.whole(0)
    assert whole["source"].dtype == whole["target"].dtype == form.dtype


def test_photos_of_floats_are_found_to_be_photos(tmp_path):
    keys = {"path": put(tmp_path / "photos", KELVIN), "synthesis": "denoise", "range": {"target": "minmax"}}
    data = open_data(build(DataConfig, keys, "data"), 0)
    assert "auto: photos, denoise made on clean photos" in data.notes[0]


@pytest.mark.parametrize("synthesis", [name for name in SYNTHESES if name not in ANY_FORM])
def test_the_others_refuse_with_the_cure(tmp_path, synthesis):
    keys = {"path": put(tmp_path / "photos", DEEP), "synthesis": synthesis, "layout": "photos"}
    with pytest.raises(UserError, match=rf"data.synthesis={synthesis} .*8-bit RGB.* uint16.*: convert them, or take"):
        open_data(build(DataConfig, keys, "data"), 0)


def test_pairs_of_16_bits_bring_their_sources(tmp_path):
    """Under a task that makes sources of photos, too: nothing is made of pairs."""
    pairs = Form(dtype="uint16", channels=3, range=(0, 65535))
    keys = {"path": put(tmp_path / "pairs", pairs), "synthesis": "rain", "layout": "side_by_side", "validation": 0.0}
    data = open_data(build(DataConfig, keys, "data"), 0)
    assert data.train.whole(0)["source"].dtype == np.uint16


def test_sets_of_other_kinds_are_not_mixed_in(tmp_path):
    first, other = put(tmp_path / "first", Form()), put(tmp_path / "other", DEEP)
    keys = {"path": first, "synthesis": "denoise", "layout": "photos", "mix": [{"path": other, "weight": 0.5}]}
    with pytest.raises(UserError, match=r"data.mix: .*other has pictures of 1 channel of uint16.*: convert them"):
        open_data(build(DataConfig, keys, "data"), 0)
