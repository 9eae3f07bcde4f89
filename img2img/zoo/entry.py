"""What the YAML beside shipped weights says of them; the model cards and the files' headers repeat it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from img2img.config import build, options, read_yaml

Text = Annotated[str, Field(min_length=1)]
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


@options
class Figure:
    """One measured figure: of which pictures, under which protocol, and how sure it is."""

    data: Annotated[str, Field(min_length=1, description="pictures it was measured on, and how many")]
    metric: Annotated[str, Field(min_length=1, description="measure, as `evaluate` names it")]
    protocol: Annotated[str, Field(min_length=1, description="protocol, as `evaluate` names it")] = "rgb"
    value: Annotated[float, Field(description="mean over the pictures")]
    interval: Annotated[
        tuple[float, float] | None, Field(description="95 % bootstrap interval of the mean; sets have none")
    ] = None
    input: Annotated[float | None, Field(description="the same of the untouched input")] = None

    def __post_init__(self) -> None:
        if self.interval and not self.interval[0] <= self.value <= self.interval[1]:
            raise ValueError(f"value {self.value} lies outside of its interval {list(self.interval)}")


@options
class Picture:
    """A picture on the model's card."""

    file: Annotated[str, Field(min_length=1, description="path from docs/models")]
    caption: Annotated[str, Field(min_length=1, description="what it shows")]


@options
class Sample:
    """What the weights give on data that come with the sources; written by tools/ship_weights.py, kept by a test."""

    data: Annotated[str, Field(min_length=1, description="pairs, or of noise samples, from the root of the sources")]
    metrics: Annotated[dict[str, float], Field(min_length=1, description="mean of each measure, protocol rgb; of sets")]
    fp16_costs: Annotated[float | None, Field(description="dB of PSNR lost there by storing fp16; none of sets")] = None
    bf16_costs: Annotated[float | None, Field(description="dB of PSNR lost there by computing in bf16")] = None

    @property
    def of_pairs(self) -> bool:
        """Whether results are compared with their targets; those that start from noise are compared as sets."""
        return self.fp16_costs is not None


@options
class ZooEntry:
    """All that is said of shipped weights, so that nobody has to load them to know them."""

    description: Annotated[str, Field(min_length=1, description="what it is good for, in one line")]
    use: Annotated[str, Field(min_length=1, description="what `infer` is told besides the name")] = (
        "--input photos --output results"
    )
    task: Annotated[str, Field(min_length=1, description="task of configs/tasks")]
    data: Annotated[str, Field(min_length=1, description="pictures it was trained on")]
    licence: Annotated[str, Field(min_length=1, description="licence of the weights")]
    figures: Annotated[tuple[Figure, ...], Field(min_length=1, description="measured after training")]
    speed: Annotated[str, Field(description="how fast it is, and on what")] = ""
    fails: Annotated[tuple[Text, ...], Field(min_length=1, description="where it fails or must not be used")]
    pictures: Annotated[tuple[Picture, ...], Field(description="pictures of results and of failures")] = ()
    network: Annotated[str, Field(description="generator with its options; written by tools/ship_weights.py")] = ""
    parameters: Annotated[int, Field(ge=0, description="numbers learnt; written by tools/ship_weights.py")] = 0
    sha256: Annotated[Digest | None, Field(description="of the file; written by tools/ship_weights.py")] = None
    sample: Sample


def read_entry(path: Path) -> ZooEntry:
    """The entry in a YAML file.

    Raises:
        UserError: no such file, unknown keys, or values of another kind than their keys hold.
    """
    return build(ZooEntry, read_yaml(path), str(path))
