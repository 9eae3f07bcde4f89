"""Later."""
from img2img.config import options
@options
class Pictures:
    """x."""
