"""Which files are pictures, and in what order."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from img2img.errors import UserError
from img2img.images import VIDEOS, find, is_video, left_aside, natural, video_advice


def test_find_counts_and_leaves_hidden_files_and_outside_links_aside(tmp_path):
    folder = tmp_path / "set"
    for name in ("10.jpg", "2.jpg", "b/1.PNG", "a/3.tif", "img2.png", "img10.png", "IMG1.png", "1².png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    for name in (".hidden.jpg", ".cache/1.jpg", "notes.txt", "a/._3.tif", "x.json"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    (tmp_path / "outside.jpg").touch()
    (folder / "link.jpg").symlink_to(tmp_path / "outside.jpg")
    (folder / "broken.jpg").symlink_to(tmp_path / "nothing.jpg")
    (folder / "inside.jpg").symlink_to(folder / "2.jpg")
    (folder / "folder.jpg").mkdir()
    found = [str(file.relative_to(folder)) for file in find(folder)]
    assert found == ["1².png", "2.jpg", "10.jpg", "a/3.tif", "b/1.PNG", "IMG1.png", "img2.png", "img10.png",
                     "inside.jpg"]  # fmt: skip


def test_the_order_does_not_depend_on_the_file_system(tmp_path, monkeypatch):
    for name in ("a.png", "A.png", "b.png", "c/1.png", "d/1.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    seen = [str(file.relative_to(tmp_path)) for file in find(tmp_path)]
    assert seen == ["A.png", "a.png", "b.png", "c/1.png", "d/1.png"]
    plain = os.walk

    def backwards(place, onerror):
        for root, below, names in plain(place, onerror=onerror):
            below.sort(reverse=True)
            yield root, below, sorted(names, reverse=True)

    monkeypatch.setattr(os, "walk", backwards)
    assert [str(file.relative_to(tmp_path)) for file in find(tmp_path)] == seen


@pytest.mark.parametrize("name", ["", "1", "a²", "²", "٣.png", "img007.png"])
def test_any_name_has_an_order(name):
    assert natural(name) <= natural(name)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("missing", "no such folder"),
        ("file.png", "is a file, a folder of pictures is needed"),
        ("empty", "no pictures"),
    ],
)
def test_folders_that_are_none(tmp_path, name, line):
    (tmp_path / "file.png").touch()
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError) as caught:
        find(tmp_path / name)
    assert str(caught.value).startswith(f"{tmp_path / name}: {line}")


def test_linked_folders_are_not_entered(tmp_path):
    folder = tmp_path / "set"
    (folder / "a").mkdir(parents=True)
    (folder / "a/1.png").touch()
    (folder / "a/loop").symlink_to(folder)
    (folder / "again").symlink_to(folder / "a")
    (folder / "round.png").symlink_to(folder / "round.png")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/2.png").touch()
    (folder / "out").symlink_to(tmp_path / "elsewhere")
    assert find(folder) == [folder / "a/1.png"]
    # the folder itself may be a link
    (tmp_path / "link").symlink_to(folder)
    assert find(tmp_path / "link") == [tmp_path / "link/a/1.png"]


def test_why_there_are_no_pictures(tmp_path):
    folder = tmp_path / "set"
    folder.mkdir()
    (tmp_path / "1.png").touch()
    (folder / "1.png").symlink_to(tmp_path / "1.png")
    (folder / "notes.txt").touch()
    with pytest.raises(UserError, match="1 links lead out of it and were left aside"):
        find(folder)
    (folder / "clip 1.MP4").touch()
    with pytest.raises(
        UserError, match=r"a video: split it \(mkdir frames; ffmpeg -i '.*clip 1.MP4' frames/%06d.png\)"
    ):
        find(folder)
    assert find(folder, videos=True) == [folder / "clip 1.MP4"]


def test_what_is_left_aside_is_counted_by_its_ending(tmp_path):
    for name in (
        "a.png",
        "b.HEIC",
        "c.heic",
        ".hidden.heic",
        "sub/d.dng",
        "sub/.git/e.dng",
        "noext",
        "f.mp4",
        "g.JFIF",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert left_aside(tmp_path) == {"": 1, ".dng": 1, ".heic": 2}
    assert {path.name for path in find(tmp_path)} == {"a.png", "g.JFIF"}


def test_a_folder_that_cannot_be_looked_into(tmp_path, monkeypatch):
    (tmp_path / "1.png").touch()
    (tmp_path / "locked").mkdir()
    plain = os.scandir

    def scandir(place):
        if Path(place).name == "locked":
            raise PermissionError(13, "Permission denied", str(place))
        return plain(place)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(UserError, match="locked: cannot be looked into: Permission denied"):
        find(tmp_path)


def test_videos_are_told_by_their_endings():
    assert all(is_video(Path(f"a{ending.upper()}")) for ending in VIDEOS)
    assert not is_video(Path("a.png"))
    assert "'my clip.mov'" in video_advice(Path("my clip.mov"))
    assert "\n" not in video_advice(Path("a.mov"))
