"""Pictures out of noise as one module: z in, values in [0, 1] out."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from img2img.export.graph import frozen, refuse, shown
from img2img.inference.generator import result_of
from img2img.inference.translator import Translator
from img2img.types import Batch

# of z any number
AXES = {0: "batch"}


class SampleGraph(nn.Module):
    """A network that starts from noise: z (N, latent), and the class as a row of 0 and one 1, to a picture.

    What it computes is what ``infer`` writes of a sample: the network within its flow, each sample normalised by
    itself where samples are, the mean of the channels where the training's pictures were grey, the clamp to [0, 1].

    Args:
        dtype: in which the network computes; input and output are float32.
        clamped: whether results are clamped to [0, 1].

    Raises:
        UserError: these weights have no graph, with the reason (see `img2img.export.graph.refuse`).
    """

    axes = AXES

    def __init__(self, translator: Translator, dtype: torch.dtype = torch.float32, *, clamped: bool = True) -> None:
        super().__init__()
        refuse(translator)
        self.clamped = clamped
        self.dtype = dtype
        self.grey = translator.grey_targets and translator.shape.target == 3
        self.latent = translator.z(1).shape[1]
        self.classes = len(translator.shape.classes)
        self.inputs = {"z": f"float32 (N, {self.latent}), {_distribution(translator)}"}
        if self.classes:
            labels = ", ".join(map(str, translator.shape.classes))
            self.inputs["classes"] = f"float32 (N, {self.classes}), 1 at the class and 0 elsewhere, of {labels}"
        self.network = frozen(translator, dtype)
        self.flow = translator.flow

    def forward(self, z: Tensor, classes: Tensor | None = None) -> Tensor:
        """(N, latent), and (N, K) where there are K classes, -> (N, C, H, W) in [0, 1]."""
        extra = {} if classes is None else {"classes": classes.to(self.dtype)}
        result = result_of(self.flow, self.network, Batch(source=z.to(self.dtype), extra=extra)).float()
        return shown(result, self.grey, self.clamped)

    @property
    def interface(self) -> str:
        """What it takes and gives, in a line."""
        inputs = ", ".join(f"{name} {text}" for name, text in self.inputs.items())
        return f"input: {inputs}; output: result, pictures in [0, 1]"

    def example(self) -> tuple[Tensor, ...]:
        """Inputs that it can be traced with."""
        z = torch.rand(2, self.latent) * 2 - 1
        return (z, torch.eye(self.classes)[torch.arange(2) % self.classes]) if self.classes else (z,)


def _distribution(translator: Translator) -> str:
    normal = getattr(translator.flow, "distribution", "uniform") == "normal"
    return "normal" if normal else "uniform in (-1, 1)"


def noise_inputs(translator: Translator, count: int, start: int = 0) -> tuple[Tensor, ...]:
    """z of samples ``start`` and following, and beside it their classes in turn, where there are any."""
    z, classes = translator.z(count, start), len(translator.shape.classes)
    if not classes:
        return (z,)
    return z, one_hot(torch.arange(start, start + count) % classes, classes).float()


def samples_by_torch(translator: Translator, z: Tensor, classes: Tensor | None = None) -> Tensor:
    """What infer writes of these z (N, latent) and classes (N, K), each made alone: (N, C, H, W) in [0, 1]."""
    whole = Batch(source=z, extra={} if classes is None else {"classes": classes})
    result = torch.cat([translator.generate(whole.rows(slice(row, row + 1))) for row in range(len(z))])
    return (result / 2 + 0.5).clamp(0, 1)
