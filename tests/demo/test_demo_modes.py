"""The page's other ways: drawing, taking edges, painting holes, pictures from noise; each as `infer` makes it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from browser import Browser
from demo_page import drop, inferred, levels_apart, opened, photo, save, serving, until
from PIL import Image
from torch import nn
from translators import weights_file

from conftest import picture
from img2img.commands import main
from img2img.data.degradation_options import Edges
from img2img.data.synthesis import canny
from img2img.demo import prepare
from img2img.inference import load, sample_pixels
from img2img.inference.sampling import between
from img2img.recipes.saved import load_generators
from img2img.weights.file import save_weights

REASON = "the extra is not installed: pip install 'img2img[demo]'"
for extra in ("onnx", "onnxruntime", "onnxscript"):
    pytest.importorskip(extra, reason=REASON)

ROOT = Path(__file__).resolve().parents[2]
RESNET = {"generator.name": "resnet", "generator.width": 4, "generator.blocks": 1}
NORMAL = {"flow": {"name": "noise", "distribution": "normal", "z": 20}}


def shaken(path: Path, *, grey: bool = False, **extra: object) -> Path:
    """Weights whose results can be told from each other and from grey."""
    weights_file(path, **extra)
    saved = load_generators(path)
    generator = torch.Generator().manual_seed(0)
    for part in saved.networks.modules():
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.kaiming_normal_(part.weight, generator=generator)
        if isinstance(part, nn.BatchNorm2d):
            part.running_var.fill_(0.5)
    save_weights(path, saved.networks, {**saved.header.to_json(), "grey_targets": grey})
    return path


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("weights")
    hole = {"flow": {"name": "inpaint", "see_mask": True}, "data.hole.fill": [10, 200, 90]}
    small = {"generator.name": "dcgan", "generator.width": 4, "critic.name": "dcgan"}
    return {
        "shoe": shaken(folder / "shoe.safetensors", method="l1", task="edges2shoes", **RESNET),
        "fill": shaken(folder / "fill.safetensors", method="l1", task="inpaint", **RESNET, **hole),
        "digits": shaken(
            folder / "digits.safetensors",
            grey=True,
            method="dcgan",
            task="images",
            classes=(3, 7, 8),
            **small,
            **NORMAL,
        ),
    }


@pytest.fixture(scope="module")
def models(weights, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        return prepare([str(path) for path in weights.values()])


@pytest.fixture(scope="module")
def served(models):
    with serving(models) as server:
        yield server


@pytest.fixture(scope="module")
def served_without_browser(weights):
    with serving(prepare([str(path) for path in weights.values()], in_browser=False)) as server:
        yield server


@pytest.fixture(params=["in the browser", "on the server"])
def page(browser, request):
    """The page, with what it says of where pictures are made."""
    name = "served" if request.param == "in the browser" else "served_without_browser"
    browser.open(request.getfixturevalue(name).address)
    browser.wait("document.body.dataset.ready")
    browser.where = request.param
    return browser


def choose(page: Browser, model: str) -> None:
    page.click(f"#models input[value={model}]")


def settled(page: Browser, facts: str) -> str:
    """What stands below a result, once nothing runs."""
    until(page, f"document.querySelector('#work').hidden && document.querySelector('{facts}').textContent")
    assert page.where in page.text(facts)
    assert page.complaints() == []
    return page.text(facts)


def again(page: Browser) -> None:
    """Forget what stands below the drawing, so that it is the next one that is waited for."""
    page.js("document.querySelector('#made-facts').textContent = ''")


def plain(path: Path, folder: Path) -> Path:
    """A picture without its alpha, which says nothing here."""
    folder.mkdir()
    Image.open(path).convert("RGB").save(folder / "drawing.png")
    return folder / "drawing.png"


def test_a_drawing_becomes_what_infer_makes_of_it(page, weights, tmp_path):
    settled(page, "#made-facts")  # of the example
    first = opened(save(page, tmp_path, "#keepinput"))
    assert first.shape == (64, 64, 3)
    assert 0.02 < (first < 128).mean() < 0.3
    again(page)
    page.click("#clear")
    settled(page, "#made-facts")
    again(page)
    page.drag("#canvas", (0.2, 0.25), (0.8, 0.75))
    assert settled(page, "#made-facts").startswith("64 × 64")
    drawn = save(page, tmp_path, "#keepinput")
    lines = opened(drawn)[..., 0]
    assert lines[32, 32] < 128 < min(lines[10, 50], lines[50, 10])
    result = opened(save(page, tmp_path, "#keep"))
    assert result.std() > 10
    expected = inferred(weights["shoe"], plain(drawn, tmp_path / "plain"), tmp_path)
    assert levels_apart(result, expected) <= 1


def test_strokes_are_taken_back_rubbed_out_and_cleared(page, tmp_path):
    settled(page, "#made-facts")
    dark = "document.querySelector('#canvas').getContext('2d').getImageData(32, 32, 1, 1).data[0] < 128"
    page.click("#clear")
    assert not page.js(dark)
    page.drag("#canvas", (0.2, 0.5), (0.8, 0.5))
    assert page.js(dark)
    page.click("#eraser")
    page.choose("#width", "8")
    page.drag("#canvas", (0.5, 0.3), (0.5, 0.7))
    assert not page.js(dark)
    page.click("#undo")
    assert page.js(dark)
    page.key("z", modifiers=2)
    assert not page.js(dark)
    page.click("#example")
    page.click("#pen")
    page.swipe(page.place("#canvas", 0.2, 0.5), page.place("#canvas", 0.8, 0.5))
    assert page.js(dark)
    again(page)
    page.click("#undo")
    settled(page, "#made-facts")


def test_edges_of_a_photo_are_drawn(page, tmp_path):
    settled(page, "#made-facts")
    again(page)
    drop(page, photo(tmp_path / "photo.png", 60, 90))
    settled(page, "#made-facts")
    edges = opened(save(page, tmp_path, "#keepinput"))
    assert edges.shape == (64, 64, 3)
    assert set(np.unique(edges)) == {0, 255}
    assert (edges[:10] == 255).all()  # 90 x 60 stands on white
    assert 0.02 < (edges == 0).mean() < 0.5
    again(page)
    page.choose("#detail", "1")
    settled(page, "#made-facts")
    assert (opened(save(page, tmp_path, "#keepinput")) == 0).sum() < (edges == 0).sum()
    # lines on white are no photo
    Image.fromarray(edges).save(tmp_path / "lines.png")
    again(page)
    drop(page, tmp_path / "lines.png")
    settled(page, "#made-facts")
    assert levels_apart(opened(save(page, tmp_path, "#keepinput")), edges) == 0
    assert page.js("document.querySelector('#detail-label').hidden")


def test_canny_is_the_one_that_trainings_see(browser, served):
    browser.open(served.address)
    browser.wait("document.body.dataset.ready")
    code = """async (levels, width, sigma) => {
        const {canny} = await import("./edges.js");
        const image = new ImageData(width, levels.length / width);
        levels.forEach((level, at) => image.data.set([level, level, level, 255], 4 * at));
        return [...canny(image, sigma)];
    }"""
    photos = {
        "rocket": np.asarray(Image.open(ROOT / "datasets/samples/derain/clean/rocket.png").convert("L"))[100:, 100:250],
        "made": picture(4, 70, 90)[..., 0],
    }
    for levels in photos.values():
        for sigma in (1.0, 1.5, 3.0):
            wanted = canny(levels / 255.0, Edges(sigma=sigma)) == 0
            found = np.reshape(browser.js(code, levels.ravel().tolist(), levels.shape[1], sigma), levels.shape) > 0
            assert wanted.mean() > 0.005
            # the last bit of a sum decides where two neighbours are as strong
            assert (found != wanted).mean() <= 0.001


def test_a_painted_hole_is_filled_as_infer_fills_it(page, weights, tmp_path):
    choose(page, "fill")
    exif = Image.Exif()
    exif[0x0112] = 6  # on its side
    file = photo(tmp_path / "wall.png", 60, 100, exif=exif)
    drop(page, file)
    until(page, "!document.querySelector('#studio').hidden")
    assert page.js("document.querySelector('#fill').disabled")
    page.choose("#width", "20")
    page.drag("#canvas", (0.3, 0.4), (0.7, 0.5))
    page.click("#canvas", 0.8, 0.8)
    page.click("#undo")
    page.click("#fill")
    assert settled(page, "#made-facts").startswith("60 × 100")
    mask = save(page, tmp_path, "#keepinput")
    assert mask.name == "wall_mask.png"
    hole = opened(mask)[..., 0]
    assert set(np.unique(hole)) == {0, 255}
    assert hole[45, 30] == 255 > hole[80, 48]
    assert 0.05 < (hole == 255).mean() < 0.3
    result = opened(save(page, tmp_path, "#keep"))
    known = np.asarray(Image.open(file).convert("RGB")).transpose(1, 0, 2)[:, ::-1]
    assert levels_apart(result[hole == 0], known[hole == 0]) == 0
    assert levels_apart(result[hole == 255], known[hole == 255]) > 20
    words = ["--weights", str(weights["fill"]), "--input", str(file), "--output", str(tmp_path / "by-infer.png")]
    assert main(["infer", *words, "--masks", str(mask), "--precision", "fp32", "--device", "cpu"]) == 0
    assert levels_apart(result, opened(tmp_path / "by-infer.png")) <= 1
    # painted anew, the old result is gone
    page.click("#canvas", 0.8, 0.8)
    assert page.js("document.querySelector('#made').hidden")


def test_seeds_are_the_samples_of_infer_and_the_way_between_them(page, weights, tmp_path):
    choose(page, "digits")
    settled(page, "#seeds-facts")
    page.choose("#class", "1")
    words = ["--weights", str(weights["digits"]), "--samples", "8", "--class", "7", "--output", str(tmp_path / "made")]
    assert main(["infer", *words]) == 0
    page.choose("#first", "2")
    page.choose("#last", "7")
    translator = load(weights["digits"])
    ends = translator.z(8)[[2, 7]]
    for share, sample in ((0, 2), (100, 7), (30, None)):
        page.js("document.querySelector('#seeds-facts').textContent = ''")
        page.choose("#way", str(share))
        assert settled(page, "#seeds-facts").startswith("32 × 32")
        page.wait(f"document.querySelector('#keepsample').download.endsWith('-2-7-{share}.png')")
        made = opened(save(page, tmp_path, "#keepsample"))
        z = between(*ends, 101, "spherical")[share : share + 1]
        expected = sample_pixels(translator, translator.samples(z=z, label=7))
        assert made.std() > 5
        assert levels_apart(made, np.broadcast_to(expected, made.shape)) <= 1
        if sample is not None:
            assert levels_apart(made, opened(tmp_path / f"made/{sample:04d}-class7.png")) <= 1
    assert len(page.each("#strip canvas")) == 9
    page.click("#renew")
    until(page, "document.querySelector('#first').value !== '2' || document.querySelector('#last').value !== '7'")
    settled(page, "#seeds-facts")
    page.choose("#first", "-3")
    assert "whole numbers from 0 to 9999" in page.text("#notice")


@pytest.mark.parametrize("distribution", ["uniform", "normal"])
def test_z_is_the_one_that_torch_draws(browser, served, tmp_path, distribution):
    flow = {"name": "noise", "distribution": distribution, "z": 17}
    path = weights_file(tmp_path / "z.safetensors", "dcgan", "images", **{"flow": flow})
    translator = load(path)
    (model,) = prepare([str(path)], in_browser=False)
    browser.open(served.address)
    browser.wait("document.body.dataset.ready")
    code = """async (facts, numbers) => {
        const {drawn} = await import("./noise.js");
        return numbers.map((number) => [...drawn(facts, number)]);
    }"""
    numbers = [0, 1, 36, 900]
    z = translator.z(901)
    np.testing.assert_allclose(browser.js(code, model.facts, numbers), z[numbers], rtol=2e-5, atol=2e-6)


def test_a_drawing_that_is_late_does_not_end_what_was_chosen_after_it(page, tmp_path):
    settled(page, "#made-facts")
    late = "HTMLCanvasElement.prototype.toBlob.apply(document.querySelector('#canvas'), words)"
    page.js(f"void (document.querySelector('#canvas').toBlob = (...words) => window.late = () => {late})")
    for model in ("fill", "shoe", "digits"):
        choose(page, model)
    settled(page, "#seeds-facts")
    drop(page, photo(tmp_path / "a.png", 30, 40))
    until(page, "document.querySelector('#notice').textContent.includes('makes pictures from noise')")
    page.js("late()")
    page.js("new Promise((done) => setTimeout(done, 1000))")
    assert "makes pictures from noise" in page.text("#notice")
    assert page.text("#made-facts") == ""


def test_every_model_keeps_its_way_when_another_is_chosen(page, tmp_path):
    settled(page, "#made-facts")
    for model, shown in (("digits", "seeds"), ("fill", "drop"), ("shoe", "studio"), ("digits", "seeds")):
        choose(page, model)
        seen = [
            name
            for name in ("result", "studio", "seeds", "drop")
            if not page.js(f"document.querySelector('#{name}').hidden")
        ]
        assert seen == [shown]
    drop(page, photo(tmp_path / "a.png", 30, 40))
    until(page, "document.querySelector('#notice').textContent.includes('makes pictures from noise')")
    Image.fromarray(picture(0, 30, 40)).save(tmp_path / "scan.tif")
    choose(page, "fill")
    drop(page, tmp_path / "scan.tif")
    until(page, "document.querySelector('#notice').textContent.includes('cannot show this kind of file')")
