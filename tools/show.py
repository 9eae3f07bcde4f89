"""The same as ``img2img show``."""

import sys

from img2img.commands import main

if __name__ == "__main__":
    sys.exit(main(["show", *sys.argv[1:]]))
