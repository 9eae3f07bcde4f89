"""Chromium for tests of pages: what a person can see and do there."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import io
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path

from PIL import Image

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-pipe",
    "--window-size=1000,900",
)


class Browser:
    """Chromium, driven over a pipe by its own protocol."""

    def __init__(self, program: str, profile: Path, *flags: str) -> None:
        theirs, self.to = os.pipe()
        self.back, ours = os.pipe()
        # above the two numbers that the program listens on
        theirs, ours = (fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in (theirs, ours))

        def ends() -> None:
            os.dup2(theirs, 3)
            os.dup2(ours, 4)

        words = [program, *FLAGS, *flags, f"--user-data-dir={profile}", "about:blank"]
        self.process = subprocess.Popen(
            words, close_fds=False, preexec_fn=ends, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.close(theirs)
        os.close(ours)
        self.buffer, self.number, self.session = b"", 0, None
        self.events: list[dict] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        self.call("Page.setLifecycleEventsEnabled", enabled=True)

    def call(self, method: str, **values: object) -> dict:
        self.number += 1
        message = {"id": self.number, "method": method, "params": values}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.receive()
            if answer.get("id") == self.number:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append(answer)

    def receive(self, seconds: float = 60) -> dict:
        until = time.monotonic() + seconds
        while b"\0" not in self.buffer:
            assert select.select([self.back], [], [], max(0, until - time.monotonic()))[0], "the browser is silent"
            part = os.read(self.back, 1 << 20)
            assert part, "the browser ended"
            self.buffer += part
        one, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(one)

    def open(self, path: Path | str, address: str = "") -> None:
        """A file, or what is served at an ``http:`` address."""
        place = path if isinstance(path, str) else path.as_uri()
        # away first: a change after # alone would not load the page again
        for url in ("about:blank", place + address):
            self.events.clear()
            loader = self.call("Page.navigate", url=url)["loaderId"]
            while not any(
                event.get("method") == "Page.lifecycleEvent"
                and (event["params"]["loaderId"], event["params"]["name"]) == (loader, "load")
                for event in self.events
            ):
                self.events.append(self.receive())

    def js(self, code: str, *inputs: object) -> object:
        """The value of an expression, or of a function of ``inputs``; promises are waited for."""
        expression = f"({code})(...{json.dumps(inputs)})" if inputs else code
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def text(self, selector: str) -> str:
        return self.js("(one) => document.querySelector(one).textContent", selector)

    def each(self, selector: str, of: str = "node.textContent") -> list:
        return self.js(f"(all) => [...document.querySelectorAll(all)].map((node) => {of})", selector)

    def said(self) -> str:
        return self.js("document.body.innerText")

    def pause(self) -> None:
        self.js("new Promise((done) => setTimeout(done, 100))")

    def wait(self, condition: str) -> None:
        for _ in range(100):
            if self.js(condition):
                return
            self.pause()
        raise AssertionError(f"never: {condition}")

    def place(self, selector: str, x: float = 0.5, y: float = 0.5) -> dict:
        """A point of an element (in shares of its sides), brought into view."""
        code = """(selector, x, y) => {
            const node = document.querySelector(selector);
            node.scrollIntoView({block: "center"});
            const box = node.getBoundingClientRect();
            return {x: box.left + x * box.width, y: box.top + y * box.height};
        }"""
        return self.js(code, selector, x, y)

    def mouse(self, kind: str, place: dict, **more: object) -> None:
        self.call("Input.dispatchMouseEvent", type=kind, **place, button="left", clickCount=1, **more)

    def click(self, selector: str, x: float = 0.5, y: float = 0.5) -> None:
        place = self.place(selector, x, y)
        self.mouse("mousePressed", place)
        self.mouse("mouseReleased", place)

    def drag(self, selector: str, start: tuple[float, float], stop: tuple[float, float]) -> None:
        one, other = self.place(selector, *start), self.place(selector, *stop)
        self.mouse("mousePressed", one)
        for place in ({key: (one[key] + other[key]) / 2 for key in one}, other):
            self.mouse("mouseMoved", place, buttons=1)
        self.mouse("mouseReleased", other)

    def swipe(self, start: dict, stop: dict) -> None:
        self.call("Input.dispatchTouchEvent", type="touchStart", touchPoints=[start])
        for part in range(1, 11):
            place = {key: start[key] + part / 10 * (stop[key] - start[key]) for key in start}
            self.call("Input.dispatchTouchEvent", type="touchMove", touchPoints=[place])
        self.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    def wheel(self, selector: str, up: float, x: float = 0.5, y: float = 0.5) -> None:
        place = self.place(selector, x, y)
        self.call("Input.dispatchMouseEvent", type="mouseWheel", **place, deltaX=0, deltaY=-up)

    def key(self, key: str, modifiers: int = 0) -> None:
        more = {"text": key} if len(key) == 1 else {}
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, modifiers=modifiers, **more)

    def choose(self, selector: str, value: str) -> None:
        code = """(selector, value) => {
            const node = document.querySelector(selector);
            node.value = value;
            for (const kind of ["input", "change"]) node.dispatchEvent(new Event(kind));
        }"""
        self.js(code, selector, value)

    def names(self) -> list[str]:
        """Cards from first to last."""
        return self.each(".card:not([hidden]) h3")

    def lines(self) -> list[list[str]]:
        """The table of all images, cell by cell."""
        return self.each("#all tbody tr:not([hidden])", "[...node.cells].map((cell) => cell.innerText)")

    def colours(self, selector: str, *points: tuple[float, float]) -> list[tuple[int, ...]]:
        """What is really drawn at points of an element."""
        places = [self.place(selector, *point) for point in points]
        self.js("Promise.all([...document.images].filter((image) => image.src).map((image) => image.decode()))")
        sheet = Image.open(io.BytesIO(base64.b64decode(self.call("Page.captureScreenshot")["data"]))).convert("RGB")
        return [sheet.getpixel((round(place["x"]), round(place["y"]))) for place in places]

    def requests(self) -> list[str]:
        return [e["params"]["request"]["url"] for e in self.events if e.get("method") == "Network.requestWillBeSent"]

    def complaints(self) -> list[dict]:
        kinds = (
            "Runtime.exceptionThrown",
            "Runtime.consoleAPICalled",
            "Log.entryAdded",
            "Page.javascriptDialogOpening",
        )
        return [event for event in self.events if event.get("method") in kinds]

    def close(self) -> None:
        self.session = None
        with contextlib.suppress(Exception):
            self.call("Browser.close")
        try:
            self.process.wait(20)
        finally:
            self.process.kill()
            os.close(self.to)
            os.close(self.back)


def installed() -> str | None:
    """The program, None where there is none."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)
