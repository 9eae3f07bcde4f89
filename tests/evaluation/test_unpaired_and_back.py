"""Weights of unpaired training: no figures on pictures that do not belong together, and the way back."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from small_run import evaluate, pixels, save, taken, tree
from translators import weights_file

import img2img
from conftest import picture
from img2img.commands import main
from img2img.errors import UserError
from img2img.inference import load
from img2img.reports.figures import grid
from img2img.weights.file import FORMAT, load_weights


def cyclegan(path: Path, **extra: object) -> Path:
    """Weights whose second network differs from the first."""
    weights_file(path, "cyclegan", **{"generator.blocks": 1, **extra})
    header, tensors = load_weights(path)
    turned = {name: value.flip(-1) if name.startswith("to_source.") else value for name, value in tensors.items()}
    save_file({name: value.contiguous() for name, value in turned.items()}, path, {FORMAT: json.dumps(header)})
    return path


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of cyclegan and l1; pictures that are no pairs, and pairs."""
    root = tmp_path_factory.mktemp("unpaired")
    cyclegan(root / "cycle.safetensors")
    weights_file(root / "l1.safetensors", "l1", "edges", **{"data.direction": "AtoB"})
    for number in range(3):
        for place, seed in (("trainA", 0), ("trainB", 10), ("testA", 20), ("testB", 30)):
            save(root / f"horses/{place}/{number}.png", picture(seed + number, 32, 32))
        save(root / f"pairs/A/{number}.png", picture(number, 32, 32) // 2)
        save(root / f"pairs/B/{number}.png", picture(number, 32, 32))
    return root


def test_pictures_that_are_no_pairs_are_not_measured(root, tmp_path, capsys):
    words = ("--weights", f"gan={root / 'cycle.safetensors'}", "--output", tmp_path / "out")
    for more in (("--data", root / "horses"), ("--data", root / "horses", "--part", "validation"), ()):
        assert evaluate(*words, *more) == 2
        said = capsys.readouterr()
        assert said.out == ""
        assert "there is nothing that a result could be compared with; give --data a folder of pairs" in said.err
        assert not (tmp_path / "out").exists()


def test_weights_of_unpaired_training_are_measured_on_pairs(root, tmp_path, capsys):
    assert evaluate("--weights", f"gan={root / 'cycle.safetensors'}", "--data", root / "pairs", "--output",
                    tmp_path / "out", "--format", "json") == 0  # fmt: skip
    psnr = json.loads((tmp_path / "out/table.json").read_text())["methods"]["gan"]["psnr"]["mean"]
    there = load(root / "cycle.safetensors")
    found = [
        taken("psnr", there(pixels(root / f"pairs/A/{number}.png")), pixels(root / f"pairs/B/{number}.png"))
        for number in range(3)
    ]
    assert psnr == pytest.approx(np.mean(found), rel=1e-9)


def by_hand(root: Path, name: str, source: np.ndarray) -> np.ndarray:
    """What one of the networks in the file makes of a picture, by its name in the file."""
    network = load(root / "cycle.safetensors").network
    tensors = load_weights(root / "cycle.safetensors")[1]
    network.load_state_dict(
        {key.removeprefix(f"{name}."): value for key, value in tensors.items() if key.startswith(f"{name}.")}
    )
    values = torch.tensor(source).permute(2, 0, 1)[None] / 127.5 - 1
    with torch.no_grad():
        result = network.train()(values)
    return ((result[0].permute(1, 2, 0) + 1) * 127.5).round().clamp(0, 255).byte().numpy()


def test_the_way_back_is_the_other_network(root, tmp_path):
    source = picture(3, 32, 32)
    forth, back = by_hand(root, "to_target", source), by_hand(root, "to_source", source)
    assert not np.array_equal(forth, back)
    assert np.array_equal(load(root / "cycle.safetensors")(source), forth)
    assert np.array_equal(load(root / "cycle.safetensors", direction="AtoB")(source), forth)
    assert np.array_equal(img2img.load(root / "cycle.safetensors", direction="BtoA")(source), back)

    save(tmp_path / "in.png", source)
    words = ["infer", "--weights", str(root / "cycle.safetensors"), str(tmp_path / "in.png")]
    assert main([*words, str(tmp_path / "back.png"), "--direction", "BtoA"]) == 0
    assert np.array_equal(np.asarray(Image.open(tmp_path / "back.png")), back)


def test_back_from_data_that_were_turned_in_training(root, tmp_path):
    """data.direction=BtoA trains from B to A: the way back is then AtoB, as the folders are called."""
    weights = cyclegan(tmp_path / "w.safetensors", **{"data.direction": "BtoA"})
    source = picture(3, 32, 32)
    results = {direction: load(weights, direction=direction)(source) for direction in (None, "AtoB", "BtoA")}
    assert np.array_equal(results[None], results["BtoA"])
    assert not np.array_equal(results[None], results["AtoB"])


def test_the_way_back_is_measured_against_the_sources(root, tmp_path):
    for direction, source, target in (("AtoB", "A", "B"), ("BtoA", "B", "A")):
        out = tmp_path / direction
        assert evaluate("--weights", f"gan={root / 'cycle.safetensors'}", "--data", root / "pairs", "--output", out,
                        "--direction", direction) == 0  # fmt: skip
        translate = load(root / "cycle.safetensors", direction=direction)
        for number in range(3):
            given = pixels(root / f"pairs/{source}/{number}.png")
            assert np.array_equal(pixels(out / f"source/{number}.png"), given)
            assert np.array_equal(pixels(out / f"target/{number}.png"), pixels(root / f"pairs/{target}/{number}.png"))
            assert np.array_equal(pixels(out / f"gan/{number}.png"), translate(given))


def test_the_way_back_from_python(root, tmp_path):
    weights, words = root / "cycle.safetensors", (root / "horses/testB", tmp_path / "horses")
    assert img2img.translate(weights, *words, direction="BtoA").done == 3
    back = img2img.load(weights, direction="BtoA")
    for number in range(3):
        made = pixels(tmp_path / f"horses/{number}.png")
        assert np.array_equal(made, back(pixels(root / f"horses/testB/{number}.png")))
    with pytest.raises(UserError, match="unknown direction 'back'"):
        img2img.translate(weights, *words, direction="back")


def test_weights_without_a_way_back_say_so(root, tmp_path, capsys):
    with pytest.raises(UserError, match="holds no network for the way back: l1 trains one network, AtoB"):
        load(root / "l1.safetensors", direction="BtoA")
    with pytest.raises(UserError, match="unknown direction 'back'"):
        load(root / "l1.safetensors", direction="back")
    load(root / "l1.safetensors", direction="AtoB")
    assert evaluate("--weights", f"l1={root / 'l1.safetensors'}", "--data", root / "pairs", "--direction", "BtoA") == 2
    assert "holds no network for the way back" in capsys.readouterr().err
    noise = weights_file(tmp_path / "noise.safetensors", "nsgan")
    assert main(["infer", "--weights", str(noise), "--output", str(tmp_path / "x"), "--direction", "BtoA"]) == 2


def test_pictures_of_other_data_in_the_output_are_refused_before_anything_is_written(root, tmp_path, capsys):
    out, words = tmp_path / "out", ("--weights", f"l1={root / 'l1.safetensors'}")
    assert evaluate(*words, "--data", root / "pairs", "--output", out) == 0
    # the same pictures again are no others
    assert evaluate(*words, "--data", root / "pairs", "--output", out) == 0
    for number in range(5, 7):
        save(tmp_path / f"more/A/{number}.png", picture(number, 32, 32))
        save(tmp_path / f"more/B/{number}.png", picture(number, 32, 32))
    before = tree(out)
    capsys.readouterr()
    assert evaluate(*words, "--data", tmp_path / "more", "--output", out) == 2
    said = capsys.readouterr().err
    assert f"{out / 'source/0.png'} and 2 more would stay among these data's pictures; name another folder" in said
    assert tree(out) == before


def test_tables_and_plots_of_an_earlier_evaluation_do_not_stay(root, tmp_path):
    out, words = tmp_path / "out", ("--target", root / "pairs/B", "--results", f"ours={root / 'pairs/A'}")
    assert evaluate(*words, "--output", out, "--metrics", "psnr,mae", "--format", "md,csv,latex", "--explain") == 0
    (out / "plot_of_mine.png").write_bytes(b"mine")
    assert evaluate(*words, "--output", out, "--metrics", "psnr", "--format", "json") == 0
    assert {file.name for file in out.iterdir()} == {
        "table.json", "per_image.csv", "card.json", "comparison.png", "plot_psnr.png", "report.html",
        "plot_of_mine.png", "report.json",
    }  # fmt: skip


def test_the_cycle_is_shown_on_request(root, tmp_path, capsys):
    """The third picture of a comparison is the result, as it was written, translated by the other network."""
    weights, source = root / "cycle.safetensors", picture(3, 32, 32)
    save(tmp_path / "in.png", source)
    for direction, other in (("AtoB", "BtoA"), ("BtoA", "AtoB")):
        out = tmp_path / direction
        words = ["infer", "--weights", str(weights), str(tmp_path / "in.png"), str(out), "--direction", direction]
        assert main([*words, "--cycle"]) == 0
        there = load(weights, direction=direction)(source)
        again = load(weights, direction=other)(there)
        shown = pixels(out / "compare/in.png")
        expected = grid([[source, there, again]], ["before", "after", "and back"], cell=1024)
        assert np.array_equal(shown, expected)
        # and of results that are there already
        (out / "compare/in.png").unlink()
        assert main([*words, "--cycle"]) == 0
        assert np.array_equal(pixels(out / "compare/in.png"), expected)
    words = ["infer", "--weights", str(root / "l1.safetensors"), str(tmp_path / "in.png"), str(tmp_path / "x")]
    assert main([*words, "--cycle"]) == 2
    assert "--cycle: " in (said := capsys.readouterr().err)
    assert "holds no network for the way back; leave it out" in said
    assert not (tmp_path / "x").exists()
