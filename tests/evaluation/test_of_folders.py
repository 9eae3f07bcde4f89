"""Folders of results against targets: what is measured, what must agree, in which order it is shown."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
from small_run import evaluate, make_folders, save, taken

import img2img
from conftest import picture
from img2img.commands.evaluate import run
from img2img.errors import UserError
from img2img.images import Picture, write


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Targets, the same pictures darker, and the targets again under another ending."""
    return make_folders(tmp_path)


def test_folders_of_results(folders, capsys):
    words = ["--target", folders / "targets", "--results", f"dark={folders / 'dark'}"]
    assert evaluate(*words, "--results", f"same={folders / 'same'}", "--format", "json") == 0
    methods = json.loads(capsys.readouterr().out)["methods"]
    values = [taken("psnr", picture(n) // 2, picture(n)) for n in range(3)]
    assert methods["dark"]["psnr"]["mean"] == pytest.approx(np.mean(values), rel=1e-12)
    assert (methods["same"]["psnr"]["mean"], methods["same"]["psnr"]["infinite"]) == ("Infinity", 3)
    assert methods["same"]["ssim"]["mean"] == 1.0


def test_values_that_are_undefined_or_infinite(tmp_path, capsys):
    for name, number, shape in (("small", 0, (8, 8)), ("large", 1, (24, 24))):
        save(tmp_path / f"targets/{name}.png", picture(number, *shape))
        save(tmp_path / f"results/{name}.png", picture(number, *shape) // (1 if name == "large" else 2))
    assert evaluate("--target", tmp_path / "targets", "--results", f"a={tmp_path / 'results'}",
                    "--output", tmp_path / "out") == 0  # fmt: skip
    with (tmp_path / "out/per_image.csv").open() as file:
        rows = {(row["image"], row["metric"]): (row["value"], row["reason"]) for row in csv.DictReader(file)}
    assert rows["large", "psnr"] == ("inf", "identical")
    value, why = rows["small", "ssim"]
    assert value == "nan"
    assert why == "ssim needs sides of at least 11 px (the 11x11 window); these are 8x8"
    expected = taken("psnr", picture(0, 8, 8) // 2, picture(0, 8, 8))
    assert float(rows["small", "psnr"][0]) == expected
    lines = capsys.readouterr().out.splitlines()
    assert lines[2] == f"| a | **{expected:.2f}** (1 left out) | **1.0000** (1 left out) |"
    assert "PSNR of a: 1 infinite; SSIM of a: 1 undefined" in lines[-1]


def test_a_protocol_decides_the_numbers_and_is_named(folders, capsys):
    words = ["--target", folders / "targets", "--results", f"dark={folders / 'dark'}", "--format", "json"]
    found = {}
    for protocol in ("rgb", "matlab_y", "rgb,crop=4", "y_full,resize=32x24"):
        assert evaluate(*words, "--protocol", protocol) == 0
        record = json.loads(capsys.readouterr().out)
        assert record["protocol"].startswith(f"{protocol}: ")
        assert record["card"]["protocol"] == protocol
        values = [taken("psnr", picture(n) // 2, picture(n), protocol) for n in range(3)]
        assert record["methods"]["dark"]["psnr"]["mean"] == pytest.approx(np.mean(values), rel=1e-12)
        found[protocol] = record["methods"]["dark"]["psnr"]["mean"]
    assert len(set(found.values())) == 4
    assert evaluate(*words, "--protocol", "prenet_y") == 0
    # what the protocol means by SSIM is another measure, and is called so
    assert list(json.loads(capsys.readouterr().out)["methods"]["dark"]) == ["psnr", "ssim_auto"]


def test_explain_shows_the_same_files_under_every_protocol(folders, tmp_path, capsys):
    words = ["--target", folders / "targets", "--results", f"dark={folders / 'dark'}", "--metrics", "psnr"]
    assert evaluate(*words, "--explain", "--output", tmp_path / "out") == 0
    out = capsys.readouterr().out
    (line,) = [line for line in out.splitlines() if line.startswith("  dark: ")]
    for shown in line.removeprefix("  dark: ").split(" · "):
        names, value = shown.rsplit(" ", 1)
        for name in names.split(" = "):
            values = [taken("psnr", picture(n) // 2, picture(n), name) for n in range(3)]
            assert value == f"{np.mean(values):.2f}", name
    for name in ("rgb", "gray", "y", "y_uint8", "y_full", "matlab_y", "prenet_y", "basicsr_y", "rgb,psnr=channels"):
        assert f" {name} " in line
    assert "1.32 dB" in out
    assert (tmp_path / "out/explain.txt").read_text() in out
    # the table itself stays that of the chosen protocol
    assert out.startswith((tmp_path / "out/table.md").read_text())


def test_scenes_are_what_intervals_and_tests_go_over(folders, tmp_path, capsys):
    (tmp_path / "scenes.csv").write_text("file,scene\n0.png,a\n1.png,a\n2.png,b\n")
    words = ["--target", folders / "targets", "--results", f"dark={folders / 'dark'}", "--format", "json"]
    assert evaluate(*words, "--scenes", tmp_path / "scenes.csv") == 0
    assert json.loads(capsys.readouterr().out)["scenes"] == 2
    (tmp_path / "scenes.csv").write_text("file,scene\n0.png,a\n")
    with pytest.raises(UserError, match=r"no scene for 1\.png and 1 more"):
        run([*map(str, [*words, "--scenes", tmp_path / "scenes.csv"])])


def test_depths_must_agree_with_each_other_and_with_the_protocol(tmp_path, capsys):
    deep = picture(1).astype(np.uint16) * 257
    for folder, pixels in (("t", deep), ("r", deep // 2), ("t8", picture(1)), ("r8", picture(1) // 2)):
        write(tmp_path / folder / "a.png", Picture(pixels))
    words = ["--target", tmp_path / "t", "--results", f"r={tmp_path / 'r'}"]
    with pytest.raises(UserError, match=r"r/a\.png: has 16 bits a sample; protocol rgb is of 8"):
        run([*map(str, words)])
    assert evaluate(*words, "--protocol", "rgb,depth=16", "--format", "json") == 0
    value = json.loads(capsys.readouterr().out)["methods"]["r"]["psnr"]["mean"]
    difference = deep.astype(float) - deep // 2
    assert value == pytest.approx(10 * np.log10(65535**2 / np.mean(difference**2)), rel=1e-12)
    with pytest.raises(UserError, match=r"r/a\.png has 16 bits a sample, its target .*t8/a\.png has 8"):
        run([*map(str, ["--target", tmp_path / "t8", *words[2:]])])


def test_grey_counts_as_equal_channels_and_alpha_is_left_out_and_said(tmp_path, capsys):
    grey = picture(3)[:, :, :1]
    write(tmp_path / "t/a.png", Picture(np.repeat(grey, 3, 2)))
    write(tmp_path / "r/a.png", Picture(grey, alpha=grey[:, :, 0]))
    assert evaluate("--target", tmp_path / "t", "--results", f"r={tmp_path / 'r'}") == 0
    out = capsys.readouterr().out
    assert "∞" in out
    assert "The alpha of r's pictures is left out." in out


def test_results_and_targets_must_be_the_same_pictures(folders, capsys):
    words = ["--target", folders / "targets", "--results", f"dark={folders / 'dark'}"]
    save(folders / "dark/9.png", picture(9))
    with pytest.raises(UserError, match=r"--results dark=.*: no target for .*dark/9\.png"):
        run([*map(str, words)])
    (folders / "dark/9.png").unlink()
    (folders / "dark/0.png").unlink()
    with pytest.raises(UserError, match=r"--results dark=.*: no result for .*targets/0\.png"):
        run([*map(str, words)])


def test_names_sort_as_people_count(tmp_path, capsys):
    names = ["a", "a1", "a2", "a10", "b/2", "b/10", "b/100"]
    for number, name in enumerate(reversed(names)):
        save(tmp_path / f"clean/{name}.png", picture(number))
        save(tmp_path / f"dry/{name}.bmp", picture(number) // 2)
    words = ["--target", tmp_path / "clean", "--results", f"dry={tmp_path / 'dry'}", "--metrics", "mae"]
    assert evaluate(*words, "--output", tmp_path / "out") == 0
    with (tmp_path / "out/per_image.csv").open() as file:
        assert [row["image"] for row in csv.DictReader(file)] == names
    page = (tmp_path / "out/report.html").read_text()
    (data,) = re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', page, re.DOTALL)
    assert [shot["name"] for shot in json.loads(data)["shots"]] == names
    table = img2img.evaluate(tmp_path / "dry", tmp_path / "clean", "mae")
    assert table.images == tuple(names)


@pytest.mark.parametrize("ending", [".tif", ".npy", ".npz", ".mat"])
def test_folders_of_floats_of_six_channels(tmp_path, capsys, ending):
    """A shift by a tenth of the range everywhere is 20 dB."""
    for name, shift in (("target", 0), ("made", 0.2)):
        (tmp_path / name).mkdir()
        for number in range(2):
            values = np.random.default_rng(number).uniform(-1, 0.7, (20, 24, 6)) + shift
            write(tmp_path / name / f"{number}{ending}", Picture(values.astype(np.float32)))
    words = ["--target", tmp_path / "target", "--results", f"ours={tmp_path / 'made'}", "--metrics", "psnr"]
    assert evaluate(*words, "--protocol", "channels,depth=32,range=-1:1", "--output", tmp_path / "report") == 0
    assert "| ours | **20.00** |" in capsys.readouterr().out
    assert evaluate(*words, "--output", tmp_path / "eight") == 2
    assert "has 32 bits a sample; protocol rgb is of 8, add depth=32,range=LOWEST:HIGHEST" in capsys.readouterr().err
    assert not (tmp_path / "eight").exists()
