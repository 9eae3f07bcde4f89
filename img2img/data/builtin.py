"""The built-in default: scikit-image's bundled colour photographs (no download)."""

from __future__ import annotations

from pathlib import Path

from img2img.errors import UserError

# motorcycle_left and _right are one scene
TRAINING = (
    "chelsea",
    "coffee",
    "motorcycle_left",
    "motorcycle_right",
    "ihc",
    "hubble_deep_field",
    "grass",
    "gravel",
    "brick",
)
VALIDATION = ("astronaut", "rocket", "camera")


def photo_path(name: str) -> Path:
    """The file of a bundled photograph.

    Raises:
        UserError: this scikit-image does not bring it.
    """
    import skimage

    folder = Path(skimage.__file__).parent / "data"
    for ending in (".png", ".jpg"):
        if (folder / f"{name}{ending}").is_file():
            return folder / f"{name}{ending}"
    raise UserError(f"this scikit-image does not bring the photograph {name}; give --data")
