"""Files that are whole or absent."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from img2img.errors import RunError
from img2img.files import atomic, atomic_write_bytes, listed


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_the_new_file_takes_the_place_of_the_old(tmp_path):
    path = tmp_path / "sub" / "file"
    atomic_write_bytes(path, b"one")
    with atomic(path) as temporary:
        temporary.write_bytes(b"two")
        assert path.read_bytes() == b"one"
    assert path.read_bytes() == b"two"
    assert names(path.parent) == {"file"}


def half_written(path: Path, error: BaseException) -> None:
    with atomic(path) as temporary:
        temporary.write_bytes(b"half")
        raise error


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "cannot be written: No space left on device"),
        (RuntimeError("PytorchStreamWriter failed\nwriting file"), "cannot be written: PytorchStreamWriter failed"),
    ],
)
def test_a_failure_keeps_the_old_file_and_names_it(tmp_path, error, line):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(RunError) as caught:
        half_written(path, error)
    assert f"{path}: {line}" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == {"file"}


def test_an_interruption_leaves_nothing_behind(tmp_path):
    path = tmp_path / "file"
    with pytest.raises(KeyboardInterrupt):
        half_written(path, KeyboardInterrupt())
    assert names(tmp_path) == set()


def test_a_file_where_a_folder_is_needed(tmp_path):
    (tmp_path / "file").write_bytes(b"old")
    with pytest.raises(RunError, match="cannot be written"):
        atomic_write_bytes(tmp_path / "file" / "below", b"x")
    assert (tmp_path / "file").read_bytes() == b"old"


def test_data_reach_the_disk_before_the_name(tmp_path, monkeypatch):
    """The order that survives a power cut: the content, the name, the folder's entry."""
    done: list[str] = []
    sync, replace = os.fsync, os.replace

    def note_sync(handle: int) -> None:
        done.append("folder" if os.path.samestat(os.fstat(handle), os.stat(tmp_path)) else "content")
        sync(handle)

    def note_replace(one: Path, other: Path) -> None:
        done.append("name")
        replace(one, other)

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(os, "replace", note_replace)
    atomic_write_bytes(tmp_path / "file", b"x")
    assert done == ["content", "name", "folder"]


def test_a_few_names_and_how_many_more():
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c", "d", "e"]) == "a, b, c, d, e"
    assert listed(["a", "b", "c", "d"], 2) == "a, b and 2 more"
