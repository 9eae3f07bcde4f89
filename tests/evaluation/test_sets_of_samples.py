"""``evaluate --sets``: where sets come from, on how many samples they are measured, what the table says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from small_run import evaluate
from translators import weights_file

from img2img.commands.evaluate import arguments
from img2img.errors import UserError
from img2img.evaluation.set_sources import source_of
from img2img.evaluation.sets import OTHERS, compare_sets
from img2img.metrics.sets import frechet, mmd, mode_score, wasserstein
from img2img.metrics.sets.spaces import SPACES


@pytest.fixture
def places(tmp_path, monkeypatch) -> Path:
    """real.npy (40, 2), made.csv of other 16 rows, and folders of pictures of noise: 12 real and 8 made."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    np.save("real.npy", rng.normal(size=(40, 2)))
    np.savetxt("made.csv", rng.normal(1, 1, size=(16, 2)), delimiter=",", header="x,y", comments="")
    for name, count in (("photos", 12), ("drawn", 8)):
        Path(name).mkdir()
        for number in range(count):
            level = rng.integers(0, 256, (6, 5, 3), dtype=np.uint8)
            Image.fromarray(level).save(f"{name}/{number:04d}.png")
    return tmp_path


def table_of(places, *words, **kwargs):
    real, *made = [source_of("--sets", *word.split("=")) for word in words]
    return compare_sets(real, made, **kwargs)


def test_all_samples_of_the_smaller_set_are_measured_and_the_rest_of_the_real_one_is_the_floor(places, capsys):
    assert evaluate("--sets", "real=real.npy", "made=made.csv", "--format", "json", "--metrics",
                    "mmd2_gaussian_0.5_biased,wasserstein,recall") == 0  # fmt: skip
    found = json.loads(capsys.readouterr().out)
    assert found["samples"] == 16
    assert found["space"] == "values"
    assert found["sets"] == {"real": "real.npy", "made": "made.csv"}
    assert list(found["rows"]) == [OTHERS, "made"]
    names = ["mmd2_gaussian_0.5_biased_on_values", "wasserstein_on_values", "recall_on_values"]
    assert list(found["rows"]["made"]) == names

    order = np.random.default_rng(0).permutation(40)
    real, others = (torch.from_numpy(np.load("real.npy")[np.sort(part)]) for part in (order[:16], order[16:32]))
    made = torch.from_numpy(np.loadtxt("made.csv", delimiter=",", skiprows=1))
    for row, values in (("made", made), (OTHERS, others)):
        assert found["rows"][row][names[1]] == pytest.approx(wasserstein(real, values), rel=1e-12)
        (expected,) = mmd(real, values, (0.5,), estimator="biased").values()
        assert found["rows"][row][names[0]] == pytest.approx(expected, rel=1e-9)


def test_pictures_are_compared_as_levels_of_255(places):
    grey = np.full((3, 6, 5), 51, np.uint8)
    np.save("dark.npy", grey)
    np.save("light.npy", grey + 102)
    table = table_of(places, "real=dark.npy", "made=light.npy", names=["wasserstein"])
    assert table.space == "pixels"
    # every one of 6 x 5 x 3 levels differs by 0.4
    assert table.rows["made"]["wasserstein"] == pytest.approx(0.4 * 90**0.5)


def test_several_sets_in_one_table_whose_best_is_marked(places, capsys):
    assert evaluate("--sets", "real=photos", "same=photos", "drawn=drawn", "--metrics", "wasserstein,1nn,recall") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split(" | ")[1] == "Wasserstein, pixels"
    same, drawn = (next(line for line in lines if line.startswith(f"| {name}")) for name in ("same", "drawn"))
    assert same.endswith("| 8 |")
    assert drawn.endswith("| 8 |")
    # the same 8 of 12 pictures: a distance of 0, and 1-NN tells that they are copies
    assert [cell.strip() for cell in same.split("|")][2:6] == ["**0.0000**", "0.000", "0.000", "0.000"]
    assert OTHERS not in "".join(lines)  # 12 pictures are not twice 8


def test_what_the_count_does_not_allow_is_left_out_with_the_number_needed_or_refused(places):
    table = table_of(places, "real=real.npy", "made=made.csv")
    assert "kid" not in table.numbers
    assert {"frechet", "wasserstein", "1nn_accuracy", "precision"} <= set(table.numbers)
    assert "left out: kid on values needs 1000 samples of each set, and there are 16" in table.notes
    with pytest.raises(UserError, match="kid on values needs 1000 samples of each set, and there are 16"):
        table_of(places, "real=real.npy", "made=made.csv", names=["kid"])
    with pytest.raises(UserError, match="frechet on pixels needs 91 samples of each set, and there are 8"):
        table_of(places, "real=photos", "made=drawn", names=["frechet"])
    with pytest.raises(UserError, match="inception_score needs a classifier"):
        table_of(places, "real=photos", "made=drawn", names=["inception_score"])


@pytest.fixture
def digits(places) -> None:
    """real.npy and made.npy: 66 pictures of 28 px each, noise of two kinds."""
    rng = np.random.default_rng(1)
    np.save("real.npy", rng.integers(0, 256, (66, 28, 28, 3), dtype=np.uint8))
    np.save("made.npy", rng.integers(0, 128, (66, 28, 28, 3), dtype=np.uint8))


def test_the_feature_network_is_part_of_every_numbers_name(digits, capsys):
    words = ["--sets", "real=real.npy", "made=made.npy", "--features", "mnist"]
    assert evaluate(*words, "--metrics", "frechet,wasserstein_on_pixels,mode_score", "--format", "json,csv") == 0
    said = capsys.readouterr().out
    found = json.loads(said.partition("\n\nset,number")[0])
    names = ["frechet_on_mnist", "wasserstein_on_pixels", "mode_score_on_mnist"]
    assert list(found["rows"]["made"]) == names
    against = [SPACES["mnist"].open(torch.device("cpu"))(np.load(f"{name}.npy"), None) for name in ("real", "made")]
    real, made = (its.features for its in against)
    assert found["rows"]["made"][names[0]] == pytest.approx(frechet(real, made), rel=1e-9)
    assert found["rows"]["made"][names[2]] == pytest.approx(mode_score(*(its.probabilities for its in against)))
    assert set(found["median_distance"]) == {"mnist", "pixels"}
    assert f"made,frechet,mnist,66,{found['rows']['made'][names[0]]!r}" in said

    assert evaluate(*words, "--metrics", "mmd2_gaussian_median_unbiased") == 0
    table = capsys.readouterr().out
    assert "| MMD² gaussian h=median, mnist |" in table
    assert "mnist: 64 features, the means of the last maps of a small classifier of 20,000 training digits" in table
    assert "median: the median distance between real samples on mnist" in table
    # all that 66 samples allow in 64 dimensions
    assert evaluate(*words) == 0
    table = capsys.readouterr().out
    assert "Fréchet, mnist | 1-NN accuracy, mnist" in table
    assert "IS, 10 splits, mnist | its std, mnist | mode score, mnist |" in table
    assert "left out: kid on mnist needs 1000 samples of each set, and there are 66" in table


def test_the_help_names_every_space():
    said = " ".join(arguments().format_help().split())
    assert [name for name in SPACES if name not in said] == []


def test_modes_of_a_mixture(places):
    table = table_of(places, "real=8gaussians", "made=8gaussians", "ring=ring", names=["modes"], samples=300)
    assert table.rows["made"] == {"modes": 8, "high_quality": pytest.approx(0.989, abs=0.02)}
    assert table.rows["ring"]["high_quality"] < 0.4
    assert table.rows[OTHERS] != table.rows["made"]  # other draws under another name


def test_the_output_and_what_infer_writes_beside_samples(places, capsys):
    Image.new("RGB", (64, 64)).save("drawn/grid.png")
    Image.new("RGB", (90, 6)).save("drawn/between-0-3.png")
    assert evaluate("--sets", "real=photos", "made=drawn", "--format", "md,json,csv", "--output", "out") == 0
    assert sorted(path.name for path in Path("out").iterdir()) == ["sets.csv", "sets.json", "sets.md"]
    assert capsys.readouterr().out == Path("out/sets.md").read_text()
    assert Path("out/sets.csv").read_text().startswith("set,number,space,samples,value\nmade,mmd2_gaussian_0.05median_")


def test_weights_that_sample_are_measured_against_data(places, capsys):
    weights = weights_file(places / "w.safetensors", "nsgan", "toy")
    assert evaluate("--weights", f"new={weights}", "--samples", "50", "--format", "json") == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found["rows"]) == [OTHERS, "new"]
    assert found["rows"]["new"]["wasserstein_on_values"] > 2 * found["rows"][OTHERS]["wasserstein_on_values"]
    assert "modes_on_values" in found["rows"]["new"]
    assert found["notes"][0] == "real samples: drawn anew"


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--sets", "real=real.npy"], "two are needed, the real one first"),
        (["--sets", "real=real.npy", "real=made.csv"], "two sets have one name"),
        (["--sets", "real=real.npy", "made=none.npy"], "made=none.npy: no such file or folder"),
        (["--sets", "real=real.npy", "made=photos"], "photos: its samples are pictures of 5x6 px, those of real.npy"),
        (["--sets", "real=real.npy", "made=made.csv", "--samples", "17"], "--samples 17: made.csv has 16 samples"),
        (["--sets", "real=real.npy", "made=made.csv", "--metrics", "psnr"], "measure of sets 'psnr'"),
        (["--sets", "real=real.npy", "made=made.csv", "--metrics", "mmd2_cubic_1_biased"], "kernel 'cubic'"),
        (["--sets", "real=real.npy", "made=made.csv", "--metrics", "mmd2_gaussian_x_biased"], "bandwidth 'x'"),
        (["--sets", "real=real.npy", "made=made.csv", "--features", "eyes"], "space 'eyes'"),
        (["--sets", "real=real.npy", "made=made.csv", "--features", "mnist"], "mnist looks at pictures, and these"),
        (
            ["--sets", "real=real.npy", "made=made.csv", "--metrics", "kid_on_mnits"],
            "space 'mnits'; did you mean 'mnist'",
        ),
        (
            ["--sets", "real=photos", "made=drawn", "--metrics", "frechet_on_mnist"],
            "frechet on mnist needs 65 samples of",
        ),
        (["--sets", "real=photos", "made=drawn", "--metrics", "frechet", "--features", "cifar10"], "cifar10 needs 65"),
        (["--sets", "real=real.npy", "made=made.csv", "--format", "latex"], "format of sets 'latex'"),
        (["--sets", "real=real.npy", "made=made.csv", "--target", "photos"], "--target has no meaning for sets"),
        (["--sets", "real=real.npy", "made=nan.npy"], "nan.npy: 1 values are NaN"),
        (["--sets", "real=photos", "made=sizes"], "holds pictures of 5x6 and 6x5 px"),
        (["--sets", "real=photos", "made=empty"], "neither pictures nor arrays"),
        (["--target", "photos", "--results", "ours=drawn", "--samples", "3"], "--samples is of sets of samples"),
    ],
)
def test_what_cannot_be_is_one_line(places, capsys, words, error):
    np.save("nan.npy", np.array([[0, np.nan], [1, 1]]))
    Path("empty").mkdir()
    Path("sizes").mkdir()
    for number, size in enumerate([(5, 6)] * 7 + [(6, 5)]):
        Image.new("RGB", size).save(f"sizes/{number}.png")
    assert evaluate(*words) == 2
    said = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("measuring")]
    assert len(said) == 1
    assert error in said[0]
