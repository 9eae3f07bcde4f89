"""The same as ``img2img train``."""

import sys

from img2img.commands import main

if __name__ == "__main__":
    sys.exit(main(["train", *sys.argv[1:]]))
