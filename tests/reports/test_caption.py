"""What is said of a table."""

from __future__ import annotations

from dataclasses import replace

import pytest
from score_tables import TABLE, seeded

from img2img.reports.caption import paragraph
from img2img.reports.latex import latex
from img2img.reports.markdown import markdown
from img2img.reports.table import Score


@pytest.mark.parametrize("spread", ["none", "interval"])
def test_seeds_are_named_without_their_spread_too(spread):
    assert "Means over 3 seeds (pan)." in paragraph(seeded(spread=spread))
    assert "†" not in markdown(seeded(spread=spread))
    assert ("the seeds taken as they are" in paragraph(seeded(spread=spread))) == (spread == "interval")


def test_methods_of_different_numbers_of_seeds():
    made = seeded(spread="std")
    scores = (*made.scores[:6], *(Score("l2", image, "psnr", 1, "", seed) for image in "ab" for seed in "78"))
    assert "± marked † is over seeds (pan 3, l2 2): the standard" in paragraph(replace(made, scores=scores))
    assert "Means over seeds (pan 3, l2 2)." in paragraph(replace(made, scores=scores, spread="none"))


def test_notes_and_the_cards_line_stand_in_the_caption():
    made = replace(TABLE, notes=("these were seen", "50% of them twice."), card={"line": "data 0123"})
    assert paragraph(made).endswith("1 infinite. These were seen. 50% of them twice. Data 0123.")
    assert r"50\% of them twice" in latex(made)
