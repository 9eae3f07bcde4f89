"""How a demo ends: by Ctrl-C, by a signal, in the middle of a request; and what is left then."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from translators import weights_file

from conftest import picture
from img2img.commands import main
from img2img.images import Picture, encode

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals between processes are POSIX's")


@pytest.fixture(autouse=True)
def interruptible() -> Iterator[None]:
    """SIGINT as at a terminal: what a shell starts in the background ignores it, and so do its children."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@contextmanager
def demo(folder: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A demo of slow weights in a process of its own, which keeps all it writes below ``folder``; and its port."""
    weights = weights_file(folder / "mine.safetensors", "l1", **{"generator.width": 64})
    (folder / "tmp").mkdir()
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "TMPDIR": str(folder / "tmp"),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "PYTHONUNBUFFERED": "1",
    }
    words = ["-m", "img2img", "demo", "--server", "--port", "0", "--weights", str(weights)]
    process = subprocess.Popen(
        [sys.executable, *words], env=environment, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        line = process.stderr.readline()
        yield process, int(re.search(r"http://127\.0\.0\.1:(\d+)/", line)[1])
    finally:
        process.kill()
        process.communicate()


def uploading(port: int) -> socket.socket:
    """A connection whose picture is being translated, which takes a while."""
    data, _ = encode(Picture(picture(0, 1500, 1500)), "PNG")
    link = socket.create_connection(("127.0.0.1", port))
    head = f"POST /translate?model=mine HTTP/1.0\r\nHost: localhost:{port}\r\nContent-Length: {len(data)}\r\n\r\n"
    link.sendall(head.encode() + data)
    return link


def left(folder: Path) -> list[str]:
    """Files that were not there when the demo began."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def closed(port: int) -> bool:
    with socket.socket() as link:
        return link.connect_ex(("127.0.0.1", port)) != 0


def test_ctrl_c_ends_an_idle_one(tmp_path, capsys):
    weights = weights_file(tmp_path / "mine.safetensors", "l1")
    timer = threading.Timer(0.5, signal.raise_signal, [signal.SIGINT])
    timer.start()
    assert main(["demo", "--server", "--port", "0", "--weights", str(weights)]) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("Ctrl-C ends the demo")
    assert closed(int(re.search(r":(\d+)/", line)[1]))
    assert left(tmp_path) == ["mine.safetensors"]


def test_ctrl_c_in_mid_request_ends_it(tmp_path):
    with demo(tmp_path) as (process, port), uploading(port) as link:
        time.sleep(1.0)
        process.send_signal(signal.SIGINT)
        out, said = process.communicate(timeout=60)
        assert (process.returncode, out) == (0, "")
        assert "Traceback" not in said
        assert "rror" not in said
        assert closed(port)
        assert link.recv(10) == b""  # it was still being translated
    assert left(tmp_path) == ["mine.safetensors"]


def test_killed_in_mid_request_it_leaves_nothing(tmp_path):
    with demo(tmp_path) as (process, port):
        with uploading(port):
            time.sleep(1.0)
            process.kill()
            process.wait(60)
        assert process.returncode != 0
        assert closed(port)
    assert left(tmp_path) == ["mine.safetensors"]
