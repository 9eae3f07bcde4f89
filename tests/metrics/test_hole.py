"""Measures inside the hole alone: against a loop over its pixels, and what cannot be measured there."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from skimage.metrics import structural_similarity
from small_run import save

from conftest import picture
from img2img.commands import main
from img2img.errors import UserError
from img2img.metrics import measure, read_protocol

NAMES = ("psnr", "mae", "ssim")


def pair(height: int = 48, width: int = 64) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(result, target, mask): they differ inside the mask alone, by much."""
    rng = np.random.default_rng(0)
    target = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    mask = np.zeros((height, width), np.uint8)
    mask[10:30, 20:44] = 255
    mask[0:3, 0:5] = 255
    result = np.where(mask[:, :, None] > 0, rng.integers(0, 256, target.shape, dtype=np.uint8), target)
    return result, target, mask


def test_psnr_and_mae_are_those_of_the_hole_s_samples_and_ssim_the_mean_of_its_map_there():
    result, target, mask = pair()
    found = measure(read_protocol("rgb,region=hole"), NAMES, result, target, hole=mask)
    difference = result[mask > 0].astype(float) - target[mask > 0].astype(float)
    assert found["psnr"].value == pytest.approx(10 * math.log10(255**2 / np.mean(difference**2)), rel=1e-12)
    assert found["mae"].value == pytest.approx(np.abs(difference).mean(), rel=1e-12)
    _, similarity = structural_similarity(
        target, result, data_range=255, channel_axis=2, gaussian_weights=True, sigma=1.5,
        use_sample_covariance=False, full=True,
    )  # fmt: skip
    # centres of windows that fit lie 5 px and more from the border
    centres = np.zeros_like(mask, dtype=bool)
    centres[5:-5, 5:-5] = mask[5:-5, 5:-5] > 0
    assert found["ssim"].value == pytest.approx(similarity[centres].mean(), rel=1e-9)
    whole = measure(read_protocol("rgb"), NAMES, result, target)
    assert whole["psnr"].value > found["psnr"].value + 5


def test_a_hole_that_is_everything_is_the_whole_picture_and_crops_apply_to_it_too():
    result, target, mask = pair()
    full = np.full_like(mask, 255)
    for protocol in ("rgb", "y", "rgb,crop=4", "rgb,psnr=channels"):
        one = measure(read_protocol(protocol), NAMES, result, target)
        other = measure(read_protocol(f"{protocol},region=hole"), NAMES, result, target, hole=full)
        assert [one[name].value for name in NAMES] == pytest.approx([other[name].value for name in NAMES], rel=1e-12)


def test_no_hole_in_what_is_measured_is_undefined_with_its_reason():
    result, target, _ = pair()
    found = measure(read_protocol("rgb,region=hole"), NAMES, result, target, hole=np.zeros((48, 64), np.uint8))
    assert all(math.isnan(value.value) and "there is no hole" in value.reason for value in found.values())


def test_masks_that_are_missing_or_of_another_size_are_refused():
    result, target, mask = pair()
    with pytest.raises(UserError, match="has no mask, but region=hole"):
        measure(read_protocol("rgb,region=hole"), NAMES, result, target)
    with pytest.raises(UserError, match=r"one size \(63x48 against 64x48\)"):
        measure(read_protocol("rgb,region=hole"), NAMES, result, target, hole=mask[:, 1:])


def folders(root):
    for number in range(3):
        target = picture(number)
        mask = np.zeros(target.shape[:2], np.uint8)
        mask[10:30, 20:44] = 255
        save(root / f"photos/{number}.png", target)
        save(root / f"holes/{number}_mask.png", mask)
        save(root / f"filled/{number}.png", np.where(mask[:, :, None] > 0, 255 - target, target))
    return ["evaluate", "--target", str(root / "photos"), "--results", f"ours={root / 'filled'}"]


def test_evaluate_says_that_it_measured_the_hole_in_caption_and_card(tmp_path):
    words = folders(tmp_path)
    more = ["--region", "hole", "--masks", str(tmp_path / "holes"), "--metrics", "psnr,mae", "--output"]
    assert main([*words, *more, str(tmp_path / "report")]) == 0
    card = json.loads((tmp_path / "report/card.json").read_text())
    assert card["protocol"] == "rgb,region=hole"
    table = (tmp_path / "report/table.md").read_text()
    assert "inside the hole alone" in table
    rows = (tmp_path / "report/per_image.csv").read_text().splitlines()[1:]
    found = [float(row.split(",mae,")[1].split(",")[0]) for row in rows if ",mae," in row]
    wanted = [np.abs(255 - 2 * picture(number)[10:30, 20:44].astype(float)).mean() for number in range(3)]
    assert found == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--region", "hole"], "--masks is needed"),
        (["--masks", "{}/holes"], "--region hole alone asks for"),
        (["--region", "hole", "--masks", "{}/holes", "--metrics", "psnr,vif,uqi"], "--metrics vif,uqi: not defined"),
        (["--region", "hole", "--masks", "{}/photos"], "is all hole"),
        (["--region", "hole", "--masks", "{}/few"], "no mask for"),
        (["--region", "hole", "--masks", "{}/small"], "a mask and its picture have one size (8x8 against"),
        (["--region", "hole", "--masks", "{}/black"], "has no hole"),
        (["--region", "hole", "--masks", "{}/holes", "--fit", "crop"], "leave --fit or --region hole out"),
        (["--region", "hole", "--masks", "{}/holes", "--protocol", "rgb_256"], "resizing mixes the hole"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(more, words, tmp_path, capsys):
    command = folders(tmp_path)
    white = np.full_like(picture(0), 255)
    save(tmp_path / "few/0.png", np.eye(48, 64, dtype=np.uint8) * 255)
    for number in range(3):
        save(tmp_path / f"small/{number}.png", np.eye(8, dtype=np.uint8) * 255)
        save(tmp_path / f"black/{number}.png", np.zeros(picture(0).shape[:2], np.uint8))
        save(tmp_path / f"photos/{number}.png", white if "photos" in str(more) else picture(number))
    assert main([*command, *(word.format(tmp_path) for word in more)]) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1
    assert words in said[0]
