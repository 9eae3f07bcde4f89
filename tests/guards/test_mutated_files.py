"""Damaged files of every kind: each is read or refused by one line, without a hang and without filling the memory."""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from odd_files import odd_files

from img2img.errors import UserError
from img2img.images import encode, is_deep, kept_format, read, size

# 2,000 by default; a longer run: IMG2IMG_MUTATIONS=100000 python -m pytest tests/guards/test_mutated_files.py
COUNT = int(os.environ.get("IMG2IMG_MUTATIONS", "2000"))
SECONDS = 5  # for one file
PIXELS = 4_000_000  # a few bytes may stand for many pixels, and truly: here for no more than these
MEGABYTES = 250  # that the process may grow by

Random = np.random.Generator


def flip(data: bytearray, random: Random) -> bytearray:
    """A few bits, more often near the beginning, where the headers are."""
    end = len(data) if random.random() < 0.5 else min(len(data), 300)
    for _ in range(random.integers(1, 9)):
        data[random.integers(end)] ^= 1 << int(random.integers(8))
    return data


def overwrite(data: bytearray, random: Random) -> bytearray:
    """A few bytes by those that overflow most."""
    start = int(random.integers(len(data)))
    count = int(random.integers(1, 9))
    data[start : start + count] = bytes(random.choice([0, 1, 0x7F, 0x80, 0xFF], count).tolist())
    return data


def cut(data: bytearray, random: Random) -> bytearray:
    """The end."""
    return data[: random.integers(len(data))]


def swap(data: bytearray, random: Random) -> bytearray:
    """Two parts."""
    first, second, third = np.sort(random.integers(0, len(data), 3))
    return data[:first] + data[second:third] + data[first:second] + data[third:]


def repeat(data: bytearray, random: Random) -> bytearray:
    """A part twice."""
    start, end = np.sort(random.integers(0, len(data), 2))
    return data[:end] + data[start:end] + data[end:]


def drop(data: bytearray, random: Random) -> bytearray:
    """A part left out."""
    start, end = np.sort(random.integers(0, len(data), 2))
    return data[:start] + data[end:]


MUTATIONS: tuple[Callable[[bytearray, Random], bytearray], ...] = (flip, overwrite, cut, swap, repeat, drop)


def hang(*_: object) -> None:
    raise AssertionError(f"takes longer than {SECONDS} s")


def told(path: Path, error: UserError) -> str:
    """The one line that refuses a file, without its name."""
    line = str(error)
    assert line.startswith(f"{path}: ")
    assert "\n" not in line
    return line.removeprefix(f"{path}: ")


def outcome(path: Path) -> str:
    """What becomes of a file: ``read``, or the line that refuses it. What has been read can be written."""
    try:
        size(path)
        is_deep(path)
    except UserError as error:
        told(path, error)
    try:
        picture = read(path, PIXELS)
    except UserError as error:
        return told(path, error)
    assert picture.pixels.ndim == 3
    assert picture.pixels.shape[2] in (1, 3)
    assert picture.pixels.size
    assert picture.alpha is None or picture.alpha.shape == picture.pixels.shape[:2]
    try:
        encode(picture, kept_format(picture))
    except UserError as error:
        return str(error)
    return "read"


def test_mutated_files(tmp_path, capfd, recwarn):
    whole = []
    for odd in odd_files():
        path = tmp_path / odd.name
        path.parent.mkdir(parents=True, exist_ok=True)
        odd.make(path)
        if path.stat().st_size > 8:
            whole.append((path.suffix, odd.name, path.read_bytes()))
    for _, name, _ in whole:
        outcome(tmp_path / name)  # what libraries allocate once does not count
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    results: dict[str, int] = {}
    previous = signal.signal(signal.SIGALRM, hang)
    try:
        for number in range(COUNT):
            suffix, name, data = whole[number % len(whole)]
            random = np.random.default_rng([7, number])
            mutated = MUTATIONS[number // len(whole) % len(MUTATIONS)](bytearray(data), random)
            path = tmp_path / f"mutated{suffix}"
            path.write_bytes(mutated)
            signal.alarm(SECONDS)
            try:
                result = outcome(path)
            except BaseException:
                print(f"mutation {number} of {name}", file=sys.stderr)
                raise
            finally:
                signal.alarm(0)
            results[result] = results.get(result, 0) + 1
    finally:
        signal.signal(signal.SIGALRM, previous)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown < MEGABYTES
    # damage is told by the error alone
    assert capfd.readouterr().err == ""
    assert [str(warning.message) for warning in recwarn] == []
    assert COUNT // 20 < results["read"] < COUNT
    if COUNT > 2000:
        with capfd.disabled():
            print(f"\n{COUNT} mutated files, grown by {grown:.0f} MB")
            for result, times in sorted(results.items(), key=lambda item: -item[1])[:40]:
                print(f"{times:8d} {result[:150]}")
