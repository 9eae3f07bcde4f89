"""Published tables: every shipped one is complete, and what is not complete is refused."""

from __future__ import annotations

import pytest

from img2img.config import config_files
from img2img.errors import UserError
from img2img.reports.published import load

GOOD = """\
title: A table
source: {paper: A paper, table: Table 3, address: 'arXiv:1706.09138'}
protocol: 'unknown: the metric code is not public'
data: a set
certainty: read in the paper
metrics: [psnr, ssim]
rows:
  one: [23.5, 0.8]
  two: [20, null]
"""


@pytest.mark.parametrize("name", config_files("published"))
def test_every_shipped_table_loads(name):
    table = load(name)
    assert len(table.quoted) == len(table.rows)
    for row in table.quoted:
        assert row.values
        assert table.source.address in row.source
        assert row.protocol
        # on the scales of this project: PSNR in dB, the others at most 1
        assert all(5 < value < 60 if metric == "psnr" else value <= 1 for metric, value in row.values.items())


def test_there_are_shipped_tables():
    assert "idcgan_rain800_rerun" in config_files("published")


def test_the_rerun_of_id_cgan():
    (row,) = load("idcgan_rain800_rerun").quoted
    assert (row.method, row.values) == ("ID-CGAN", {"psnr": 23.79, "ssim": 0.82})
    assert "biubiubiiu/derain-toolbox" in row.source
    assert row.protocol.startswith("RGB")
    assert "Rain800" in row.data


def test_rows_carry_what_must_be_said_of_them(tmp_path):
    file = tmp_path / "own.yaml"
    file.write_text(GOOD)
    one, two = load(str(file)).quoted
    assert (one.method, one.values) == ("one", {"psnr": 23.5, "ssim": 0.8})
    assert two.values == {"psnr": 20}
    assert one.source == "A table (A paper, Table 3, arXiv:1706.09138)"
    assert one.protocol == "unknown: the metric code is not public"
    assert (one.data, one.certainty) == ("a set", "read in the paper")


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(UserError, match="unknown published table 'idcgan_rain'; did you mean 'idcgan_rain800_rerun'"):
        load("idcgan_rain")
    with pytest.raises(UserError, match=r"nowhere\.yaml: cannot be read"):
        load("nowhere.yaml")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("title: A table\n", "", "title"),
        ("title:", "titel: x\ntitle:", "unknown key 'titel'; did you mean 'title'"),
        ("table: Table 3", "tabel: Table 3", "table|tabel"),
        ("A paper", "''", "source.paper is empty"),
        ("'unknown: the metric code is not public'", "''", "protocol is empty; where it is not known, say so"),
        ("a set", "''", "data is empty"),
        ("read in the paper", "' '", "certainty is empty"),
        ("ssim]", "sim]", "unknown metric 'sim'; did you mean 'ssim'"),
        ("ssim]", "psnr]", "metrics must be at least one, each once"),
        ("[psnr, ssim]", "[]", "metrics must be at least one, each once"),
        ("[23.5, 0.8]", "[23.5]", "one has 1 values for 2 metrics"),
        ("[20, null]", "[null, null]", "two has no value"),
        ("[20, null]", "[.nan, 1]", "rows.two"),
        ("[20, null]", "['20', 1]", "rows.two"),
        ("  one: [23.5, 0.8]\n  two: [20, null]\n", "  {}\n", "at least one method"),
    ],
)
def test_what_is_not_complete_is_refused(tmp_path, old, new, message):
    assert old in GOOD
    file = tmp_path / "own.yaml"
    file.write_text(GOOD.replace(old, new))
    with pytest.raises(UserError, match=f"own.yaml: .*({message})"):
        load(str(file))
