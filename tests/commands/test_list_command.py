"""``img2img list``: everything there is, as the registers, the YAMLs and docs/options.md have it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from img2img.commands import main
from img2img.config import config_files
from img2img.losses import CRITIC_LOSSES, GAMES, GENERATOR_LOSSES
from img2img.metrics import METRICS
from img2img.metrics.protocols import PROTOCOLS
from img2img.metrics.sets.registry import SET_MEASURES
from img2img.metrics.sets.spaces import SPACES
from img2img.networks import CRITICS, GENERATORS
from img2img.zoo import names

ROOT = Path(__file__).resolve().parents[2]
KNOWN = {
    "tasks": list(config_files("tasks")),
    "methods": list(config_files("methods")),
    "networks": [*GENERATORS, *CRITICS],
    "losses": [*GENERATOR_LOSSES, *CRITIC_LOSSES],
    "games": list(GAMES),
    "metrics": [*METRICS, *SET_MEASURES],
    "features": list(SPACES),
    "protocols": list(PROTOCOLS),
    "weights": names(),
}


def printed(capsys, *words: str) -> str:
    """What the command prints."""
    assert main(["list", *words]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize(("kind", "expected"), KNOWN.items(), ids=KNOWN)
def test_every_name_has_a_line(capsys, kind, expected):
    lines = printed(capsys, kind).splitlines()
    assert sorted(line.split()[0] for line in lines) == sorted(expected)
    assert all(len(line.split()) > 2 for line in lines)


@pytest.mark.parametrize(("kind", "expected"), KNOWN.items(), ids=KNOWN)
def test_json_has_the_same_names(capsys, kind, expected):
    found = json.loads(printed(capsys, kind, "--json"))
    assert sorted(choice["name"] for choice in found) == sorted(expected)
    for choice in found:
        assert choice["line"]
        # a key without a meaning would be one that no field of the program has
        assert all(option["meaning"] for option in choice["options"]), choice["name"]


def test_measures_of_sets_stand_beside_those_of_pairs(capsys):
    found = {choice["name"]: choice for choice in json.loads(printed(capsys, "metrics", "--json"))}
    assert (found["psnr"]["role"], found["kid"]["role"]) == ("of pairs", "of sets")
    assert found["precision_recall"]["record"]["recall"]["higher_is_better"]
    assert re.search(r"^frechet +of sets +squared Fréchet distance", printed(capsys, "metrics"), re.MULTILINE)
    assert "numbers:      precision, recall" in printed(capsys, "metrics", "precision_recall")


def test_without_a_kind_all_kinds_are_named(capsys):
    kinds = json.loads(printed(capsys, "--json"))
    assert KNOWN.keys() <= kinds.keys()
    assert {"optimizers", "schedules", "flows"} <= kinds.keys()
    assert [line.split()[0] for line in printed(capsys).splitlines() if not line.startswith(" ")] == list(kinds)


def test_options_are_those_of_the_page_of_options(capsys):
    page = (ROOT / "docs/options.md").read_text(encoding="utf-8")
    section = re.search(r"^### residual\n(.*?)^### ", page, re.DOTALL | re.MULTILINE)
    expected = re.findall(r"^\| `(\w+)` \| .*? \| `(.*?)` \| (.*) \|$", section[1], re.MULTILINE)
    (choice,) = json.loads(printed(capsys, "networks", "residual", "--json"))
    assert [(row["key"], row["default"], row["meaning"]) for row in choice["options"]] == expected != []
    text = " ".join(printed(capsys, "networks", "residual").split())
    assert all(f"{key}={default} {meaning}" in text for key, default, meaning in expected)


def test_a_name_of_two_roles_is_shown_in_both(capsys):
    text = printed(capsys, "networks", "pan")
    assert text.startswith("pan (generator): ")
    assert "\n\npan (critic): " in text


def test_a_method_shows_the_keys_it_sets(capsys):
    (choice,) = json.loads(printed(capsys, "methods", "pix2pix", "--json"))
    values = {row["key"]: row["default"] for row in choice["options"]}
    assert values["generator"] == "{name: unet, inference: {norm: batch, dropout: true}}"
    assert values["generator_losses"] == "{adversarial: 1, l1: 100}"


def test_long_values_break_no_word(capsys):
    lines = printed(capsys, "methods", "pan").splitlines()
    assert "losses the generator minimises" in " ".join(" ".join(lines).split())
    (long,) = [line for line in lines if line.startswith("  generator_losses=")]
    assert long.endswith("}")


def test_weights_show_figures_licence_and_failures(capsys):
    name = names()[0]
    text = " ".join(printed(capsys, "weights", name).split())
    (choice,) = json.loads(printed(capsys, "weights", name, "--json"))
    record = choice["record"]
    assert record["licence"] in text
    assert record["sha256"] in text
    assert all(failure in text for failure in record["fails"])
    assert f"{record['figures'][0]['metric']} {record['figures'][0]['value']:.2f} [" in text


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["wieghts"], "list: unknown kind 'wieghts'; did you mean 'weights'?"),
        (["networks", "residul"], "list networks: unknown name 'residul'; did you mean 'residual'?"),
        (["weights", "no-such"], "list weights: unknown name 'no-such'"),
        (["tasks", "derain", "more"], "list: unrecognized arguments: more"),
    ],
)
def test_what_there_is_not_is_one_line(capsys, words, says):
    assert main(["list", *words]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"img2img: {says}")
    assert error.count("\n") == 1
