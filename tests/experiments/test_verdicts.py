"""What a table says in words by its own test, and the tables of evolution and of the made array, small."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_run import make_pairs

from img2img.commands import main
from img2img.config import named_file
from img2img.errors import UserError
from img2img.evaluation.entries import INPUT
from img2img.experiments.table import ArmTable, DataSet, Quick, load
from img2img.experiments.verdict import verdict
from img2img.reports.statistics import fewest_pairs
from img2img.reports.table import Score, Table


def table_of(differences: list[float], seeds: int = 1) -> Table:
    """Two arms and the untouched input; the second arm's PSNR is 20 and so much more of each picture."""
    scores = []
    for number, difference in enumerate(differences):
        scores.append(Score(INPUT, str(number), "psnr", 15.0 + number))
        for seed in range(seeds):
            name = f"seed {seed}" if seeds > 1 else ""
            scores.append(Score("plain", str(number), "psnr", 20.0 + seed, seed=name))
            scores.append(Score("evolved", str(number), "psnr", 20.0 + 3 * seed + difference, seed=name))
    return Table(
        methods=(INPUT, "plain", "evolved"), metrics=("psnr",), scores=tuple(scores), protocol="", against="plain"
    )


@pytest.mark.parametrize(
    ("differences", "word"),
    [
        # twelve of one sign: p is 2 ** -11, twice that by Holm's adjustment for two comparisons
        ([0.1 * n for n in range(1, 13)], "+0.65 dB (p 0.00098, adjusted, over 12 pictures): better"),
        ([-0.1 * n for n in range(1, 13)], "-0.65 dB (p 0.00098, adjusted, over 12 pictures): worse"),
        ([(-1) ** n * 0.1 * n for n in range(1, 13)], "no difference shown"),
        ([0.5, 0.6, 0.7], "over 3 pictures): undecided, 7 would be needed to show any difference"),
    ],
)
def test_the_verdict_is_the_tables_own_test_in_words(differences, word):
    (said,) = verdict(table_of(differences))
    assert said.startswith("evolved against plain, PSNR: ")
    assert said.endswith(word)


def test_how_far_seeds_lie_apart_is_said():
    # over two seeds the plain arm's means are 20 and 21, the other's 20.65 and 23.65
    (said,) = verdict(table_of([0.1 * n for n in range(1, 13)], seeds=2))
    assert "seeds spread by 2.12 and 0.71" in said


def test_so_many_pairs_are_needed():
    # n differences of one sign have p 2 ** (1 - n): of 6 pairs 0.031, of 7 0.0156
    assert [fewest_pairs(level) for level in (0.05, 0.03, 0.025)] == [6, 7, 7]


def test_without_an_arm_to_compare_with_nothing_is_said():
    table = table_of([0.1] * 12)
    assert verdict(Table(methods=table.methods, metrics=table.metrics, scores=table.scores, protocol="")) == []


EVOLUTION = ["generator.width=8", "critic.width=8", "data.load=48", "data.crop=32", "train.batch=2"]
EVOLUTION += ["train.log_every=1", "--seeds", "1"]


def test_evolution_is_shown_on_what_is_built_in_and_on_data(tmp_path: Path, capsys):
    words = ["reproduce", "evolution", "--steps", "2", "--threads", "1", *EVOLUTION, "--arms", "pix2pix", "evolved"]
    assert main([*words, "--output", str(tmp_path / "out")]) == 0
    text = (tmp_path / "out/table.md").read_text()
    assert capsys.readouterr().out == text
    assert "## derain: verdict\n\n- evolved against pix2pix, PSNR: " in text
    assert "over 3 pictures): undecided" in text
    assert "\\item evolved against pix2pix" in (tmp_path / "out/table.tex").read_text()
    assert (tmp_path / "out/survivors-evolved.png").stat().st_size > 0
    assert not (tmp_path / "out/survivors-pix2pix.png").exists()
    own = ["--data", str(make_pairs(tmp_path / "pairs", range(12))), "--output", str(tmp_path / "own")]
    assert main([*words, *own]) == 0
    assert "sources are rain" not in (tmp_path / "own/table.md").read_text().lower()


def test_the_short_form_says_minutes_and_what_it_changes():
    quick = load("evolution").quick
    assert quick is not None
    assert (quick.steps, quick.seeds) == (None, 2)
    # three arms, two seeds
    assert 6 * quick.minutes < 3
    assert "generator.width=8" in quick.overrides
    with pytest.raises(ValueError, match="give steps or minutes"):
        Quick(seeds=1)


def test_an_unknown_arm_to_compare_with_is_refused():
    sets = {"derain": DataSet(title="rain", task="derain")}
    with pytest.raises(UserError, match="against"):
        ArmTable(title="t", sets=sets, arms=load("evolution").arms, protocol="rgb", metrics=("psnr",), against="PAN")


def test_rows_of_a_made_array_are_compared_in_their_own_units(tmp_path: Path):
    small = ["data.made=[60, 30]", "generator.width=8", "critic.width=8", "train.batch=4"]
    own = tmp_path / "planet.yaml"
    shipped = named_file("tables", "planet")[0].read_text()
    own.write_text(shipped.replace("samples: 500", "samples: 10").replace("data.side=72", "data.side=8"))
    words = ["reproduce", str(own), "--steps", "2", "--output", str(tmp_path / "out"), *small]
    assert main(words) == 0
    table = (tmp_path / "out/table.md").read_text()
    assert "10 training pictures" in table
    assert [row for row in ("WGAN-GP", "GAN", "DCGAN", "real, others") if f"| {row} |" not in table] == []
    for name in ("losses.png", "grids.png"):
        assert (tmp_path / "out" / name).stat().st_size > 0
