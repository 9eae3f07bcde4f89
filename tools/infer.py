"""The same as ``img2img infer``."""

import sys

from img2img.commands import main

if __name__ == "__main__":
    sys.exit(main(["infer", *sys.argv[1:]]))
