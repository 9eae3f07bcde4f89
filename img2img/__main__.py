"""``python -m img2img`` is ``img2img``."""

import sys

from img2img.commands import main

if __name__ == "__main__":
    sys.exit(main())
