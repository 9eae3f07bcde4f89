"""The demo's server against strangers: what it answers, to whom, and what is left of an upload."""

from __future__ import annotations

import http.client
import io
import json
import os
import socket
import struct
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
from PIL import Image
from translators import weights_file

from conftest import picture
from img2img.commands import main
from img2img.demo import DemoServer, Limits, Uploads, page_files, prepare
from img2img.demo import server as server_module
from img2img.inference import load

LIMITS = Limits(upload_bytes=300_000, pixels=200_000, upload_s=5.0, turn_s=0.2, translate_s=60.0)


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    return weights_file(tmp_path_factory.mktemp("weights") / "mine.safetensors", "l1")


@contextmanager
def running(weights: Path, limits: Limits = LIMITS):
    models = prepare([str(weights)], in_browser=False)
    files = page_files(models, server=True, upload_pixels=limits.pixels)
    server = DemoServer("127.0.0.1", 0, files, Uploads(models, limits, "cpu"))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def server(weights):
    with running(weights) as one:
        yield one


def ask(server: DemoServer, method: str = "GET", path: str = "/", body: bytes | None = None, **headers: str):
    """(status, headers, body) of a request; ``headers`` with underscores for hyphens."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=60)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, named)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def raw(server: DemoServer, data: bytes) -> bytes:
    """What comes back for bytes that no client would send."""
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=30) as link:
        link.sendall(data)
        link.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: link.recv(65536), b""))


def png(height: int = 24, width: int = 36, mode: str = "RGB", **more: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture(3, height, width)).convert(mode).save(file, "PNG", **more)
    return file.getvalue()


def head_of_upload(server: DemoServer, length: int) -> bytes:
    host = f"localhost:{server.server_port}"
    return f"POST /translate?model=mine HTTP/1.0\r\nHost: {host}\r\nContent-Length: {length}\r\n\r\n".encode()


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few hundred bytes that says it is enormous."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(1 << 16))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def test_an_upload_comes_back_as_the_translator_makes_it(server, weights):
    status, headers, data = ask(server, "POST", "/translate?model=mine", png(33, 21))
    assert (status, headers["Content-Type"]) == (200, "image/png")
    expected = load(str(weights), device="cpu", precision="auto")(Image.open(io.BytesIO(png(33, 21))))
    assert (np.asarray(Image.open(io.BytesIO(data))) == np.asarray(expected)).all()
    assert json.loads(unquote(headers["X-Notes"])) == []


def test_a_turned_picture_comes_back_upright_with_its_alpha(server):
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "<script>alert(1)</script>"
    status, _, data = ask(server, "POST", "/translate?model=mine", png(24, 36, "RGBA", exif=exif))
    made = Image.open(io.BytesIO(data))
    assert (status, made.size, made.mode) == (200, (24, 36), "RGBA")
    assert made.getexif().get(0x0112, 1) == 1


def test_every_answer_carries_the_rules_for_the_page(server):
    for path, status in (("/", 200), ("/page.js", 200), ("/nothing", 404)):
        got, headers, _ = ask(server, path=path)
        assert got == status
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe-inline" not in policy
        assert "http" not in policy
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert headers["Cross-Origin-Embedder-Policy"] == "require-corp"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "Python" not in headers.get("Server", "")


def test_the_page_has_nothing_inline(server):
    page = ask(server)[2].decode()
    assert '<script type="module" src="page.js"></script>' in page
    assert page.count("<script") == 1
    assert "style=" not in page
    assert " on" + "click" not in page
    assert "http://" not in page
    assert "https://" not in page
    # written as files the page brings its rules itself
    policy = server_module.POLICY.removesuffix("; frame-ancestors 'none'")
    assert f'content="{policy}"' in page


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "127.0.0.1.evil.example:{port}",
     "x@127.0.0.1:{port}", "10.0.0.1:{port}", "[::1", "127.0.0.1:{port}/x", "127.0.0.1:99999"],
)  # fmt: skip
def test_other_hosts_are_refused(server, host):
    status, _, body = ask(server, Host=host.format(port=server.server_port))
    assert status == 421
    assert b"evil" not in body


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "localhost:{port}", "[::1]:{port}", "LOCALHOST:{port}"])
def test_our_own_names_are_answered(server, host):
    assert ask(server, Host=host.format(port=server.server_port))[0] == 200


def test_requests_of_other_pages_are_refused(server):
    here = f"http://127.0.0.1:{server.server_port}"
    for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": here.replace("http", "https")},
                    {"Sec_Fetch_Site": "cross-site"}, {"Sec_Fetch_Site": "same-site"}):  # fmt: skip
        assert ask(server, "POST", "/translate?model=mine", png(), **headers)[0] == 403
        if "Origin" not in headers:
            assert ask(server, "GET", "/demo.json", **headers)[0] == 403
    assert ask(server, "POST", "/translate?model=mine", png(), Origin=here, Sec_Fetch_Site="same-origin")[0] == 200
    # a link from elsewhere may lead to the page, not to what it is made of
    link = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"}
    assert (ask(server, **link)[0], ask(server, path="/page.js", **link)[0]) == (200, 403)


def test_without_a_host_nothing_is_answered(server):
    assert b" 421 " in raw(server, b"GET / HTTP/1.0\r\n\r\n").splitlines()[0]
    twice = f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{server.server_port}\r\nHost: evil\r\n\r\n".encode()
    assert b" 421 " in raw(server, twice).splitlines()[0]


@pytest.mark.parametrize(
    "path",
    ["/../pyproject.toml", "/static/page.js", "//etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/models/mine.onnx",
     "/etc/passwd", "/runtime/ORIGIN.yaml", "/..%5c..%5cx", "/\x00", "/page.js/", "/translate"],
)  # fmt: skip
def test_no_path_reaches_the_disk(server, path, monkeypatch):
    opened = []
    monkeypatch.setattr("builtins.open", lambda *words, **more: opened.append(words))
    monkeypatch.setattr("pathlib.Path.open", lambda *words, **more: opened.append(words))
    line = f"GET {path} HTTP/1.0\r\nHost: localhost:{server.server_port}\r\n\r\n".encode()
    answer = raw(server, line)
    monkeypatch.undo()
    assert answer.split()[1] in (b"404", b"400")
    assert opened == []


HOSTILE = {
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", 422, "not a picture"),
    "html": (b"<html><script>alert(1)</script>", 422, "not a picture"),
    "nothing": (b"", 422, "empty file"),
    "bomb": (bomb(60000, 60000), 422, "60000x60000 px are more than 200000 pixels"),
    "damaged": (png()[:-40], 422, "damaged or truncated"),
    "eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(x) run\n", 422, "not a picture"),
    "zip": (b"PK\x03\x04" + bytes(200), 422, "not a picture"),
    "large": (bytes(LIMITS.upload_bytes + 1), 413, "not taken"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_files_are_refused_in_a_line(server, kind):
    data, status, says = HOSTILE[kind]
    got, headers, body = ask(server, "POST", "/translate?model=mine", data, Content_Type="image/png")
    assert (got, headers["Content-Type"]) == (status, "text/plain; charset=utf-8")
    text = body.decode()
    assert says in text
    assert text.count("\n") == 1
    assert "/" not in text.replace("more than", "").split(":")[0]
    assert "Traceback" not in text
    assert "/proc" not in text


def test_requests_that_are_no_uploads(server):
    assert ask(server, "POST", "/translate?model=other", png())[0] == 404
    assert ask(server, "POST", "/translate", png())[0] == 404
    assert ask(server, "POST", "/page.js", png())[0] == 404
    assert ask(server, "DELETE", "/translate?model=mine")[0] == 501
    host = f"Host: localhost:{server.server_port}\r\n"
    for length in ("", "Content-Length: x\r\n", "Content-Length: -1\r\n", "Transfer-Encoding: chunked\r\n",
                   "Content-Length: 3\r\nContent-Length: 4\r\n"):  # fmt: skip
        answer = raw(server, f"POST /translate?model=mine HTTP/1.1\r\n{host}{length}\r\nabc".encode())
        assert b" 411 " in answer.splitlines()[0], length
    assert raw(server, b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n") == b"Bad Request\n"


def test_what_fails_here_is_not_told_to_the_browser(server, monkeypatch):
    said = []
    monkeypatch.setattr(server_module, "say", said.append)

    def broken(*_: object) -> None:
        raise KeyError("/home/somebody/secret")

    monkeypatch.setattr(server.uploads, "translate", broken)
    status, _, body = ask(server, "POST", "/translate?model=mine", png())
    assert (status, b"secret" in body, b"Traceback" in body) == (500, False, False)
    assert said == ["a request failed: KeyError: '/home/somebody/secret'"]


def test_fifty_at_once_are_answered_or_refused(server):
    def one(number: int) -> int:
        if number % 2:
            return ask(server, path="/page.js")[0]
        return ask(server, "POST", "/translate?model=mine", png(200, 300))[0]

    with ThreadPoolExecutor(50) as pool:
        found = list(pool.map(one, range(50)))
    assert set(found[1::2]) <= {200, 503}
    assert set(found[::2]) <= {200, 503}
    assert 200 in found[::2]
    assert ask(server, "POST", "/translate?model=mine", png())[0] == 200


def test_a_silent_connection_is_ended(weights, monkeypatch):
    monkeypatch.setattr(server_module.Handler, "timeout", 0.3)
    with running(weights) as server, socket.create_connection(("127.0.0.1", server.server_port), timeout=10) as link:
        link.sendall(b"POST /translate?model=mine HTTP/1.0\r\n")
        assert link.recv(100) == b""


def test_an_upload_that_drips_is_ended(weights, monkeypatch):
    monkeypatch.setattr(server_module, "LINGER_S", 0.1)
    limits = Limits(upload_s=0.3)
    with running(weights, limits) as server:
        head = head_of_upload(server, 999)
        with socket.create_connection(("127.0.0.1", server.server_port), timeout=10) as link:
            link.sendall(head)
            for _ in range(5):
                link.sendall(b"x")
                time.sleep(0.1)
            assert b" 408 " in link.recv(1000)


def held_open(folder: Path) -> list[str]:
    """Files of a folder, also those without a name, that this process holds open."""
    found = []
    for link in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            found.append(os.readlink(link))
    return [name for name in found if name.startswith(str(folder))]


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="files without a name are Linux's")
def test_nothing_of_an_upload_is_left(server, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    during = []
    whole = server.uploads.translate

    def looked_at(*words: object):
        during.extend(tmp_path.iterdir())
        assert len(held_open(tmp_path)) == 2  # the picture, and room for a mask
        return whole(*words)

    monkeypatch.setattr(server.uploads, "translate", looked_at)
    assert ask(server, "POST", "/translate?model=mine", png())[0] == 200
    assert ask(server, "POST", "/translate?model=mine", b"no picture")[0] == 422
    # killed at any moment nothing would be left: the file has no name even while it is translated
    assert (during, list(tmp_path.iterdir()), held_open(tmp_path)) == ([], [], [])


def test_a_request_that_is_given_up_makes_room(weights, monkeypatch):
    limits = Limits(turn_s=20.0)
    with running(weights, limits) as server:
        translator = server.uploads._translator("mine")
        translator.tile = 64
        begun, tiles = threading.Event(), []
        watched = server.uploads._watched

        def slowly(waiting):
            inner = watched(waiting)

            def on_tile(done: int, total: int) -> None:
                tiles.append((done, total))
                begun.set()
                time.sleep(0.3)
                inner(done, total)

            return on_tile

        monkeypatch.setattr(server.uploads, "_watched", slowly)
        data = png(400, 400)
        head = head_of_upload(server, len(data))
        link = socket.create_connection(("127.0.0.1", server.server_port))
        link.sendall(head + data)
        assert begun.wait(30)
        link.close()
        monkeypatch.setattr(server.uploads, "_watched", watched)
        assert ask(server, "POST", "/translate?model=mine", png())[0] == 200
        assert len(tiles) < tiles[0][1]


def test_time_is_limited(weights):
    with running(weights, Limits(translate_s=0.0)) as server:
        server.uploads._translator("mine").tile = 64
        status, _, body = ask(server, "POST", "/translate?model=mine", png(300, 300))
    assert status == 500
    assert b"take a smaller picture" in body


def test_a_port_in_use(weights, capsys):
    with running(weights) as server:
        words = ["--weights", str(weights), "--server", "--port", str(server.server_port)]
        assert main(["demo", *words]) == 2
    assert f"127.0.0.1:{server.server_port}: Address already in use; --port N takes another" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--server", "--export", "x"], "--export writes a page without a server"),
        (["--port", "70000"], "70000 is not within 0 to 65535"),
        (["--server", "--weights", "derian"], "derain"),
        (["--server", "--weights", "derain-fast", "--host", "no.such.host.invalid"], "--host names an address"),
    ],
)
def test_what_cannot_be_done_as_asked(words, says, capsys):
    assert main(["demo", *words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert says in line


def test_without_a_browser_the_address_is_said(weights, monkeypatch, capsys):
    monkeypatch.setattr("webbrowser.open", lambda address: False)
    monkeypatch.setattr("img2img.demo.serve", lambda server: server.server_close() or True)
    assert main(["demo", "--server", "--port", "0", "--weights", str(weights), "--open"]) == 0
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("open http://127.0.0.1:")
    assert second == "no browser was found: open the address by hand"
