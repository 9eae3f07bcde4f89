"""How long and how a training runs: the ``train`` keys of a configuration."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from img2img.config import options
from img2img.errors import UserError
from img2img.networks.init import INITS

Positive = Annotated[int, Field(ge=1)]
Natural = Annotated[int, Field(ge=0)]


@options
class Begin:
    """The weights that a new run begins from, and what was found out of them at its start."""

    weights: Annotated[
        str | None,
        Field(description="weights to begin from: a run directory or a file (--from); null: initialised anew"),
    ] = None
    optimizer: Annotated[
        bool, Field(description="go on with the moments that the optimisers of that run directory had")
    ] = False
    sha256: Annotated[
        str | None, Field(description="checksum of the weights file, written at the start; others are then refused")
    ] = None
    step: Annotated[int | None, Field(ge=0, description="step of their run that the weights are of, written")] = None

    def __post_init__(self) -> None:
        if self.optimizer and self.weights is None:
            raise ValueError("moments alone cannot be begun from: train.begin.optimizer needs train.begin.weights")


@options
class TrainConfig:
    """Length (exactly one of steps, epochs, minutes), batch, precision and intervals of a training."""

    steps: Annotated[Positive | None, Field(description="updates of the generator")] = None
    epochs: Annotated[Positive | None, Field(description="passes over the training set")] = None
    minutes: Annotated[
        float | None,
        Field(gt=0, description="wall clock of the training; the steps that fit are found anew on the way"),
    ] = None
    batch: Annotated[Positive, Field(description="images in a batch, over all processes together")] = 4
    accumulate: Annotated[Positive, Field(description="micro-batches a batch is computed in")] = 1
    seed: Annotated[Natural, Field(description="every random choice is a function of it")] = 0
    workers: Annotated[Natural, Field(description="processes that decode and augment; 0: a thread")] = 0
    precision: Annotated[
        Literal["auto", "fp32", "bf16", "fp16"],
        Field(description="auto: fp32, or bf16 where a measured step is faster by a tenth"),
    ] = "auto"
    init: Annotated[str, Field(description=f"initialisation of weights: {', '.join(INITS)}")] = "normal"
    checkpoint_every: Annotated[Positive, Field(description="steps between checkpoints")] = 500
    validate_every: Annotated[Positive, Field(description="steps between validations")] = 500
    log_every: Annotated[Positive, Field(description="steps between lines of log.jsonl")] = 50
    validation_images: Annotated[Positive, Field(description="at most this many pictures are validated on")] = 16
    samples: Annotated[Natural, Field(description="pictures on each sample sheet")] = 4
    patience: Annotated[
        Positive | None, Field(description="stop early after this many validations without a new best")
    ] = None
    deterministic: Annotated[
        bool, Field(description="bit-exact algorithms on CUDA, slower; TF32 is then off and no kernel chosen by trying")
    ] = False
    tf32: Annotated[
        bool,
        Field(description="fp32 on CUDA may round factors to 10 bits of mantissa: faster; results are made without"),
    ] = False
    compile: Annotated[bool, Field(description="torch.compile the networks")] = False
    tensorboard: Annotated[bool, Field(description="also write TensorBoard event files")] = False
    report: Annotated[
        bool, Field(description="write report.html and curves.png at validations, in at most 2 % of the time")
    ] = True
    begin: Begin = Field(default_factory=Begin)

    def __post_init__(self) -> None:
        given = [name for name in ("steps", "epochs", "minutes") if getattr(self, name) is not None]
        if len(given) != 1:
            said = " and ".join(given) or "none"
            raise ValueError(f"exactly one of train.steps, train.epochs, train.minutes is needed (given: {said})")
        if self.batch % self.accumulate:
            raise ValueError(f"train.batch={self.batch} is not a multiple of train.accumulate={self.accumulate}")

    def total_steps(self, samples: int, batches_per_step: int, seconds_per_step: float | None) -> int:
        """Steps of the whole run: as given, from epochs of ``samples`` samples; from minutes those planned at first."""
        if self.steps is not None:
            return self.steps
        if self.epochs is not None:
            return max(1, -(-self.epochs * samples // (self.batch * batches_per_step)))
        if self.minutes is None or seconds_per_step is None:
            raise UserError("train.minutes needs a measured step")
        return max(1, round(self.minutes * 60 / seconds_per_step))
