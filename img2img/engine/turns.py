"""Who plays when, as data: the turns of one step, in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from img2img.engine.rules import Rules


@dataclass(frozen=True)
class Turn:
    """One update of the critics, of the generators, or of both at the same weights.

    ``batch`` is the number of the step's batch, ``forward`` the tag of the forward that is looked at. A tag is part of
    the seed of all noise, dropout and other random numbers of its forward; turns of the same tag see the same images.
    """

    side: Literal["critic", "generator", "both"]
    batch: int
    forward: str


def turns(rules: Rules, accumulate: int) -> tuple[Turn, ...]:
    """The turns of every step under ``rules``, with gradients summed over ``accumulate`` micro-batches.

    Critics first: D0 .. Dn, then G (Goodfellow et al. 2014, algorithm 1: k steps of the critic, each on a batch of its
    own, then one of the generator). Generator first: G, then D0 .. Dn, as in CycleGAN's program.
    """
    critics = tuple(Turn("critic", k, f"step{k}") for k in range(rules.critic_steps))
    if rules.order == "generator_first":
        # D0 judges the images that the generator's update was computed on
        return (Turn("generator", 0, "step0"), *critics)
    if not critics:
        return (Turn("generator", rules.batches - 1, "step0"),)
    forward = critics[-1].forward if _serves_the_generator(rules, accumulate) else "generator"
    if rules.simultaneous:
        return (Turn("both", rules.batches - 1, forward),)
    return (*critics, Turn("generator", rules.batches - 1, forward))


def _serves_the_generator(rules: Rules, accumulate: int) -> bool:
    """Whether the last critic turn's forward serves the generator's update: made again it would be the same.

    Not so where the algorithm wants another: new noise (Goodfellow et al. 2014, algorithm 1; Gulrajani et al. 2017,
    algorithm 1, line 11) or the next batch (PAN's program). Nor where the critics' forward is not one generator's: each
    parent makes its share of their fakes (E-GAN, Wang et al. 2019, algorithm 1). And several micro-batches with a graph
    would all be in memory at once.
    """
    redraws = rules.flow.redraws or rules.order == "alternate_batches"
    return not redraws and rules.parents == 1 and accumulate == 1
