"""Results under other names, comparisons among results, and sources that were made: what is said of each."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest
from small_run import evaluate, pixels, save, taken, train

from conftest import picture
from img2img.commands import main
from img2img.commands.evaluate import run
from img2img.errors import UserError


@pytest.fixture
def pix2pix(tmp_path: Path) -> Path:
    """Targets, and the folder in which pix2pix's test.py leaves inputs, results and targets."""
    for number in range(3):
        save(tmp_path / f"clean/{number}.png", picture(number))
        for kind, offset in (("real_A", 2), ("fake_B", 1), ("real_B", 0)):
            made = (picture(number) // 2 * 2 if offset == 0 else picture(number) // (offset + 1)).astype("uint8")
            save(tmp_path / f"results/NAME/test_latest/images/{number}_{kind}.png", made)
    return tmp_path


def mean(capsys: pytest.CaptureFixture[str], row: str) -> float:
    table = capsys.readouterr().out
    return float(re.search(rf"\| {row} \| \**([\d.]+)", table)[1])  # type: ignore[index]


def test_results_are_matched_by_a_pattern(pix2pix, capsys):
    words = ["--target", pix2pix / "clean", "--results", f"theirs={pix2pix / 'results/NAME'}"]
    pattern = "test_latest/images/{}_fake_B"
    assert evaluate(*words, "--match", pattern) == 0
    images = pix2pix / "results/NAME/test_latest/images"
    expected = [taken("psnr", pixels(images / f"{n}_fake_B.png"), picture(n)) for n in range(3)]
    assert mean(capsys, "theirs") == pytest.approx(sum(expected) / 3, abs=0.006)


def test_the_pattern_that_would_fit_is_proposed_and_does(pix2pix, capsys):
    words = ["--target", pix2pix / "clean", "--results", f"theirs={pix2pix / 'results/NAME'}"]
    with pytest.raises(UserError, match=r"no result for .*would match all") as caught:
        run([str(word) for word in words])
    cure = shlex.split(re.search(r"(--match \S+) or", str(caught.value))[1])  # type: ignore[index]
    assert cure == ["--match", "test_latest/images/{}_fake_B"]
    assert evaluate(*words, *cure) == 0


def test_rows_may_have_patterns_of_their_own(pix2pix, capsys):
    images = pix2pix / "results/NAME/test_latest/images"
    words = ["--target", pix2pix / "clean", "--results", f"theirs={images}", f"same={images}", "--source", images]
    assert evaluate(*words, "--match", "{}_fake_B", "same={}_real_B", "source={}_real_A") == 0
    captured = capsys.readouterr()
    assert "are the same folder" not in captured.out
    assert "input (untouched)" in captured.out


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("fake_B", "must be PATTERN"),
        ("other={}_x", "unknown row"),
        ("theirs=fake", "needs {}"),
        ("{}_no", "no result for"),
    ],
)
def test_patterns_that_cannot_be(pix2pix, pattern, says):
    images = pix2pix / "results/NAME/test_latest/images"
    with pytest.raises(UserError, match=re.escape(says)):
        run(["--target", str(pix2pix / "clean"), "--results", f"theirs={images}", "--match", pattern])


def test_comparisons_among_the_results_are_left_aside(tmp_path, capsys):
    for number in range(3):
        save(tmp_path / f"clean/{number}.png", picture(number))
        save(tmp_path / f"dry/{number}.png", picture(number) // 2)
        save(tmp_path / f"dry/compare/{number}.png", picture(number, 48, 128))
    words = ["--target", tmp_path / "clean", "--results", f"mine={tmp_path / 'dry'}"]
    assert evaluate(*words) == 0
    assert "3 pictures below compare are comparisons, and left aside" in capsys.readouterr().out
    # a picture there that is no comparison of a result has no target
    save(tmp_path / "dry/compare/other.png", picture(9))
    with pytest.raises(UserError, match=r"no target for .*; --match '\{\}' or"):
        run([str(word) for word in words])
    assert evaluate(*words, "--match", "{}") == 0


def test_targets_in_a_folder_of_that_name_are_targets(tmp_path, capsys):
    for folder in ("clean", "dry"):
        for name in ("1.png", "compare/1.png"):
            save(tmp_path / folder / name, picture(1))
    assert evaluate("--target", tmp_path / "clean", "--results", f"mine={tmp_path / 'dry'}") == 0
    assert "left aside" not in capsys.readouterr().out


def test_infer_compare_then_evaluate_as_the_readme_has_it(tmp_path, capsys):
    pairs = tmp_path / "pairs"
    for number in range(4):
        save(pairs / f"rainy/{number}.png", picture(number) // 2)
        save(pairs / f"clean/{number}.png", picture(number))
    assert train(pairs, tmp_path / "run") == 0
    dry = tmp_path / "dry"
    words = ["--weights", str(tmp_path / "run"), "--input", str(pairs / "rainy"), "--output", str(dry), "--compare"]
    assert main(["infer", *words]) == 0
    assert (dry / "compare/0.png").is_file()
    results = ["--target", pairs / "clean", "--results", f"mine={dry}", "--source", pairs / "rainy"]
    assert evaluate(*results, "--output", tmp_path / "report") == 0


def test_made_sources_are_named_in_caption_card_and_log(tmp_path, capsys):
    for number in range(5):
        save(tmp_path / f"photos/{number}.png", picture(number))
    assert train(tmp_path / "photos", tmp_path / "run") == 0
    made = "rain made on clean photos by data.synthesis"
    assert made in capsys.readouterr().err
    words = ["--weights", f"mine={tmp_path / 'run'}", "--data", tmp_path / "photos", "--output", tmp_path / "report"]
    assert evaluate(*words, "--format", "md,latex") == 0
    assert made in capsys.readouterr().out
    assert made in (tmp_path / "report/table.tex").read_text()
    assert json.loads((tmp_path / "report/card.json").read_text())["sources"] == made
    # pairs bring theirs
    shutil.rmtree(tmp_path / "report")
    for number in range(5):
        save(tmp_path / f"pairs/rainy/{number}.png", picture(number) // 2)
        save(tmp_path / f"pairs/clean/{number}.png", picture(number))
    words[3] = tmp_path / "pairs"
    assert evaluate(*words) == 0
    assert made not in capsys.readouterr().out


def test_weights_trained_by_a_pattern_are_measured_on_data_of_other_names(tmp_path, capsys):
    for number in range(4):
        save(tmp_path / f"pairs/{number}_u.png", picture(number) // 2)
        save(tmp_path / f"pairs/{number}_v.png", picture(number))
        save(tmp_path / f"others/lq/{number}.png", picture(10 + number) // 2)
        save(tmp_path / f"others/gt/{number}.png", picture(10 + number))
    pattern = 'data.pattern={source: "{}_u", target: "{}_v"}'
    assert train(tmp_path / "pairs", tmp_path / "run", pattern) == 0
    for folder in ("pairs", "others"):
        assert evaluate("--weights", f"mine={tmp_path / 'run'}", "--data", tmp_path / folder) == 0
    assert "4 images" in capsys.readouterr().out
