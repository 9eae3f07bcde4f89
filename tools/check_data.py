"""The same as ``img2img check_data``."""

import sys

from img2img.commands import main

if __name__ == "__main__":
    sys.exit(main(["check_data", *sys.argv[1:]]))
