"""A small classifier of pictures, whose last maps are features that sets of samples are compared in."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

# of the convolutions in turn: two halvings of the side
STRIDES = (1, 2, 1, 2, 1)


class SmallClassifier(nn.Module):
    """(N, ``channels``, H, W) in [-1, 1] -> features (N, widths[-1]) and logits (N, ``classes``).

    Five 3x3 convolutions, each with batch norm and ReLU, the side halved twice; the features are the means of the last
    maps, and the logits linear in them.
    """

    def __init__(self, channels: int, widths: Sequence[int], classes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for given, width, stride in zip((channels, *widths[:-1]), widths, STRIDES, strict=True):
            convolution = nn.Conv2d(given, width, 3, stride, padding=1, bias=False)
            layers += [convolution, nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(widths[-1], classes)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.body(x).mean((2, 3))
        return features, self.head(features)
