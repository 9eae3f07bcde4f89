"""Which test pictures the weights have seen in their training: mirrored and re-encoded ones too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from img2img.data import Samples
from img2img.data.fingerprint import NEAR, Fingerprint, perceptual_hash
from img2img.data.samples import Pictures
from img2img.errors import UserError
from img2img.evaluation.runs import Run
from img2img.files import listed
from img2img.reports.writing import printable


@dataclass(frozen=True)
class Seen:
    """What a run's fingerprint says of the test pictures.

    ``pictures`` gives those it has seen with the bits of 64 in which they differ, ``mirrored`` those of them that are
    mirrored. ``fingerprint`` is None where the weights carry none.
    """

    name: str
    tested: int
    fingerprint: Fingerprint | None
    pictures: Mapping[str, int]
    mirrored: frozenset[str] = frozenset()

    def line(self) -> str:
        """The number in words, or why it is not known."""
        known = self.fingerprint
        if known is None:
            return f"whether {self.name} was trained on these pictures is not known: the weights carry no fingerprint"
        count = len(self.pictures)
        verb = "is" if count == 1 else "are"
        said = f"{count} of {self.tested} pictures {verb} known to {self.name} from its training"
        if count:
            turned = f", {len(self.mirrored)} mirrored" if self.mirrored else ""
            said += f" ({printable(listed(list(self.pictures)))}{turned}), so they are no test of it"
        if known.hashed < known.pictures:
            said += f"; {known.hashed} of the training's {known.pictures} pictures were compared"
        if known.bits < NEAR:
            within = f"whose hashes differ in {known.bits} of 64 bits at most" if known.bits else "with the same hash"
            said += (
                f"; pictures of that training look so much alike that only copies {within} are told from others, and a "
                f"copy that was stored anew may be missed"
            )
        return f"{said}; not known is {known.unknown}" if known.unknown else said

    def card(self) -> dict[str, Any]:
        """What goes into card.json."""
        known = self.fingerprint
        if known is None:
            return {"count": None, "why": "the weights carry no fingerprint of their training's pictures"}
        about = {"trained_on": known.pictures, "compared_with": known.hashed, "bits_of_64": known.bits}
        unknown = {"unknown": known.unknown} if known.unknown else {}
        pictures = {
            name: {"bits": bits, **({"mirrored": True} if name in self.mirrored else {})}
            for name, bits in self.pictures.items()
        }
        return {"count": len(pictures), **about, **unknown, "pictures": pictures}


def seen_pictures(runs: Sequence[Run], samples: Samples, names: Sequence[str]) -> list[Seen]:
    """What each run has seen of the targets of ``samples``, which are called ``names``.

    Raises:
        UserError: a damaged fingerprint, or a picture that cannot be read.
    """
    prints = [Fingerprint.from_json(run.header.get("fingerprint", {}), run.weights) for run in runs]
    hashes: list[int | None] = []
    if isinstance(samples, Pictures) and any(known is not None for known in prints):
        hashes = [perceptual_hash(samples.for_eyes(index)["target"]) for index in range(len(samples))]
    return [_seen(run, known, hashes, names) for run, known in zip(runs, prints, strict=True)]


def _seen(run: Run, known: Fingerprint | None, hashes: Sequence[int | None], names: Sequence[str]) -> Seen:
    if known is None:
        return Seen(run.folder, len(names), None, {})
    near = {
        name: found
        for name, found in zip(names, known.nearest(hashes), strict=True)
        if found is not None and found[0] <= known.bits
    }
    turned = frozenset(name for name, (_, mirrored) in near.items() if mirrored)
    return Seen(run.folder, len(names), known, {name: bits for name, (bits, _) in near.items()}, turned)


def check_strictly(found: Sequence[Seen]) -> None:
    """Refuse weights that have seen test pictures, or that do not say all of what they have seen.

    Raises:
        UserError: the first of them.
    """
    for seen in found:
        if seen.pictures:
            raise UserError(f"--strict: {seen.line()}; take them out of the test, or leave --strict out")
        known = seen.fingerprint
        if known is None or known.unknown or known.hashed < known.pictures:
            raise UserError(f"--strict: {seen.line()}; train anew, or leave --strict out")
