"""What is sent beside a photo: masks, and the numbers that pictures are made from; and what is refused of them."""

from __future__ import annotations

import http.client
import io
import math
from collections.abc import Iterator

import numpy as np
import pytest
from demo_page import serving
from PIL import Image
from translators import weights_file

from conftest import picture
from img2img.demo import DemoServer, prepare
from img2img.inference import load, sample_pixels


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    return {
        "photo": weights_file(folder / "photo.safetensors", "l1"),
        "hole": weights_file(folder / "hole.safetensors", "l1", "inpaint", **{"flow": {"name": "inpaint"}}),
        "kinds": weights_file(folder / "kinds.safetensors", "dcgan", "images", classes=(3, 7, 8)),
    }


@pytest.fixture(scope="module")
def server(weights) -> Iterator[DemoServer]:
    with serving(prepare([str(path) for path in weights.values()], in_browser=False), 100_000) as server:
        yield server


def send(server: DemoServer, address: str, body: bytes) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=60)
    try:
        connection.request("POST", address, body)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def mask(height: int, width: int) -> np.ndarray:
    hole = np.zeros((height, width), np.uint8)
    hole[5:20, 8:25] = 255
    return hole


def test_a_mask_goes_behind_its_picture(server, weights):
    photo, hole = picture(3, 30, 40), mask(30, 40)
    second = png(hole)
    status, body = send(server, f"/translate?model=hole&mask={len(second)}", png(photo) + second)
    assert status == 200
    made = np.asarray(Image.open(io.BytesIO(body)))
    assert (made == load(weights["hole"], device="cpu")(photo, hole)).all()
    assert (made[hole == 0] == photo[hole == 0]).all()
    assert (made[hole > 0] != photo[hole > 0]).any()


@pytest.mark.parametrize(
    ("model", "second", "asked", "status", "says"),
    [
        ("hole", b"", None, 422, b"a mask is needed"),
        ("photo", png(mask(30, 40)), True, 422, b"these weights do not fill holes"),
        ("hole", png(mask(31, 40)), True, 422, b"mask"),
        ("hole", b"<svg xmlns='http://www.w3.org/2000/svg'/>", True, 422, b"the mask: not a picture"),
        ("hole", b"", 0, 422, b"the mask: empty file"),
        ("hole", b"", 10_000_000, 400, b"mask=10000000: the upload has"),
        ("hole", b"", "-1", 400, b"mask must be a number"),
        ("hole", b"", "../etc", 400, b"mask must be a number"),
    ],
)
def test_masks_that_are_refused(server, model, second, asked, status, says):
    count = len(second) if asked is True else asked
    address = f"/translate?model={model}" + ("" if asked is None else f"&mask={count}")
    got, body = send(server, address, png(picture(3, 30, 40)) + second)
    assert (got, says in body, body.count(b"\n")) == (status, True, 1), body
    assert b"/proc" not in body


def test_a_mask_may_not_be_larger_than_a_picture(server):
    second = png(np.zeros((400, 400), np.uint8))
    got, body = send(server, f"/translate?model=hole&mask={len(second)}", png(picture(3, 30, 40)) + second)
    assert (got, b"the mask: 400x400 px are more than 100000 pixels" in body) == (422, True)


def test_samples_come_one_below_the_other(server, weights):
    translator = load(weights["kinds"], device="cpu")
    z = translator.z(3)
    status, body = send(server, "/samples?model=kinds&class=7", z.numpy().astype("<f4").tobytes())
    assert status == 200
    made = np.asarray(Image.open(io.BytesIO(body)))
    assert made.shape == (96, 32, 3)
    expected = [sample_pixels(translator, translator.samples(z=row[None], label=7)) for row in z]
    assert (made == np.concatenate(expected)).all()


@pytest.mark.parametrize(
    ("model", "numbers", "label", "status", "says"),
    [
        ("photo", [0.0] * 100, "", 422, b"makes pictures from pictures"),
        ("kinds", [], "", 422, b"z of 100 float32 numbers are needed, 1 to 64 of them"),
        ("kinds", [0.0] * 99, "", 422, b"z of 100 float32"),
        ("kinds", [0.0] * 6500, "", 422, b"z of 100 float32"),
        ("kinds", [math.nan] * 100, "", 422, b"z has numbers of at most 100"),
        ("kinds", [1e30] * 100, "", 422, b"z has numbers of at most 100"),
        ("kinds", [0.0] * 100, "&class=5", 422, b"no class of these weights; they know 3, 7, 8"),
        ("kinds", [0.0] * 100, "&class=x", 400, b"class must be a number"),
        ("kinds", [0.0] * 2_000_000, "", 413, b"are not taken"),
        ("other", [0.0] * 100, "", 404, b"no such model"),
    ],
)
def test_numbers_that_are_refused(server, model, numbers, label, status, says):
    got, body = send(server, f"/samples?model={model}{label}", np.array(numbers, "<f4").tobytes())
    assert (got, says in body, body.count(b"\n")) == (status, True, 1), body


def test_noise_is_not_translated(server):
    got, body = send(server, "/translate?model=kinds", png(picture(3, 30, 40)))
    assert (got, b"these weights make pictures from noise" in body) == (422, True)
