"""The same as ``img2img reproduce``."""

import sys

from img2img.commands import main

if __name__ == "__main__":
    sys.exit(main(["reproduce", *sys.argv[1:]]))
