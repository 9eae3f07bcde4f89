"""The stream of batches: the same whatever the workers, the processes and the place where it is entered."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader
from torch.utils.data._utils.pin_memory import pin_memory

from conftest import picture
from img2img.data import DataConfig, Samples, loader, open_data
from img2img.data.loader import Stream, collate, on_device, permutation
from img2img.errors import RunError, UserError
from img2img.images.form import Form
from img2img.types import Batch


def samples_of(folder: Path, **extra: object) -> Samples:
    return open_data(DataConfig(path=str(folder), **{"crop": 16, "validation": 0.0, **extra}), 0).train


def take(stream: Stream, position: int, count: int) -> list[Batch]:
    batches = stream.batches(position)
    taken = list(islice(batches, count))
    batches.close()
    return taken


def equal(one: Batch, other: Batch) -> bool:
    return all(torch.equal(getattr(one, name), getattr(other, name)) for name in ("source", "target", "index"))


def test_two_workers_give_what_a_thread_gives(pairs):
    samples = samples_of(pairs)
    alone = take(Stream(samples, batch=4, seed=3), 4, 5)
    helped = take(Stream(samples, batch=4, seed=3, workers=2), 4, 5)
    assert all(equal(one, other) for one, other in zip(alone, helped, strict=True))


def test_entering_later_gives_the_rest(pairs):
    stream = Stream(samples_of(pairs), batch=4, seed=3)
    whole = take(stream, 0, 7)
    for batches_done in (1, 3):
        rest = take(stream, 4 * batches_done, 7 - batches_done)
        assert all(equal(one, other) for one, other in zip(whole[batches_done:], rest, strict=True))


@pytest.mark.parametrize("world", [2, 4])
def test_processes_share_one_stream(pairs, world):
    samples = samples_of(pairs)
    whole = take(Stream(samples, batch=4, seed=1), 0, 4)
    shares = [take(Stream(samples, batch=4, seed=1, rank=rank, world=world), 0, 4) for rank in range(world)]
    for step, batch in enumerate(whole):
        for name in ("source", "target", "index"):
            joined = torch.cat([getattr(share[step], name) for share in shares])
            assert torch.equal(joined, getattr(batch, name))


def test_batch_size_changes_no_sample(pairs):
    samples = samples_of(pairs)
    small, large = (take(Stream(samples, batch=size, seed=1), 0, 12 // size) for size in (2, 6))
    for name in ("source", "target", "index"):
        assert torch.equal(*(torch.cat([getattr(batch, name) for batch in part]) for part in (small, large)))


def test_each_epoch_is_a_permutation_and_no_batch_is_short(pairs):
    batches = take(Stream(samples_of(pairs), batch=4, seed=0), 0, 6)
    assert all(len(batch) == 4 for batch in batches)
    order = torch.cat([batch.index for batch in batches]).tolist()
    epochs = [order[start : start + 6] for start in range(0, 24, 6)]
    assert all(sorted(epoch) == list(range(6)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) > 1
    assert np.array_equal(epochs[2], permutation(0, 2, 6))


def test_a_batch_larger_than_the_set(pairs):
    (batch,) = take(Stream(samples_of(pairs), batch=16, seed=0), 0, 1)
    assert batch.source.shape == (16, 3, 16, 16)


def test_a_stream_that_cannot_be(pairs):
    with pytest.raises(UserError, match=r"train\.batch=4 cannot be shared evenly among 3 processes"):
        Stream(samples_of(pairs), batch=4, seed=0, world=3)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_file_that_breaks_on_the_way_is_named_in_one_line(pairs, workers):
    samples = samples_of(pairs, cache_mb=0)
    file = pairs / "4.png"
    file.write_bytes(file.read_bytes()[:300])
    with pytest.raises(RunError) as caught:
        take(Stream(samples, batch=6, seed=0, workers=workers), 0, 1)
    assert str(caught.value).startswith(f"{file}: damaged or truncated")
    assert "\n" not in str(caught.value)


def test_pictures_of_different_sizes_without_a_crop_are_refused(tmp_path):
    for number, width in enumerate((32, 40)):
        Image.fromarray(picture(number, 24, width)).save(tmp_path / f"{number}.png")
    samples = samples_of(tmp_path, layout="images", crop=None)
    with pytest.raises(RunError, match=r"cannot share a batch; set data.crop \(or train.batch=1\)"):
        take(Stream(samples, batch=2, seed=0), 0, 1)
    with pytest.raises(UserError, match=r"pictures of 32x24 and 40x24 px"):
        collate([(samples.sample(0, index, 0), index) for index in range(2)])


SCRIPT = """
import multiprocessing, os, signal, sys, time
from img2img.data import DataConfig, open_data
from img2img.data.loader import Stream

if __name__ == "__main__":
    samples = open_data(DataConfig(path=sys.argv[1], crop=16, validation=0.0), 0).train
    batches = Stream(samples, batch=2, seed=0, workers=2).batches(0)
    next(batches)
    workers = [child.pid for child in multiprocessing.active_children()]
    print(*workers, flush=True)
    if sys.argv[2] == "wait":
        time.sleep(120)
    for number in (signal.SIGTERM, signal.SIGINT):
        for pid in workers:
            # as if from outside: a signal to the whole group
            os.system(f"kill -{int(number)} {pid}")
    for _ in range(30):
        next(batches)
    print("went on", flush=True)
"""


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def within(seconds: float, pids: list[int]) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if all(gone(pid) for pid in pids):
            return True
        time.sleep(0.1)
    return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
@pytest.mark.parametrize("how", ["wait", "leave"])
def test_workers_end_with_the_training_and_only_with_it(pairs, tmp_path, how):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(root)}
    process = subprocess.Popen(
        [sys.executable, str(script), str(pairs), how],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
    )  # fmt: skip
    workers: list[int] = []
    try:
        workers = [int(word) for word in process.stdout.readline().split()]
        assert len(workers) == 2
        assert not any(gone(pid) for pid in workers)
        if how == "wait":
            process.kill()
            process.wait()
        else:
            # leaves without closing the stream, after its workers were told to stop by others
            out, error = process.communicate(timeout=60)
            assert (process.returncode, out, error) == (0, "went on\n", "")
        assert within(20, workers)
    finally:
        process.kill()
        for pid in workers:
            if not gone(pid):
                os.kill(pid, signal.SIGKILL)


@pytest.fixture
def locked(monkeypatch) -> list[str]:
    """The threads in which tensors were brought into page-locked memory, which a machine without a GPU has none of."""
    threads: list[str] = []

    def pin(tensor: torch.Tensor) -> torch.Tensor:
        threads.append(threading.current_thread().name)
        return tensor

    monkeypatch.setattr(torch.Tensor, "pin_memory", pin)
    return threads


@pytest.mark.parametrize(("device", "pinned"), [("cuda:0", True), ("cpu", False)])
def test_batches_for_a_gpu_are_locked_where_they_are_prepared(device, pinned, pairs, locked):
    samples = samples_of(pairs)
    found = take(Stream(samples, batch=4, seed=3, device=torch.device(device)), 0, 2)
    assert bool(locked) is pinned
    assert set(locked) <= {"data"}
    expected = take(Stream(samples, batch=4, seed=3), 0, 2)
    assert all(equal(on_device(one, torch.device("cpu")), other) for one, other in zip(found, expected, strict=True))


def test_pictures_for_a_gpu_travel_as_their_bytes(pairs, locked):
    samples = samples_of(pairs, flip=True)
    (found,) = take(Stream(samples, batch=4, seed=3, device=torch.device("cuda")), 0, 1)
    assert found.source.dtype == found.target.dtype == torch.uint8
    assert found.source.is_contiguous(memory_format=torch.channels_last)
    brought = on_device(found, torch.device("cpu"))
    assert brought.source.is_contiguous()
    (expected,) = take(Stream(samples, batch=4, seed=3), 0, 1)
    assert equal(brought, expected)


def test_bytes_beside_numbers_are_numbers_in_one_batch():
    level = Form().as_bytes(np.full((2, 2, 3), 255, np.uint8))
    batch = collate([({"target": level}, 0), ({"target": torch.zeros(3, 2, 2)}, 1)])
    assert torch.equal(batch.target[:, 0, 0, 0], torch.tensor([1.0, 0.0]))


@pytest.mark.parametrize(("device", "pinned"), [("cuda:0", True), ("cpu", False)])
def test_batches_of_workers_are_locked_by_torchs_loader(device, pinned, pairs, monkeypatch):
    asked = []

    def remembering(*args: object, **kwargs: object):
        asked.append(kwargs.pop("pin_memory"))
        return DataLoader(*args, **kwargs)

    monkeypatch.setattr(loader, "DataLoader", remembering)
    take(Stream(samples_of(pairs), batch=4, seed=3, workers=1, device=torch.device(device)), 0, 1)
    assert asked == [pinned]


def test_torchs_loader_finds_how_a_batch_is_locked(locked):
    batch = Batch(source=torch.zeros(2, 3), index=torch.arange(2))
    assert equal_parts(pin_memory(batch), batch)
    assert len(locked) == 2


def equal_parts(one: Batch, other: Batch) -> bool:
    return torch.equal(one.source, other.source) and torch.equal(one.index, other.index) and one.target is None
