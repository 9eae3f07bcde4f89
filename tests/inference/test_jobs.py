"""Which result belongs to which input: names, places, masks, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from photo_folder import make_photos
from PIL import Image
from translators import translator

from img2img.errors import UserError
from img2img.inference import (
    goes_to_a_file,
    list_jobs,
    output_names,
)


def names(files: list[str], suffix: str | None = None) -> dict[str, str]:
    root = Path("/in")
    return {str(k.relative_to(root)): str(v) for k, v in output_names([root / f for f in files], root, suffix).items()}


def test_names_and_folders_stay():
    files = ["a.jpg", "a.png", "b/a.JPEG", "c.tar.png", "d.gif"]
    assert names(files) == {"a.jpg": "a.jpg", "a.png": "a.png", "b/a.JPEG": "b/a.JPEG", "c.tar.png": "c.tar.png",
                            "d.gif": "d.png"}  # fmt: skip


@pytest.mark.parametrize(
    ("files", "suffix"),
    [
        (["a.jpg", "a.png", "a_jpg.png"], ".png"),
        (["a.jpg", "a.jpeg", "a.png", "a_jpg.png", "a_jpeg.png", "a_jpg_2.png"], ".png"),
        (["a.gif", "a.png", "a_gif.png", "a.ppm"], None),
        (["A.png", "a.png", "a.PNG", "a_png.png"], ".png"),
        (["s/a.jpg", "a.jpg", "s/a.png"], ".png"),
    ],
)
def test_no_two_results_share_a_place(files, suffix):
    for order in (files, files[::-1]):
        made = names(order, suffix)
        assert set(made) == set(files)
        # also where the file system does not tell a from A
        assert len({name.lower() for name in made.values()}) == len(files)
        # what can keep its name does
        kept = [file for file in files if file.endswith(".png") and "A.png" not in files]
        assert all(made[file] == file for file in kept)


def test_a_result_keeps_its_place_when_others_join():
    assert names(["a.gif", "a.png"])["a.png"] == names(["a.png"])["a.png"] == "a.png"
    assert names(["a.gif", "a.png"])["a.gif"] == "a_gif.png"


def test_places_of_several_samples_differ(tmp_path):
    for name in ("a.png", "a_0.png", "a_1.jpg"):
        Image.new("RGB", (4, 4)).save(tmp_path / name)
    made = translator({"name": "unet", "width": 4, "inference": {"dropout": True}})
    jobs = list_jobs(made, tmp_path, tmp_path.parent / "out", None, None, 2)
    assert [job.sample for job in jobs] == [0, 1] * 3
    assert len({job.result for job in jobs}) == 6


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pictures: RGB in a sub-folder, grey, with alpha."""
    return make_photos(tmp_path / "photos")


@pytest.mark.parametrize(
    ("given", "output", "line"),
    [
        ("nothing", "out", "--input {0}/nothing: no such file or folder"),
        ("photos", "photos", "--output {0}/photos: lies inside the input {0}/photos"),
        ("photos", "photos/sub/made", "--output {0}/photos/sub/made: lies inside the input"),
        ("photos", "link", "--output {0}/link: lies inside the input"),
        ("photos/grey.png", "photos", "--output {0}/photos: is the folder of the input"),
        ("photos", "file", "--output {0}/file: is a file"),
        ("empty", "out", "{0}/empty: no pictures in it"),
        ("photos/sub", "photos", None),
    ],
)
def test_places_and_what_is_refused(folder, tmp_path, given, output, line):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(folder / "sub")
    made = translator({"name": "residual", "width": 4})
    ask = (made, tmp_path / given, tmp_path / output, None, None, 1)
    if line is None:
        assert [job[:2] for job in list_jobs(*ask)] == [(folder / "sub/colour.jpg", folder / "colour.jpg")]
        return
    with pytest.raises(UserError) as caught:
        list_jobs(*ask)
    assert line.format(tmp_path) in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_result_never_lands_in_the_input(tmp_path):
    """Input a/b with a sub-folder b, output a: a/b/x.png would be the place of a/b/b/x.png."""
    (tmp_path / "a/b/b").mkdir(parents=True)
    Image.new("RGB", (4, 4)).save(tmp_path / "a/b/b/x.png")
    made = translator({"name": "residual", "width": 4})
    with pytest.raises(UserError, match="would lie inside the input"):
        list_jobs(made, tmp_path / "a/b", tmp_path / "a", None, None, 1)


def test_each_picture_has_its_mask(folder, tmp_path):
    plain = translator({"name": "residual", "width": 4})
    filler = translator({"name": "residual", "width": 4}, flow="inpaint")
    masks = tmp_path / "masks"
    (masks / "sub").mkdir(parents=True)
    for name in ("sub/colour.png", "grey.png"):
        Image.new("L", (64, 48), 255).save(masks / name)
    for made, given, line in (
        (plain, masks, "--masks: these weights do not fill holes"),
        (filler, None, "these weights fill holes: give --masks"),
        (filler, masks, f"--masks {masks}: no mask for {folder / 'alpha.png'}"),
        (filler, tmp_path / "none", "no such folder"),
    ):
        with pytest.raises(UserError) as caught:
            list_jobs(made, folder, tmp_path / "out", given, None, 1)
        assert line in str(caught.value)
    Image.new("L", (64, 48)).save(masks / "alpha.tif")
    jobs = list_jobs(filler, folder, tmp_path / "out", masks, None, 1)
    assert {job.source.name: job.mask.name for job in jobs} == {
        "alpha.png": "alpha.tif",
        "colour.jpg": "colour.png",
        "grey.png": "grey.png",
    }


def test_several_samples_need_dropout(folder, tmp_path):
    with pytest.raises(UserError, match="--samples: these weights make one result a picture"):
        list_jobs(translator({"name": "unet", "width": 4}), folder, tmp_path / "out", None, None, 2)


@pytest.mark.parametrize(
    ("output", "suffix", "expected"),
    [
        ("dry.png", None, True),
        ("new/DRY.JPG", None, True),
        ("dry.jpeg", ".jpg", True),
        ("dry.tif", ".tiff", True),
        ("dry", None, False),
        ("dry.d", ".png", False),
        (".png", None, False),
        ("folder.png", None, False),
        ("folder.png", ".jpg", False),
        ("dry.gif", None, "--output {0}/dry.gif: cannot write this kind of file (use one of .avif, .bmp"),
        ("dry.jp2", None, "--output {0}/dry.jp2: cannot write this kind of file"),
        ("dry.png", ".jpg", "--format jpg: --output {0}/dry.png says PNG"),
    ],
)
def test_a_picture_may_go_to_a_file(folder, tmp_path, output, suffix, expected):
    (tmp_path / "folder.png").mkdir()
    ask = (folder / "grey.png", tmp_path / output, suffix)
    if isinstance(expected, bool):
        assert goes_to_a_file(*ask) == expected
        jobs = list_jobs(translator({"name": "residual", "width": 4}), *ask[:2], None, suffix, 1)
        below = "" if expected else f"/grey{suffix or '.png'}"
        assert [job.result for job in jobs] == [Path(f"{tmp_path / output}{below}")]
        assert not jobs[0].renamed
        return
    with pytest.raises(UserError) as caught:
        goes_to_a_file(*ask)
    assert str(caught.value).startswith(expected.format(tmp_path))


def test_a_folder_goes_to_no_file(folder, tmp_path):
    with pytest.raises(UserError, match=r"--output dry\.png: names a file, but --input .*photos is a folder"):
        goes_to_a_file(folder, Path("dry.png"), None)
    (tmp_path / "dry.png").mkdir()
    assert not goes_to_a_file(folder, tmp_path / "dry.png", None)


def test_a_file_never_replaces_its_input_by_any_name(folder, tmp_path):
    made = translator({"name": "residual", "width": 4})
    source = folder / "grey.png"
    (tmp_path / "link.png").symlink_to(source)
    (tmp_path / "hard.png").hardlink_to(source)
    (tmp_path / "photos too").symlink_to(folder)
    for output in (source, tmp_path / "link.png", tmp_path / "hard.png", tmp_path / "photos too/grey.png"):
        with pytest.raises(UserError, match="would replace it"):
            list_jobs(made, source, output, None, None, 1)
    # beside it is no harm
    assert [job.result for job in list_jobs(made, source, folder / "dry.png", None, None, 1)] == [folder / "dry.png"]


def test_several_samples_of_a_file_are_numbered(folder, tmp_path):
    made = translator({"name": "unet", "width": 4, "inference": {"dropout": True}})
    jobs = list_jobs(made, folder / "grey.png", tmp_path / "dry.jpg", None, None, 11)
    assert [job.result.name for job in jobs] == [f"dry_{number}.jpg" for number in range(11)]
    assert [job.sample for job in jobs] == list(range(11))


def test_jobs_stand_in_the_order_in_which_people_count(tmp_path):
    names = ["1.png", "2.png", "10.png", "sub2/9.png", "sub2/11.png", "sub10/3.png"]
    for name in reversed(names):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4)).save(tmp_path / "in" / name)
    jobs = list_jobs(translator({"name": "residual", "width": 4}), tmp_path / "in", tmp_path / "out", None, None, 1)
    assert [str(job.result.relative_to(tmp_path / "out")) for job in jobs] == names


def test_only_results_that_could_not_keep_their_name_are_renamed(tmp_path):
    for name in ("a.png", "a.jpg", "b.gif"):
        Image.new("RGB", (4, 4)).save(tmp_path / name)
    made = translator({"name": "unet", "width": 4, "inference": {"dropout": True}})
    jobs = list_jobs(made, tmp_path, tmp_path.parent / "out", None, ".png", 2)
    assert {job.source.name for job in jobs if job.renamed} == {"a.jpg"}
