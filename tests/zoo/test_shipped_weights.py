"""What is shipped: small, whole, offline, as good as its card says, and said the same everywhere."""

from __future__ import annotations

import csv
import hashlib
import json
import re
import shlex
from collections import defaultdict
from pathlib import Path

import pytest
import torch

from img2img.commands import main
from img2img.config import config_files, plain
from img2img.inference import load
from img2img.metrics import METRICS
from img2img.metrics.protocols import read_protocol
from img2img.metrics.sets.registry import set_numbers
from img2img.recipes.describe import yaml_value
from img2img.recipes.saved import load_generators
from img2img.weights.file import read_header
from img2img.weights.release import SAID
from img2img.zoo import entry_of, folder, names, shipped_file
from img2img.zoo.card import card

ROOT = Path(__file__).resolve().parents[2]
MOST_MB = 12
NAMES = names()
each = pytest.mark.parametrize("name", NAMES)


def test_all_of_it_is_small():
    files = [path for path in folder().iterdir() if path.suffix in (".safetensors", ".yaml")]
    assert sum(path.stat().st_size for path in files) <= MOST_MB * 1e6
    assert {path.stem for path in files} == set(NAMES)
    assert len(files) == 2 * len(NAMES) > 0


@each
def test_names_are_words_that_no_path_is_taken_for(name):
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name)


@each
def test_file_yaml_and_header_say_the_same(name):
    entry, path = entry_of(name), folder() / f"{name}.safetensors"
    assert hashlib.sha256(path.read_bytes()).hexdigest() == entry.sha256
    header = read_header(path)
    assert header.task == entry.task
    assert {key: header.release[key] for key in SAID} == {key: plain(entry)[key] for key in SAID}
    assert entry.network == yaml_value(header.method["generator"])
    networks = load_generators(path).networks
    assert entry.parameters == sum(value.numel() for value in networks.parameters())
    assert {value.dtype for value in networks.parameters()} == {torch.float32}
    assert header.data["path"] is None
    assert entry.task in config_files("tasks")
    for figure in entry.figures:
        if entry.sample.of_pairs:
            assert figure.metric in METRICS
            read_protocol(figure.protocol)
        else:
            assert figure.metric in set_numbers([figure.metric])


@each
def test_the_card_is_that_of_the_yaml(name):
    path = ROOT / "docs/models" / f"{name}.md"
    assert path.read_text(encoding="utf-8") == card(name, entry_of(name)), "python -m img2img.zoo.card writes it"


def test_the_overview_links_every_card():
    text = (ROOT / "docs/models/README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\]\(([\w-]+)\.md\)", text)) == set(NAMES)


@each
def test_the_command_on_the_card_gives_its_figures(name, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    entry = entry_of(name)
    (command,) = re.findall(r"`img2img (evaluate .*?)`", card(name, entry))
    metrics = ",".join(entry.sample.metrics)
    words = [*shlex.split(command), "--metrics", metrics, "--output", str(tmp_path / "out")]
    if not entry.sample.of_pairs:
        assert main([*words, "--format", "json"]) == 0
        row = json.loads((tmp_path / "out/sets.json").read_text())["rows"][name]
        found = {metric: row[f"{metric}_on_pixels"] for metric in entry.sample.metrics}
        assert found == pytest.approx(entry.sample.metrics, rel=1e-3)
        return
    assert main(words) == 0
    values = defaultdict(list)
    with (tmp_path / "out/per_image.csv").open() as file:
        for row in csv.DictReader(file):
            if row["method"] == name:
                values[row["metric"]].append(float(row["value"]))
    for metric, value in entry.sample.metrics.items():
        assert sum(values[metric]) / len(values[metric]) == pytest.approx(value, abs=1e-3)
    assert entry.sample.fp16_costs < 0.01


@each
def test_a_name_is_enough_from_python_and_anywhere(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    by_name, by_file = load(name), load(shipped_file(name))
    if by_name.flow.from_noise:
        assert torch.equal(by_name.samples(3), by_file.samples(3))
        return
    source = torch.rand(1, 3, 20, 28, generator=torch.Generator().manual_seed(0)) * 2 - 1
    hole = (source[:, :1] > 0.5).float() if by_name.needs_mask else None
    assert torch.equal(by_name.tensor(source, hole), by_file.tensor(source, hole))
