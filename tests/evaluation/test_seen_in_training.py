"""Test pictures that weights were trained on are named, counted, and refused where that is asked for."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import load_file
from small_run import evaluate, header, make_pairs, save, train

from conftest import picture
from img2img.data.fingerprint import Fingerprint
from img2img.weights.file import write_tensors

HELD = "data_manifest.json"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """pairs and the run on them; a test set of others, of one mirrored and one re-encoded picture of the training."""
    root = tmp_path_factory.mktemp("seen")
    assert train(make_pairs(root / "pairs"), root / "run") == 0
    held = json.loads((root / "run" / HELD).read_text())["validation"]
    first, second = [number for number in range(6) if f"{number}.png" not in held][:2]
    make_pairs(root / "test", range(10, 12))
    make_pairs(root / "others", range(10, 12))
    turned = np.ascontiguousarray(picture(first)[:, ::-1])
    save(root / "test/turned.png", np.concatenate([turned, turned // 2], 1))
    Image.fromarray(np.concatenate([picture(second), picture(second) // 2], 1)).save(
        root / "test/coded.jpg", quality=70
    )
    return root


def card(root: Path, output: Path, *words: object) -> dict:
    assert evaluate("--weights", f"mine={root / 'run'}", "--output", output, *words) == 0
    return json.loads((output / "card.json").read_text())["results"]["mine"]["seen_in_training"]


def test_seen_pictures_are_named_in_caption_card_and_explanation(root, tmp_path, capsys):
    found = card(root, tmp_path / "out", "--data", root / "test", "--explain")
    assert (found["count"], found["trained_on"], found["compared_with"]) == (2, 5, 5)
    assert set(found["pictures"]) == {"coded", "turned"}
    assert found["pictures"]["turned"] == {"bits": 0, "mirrored": True}
    said = "2 of 4 pictures are known to mine from its training (coded, turned, 1 mirrored), so they are no test of it"
    assert f"note: {said}" in capsys.readouterr().err
    assert f"{said}." in (tmp_path / "out/table.md").read_text()
    assert f"{said}." in (tmp_path / "out/explain.txt").read_text()


def test_other_pictures_are_not_seen_and_strict_lets_them_pass(root, tmp_path, capsys):
    found = card(root, tmp_path / "out", "--data", root / "others", "--strict", "--explain")
    assert (found["count"], found["pictures"]) == (0, {})
    assert "known to mine" not in (tmp_path / "out/table.md").read_text()
    assert "0 of 2 pictures are known to mine from its training." in (tmp_path / "out/explain.txt").read_text()


def test_what_was_held_out_was_not_seen(root, tmp_path):
    assert card(root, tmp_path / "out", "--data", root / "pairs", "--part", "validation")["count"] == 0


def test_strict_refuses_and_writes_nothing(root, tmp_path, capsys):
    words = ["--weights", f"mine={root / 'run'}", "--data", root / "test", "--output", tmp_path / "out", "--strict"]
    assert evaluate(*words) == 2
    assert "--strict: 2 of 4 pictures are known to mine" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def without_fingerprint(root: Path, path: Path) -> Path:
    weights = root / "run/weights/best.safetensors"
    head = {key: value for key, value in header(weights).items() if key != "fingerprint"}
    write_tensors(path, load_file(weights), head)
    return path


def test_weights_without_a_fingerprint_are_measured_but_not_strictly(root, tmp_path, capsys):
    old = without_fingerprint(root, tmp_path / "old.safetensors")
    words = ["--weights", f"old={old}", "--data", root / "test", "--output", tmp_path / "out"]
    assert evaluate(*words) == 0
    known = json.loads((tmp_path / "out/card.json").read_text())["results"]["old"]["seen_in_training"]
    assert known == {"count": None, "why": "the weights carry no fingerprint of their training's pictures"}
    capsys.readouterr()
    assert evaluate(*words, "--strict") == 2
    assert "carry no fingerprint; train anew" in capsys.readouterr().err


def test_strict_has_no_meaning_beside_results(root, capsys):
    assert evaluate("--target", root / "pairs", "--results", f"a={root / 'test'}", "--strict") == 2
    assert "--strict has no meaning beside --results" in capsys.readouterr().err


def test_weights_carry_on_what_those_had_seen_that_they_began_from(root, tmp_path):
    make_pairs(tmp_path / "more", range(20, 26))
    begun = ["--from", str(shutil.copytree(root / "run", tmp_path / "first"))]
    assert train(tmp_path / "more", tmp_path / "next", *begun) == 0
    weights = tmp_path / "next/weights/last.safetensors"
    known = Fingerprint.from_json(header(weights)["fingerprint"])
    before = Fingerprint.from_json(header(root / "run/weights/last.safetensors")["fingerprint"])
    assert set(before.hashes) < set(known.hashes)
    assert (known.pictures, len(known.hashes), known.unknown) == (10, 10, "")
    # resumed, with what it began from gone, its weights say the same
    shutil.rmtree(tmp_path / "first")
    assert train(tmp_path / "more", tmp_path / "next", *begun, "train.steps=6") == 0
    assert Fingerprint.from_json(header(weights)["fingerprint"]) == known
    old = without_fingerprint(root, tmp_path / "old.safetensors")
    assert train(tmp_path / "more", tmp_path / "third", "--from", str(old)) == 0
    known = Fingerprint.from_json(header(tmp_path / "third/weights/last.safetensors")["fingerprint"])
    assert "began from" in known.unknown
