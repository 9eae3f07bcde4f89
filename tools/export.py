"""The same as ``img2img export``."""

import sys

from img2img.commands import main

if __name__ == "__main__":
    sys.exit(main(["export", *sys.argv[1:]]))
