"""Which weights a page shows, where they compute, and what is said of those that it cannot have."""

from __future__ import annotations

from pathlib import Path

import pytest
from translators import weights_file

from img2img.commands import main
from img2img.demo import prepare
from img2img.errors import UserError


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    return weights_file(tmp_path_factory.mktemp("weights") / "mine.safetensors", "l1")


def test_a_model_too_large_for_a_browser_stays_here(weights, monkeypatch, tmp_path, capsys):
    pytest.importorskip("onnxscript", reason="the extra is not installed: pip install 'img2img[demo]'")
    monkeypatch.setattr("img2img.demo.models.LARGEST", 1000)
    (model,) = prepare([str(weights)])
    assert model.onnx is None
    assert "its pictures are made here, not in the browser: 0 MB are too large" in capsys.readouterr().err
    assert main(["demo", "--weights", str(weights), "--export", str(tmp_path / "public")]) == 2
    assert "no browser runs this model, and --export writes no server" in capsys.readouterr().err
    assert not (tmp_path / "public").exists()


def test_weights_without_a_graph_stay_here(tmp_path, capsys):
    pytest.importorskip("onnxscript", reason="the extra is not installed: pip install 'img2img[demo]'")
    given = [
        weights_file(tmp_path / "drawn.safetensors", "pix2pix"),
        weights_file(tmp_path / "middle.safetensors", "context_encoder"),
    ]
    models = prepare([str(path) for path in given])
    assert [model.onnx for model in models] == [None, None]
    assert [model.facts["mode"] for model in models] == ["photo", "hole"]
    first, second = capsys.readouterr().err.splitlines()
    assert "not in the browser: these weights cannot be exported: their results are drawn with dropout" in first
    assert "their network resizes every picture" in second


def test_a_missing_extra_is_said_in_a_line(weights, monkeypatch, capsys):
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    assert main(["demo", "--weights", str(weights)]) == 2
    assert "pip install 'img2img[demo]'" in capsys.readouterr().err


def test_weights_that_no_page_can_show(tmp_path):
    with pytest.raises(UserError, match="they make vectors, no pictures"):
        prepare([str(weights_file(tmp_path / "z.safetensors", "gan", "toy"))], in_browser=False)
