"""Self-attention over the places of a map (Zhang et al. 2019, "Self-attention generative adversarial networks")."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from img2img.networks.spectral import spectral


class SelfAttention(nn.Module):
    """x + gain * attention(x), gain 0 at first. (N, C, H, W) -> the same; H and W even.

    1x1 convolutions without bias to C/8 (queries, keys) and C/2 (values), keys and values max-pooled 2x2, softmax over
    places, 1x1 back to C: as the authors' program.
    """

    def __init__(self, channels: int, normalised: bool) -> None:
        super().__init__()
        few, half = max(1, channels // 8), max(1, channels // 2)
        self.query, self.key, self.value, self.last = (
            spectral(nn.Conv2d(given, made, 1, bias=False), normalised)
            for given, made in ((channels, few), (channels, few), (channels, half), (half, channels))
        )
        self.gain = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        query = self.query(x).flatten(2)
        key, value = (nn.functional.max_pool2d(part(x), 2).flatten(2) for part in (self.key, self.value))
        # (N, places, pooled places): what each place looks at
        weights = (query.transpose(1, 2) @ key).softmax(2)
        seen = (value @ weights.transpose(1, 2)).view(x.shape[0], -1, *x.shape[2:])
        result: Tensor = x + self.gain * self.last(seen)
        return result
