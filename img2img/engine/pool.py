"""A history of made images (Shrivastava et al. 2017, section 2.3), from which the critic is shown older ones."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from img2img.compute.random import NamedRandom


class ImagePool:
    """Up to ``size`` images; once full, half of what comes in is swapped with a stored one.

    With a condition the images are stored beside it, so that a pair is never torn apart.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.images: list[Tensor] = []

    def query(self, images: Tensor, random: NamedRandom, name: str) -> Tensor:
        """(N, C, H, W) detached images in, as many out, some of them older."""
        if self.size == 0:
            return images
        # drawn where they are read: a step must not wait for the device
        numbers = replace(random, device=torch.device("cpu"))(f"pool/{name}", (len(images), 2)).tolist()
        result = []
        for image, (swap, place) in zip(images, numbers, strict=True):
            # each image has its own even chance, as in CycleGAN's program (Zhu et al. 2017, section 4: 50 images);
            # Shrivastava's half of every mini-batch needs batches of two and more
            if len(self.images) < self.size:
                self.images.append(image.clone())
                result.append(image)
            elif swap < 0.5:
                index = int(place * self.size)
                result.append(self.images[index])
                self.images[index] = image.clone()
            else:
                result.append(image)
        return torch.stack(result)

    def state_dict(self) -> dict[str, Any]:
        return {"images": list(self.images)}

    def load_state_dict(self, state: dict[str, Any], device: torch.device) -> None:
        self.images = [image.clone().to(device) for image in state["images"]]
