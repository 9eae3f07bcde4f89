"""``img2img show --film``: what a run made, look after look, as an animation that Pillow reads back."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_run import make_pairs, train

from img2img.commands import main
from img2img.reports.animation import CAPTION, save_animation
from img2img.training.history import history, mosaic
from img2img.training.points import read_points

TINY = ["train.steps=4", "train.validate_every=2", "train.log_every=1", "train.batch=8", "train.report=false",
        "generator.width=8", "critic.width=8", "train.precision=fp32"]  # fmt: skip


@pytest.fixture(scope="module")
def digits(tmp_path_factory) -> Path:
    """A run from noise on pictures of 8 px, looked at after steps 2 and 4."""
    root = tmp_path_factory.mktemp("noise")
    np.save(root / "set.npy", np.random.default_rng(0).integers(0, 256, (40, 8, 8, 3), dtype=np.uint8))
    words = ["--task", "images", "--method", "gan", "--data", str(root / "set.npy"), "--output", str(root / "run")]
    assert main(["train", *words, *TINY, "data.load=8", "data.crop=8"]) == 0
    return root / "run"


def frames_of(path: Path) -> tuple[list[np.ndarray], list[int]]:
    """Frames (H, W, 3) uint8, and how long each is shown, in milliseconds."""
    with Image.open(path) as film:
        pictures, shown = [], []
        for number in range(film.n_frames):
            film.seek(number)
            pictures.append(np.asarray(film.convert("RGB")))
            shown.append(film.info["duration"])
        return pictures, shown


@pytest.mark.parametrize("ending", ["webp", "gif"])
def test_the_film_has_a_frame_a_look(digits, tmp_path, ending, capsys):
    path = tmp_path / f"film.{ending}"
    assert main(["show", str(digits), "--film", str(path)]) == 0
    pictures, shown = frames_of(path)
    steps = sorted(int(file.stem.removeprefix("step-")) for file in digits.glob("samples/*.npz"))
    assert len(pictures) == len(steps) == 2
    assert shown[-1] > shown[0]
    # below the caption the four rows of four pictures, each pixel enlarged ten times
    made = read_points(digits / f"samples/step-{steps[-1]}.npz")[0]
    enlarged = mosaic(made).repeat(10, 0).repeat(10, 1).astype(int)
    assert np.abs(pictures[-1][CAPTION:].astype(int) - enlarged).mean() < 8
    assert f"film of 2 looks: {path}" in capsys.readouterr().err


def test_frames_can_be_fewer(digits, tmp_path):
    assert [caption for caption, _ in history(digits, 1)] == ["step 2"]
    assert main(["show", str(digits), "--film", str(tmp_path / "film.gif"), "--frames", "1"]) == 0
    assert len(frames_of(tmp_path / "film.gif")[0]) == 1


def test_a_mosaic_is_filled_row_by_row():
    pictures = np.arange(5, dtype=np.uint8).reshape(5, 1, 1, 1)
    assert mosaic(pictures)[:, :, 0].tolist() == [[0, 1, 2, 3], [4, 0, 0, 0]]


def test_runs_of_pairs_and_of_mixtures_have_films_too(tmp_path):
    assert train(make_pairs(tmp_path / "pairs"), tmp_path / "run") == 0
    assert [caption for caption, _ in history(tmp_path / "run")] == ["step 2", "step 4"]
    assert main(["train", "--task", "toy", "--output", str(tmp_path / "toy"), *TINY]) == 0
    ((_, last),) = history(tmp_path / "toy", 1)
    # the density and, below it, the critic's surface
    assert last.shape[0] > 1.4 * last.shape[1]


def test_frames_of_two_sizes_become_one_and_a_still_film_keeps_its_frames(tmp_path):
    small, wide = np.zeros((400, 400, 3), np.uint8), np.full((200, 1500, 3), 200, np.uint8)
    save_animation(tmp_path / "film.webp", [("a", small), ("b", wide)])
    assert [frame.shape for frame in frames_of(tmp_path / "film.webp")[0]] == [(400 + CAPTION, 1000, 3)] * 2


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--film", "film.mp4"], "--film film.mp4: a name that ends in .webp or .gif is needed"),
        (["--frames", "3"], "--frames: belongs to --film FILE"),
    ],
)
def test_what_cannot_be_a_film_is_one_line(digits, words, says, capsys):
    assert main(["show", str(digits), *words]) == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1


def test_a_run_without_samples_says_so(digits, tmp_path, capsys):
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare/config.yaml").write_bytes((digits / "config.yaml").read_bytes())
    assert main(["show", str(tmp_path / "bare"), "--film", str(tmp_path / "film.gif")]) == 2
    assert "kept no samples to look at" in capsys.readouterr().err
    assert not (tmp_path / "film.gif").exists()


def test_a_run_from_noise_is_sampled_next(digits, capsys):
    capsys.readouterr()
    assert main(["show", str(digits), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["next"] == f"img2img infer --weights {digits} --samples 16 --output results"
