"""``img2img infer``: names, folders, what is kept, what is written."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from odd_files import make, seen
from PIL import Image
from small_run import make_pairs, save, train, tree
from translators import weights_file

from conftest import picture
from img2img.commands import main
from img2img.commands.infer import told
from img2img.images import Picture, as_rgb8, read, write
from img2img.inference import Summary, load


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("infer")
    assert train(make_pairs(root / "pairs"), root / "run") == 0
    return root / "run"


@pytest.fixture
def photos(tmp_path) -> Path:
    save(tmp_path / "photos/a.png", picture(0))
    save(tmp_path / "photos/day/b.jpg", picture(1, 33, 17))
    save(tmp_path / "photos/day/b.png", picture(2, 5, 3))
    save(tmp_path / "photos/c.gif", picture(3))
    (tmp_path / "photos/notes.txt").write_text("not looked at")
    return tmp_path / "photos"


def infer(weights: Path, source: Path, output: Path, *more: str) -> int:
    return main(["infer", "--weights", str(weights), "--input", str(source), "--output", str(output), *more])


def test_a_folder_keeps_its_names_and_sub_folders(run, photos, tmp_path, capsys):
    before = tree(photos)
    assert infer(run, photos, tmp_path / "dry") == 0
    assert sorted(tree(tmp_path / "dry")) == ["a.png", "c.png", "day/b.jpg", "day/b.png"]
    assert Image.open(tmp_path / "dry/day/b.jpg").size == (17, 33)
    assert Image.open(tmp_path / "dry/day/b.png").size == (3, 5)
    assert tree(photos) == before
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "4 pictures written to" in captured.err
    assert "0 failed" in captured.err


def test_what_is_written_is_what_the_weights_make(run, photos, tmp_path):
    assert infer(run / "weights/last.safetensors", photos / "a.png", tmp_path / "dry") == 0
    made = as_rgb8(read(tmp_path / "dry/a.png"))
    assert np.array_equal(made, load(run / "weights/last.safetensors").pixels(picture(0)))
    assert not np.array_equal(made, picture(0))


def test_results_that_are_there_are_kept_unless_told(run, photos, tmp_path, capsys):
    (tmp_path / "dry").mkdir()
    (tmp_path / "dry/a.png").write_text("mine")
    assert infer(run, photos, tmp_path / "dry") == 0
    assert "1 already there" in capsys.readouterr().err
    assert (tmp_path / "dry/a.png").read_text() == "mine"
    before = tree(tmp_path / "dry")
    assert infer(run, photos, tmp_path / "dry") == 0
    assert "0 pictures written" in capsys.readouterr().err
    assert tree(tmp_path / "dry") == before
    assert infer(run, photos, tmp_path / "dry", "--overwrite") == 0
    assert "4 pictures written" in capsys.readouterr().err
    assert Image.open(tmp_path / "dry/a.png").size == (64, 48)


def test_all_results_in_one_format(run, photos, tmp_path, capsys):
    assert infer(run, photos, tmp_path / "dry", "--format", "webp") == 0
    assert sorted(tree(tmp_path / "dry")) == ["a.webp", "c.webp", "day/b.webp", "day/b_png.webp"]
    assert f"note: named otherwise, so that no two results meet: {photos / 'day/b.png'}" in capsys.readouterr().err
    assert Image.open(tmp_path / "dry/a.webp").format == "WEBP"


def test_best_is_taken_where_a_run_is_named(run, photos, tmp_path):
    assert infer(run, photos / "a.png", tmp_path / "one") == 0
    assert infer(run / "weights/best.safetensors", photos / "a.png", tmp_path / "two") == 0
    assert tree(tmp_path / "one") == tree(tmp_path / "two")


def test_several_samples_where_dropout_makes_them(photos, tmp_path):
    pairs = make_pairs(tmp_path / "pairs")
    network = "generator={name: unet, width: 8, inference: {norm: batch, dropout: true}}"
    assert train(pairs, tmp_path / "run", network, "data.crop=64") == 0
    assert infer(tmp_path / "run", photos / "a.png", tmp_path / "made", "--samples", "2") == 0
    one, two = (np.asarray(Image.open(tmp_path / f"made/a_{n}.png")) for n in (0, 1))
    assert one.shape == two.shape == (48, 64, 3)
    assert not np.array_equal(one, two)
    first = tree(tmp_path / "made")
    assert infer(tmp_path / "run", photos / "a.png", tmp_path / "again", "--samples", "2") == 0
    assert tree(tmp_path / "again") == first


def test_points_out_of_noise(tmp_path, capsys):
    assert main(["train", "--task", "toy", "--output", str(tmp_path / "run"), "generator.width=8", "critic.width=8",
                 "data.samples=64", "train.steps=2"]) == 0  # fmt: skip
    words = ["infer", "--weights", str(tmp_path / "run"), "--samples", "5", "--output", str(tmp_path / "made")]
    assert main(words) == 0
    points = np.loadtxt(tmp_path / "made/points.csv", delimiter=",")
    assert points.shape == (5, 2)
    assert len(np.unique(points[:, 0])) == 5
    before = tree(tmp_path / "made")
    capsys.readouterr()
    assert main(words) == 0
    assert "1 already there" in capsys.readouterr().err
    assert tree(tmp_path / "made") == before


def peak_of(*words: object) -> tuple[int, str]:
    """The most memory, in bytes, of the command in a process of its own, and what it said."""
    program = (
        "import sys; from img2img.commands import main; from img2img.compute.memory import peak_bytes; "
        "status = main(sys.argv[1:]); print(peak_bytes()); sys.exit(status)"
    )
    made = subprocess.run([sys.executable, "-c", program, *map(str, words)], capture_output=True, text=True, check=True)
    return int(made.stdout), made.stderr


def test_a_process_keeps_to_its_memory_and_its_result_is_that_of_the_whole(tmp_path):
    weights = weights_file(tmp_path / "w.safetensors", generator={"name": "residual", "width": 48, "blocks": 4})
    save(tmp_path / "large.png", np.tile(picture(0, 100, 100), (20, 20, 1)))
    words = ["infer", "--weights", weights, "--device", "cpu", "--input", tmp_path / "large.png", "--output"]
    tiled, said = peak_of(*words, tmp_path / "tiled", "--memory", "640M")
    assert "1 picture taken in tiles, equal to those of the whole pictures" in said
    assert tiled <= 640_000_000
    whole, said = peak_of(*words, tmp_path / "whole", "--tile", "off")
    assert "tiles" not in said
    assert whole > 640_000_000, "or nothing is shown above"
    one, other = (read(tmp_path / f"{how}/large.png").pixels.astype(int) for how in ("tiled", "whole"))
    assert np.abs(one - other).max() <= 1
    assert np.mean(one != other) < 0.01


def test_too_little_memory_is_refused_with_what_is_needed(run, photos, tmp_path, capsys):
    assert infer(run, photos, tmp_path / "dry", "--memory", "100M") == 2
    assert not (tmp_path / "dry").exists()
    line = capsys.readouterr().err.splitlines()[-1]
    least = re.search(r"--memory 100M: .*give at least (\S+)$", line)
    assert least
    assert infer(run, photos, tmp_path / "dry", "--memory", least[1]) == 0


def test_pictures_of_one_size_go_together(run, tmp_path):
    for number in range(5):
        save(tmp_path / f"photos/{number}.png", picture(number))
    save(tmp_path / "photos/2.png", picture(2, 20, 30))
    assert infer(run, tmp_path / "photos", tmp_path / "one by one") == 0
    assert infer(run, tmp_path / "photos", tmp_path / "together", "--batch", "4") == 0
    for number in range(5):
        one, other = (read(tmp_path / f"{how}/{number}.png").pixels for how in ("one by one", "together"))
        assert one.shape == other.shape
        assert np.abs(one.astype(int) - other).max() <= 1


def test_before_and_after(run, photos, tmp_path, capsys):
    assert infer(run, photos, tmp_path / "dry", "--compare") == 0
    assert "4 pictures written to" in capsys.readouterr().err
    beside = sorted(name for name in tree(tmp_path / "dry") if name.startswith("compare"))
    assert beside == ["compare/a.png", "compare/c.png", "compare/day/b.png", "compare/day/b_jpg.png"]
    both = np.asarray(Image.open(tmp_path / "dry/compare/a.png"))

    def holds(part: np.ndarray) -> bool:
        """Whether it stands in the picture, pixel for pixel; small ones are shown twice as large."""
        part = part.repeat(2, 0).repeat(2, 1)
        height, width, _ = part.shape
        return any(
            np.array_equal(both[top : top + height, left : left + width], part)
            for top, left in np.argwhere((both == part[0, 0]).all(2))
        )

    assert holds(picture(0)), "before"
    assert holds(as_rgb8(read(tmp_path / "dry/a.png"))), "after"
    # a second time nothing is written
    assert infer(run, photos, tmp_path / "dry", "--compare") == 0
    assert "0 pictures written" in capsys.readouterr().err


def test_a_drawing_in_alpha_is_compared_as_the_network_got_it(run, tmp_path):
    """Black under all of it: without its ground the picture before would be black from edge to edge."""
    drawing = np.zeros((48, 64, 4), np.uint8)
    drawing[::8, :, 3] = 255
    save(tmp_path / "drawings/a.png", drawing)
    comparison = tmp_path / "dry/compare/a.png"
    for _ in range(2):
        assert infer(run, tmp_path / "drawings", tmp_path / "dry", "--compare") == 0
        before = np.asarray(Image.open(comparison).convert("L"))[-48:, :64]
        assert (before == 255).mean() > 0.8
        # made anew of the result that is there
        comparison.unlink()


def test_a_sub_folder_called_compare_is_not_mixed_up(run, tmp_path, capsys):
    save(tmp_path / "photos/compare/a.png", picture(0))
    assert infer(run, tmp_path / "photos", tmp_path / "dry", "--compare") == 2
    assert "--compare: would write among the results" in capsys.readouterr().err
    assert not list((tmp_path / "dry").glob("**/*.png"))


def test_too_many_pixels_are_refused_and_the_others_go_on(run, photos, tmp_path, capsys):
    assert infer(run, photos, tmp_path / "dry", "--max-pixels", "3000") == 1
    said = capsys.readouterr().err
    assert sorted(tree(tmp_path / "dry")) == ["day/b.jpg", "day/b.png"]
    assert f"failed: {photos / 'a.png'}: " in said
    assert "3,072" in said or "64x48" in said
    assert "2 pictures written to" in said
    assert "2 failed" in said


def test_what_reading_and_writing_change_is_said(run, tmp_path, capsys):
    deep = np.dstack([picture(0).astype(np.uint16) * 257, np.full((48, 64), 40000, np.uint16)])
    write(tmp_path / "photos/deep.png", Picture(deep[:, :, :3], deep[:, :, 3]))
    write(tmp_path / "photos/deep too.png", Picture(deep[:, :, :3]))
    Image.fromarray(picture(1)).convert("P").save(tmp_path / "photos/palette.png")
    assert infer(run, tmp_path / "photos", tmp_path / "dry", "--format", "jpg") == 0
    notes = [line for line in capsys.readouterr().err.splitlines() if line.startswith("note: ")]
    folder = tmp_path / "photos"
    assert sorted(notes) == [
        f"note: JPEG has 8 bits, not 16: {folder / 'deep too.png'}, {folder / 'deep.png'}",
        f"note: JPEG has no alpha: {folder / 'deep.png'}",
        f"note: its palette became plain colours: {folder / 'palette.png'}",
    ]


def test_a_file_whose_ending_lies_stays_what_it_is(run, tmp_path):
    (tmp_path / "photos").mkdir()
    Image.fromarray(picture(0)).save(tmp_path / "photos/a.jpg", "PNG")
    assert infer(run, tmp_path / "photos", tmp_path / "dry") == 0
    assert Image.open(tmp_path / "dry/a.jpg").format == "PNG"
    assert infer(run, tmp_path / "photos", tmp_path / "jpeg", "--format", "jpg") == 0
    assert Image.open(tmp_path / "jpeg/a.jpg").format == "JPEG"


def test_videos_are_refused_with_advice(run, photos, tmp_path, capsys):
    (tmp_path / "clip.mp4").write_bytes(b"moving")
    assert infer(run, tmp_path / "clip.mp4", tmp_path / "dry") == 2
    assert "ffmpeg" in capsys.readouterr().err
    assert not (tmp_path / "dry").exists()
    (photos / "day/clip.mov").write_bytes(b"moving")
    assert infer(run, photos, tmp_path / "dry") == 1
    said = capsys.readouterr().err
    assert f"failed: {photos / 'day/clip.mov'}: a video: split it (mkdir frames; ffmpeg -i " in said
    assert "left aside as no pictures, or of a kind that cannot be read: 1 .txt" in said
    assert "4 pictures written to" in said


@pytest.mark.parametrize(
    ("summary", "expected"),
    [
        (Summary(done=1), ["1 picture written to dry in 9 s, 0 failed"]),
        (Summary(done=2, skipped=3, failed={"a.png": "a.png: damaged", "b.png": "no room"}), [
            "failed: a.png: damaged", "failed: b.png: no room",
            "2 pictures written to dry in 9 s, 3 already there (--overwrite makes them again), 2 failed"]),
        (Summary(done=5, tiled=2, notes={"grey": list("abcde")}), [
            "note: grey: a, b, c and 2 more", "2 pictures taken in tiles, equal to those of the whole pictures",
            "5 pictures written to dry in 9 s, 0 failed"]),
        (Summary(done=5, tiled=2, differing=1), [
            "2 pictures taken in tiles, 1 of them by a network that looks at the whole picture, so that they differ "
            "somewhat from results of the whole (a larger --memory makes larger tiles, --tile off none)",
            "5 pictures written to dry in 9 s, 0 failed"]),
    ],
)  # fmt: skip
def test_what_is_told_at_the_end(summary, expected):
    assert told(summary, "dry", 9) == expected


def test_a_broken_off_batch_goes_on_where_it_was(run, tmp_path, capsys):
    """Killed in the middle: what is there is whole, and a second call makes the rest."""
    for number in range(40):
        save(tmp_path / f"photos/{number}.png", picture(number, 200, 300))
    words = [sys.executable, "-m", "img2img", "infer", "--weights", run, "--input", tmp_path / "photos"]
    process = subprocess.Popen([*map(str, words), "--output", str(tmp_path / "dry")], stderr=subprocess.DEVNULL)
    while len(list((tmp_path / "dry").glob("*.png"))) < 3 and process.poll() is None:
        time.sleep(0.005)
    process.kill()
    process.wait()
    there = {path: path.read_bytes() for path in (tmp_path / "dry").glob("[0-9]*.png")}
    assert len(there) >= 3
    for path in there:
        assert as_rgb8(read(path)).shape == (200, 300, 3)
    assert infer(run, tmp_path / "photos", tmp_path / "dry") == 0
    assert f"{len(there)} already there" in capsys.readouterr().err
    assert sorted(tree(tmp_path / "dry")) == sorted(f"{number}.png" for number in range(40))
    assert all(path.read_bytes() == data for path, data in there.items())


def test_a_folder_of_odd_files_goes_through(tmp_path, capsys):
    """Untrained residual networks give their input back: what is read comes back, what is not is named."""
    weights = weights_file(tmp_path / "w.safetensors")
    odd = make(tmp_path / "odd")
    readable = {file.name for file in odd if file.samples is not None}
    assert infer(weights, tmp_path / "odd", tmp_path / "back") == 1
    said = capsys.readouterr().err
    assert f"{len(readable)} pictures written to" in said
    assert f"{len(odd) - len(readable)} failed" in said
    for file in odd:
        assert (f"failed: {tmp_path / 'odd' / file.name}" in said) == (file.name not in readable)
        assert file.samples is not None or not (tmp_path / "back" / file.name).exists()
    back = seen(tmp_path / "back/png/16/metadata of grey alpha.png")
    (of,) = (file for file in odd if file.name == "png/16/metadata of grey alpha.png")
    assert np.array_equal(back.samples[:, :, [0, -1]], of.samples), "OpenCV shows grey as three channels"
    assert {"exif", "dpi"} <= set(of.keeps)


# nothing of the input, the masks or the originals changes


@pytest.mark.parametrize("more", [(), ("--overwrite",)])
def test_comparisons_never_land_in_the_input(run, tmp_path, capsys, more):
    save(tmp_path / "dry/compare/a.png", picture(0))
    save(tmp_path / "photos/b.png", picture(1))
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked/compare").symlink_to(tmp_path / "photos")
    before = tree(tmp_path)
    assert infer(run, tmp_path / "dry/compare", tmp_path / "dry", "--compare", *more) == 2
    assert "--compare: the result of" in capsys.readouterr().err
    assert infer(run, tmp_path / "photos", tmp_path / "linked", "--compare", *more) == 2
    assert infer(run, tmp_path / "dry/compare/a.png", tmp_path / "dry", "--compare", *more) == 2
    assert tree(tmp_path) == before


def test_a_linked_original_is_not_replaced(run, tmp_path, capsys):
    save(tmp_path / "originals/a.png", picture(0))
    (tmp_path / "links").mkdir()
    (tmp_path / "links/a.png").symlink_to(tmp_path / "originals/a.png")
    before = tree(tmp_path / "originals")
    assert infer(run, tmp_path / "links/a.png", tmp_path / "originals", "--overwrite") == 2
    assert "would replace it" in capsys.readouterr().err
    assert tree(tmp_path / "originals") == before


def test_results_never_land_among_the_masks(tmp_path, capsys):
    weights = weights_file(tmp_path / "w.safetensors", "quick", "inpaint")
    save(tmp_path / "photos/a.png", picture(0))
    save(tmp_path / "masks/a.png", np.full((48, 64), 255, np.uint8))
    before = tree(tmp_path / "masks")
    masks = ("--masks", str(tmp_path / "masks"))
    assert infer(weights, tmp_path / "photos", tmp_path / "masks", "--overwrite", *masks) == 2
    assert "inside the masks" in capsys.readouterr().err
    assert tree(tmp_path / "masks") == before
    save(tmp_path / "masks/a.bmp", np.zeros((48, 64), np.uint8))
    assert infer(weights, tmp_path / "photos", tmp_path / "dry", *masks) == 2
    assert "are for the same picture" in capsys.readouterr().err


# what is missing is made, what cannot be made is named


def test_comparisons_of_results_that_were_there_before(run, photos, tmp_path, capsys):
    assert infer(run, photos, tmp_path / "dry") == 0
    results = tree(tmp_path / "dry")
    assert infer(run, photos, tmp_path / "dry", "--compare") == 0
    assert "4 already there" in capsys.readouterr().err
    made = tree(tmp_path / "dry")
    assert {name: data for name, data in made.items() if not name.startswith("compare")} == results
    assert len(made) == len(results) + 4


def test_a_name_too_long_fails_alone(run, tmp_path, capsys):
    longest = "x" * 251 + ".jpg"
    save(tmp_path / "photos/a.png", picture(0))
    save(tmp_path / f"photos/{longest}", picture(1))
    assert infer(run, tmp_path / "photos", tmp_path / "dry") == 0
    assert sorted(tree(tmp_path / "dry")) == ["a.png", longest]
    assert infer(run, tmp_path / "photos", tmp_path / "tiff", "--format", "tiff") == 1
    assert "1 picture written to" in capsys.readouterr().err
    assert sorted(tree(tmp_path / "tiff")) == ["a.tiff"]


def test_a_folder_called_as_a_result_would_be(run, tmp_path):
    save(tmp_path / "photos/a.jpg", picture(0))
    save(tmp_path / "photos/a.png/b.jpg", picture(1))
    assert infer(run, tmp_path / "photos", tmp_path / "dry", "--format", "png") == 0
    assert sorted(tree(tmp_path / "dry")) == ["a.png/b.png", "a_jpg.png"]


def test_what_became_another_format_is_said(run, photos, tmp_path, capsys):
    assert infer(run, photos, tmp_path / "dry") == 0
    assert f"note: GIF cannot be written and became PNG: {photos / 'c.gif'}" in capsys.readouterr().err
    assert infer(run, photos, tmp_path / "grey", "--format", "pgm") == 1
    assert ".pgm holds grey alone; use .ppm for colours" in capsys.readouterr().err


def test_weights_that_may_not_be_read(run, photos, tmp_path, capsys, monkeypatch):
    def refused(*_: object, **__: object) -> None:
        raise FileNotFoundError("what safetensors says of files without permission")

    monkeypatch.setattr("img2img.weights.file.os.access", lambda *_: False)
    monkeypatch.setattr("img2img.weights.file.safe_open", refused)
    assert infer(run, photos, tmp_path / "dry") == 2
    assert "Permission denied" in capsys.readouterr().err


# a file


def test_a_picture_becomes_the_file_that_is_named(run, photos, tmp_path, capsys):
    before = tree(photos)
    assert infer(run, photos / "a.png", tmp_path / "new/other.jpg") == 0
    assert sorted(tree(tmp_path / "new")) == ["other.jpg"]
    assert Image.open(tmp_path / "new/other.jpg").format == "JPEG"
    said = capsys.readouterr().err
    assert f"1 picture written to {tmp_path / 'new/other.jpg'} in " in said
    assert "note:" not in said
    assert infer(run, photos / "a.png", tmp_path / "folder") == 0
    assert infer(run, photos / "a.png", tmp_path / "same.png") == 0
    assert (tmp_path / "same.png").read_bytes() == (tmp_path / "folder/a.png").read_bytes()
    assert tree(photos) == before


def test_a_file_has_the_format_of_its_ending(run, tmp_path, capsys):
    """Also where the input's ending is the same and lies."""
    (tmp_path / "photos").mkdir()
    Image.fromarray(picture(0)).save(tmp_path / "photos/a.jpg", "PNG")
    assert infer(run, tmp_path / "photos/a.jpg", tmp_path / "b.jpg") == 0
    assert Image.open(tmp_path / "b.jpg").format == "JPEG"
    save(tmp_path / "photos/c.gif", picture(1))
    assert infer(run, tmp_path / "photos/c.gif", tmp_path / "c.png", "--format", "png") == 0
    assert Image.open(tmp_path / "c.png").format == "PNG"
    assert "GIF cannot be written" not in capsys.readouterr().err
    assert infer(run, tmp_path / "photos/c.gif", tmp_path / "d.png", "--format", "webp") == 2
    assert "--format webp: --output" in capsys.readouterr().err
    assert infer(run, tmp_path / "photos/c.gif", tmp_path / "c.gif") == 2
    assert "cannot write this kind of file" in capsys.readouterr().err
    assert sorted(tree(tmp_path)) == ["b.jpg", "c.png", "photos/a.jpg", "photos/c.gif"]


def test_a_file_that_is_there_is_kept_unless_told(run, photos, tmp_path, capsys):
    (tmp_path / "other.png").write_text("mine")
    assert infer(run, photos / "a.png", tmp_path / "other.png") == 0
    assert "1 already there (--overwrite makes them again)" in capsys.readouterr().err
    assert (tmp_path / "other.png").read_text() == "mine"
    assert infer(run, photos / "a.png", tmp_path / "other.png", "--overwrite") == 0
    assert Image.open(tmp_path / "other.png").size == (64, 48)


def test_the_input_is_never_the_output(run, photos, capsys):
    before = tree(photos)
    for more in ((), ("--overwrite",), ("--overwrite", "--compare")):
        assert infer(run, photos / "a.png", photos / "a.png", *more) == 2
        assert "would replace it" in capsys.readouterr().err
    assert tree(photos) == before
    assert infer(run, photos / "a.png", photos / "a_dry.png") == 0
    assert {name: data for name, data in tree(photos).items() if name != "a_dry.png"} == before


def test_a_folder_becomes_no_file(run, photos, tmp_path, capsys):
    assert infer(run, photos, tmp_path / "dry.png") == 2
    assert capsys.readouterr().err.splitlines()[-1].endswith(f"--input {photos} is a folder; name a folder")
    assert not (tmp_path / "dry.png").exists()
    (tmp_path / "dry.png").mkdir()
    assert infer(run, photos, tmp_path / "dry.png") == 0
    assert infer(run, photos / "a.png", tmp_path / "dry.png", "--overwrite") == 0
    assert sorted(tree(tmp_path / "dry.png")) == ["a.png", "c.png", "day/b.jpg", "day/b.png"]


def test_a_file_beside_its_comparison(run, photos, tmp_path):
    assert infer(run, photos / "a.png", tmp_path / "dry/other.jpg", "--compare") == 0
    assert sorted(tree(tmp_path / "dry")) == ["compare/other.png", "other.jpg"]


def test_several_samples_of_a_file(photos, tmp_path, capsys):
    weights = weights_file(tmp_path / "w.safetensors", "pix2pix")
    assert infer(weights, photos / "a.png", tmp_path / "dry/other.png", "--samples", "2", "--compare") == 0
    assert sorted(tree(tmp_path / "dry")) == [
        "compare/other_0.png", "compare/other_1.png", "other_0.png", "other_1.png"
    ]  # fmt: skip
    said = capsys.readouterr().err
    assert f"2 pictures written to {tmp_path / 'dry/other_0.png'}, {tmp_path / 'dry/other_1.png'} in " in said


def test_noise_goes_to_a_folder(tmp_path, capsys):
    weights = weights_file(tmp_path / "w.safetensors", "nsgan", "images")
    words = ["infer", "--weights", str(weights), "--output", str(tmp_path / "made.png")]
    assert main(words) == 2
    assert "names a file; results from noise go to a folder" in capsys.readouterr().err
    assert not (tmp_path / "made.png").exists()


def test_failures_are_told_in_the_order_in_which_people_count(run, tmp_path, capsys):
    for number in (10, 9, 2, 1):
        save(tmp_path / f"photos/{number}.png", picture(number))
        (tmp_path / f"photos/shot{number}.png").write_bytes(b"")
    assert infer(run, tmp_path / "photos", tmp_path / "dry") == 1
    failed = [line for line in capsys.readouterr().err.splitlines() if line.startswith("failed: ")]
    assert [Path(line.split(": ")[1]).name for line in failed] == [f"shot{number}.png" for number in (1, 2, 9, 10)]


@pytest.mark.parametrize(("count", "line"), [
    (1, "the result equals its input in every pixel: these weights change nothing"),
    (3, "all 3 results equal their inputs in every pixel: these weights change nothing"),
])  # fmt: skip
def test_weights_that_change_nothing_are_said(run, tmp_path, capsys, count, line):
    untrained = weights_file(tmp_path / "w.safetensors")
    for number in range(count):
        save(tmp_path / f"photos/{number}.png", picture(number))
    assert infer(untrained, tmp_path / "photos", tmp_path / "same", "--format", "jpg") == 0
    said = capsys.readouterr().err
    assert said.count("these weights change nothing") == 1
    assert line in said
    assert infer(run, tmp_path / "photos", tmp_path / "dry") == 0
    assert infer(untrained, tmp_path / "photos", tmp_path / "same", "--format", "jpg") == 0
    assert "change nothing" not in capsys.readouterr().err


@pytest.mark.parametrize("flag", ["--seed", "--steps"])
def test_flags_of_noise_are_refused_of_weights_that_translate(flag, run, photos, tmp_path, capsys):
    words = ["infer", "--weights", str(run), str(photos), str(tmp_path / "out"), flag, "0"]
    assert main(words) == 2
    assert f"{flag}: these weights translate pictures" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
