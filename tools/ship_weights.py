"""For maintainers: put a training's weights into the package: ``python tools/ship_weights.py runs/derain derain``.

What a person knows stands in img2img/zoo/NAME.yaml before (docs/models/README.md); this writes NAME.safetensors, the
keys of the YAML that only a program knows, and the card docs/models/NAME.md.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

from img2img.compute.distributed import World
from img2img.config import build, dump_yaml, read_yaml
from img2img.errors import UserError
from img2img.evaluation.compare import of_weights
from img2img.evaluation.request import Request
from img2img.evaluation.runs import open_pairs
from img2img.evaluation.set_weights import compare_weights, makes_samples
from img2img.inference import load
from img2img.recipes.describe import yaml_value
from img2img.recipes.saved import load_generators
from img2img.weights.file import read_header, weights_path
from img2img.weights.release import to_fp16
from img2img.zoo import ZooEntry, folder
from img2img.zoo.card import card

ROOT = Path(__file__).resolve().parents[1]
METRICS = ("psnr", "ssim")
# of sets those that no rounding moves by a whole sample
SET_NUMBERS = ("wasserstein", "mmd2_gaussian_median_unbiased")
MOST_LOST_DB = 0.01


def measured(weights: Path, data: str) -> dict[str, float]:
    """Means over whole pictures of a folder of pairs, or numbers of sets, as ``img2img evaluate`` gives them."""
    named = [("results", str(weights))]
    if makes_samples(named):
        table = compare_weights(named, str(ROOT / data), None, SET_NUMBERS, "pixels", None, torch.device("cpu"))
        return dict(table.rows["results"])
    request = Request(metrics=METRICS, cut={"load": None, "crop": None})
    pairs = of_weights(named, str(ROOT / data), "test", request, None, World()).table
    return {metric: pairs.mean("results", metric)[0] for metric in METRICS}


def bf16_costs(weights: Path, data: str) -> float:
    """dB of PSNR that computing in bf16 loses on a folder of pairs, the mean over its pictures."""
    header = read_header(weights).to_json()
    pairs = open_pairs(header, str(ROOT / data), "test", {"load": None, "crop": None}, None).samples
    exact, rounded = load(weights, "cpu", "fp32"), load(weights, "cpu", "bf16")
    lost = []
    for index in range(len(pairs)):
        pair = pairs.whole(index)
        results = (each.pixels(pair["source"], pair.get("mask")) for each in (exact, rounded))
        first, second = (np.square(result.astype(float) - pair["target"]).mean() for result in results)
        lost.append(10 * np.log10(second / first))
    return float(np.mean(lost))


def ship(run: str, name: str) -> None:
    """Write weights, YAML and card of one model.

    Raises:
        UserError: no weights, an incomplete YAML, or weights that lose too much in fp16; nothing was written.
    """
    place = folder() / f"{name}.yaml"
    tree = read_yaml(place)
    sample = tree.get("sample", {})
    data = str(sample.get("data", "datasets/samples/derain"))
    weights = weights_path(run)
    saved = load_generators(weights)
    before = measured(weights, data)
    tree["network"] = yaml_value(saved.header.method["generator"])
    tree["parameters"] = sum(value.numel() for value in saved.networks.parameters())
    tree["sample"] = {"data": data, "metrics": before}
    pairs = not makes_samples([(name, str(weights))])
    if pairs:
        tree["sample"]["bf16_costs"] = round(bf16_costs(weights, data), 6)
    with tempfile.TemporaryDirectory() as keep:
        small = Path(keep) / f"{name}.safetensors"
        to_fp16(weights, small, build(ZooEntry, tree, str(place)))
        after = measured(small, data)
        content = small.read_bytes()
    tree["sample"]["metrics"] = after
    if pairs:
        # what is shipped already was in fp16 before: only its words are new
        lost = float(sample["fp16_costs"]) if saved.header.release else before["psnr"] - after["psnr"]
        if lost > MOST_LOST_DB:
            raise UserError(
                f"{weights}: fp16 costs {lost:.4f} dB on {data}, more than {MOST_LOST_DB}; store it otherwise"
            )
        tree["sample"]["fp16_costs"] = round(lost, 6)
    tree["sha256"] = hashlib.sha256(content).hexdigest()
    entry = build(ZooEntry, tree, str(place))
    (folder() / f"{name}.safetensors").write_bytes(content)
    place.write_text(dump_yaml(tree), encoding="utf-8")
    (ROOT / "docs/models" / f"{name}.md").write_text(card(name, entry), encoding="utf-8")
    print(f"{name}: {len(content) / 1e6:.2f} MB, before {before}, as shipped {after}")


def main() -> int:
    """Ship what is named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", help="run directory or weights file")
    parser.add_argument("name", help="of the model, whose YAML is written already")
    given = parser.parse_args()
    try:
        ship(given.run, given.name)
    except UserError as error:
        print(f"ship_weights: {error}", file=sys.stderr)
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
