"""What the doctor says of layouts: why no pair survives, which part is left aside; and its cures, carried out."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from planted import made, save, scene, two_folders

from img2img.data import open_data
from img2img.doctor import Diagnosis, as_text, examine, quick
from img2img.recipes.settings import resolve
from img2img.reports.pages.doctor import write_page

hasty = pytest.mark.parametrize("hasty", [False, True], ids=["whole", "quick"])


def config(root: Path, *extra: str, task: str = "derain"):
    return resolve(task, None, str(root), None, ["data.crop=64", "data.load=null", "data.validation=0.0", *extra]).data


def look(root: Path, *extra: str, hasty: bool = False, **options: object) -> Diagnosis:
    return examine(config(root, *extra), "derain", threads=2, quick=hasty, **options)


def names_differ(root: Path) -> None:
    two_folders(root, range(4))
    for file in list((root / "source").iterdir()):
        file.rename(file.with_stem(f"rain_{file.stem}"))


def sizes_differ(root: Path) -> None:
    for number in range(4):
        save(root / f"source/{number}.png", scene(number)[:90])
        save(root / f"target/{number}.png", scene(number))


def odd_widths(root: Path) -> None:
    for number in range(4):
        save(root / f"{number}.png", np.concatenate([scene(number), scene(number)], 1)[:, :-1])


def dead_links(root: Path) -> None:
    two_folders(root, range(4))
    for file in list((root / "source").iterdir()):
        file.unlink()
        file.symlink_to(root / "gone.png")


CAUSES = {
    "names": (names_differ, [], "8 pictures without partner of the same name", "'data.pattern="),
    "sizes": (sizes_differ, [], "4 of 4 pairs with sides of different size", "(128x90 against 128x96)"),
    "widths": (odd_widths, ["data.layout=side_by_side"], "4 of 4 pictures cannot be halved", "(255 px wide)"),
    "links": (dead_links, [], "4 links lead nowhere or in circles", "source/0.png"),
}


@hasty
@pytest.mark.parametrize("name", CAUSES)
def test_why_no_pair_survives(tmp_path, name, hasty):
    plant, extra, text, place = CAUSES[name]
    plant(tmp_path)
    diagnosis = look(tmp_path, *extra, hasty=hasty)
    said = as_text(diagnosis)
    assert diagnosis.status == 1
    assert text in said
    assert place in said
    others = [other for other, _, what, _ in ((key, *CAUSES[key][1:]) for key in CAUSES) if what in said]
    assert others == [name]


def test_a_page_of_no_pair(tmp_path):
    sizes_differ(tmp_path / "set")
    assert "sides of different size" in write_page(look(tmp_path / "set"), tmp_path / "page").read_text()


def test_training_is_told_why_no_pair_survives(tmp_path):
    sizes_differ(tmp_path)
    assert quick(config(tmp_path), "derain")[0].startswith(
        "data doctor: 4 of 4 pairs with sides of different size; fix:"
    )


def test_the_proposed_pattern_cures_names(tmp_path):
    names_differ(tmp_path)
    (fix,) = [finding.fix for finding in look(tmp_path).findings]
    cure = shlex.split(re.search(r"add ('data\.pattern=[^']+') would match all", fix)[1])  # type: ignore[index]
    assert look(tmp_path, *cure).findings == ()
    assert len(open_data(config(tmp_path, *cure), 0).train) == 4


def turned(root: Path, source: str, target: str) -> None:
    """Pairs whose sides are called the other way than the task wants them."""
    for number in range(8):
        clean = scene(number)
        save(root / source.format(number), clean)
        save(root / target.format(number), made("rain", clean, number))


@hasty
@pytest.mark.parametrize(
    ("source", "target", "extra", "fix"),
    [
        ("A/train/{}.png", "B/train/{}.png", ["data.direction=AtoB"], "data.direction=BtoA"),
        ("B/train/{}.png", "A/train/{}.png", [], "data.direction=AtoB"),
        ("train_A/{}.png", "train_B/{}.png", [], "data.source=B data.target=A"),
        ("lq/train/{}.png", "gt/train/{}.png", [], "data.source=gt data.target=lq"),
        ("{}_B.png", "{}_A.png", [], "data.direction=AtoB"),
        ("{}_rainy.png", "{}_clean.png", [], """'data.pattern={source: "{}_clean", target: "{}_rainy"}'"""),
    ],
)
def test_the_cure_of_a_wrong_direction_turns_it(tmp_path, source, target, extra, fix, hasty):
    turned(tmp_path, source, target)
    findings = [finding for finding in look(tmp_path, *extra, hasty=hasty).findings if finding.kind == "direction"]
    assert len(findings) == 1
    assert findings[0].fix.startswith(f"add {fix} (")
    cured = look(tmp_path, *shlex.split(fix), hasty=hasty)
    assert [finding for finding in cured.findings if finding.weight != "note"] == []


@hasty
def test_a_test_part_without_truth_is_a_note(tmp_path, hasty):
    two_folders(tmp_path / "train", range(4))
    two_folders(tmp_path / "test", range(20, 22))
    shutil.rmtree(tmp_path / "test/target")
    diagnosis = look(tmp_path, hasty=hasty)
    assert [(finding.kind, finding.weight) for finding in diagnosis.findings] == [("part_aside", "note")]
    assert diagnosis.status == 0
    assert "part test is left aside: test/source: its counterpart is missing" in as_text(diagnosis)


@hasty
def test_linked_pictures_are_looked_at(tmp_path, hasty):
    two_folders(tmp_path / "elsewhere", range(4))
    (tmp_path / "set").mkdir()
    for side in ("source", "target"):
        (tmp_path / "set" / side).symlink_to(tmp_path / "elsewhere" / side)
    diagnosis = look(tmp_path / "set", hasty=hasty)
    assert diagnosis.findings == ()
    assert diagnosis.parts[0].pictures == 4


@hasty
def test_pairs_in_one_folder_are_looked_at(tmp_path, hasty):
    for number in range(6):
        clean = scene(number)
        save(tmp_path / f"{number}_rainy.png", made("rain", clean, number))
        save(tmp_path / f"{number}_clean.png", clean)
    diagnosis = look(tmp_path, hasty=hasty)
    assert (diagnosis.layout, diagnosis.direction, diagnosis.findings) == ("one_folder", "{}_rainy to {}_clean", ())
    save(tmp_path / "cover.png", scene(40))
    (finding,) = look(tmp_path, hasty=hasty).findings
    assert (finding.kind, finding.weight, finding.spots[0].text) == ("strangers", "note", "cover.png")


def test_many_sources_of_a_target_are_one_scene(tmp_path):
    for number in range(3):
        clean = scene(number)
        save(tmp_path / f"ground_truth/{number}.png", clean)
        for n in range(3):
            save(tmp_path / f"rainy_image/{number}_{n}.png", made("rain", clean, 10 * number + n))
    diagnosis = look(tmp_path)
    assert diagnosis.parts[0].scenes == {3: 3}
    assert diagnosis.status == 0
