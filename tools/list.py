"""The same as ``img2img list``."""

import sys

from img2img.commands import main

if __name__ == "__main__":
    sys.exit(main(["list", *sys.argv[1:]]))
