"""The same as ``img2img evaluate``."""

import sys

from img2img.commands import main

if __name__ == "__main__":
    sys.exit(main(["evaluate", *sys.argv[1:]]))
