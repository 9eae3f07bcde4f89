"""What `infer` loads before the first picture is done: seconds that a practitioner waits for nothing."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
from PIL import Image

PROGRAM = """
import sys
from img2img.commands import main
code = main(sys.argv[1:])
heavy = ("torch._dynamo", "sympy", "scipy", "skimage", "albumentations", "torchvision", "kornia", "matplotlib")
print(code, sorted(name for name in heavy if name in sys.modules))
"""


def test_a_picture_takes_neither_torchs_compiler_nor_a_training_library(tmp_path):
    Image.fromarray(np.full((20, 24, 3), 90, np.uint8)).save(tmp_path / "photo.png")
    words = ["infer", "--weights", "derain-fast", "--input", tmp_path / "photo.png", "--output", tmp_path / "out"]
    done = subprocess.run([sys.executable, "-c", PROGRAM, *map(str, words)], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1:] == ["0 []"], done.stderr
    assert (tmp_path / "out/photo.png").is_file()
