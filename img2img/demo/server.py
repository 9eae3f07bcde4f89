"""The page's server: a fixed table of addresses, and uploads for the translator; nothing else can be asked of it."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import select
import socket
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from socketserver import TCPServer
from typing import Any, BinaryIO
from urllib.parse import parse_qs, quote, urlsplit

from img2img.demo.site import Resource
from img2img.demo.uploads import BusyError, GoneError, Uploads, upload_file
from img2img.errors import RunError, UserError
from img2img.progress import say

UPLOAD, SAMPLES = "/translate", "/samples"
POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    # threads of WebAssembly need memory that is shared, which browsers give to isolated pages alone
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
# connections that are served at once, and how long one more waits for its turn before it is refused
CONNECTIONS, PATIENCE_S = 32, 10.0
# how long a connection may be silent, and how long the rest of a refused upload is taken in so that its sender reads on
SILENCE_S, LINGER_S = 20.0, 2.0
CHUNK = 1 << 16
CURE = "--port N takes another one, --port 0 any that is free"

# z is a few numbers: more bytes than that are none
MOST_NUMBERS_BYTES = 1 << 22

Query = Mapping[str, Sequence[str]]


class RefusedError(Exception):
    """A request that is answered by a status and one line."""

    def __init__(self, status: int, line: str) -> None:
        super().__init__(line)
        self.status, self.line = status, line


class DemoServer(ThreadingHTTPServer):
    """Serves ``files`` and, where ``uploads`` are given, translates what is sent to `UPLOAD`, and z sent to `SAMPLES`.

    Args:
        host: a name or address of this machine; port 0 is any free one.

    Raises:
        UserError: the port is in use or not ours to take; no such host.
    """

    daemon_threads = True
    request_queue_size = 128
    # not on Windows, where it would let two programs have one port
    allow_reuse_address = sys.platform != "win32"

    def __init__(self, host: str, port: int, files: Mapping[str, Resource], uploads: Uploads | None) -> None:
        self.files = {f"/{name}": resource for name, resource in files.items()}
        self.files["/"] = self.files["/index.html"]
        self.uploads = uploads
        self.slots = threading.BoundedSemaphore(CONNECTIONS)
        if ":" in host:
            self.address_family = socket.AF_INET6
        try:
            super().__init__((host, port), Handler)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            cure = "--host names an address of this machine" if isinstance(error, socket.gaierror) else CURE
            raise UserError(f"{host}:{port}: {reason}; {cure}") from error

    def server_bind(self) -> None:
        """Bind without asking a name server for our own name, as the standard library does."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    @property
    def address(self) -> str:
        """What a browser is pointed to."""
        host = f"[{self.server_name}]" if ":" in self.server_name else self.server_name
        return f"http://{host}:{self.server_port}/"

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return ipaddress.ip_address(self.server_name.partition("%")[0]).is_loopback

    def knows(self, host: str) -> bool:
        """Whether a request's Host is this server: an address, or a name that no stranger's name server can give out.

        A page of somebody else's could otherwise have its own name resolved to this machine, and read what is here.
        """
        try:
            parts = urlsplit(f"//{host}")
            name, port = parts.hostname or "", parts.port or 80
        except ValueError:
            return False
        if port != self.server_port or parts.username is not None or parts.path or parts.query:
            return False
        if name == "localhost" or (not self.loopback and name == socket.gethostname().lower()):
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        return address.is_loopback or not self.loopback

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread of its own, while there are not too many; the rest waits, and is refused in the end."""
        if self.slots.acquire(timeout=PATIENCE_S):
            super().process_request(request, client_address)
            return
        with contextlib.suppress(OSError):
            request.sendall(b"HTTP/1.0 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\n\r\n")
        self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer, and make room for another."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.slots.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """One line about what nobody has foreseen, for whoever started the server; that a browser left is no matter."""
        error = sys.exception()
        if not isinstance(error, OSError):
            say(f"a request failed: {type(error).__name__}: {error}")


class Handler(BaseHTTPRequestHandler):
    """One request: looked up in a table, or an upload; its path is never a path of this machine."""

    server: DemoServer
    timeout = SILENCE_S
    server_version, sys_version = "img2img", ""

    def do_GET(self) -> None:
        """A file of the page."""
        self._answered(self._file)

    do_HEAD = do_GET  # noqa: N815

    def do_POST(self) -> None:
        """An upload."""
        self._answered(self._upload)

    def _answered(self, answer: Any) -> None:
        try:
            self._check_origin()
            answer()
        except RefusedError as refusal:
            self._refuse(refusal)
        except (GoneError, OSError):
            self.close_connection = True
        except Exception as error:
            say(f"a request failed: {type(error).__name__}: {' '.join(str(error).split())[:200]}")
            self._refuse(RefusedError(500, "this failed here; the terminal that the demo runs in says why"))

    def _check_origin(self) -> None:
        """Refuse requests under other names, and those that pages of others have made."""
        hosts = self.headers.get_all("Host") or []
        if len(hosts) != 1 or not self.server.knows(hosts[0]):
            raise RefusedError(421, f"ask for {self.server.address}")
        origin, site = self.headers.get("Origin"), self.headers.get("Sec-Fetch-Site", "none")
        foreign = site not in ("none", "same-origin") and not (self.command == "GET" and self._opens_the_page())
        if foreign or (origin is not None and origin != f"http://{hosts[0]}"):
            raise RefusedError(403, "requests of other pages are not answered")

    def _opens_the_page(self) -> bool:
        """Whether somebody follows a link to the page from elsewhere, which anybody may."""
        return self.path in ("/", "/index.html") and self.headers.get("Sec-Fetch-Mode") == "navigate"

    def _file(self) -> None:
        resource = self.server.files.get(urlsplit(self.path).path)
        if resource is None:
            raise RefusedError(404, "there is nothing here")
        headers, data = {"Content-Type": resource.kind}, resource.data
        if resource.zipped:
            headers["Vary"] = "Accept-Encoding"
            if "gzip" in self.headers.get("Accept-Encoding", ""):
                headers["Content-Encoding"] = "gzip"
            else:
                data = resource.plain
        self._send(200, headers, data)

    def _upload(self) -> None:
        uploads, asked = self.server.uploads, urlsplit(self.path)
        if uploads is None or asked.path not in (UPLOAD, SAMPLES):
            raise RefusedError(404, "nothing can be sent here")
        query = parse_qs(asked.query)
        name = query.get("model", [""])[0]
        if name not in uploads.models:
            raise RefusedError(404, f"there is no such model here; there are {', '.join(uploads.models)}")
        answer = self._translated if asked.path == UPLOAD else self._sampled
        try:
            data, notes = answer(uploads, name, query)
        except BusyError as error:
            raise RefusedError(503, str(error)) from error
        except GoneError:
            raise
        except UserError as error:
            raise RefusedError(500 if isinstance(error, RunError) else 422, str(error)) from error
        self._send(200, {"Content-Type": "image/png", "X-Notes": quote(json.dumps(notes))}, data)

    def _translated(self, uploads: Uploads, name: str, query: Query) -> tuple[bytes, Sequence[str]]:
        """The body is a picture; of its bytes the last ``mask`` are a second one."""
        length = self._length(uploads.limits.upload_bytes)
        masked = _number(query, "mask")
        if masked is not None and masked > length:
            raise RefusedError(400, f"mask={masked}: the upload has {length} bytes")
        until = time.monotonic() + uploads.limits.upload_s
        with upload_file() as file, upload_file() as mask:
            self._receive(file, length - (masked or 0), until)
            self._receive(mask, masked or 0, until)
            return uploads.translate(name, file, self._waiting, None if masked is None else mask)

    def _sampled(self, uploads: Uploads, name: str, query: Query) -> tuple[bytes, Sequence[str]]:
        """The body is z after z."""
        numbers = BytesIO()
        length = self._length(min(MOST_NUMBERS_BYTES, uploads.limits.upload_bytes))
        self._receive(numbers, length, time.monotonic() + uploads.limits.upload_s)
        return uploads.samples(name, numbers.getvalue(), _number(query, "class")), ()

    def _length(self, most: int) -> int:
        """Bytes of the body, at most so many."""
        lengths = self.headers.get_all("Content-Length") or []
        if "Transfer-Encoding" in self.headers or len(lengths) != 1 or not lengths[0].isdecimal():
            raise RefusedError(411, "an upload must say how long it is")
        length = int(lengths[0])
        if length > most:
            raise RefusedError(413, f"more than {most / 2**20:g} MB are not taken")
        return length

    def _receive(self, file: BinaryIO, left: int, until: float) -> None:
        """The next ``left`` bytes of the body, into ``file``."""
        while left:
            part = self.rfile.read1(min(left, CHUNK))
            if not part:
                raise GoneError("the upload ended early")
            file.write(part)
            left -= len(part)
            if time.monotonic() > until:
                raise RefusedError(408, "the upload took too long")

    def _waiting(self) -> bool:
        """Whether the browser still holds the connection."""
        readable, _, _ = select.select([self.connection], [], [], 0)
        with contextlib.suppress(OSError):
            return not readable or self.connection.recv(1, socket.MSG_PEEK) != b""
        return False

    def _refuse(self, refusal: RefusedError) -> None:
        headers = {"Content-Type": "text/plain; charset=utf-8"}
        if refusal.status == 503:
            headers["Retry-After"] = "5"
        with contextlib.suppress(OSError):
            self._send(refusal.status, headers, f"{' '.join(refusal.line.split())}\n".encode())
            self._linger()

    def _linger(self) -> None:
        """Take in what is still being sent for a while: a connection closed over it would lose the answer too."""
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_WR)
        until = time.monotonic() + LINGER_S
        self.connection.settimeout(LINGER_S)
        while time.monotonic() < until and self.rfile.read1(CHUNK):
            pass

    def _send(self, status: int, headers: Mapping[str, str], data: bytes) -> None:
        self.send_response(status)
        for name, value in {**HEADERS, **headers, "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the standard library refuses by itself, in our form: a line, and nothing of the request in it."""
        self.close_connection = True
        # a line that could not be read leaves the request without a command
        self.command = getattr(self, "command", None) or "GET"
        self._refuse(RefusedError(code, self.responses.get(code, ("refused",))[0]))

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are nobody's business."""


def _number(query: Query, name: str) -> int | None:
    """A whole number of 0 or more in an address, None where there is none of this name."""
    text = query.get(name, [None])[0]
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise RefusedError(400, f"{name} must be a number")
    return int(text)


def serve(server: DemoServer) -> bool:
    """Answer until interrupted; whether nothing of a request runs on then (see `Uploads.end`)."""
    with server, contextlib.suppress(KeyboardInterrupt):
        server.serve_forever()
    return server.uploads is None or server.uploads.end()
