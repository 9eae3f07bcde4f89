"""Timings, as ratios of two things in the same run: ``python tools/benchmark.py train|metrics|memory|check_data|...``.

The last line is JSON. Absolute times mean little on a shared machine; the two sides of a ratio are measured by turns.
"""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from pathlib import Path

# of each command the file in benchmarks/ and its function, which takes the command's options
FUNCTIONS = {
    "train": ("train", "compare"),
    "gan": ("train", "compare"),
    "step": ("train", "answer_steps"),
    "gpu": ("gpu", "compare"),
    "data": ("data", "compare"),
    "metrics": ("metrics", "compare"),
    "memory": ("memory", "compare"),
    "evaluation": ("memory", "evaluate"),
    "check_data": ("check_data", "compare"),
    "infer": ("infer", "compare"),
    "inference": ("infer", "translate_one"),
    "networks": ("networks", "compare"),
}


def arguments() -> argparse.ArgumentParser:
    """What the command takes."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    train = commands.add_parser("train", help="a training step against the plain eager loop")
    train.add_argument("--rounds", type=int, default=7)
    train.add_argument("--methods", default="pix2pix,pan,cyclegan,idcgan,quick,egan,egan_apart,wgan_gp,toy")
    train.add_argument("--threads", type=int, default=2)
    train.add_argument("--clock", choices=("wall", "processor"), default="wall")
    gan = commands.add_parser("gan", help="the steps of GANs from noise against plain loops: toy, WGAN-GP, E-GAN")
    gan.add_argument("--rounds", type=int, default=7)
    gan.add_argument("--methods", default="toy,wgan_gp,egan,egan_apart")
    gan.add_argument("--threads", type=int, default=2)
    gan.add_argument("--clock", choices=("wall", "processor"), default="wall")
    step = commands.add_parser("step", help="(used by train) one kind of step, at each line of standard input")
    step.add_argument("name")
    step.add_argument("label")
    step.add_argument("--threads", type=int, default=2)
    step.add_argument("--clock", choices=("wall", "processor"), default="wall")
    gpu = commands.add_parser("gpu", help="what must hold on a GPU, and the speed of steps there: about five minutes")
    gpu.add_argument("--device", default="cuda")
    gpu.add_argument("--seconds", type=float, default=240, help="no further timing is begun after so many")
    gpu.add_argument("--tiny", action="store_true", help="narrow networks: tries the program itself, on a CPU too")
    gpu.add_argument("--backend", default="inductor", help="torch.compile's")
    data = commands.add_parser("data", help="training samples a second of made pairs of 256 px")
    data.add_argument("--pairs", type=int, default=32)
    data.add_argument("--rounds", type=int, default=5)
    data.add_argument("--workers", type=int, default=2)
    metrics = commands.add_parser("metrics", help="the measures of a 512x384 pair against other programs")
    metrics.add_argument("--rounds", type=int, default=7)
    memory = commands.add_parser("memory", help="whether an evaluation's memory grows with the number of pictures")
    memory.add_argument("--pairs", type=int, nargs="+", default=[5, 50])
    evaluation = commands.add_parser("evaluation", help="(used by memory) one evaluation")
    evaluation.add_argument("pairs", type=int)
    doctor = commands.add_parser("check_data", help="the data doctor on made pairs of 512x384: time and memory")
    doctor.add_argument("--pairs", type=int, default=10_000)
    folder = commands.add_parser("infer", help="translating folders, small pictures and large ones: time and memory")
    folder.add_argument("--weights", type=Path, help="a weights file (default: untrained, of derain's default network)")
    folder.add_argument("--photo", type=Path, help="a picture to make the large ones of (default: scikit-image's)")
    folder.add_argument("--megapixels", type=int, nargs="*", default=[1, 6, 24, 100])
    folder.add_argument("--pictures", type=int, default=12)
    folder.add_argument("--rounds", type=int, default=5)
    inference = commands.add_parser("inference", help="(used by infer) one picture")
    inference.add_argument("names", nargs=3)
    networks = commands.add_parser("networks", help="weights beside a recurrent network of PReNet's shape: speed")
    networks.add_argument("--weights", nargs="*", default=[], help="weights files, runs or names, or NAME=WEIGHTS")
    networks.add_argument("--table", help="table.json of an evaluation that has the same names")
    networks.add_argument("--measure", default="psnr", help="measure of the table")
    networks.add_argument("--picture", help="file for a picture of quality against speed")
    networks.add_argument("--precision", nargs="+", default=["fp32", "bf16"], choices=("fp32", "bf16"))
    networks.add_argument("--rounds", type=int, default=5)
    return parser


def main() -> None:
    """Run the benchmark that is asked for."""
    options = vars(arguments().parse_args())
    module, function = FUNCTIONS[options.pop("command")]
    # a script's own folder is searched for modules, not the one above it
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    getattr(import_module(f"benchmarks.{module}"), function)(**options)


if __name__ == "__main__":
    main()
