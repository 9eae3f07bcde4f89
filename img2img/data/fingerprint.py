"""What a training has seen, as 64-bit perceptual hashes: small enough for a header, and found again in copies.

A hash keeps the signs of the lowest frequencies of a grey thumbnail (pHash: Zauner 2010, section 3.2.1), but with
zero for the median, so that a mirrored picture has its own hash with the odd columns inverted).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np
import torch

from img2img.data.drawings import grey
from img2img.data.mix import Mixed
from img2img.data.samples import Pictures, Pixels, Samples, Unpaired
from img2img.data.split import thumbnail
from img2img.errors import UserError

KIND = "dct64"
LOW = 8
# of 64 bits: true repeats of Rain800 differ by 2 at the most, copies of JPEG quality 10 by 8; see docs/metrics.md
NEAR = 8
# share of a training's own pictures that may be taken for others of it, or a picture like them is no evidence
ALIKE = 0.02
# pictures of a training that are compared with all others of it
COMPARED = 1000
# pictures of larger sets that are hashed: 107 kB of a header
MOST = 10_000
# standard deviation of a grey thumbnail in levels, below which the signs are those of noise
BLANK = 1.5
_BITS = np.uint64(1) << np.arange(64, dtype=np.uint64)
# bits of odd horizontal frequencies, which a mirror image has inverted
_ODD = np.uint64(sum(1 << bit for bit in range(64) if bit % LOW % 2))


def perceptual_hash(pixels: Pixels) -> int | None:
    """64 bits of a (H, W, 3) uint8 picture, near for pictures that look the same; None of a blank one."""
    import cv2

    small = grey(thumbnail(pixels))
    if small.std() < BLANK:
        return None
    frequencies = cv2.dct(small)
    low = frequencies[:LOW, :LOW].copy()
    # the mean level says nothing of what is shown
    low[0, 0] = frequencies[LOW, 0]
    return int(_BITS[low.reshape(-1) > 0].sum())


def mirrored(value: int) -> int:
    """The hash of the picture's mirror image (left to right)."""
    return value ^ int(_ODD)


def _both_ways(value: int) -> tuple[int, int]:
    return value, mirrored(value)


@dataclass(frozen=True)
class Fingerprint:
    """The pictures that weights were trained on.

    Attributes:
        hashes: of their targets (of unpaired sets both sides), each once, rising.
        pictures: how many there were.
        hashed: of how many of them the hashes are; the others of a large set are not known.
        unknown: what was seen besides and is not known, in words; empty where all is known.
    """

    hashes: tuple[int, ...]
    pictures: int
    hashed: int
    unknown: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain values: the hashes as base64 of little-endian 64-bit numbers."""
        # with - and _, since a text that begins with / is taken for a place on a disk
        text = base64.urlsafe_b64encode(np.array(self.hashes, dtype="<u8").tobytes()).decode()
        said = {"unknown": self.unknown} if self.unknown else {}
        return {"kind": KIND, "pictures": self.pictures, "hashed": self.hashed, "hashes": text, **said}

    @classmethod
    def from_json(cls, tree: Mapping[str, Any], where: str = "fingerprint") -> Fingerprint | None:
        """What `to_json` gave; None of an empty mapping or another kind of hash.

        Raises:
            UserError: it is damaged; ``where`` begins the message.
        """
        if tree.get("kind") != KIND:
            return None
        try:
            hashes = np.frombuffer(base64.urlsafe_b64decode(tree["hashes"]), dtype="<u8")
            return cls(
                tuple(map(int, hashes)), int(tree["pictures"]), int(tree["hashed"]), str(tree.get("unknown", ""))
            )
        except (KeyError, TypeError, ValueError, binascii.Error) as error:
            raise UserError(f"{where}: damaged fingerprint of the training's pictures ({error})") from error

    def with_earlier(self, earlier: Fingerprint | None) -> Fingerprint:
        """This and what weights had seen that a training began from; None: they do not say what."""
        if earlier is None:
            return replace(self, unknown="what the weights that it began from were trained on")
        return Fingerprint(
            tuple(sorted({*self.hashes, *earlier.hashes})),
            self.pictures + earlier.pictures,
            self.hashed + earlier.hashed,
            earlier.unknown,
        )

    @cached_property
    def bits(self) -> int:
        """In how many of 64 bits two pictures may differ and count as one: up to `NEAR`, fewer where all look alike.

        Shoes on white have the hashes of other shoes: the most bits within which `ALIKE` of the training's own
        different pictures, and no more, have another one.
        """
        known = np.array(self.hashes, dtype=np.uint64)
        if len(known) < 2:
            return NEAR
        apart = []
        for at in np.unique(np.linspace(0, len(known) - 1, COMPARED).astype(int)):
            others = np.delete(known, at)
            apart.append(
                min(int(np.bitwise_count(others ^ np.uint64(way)).min()) for way in _both_ways(int(known[at])))
            )
        # a pair of true repeats is no sign of a set that looks alike
        allowed = max(2, ALIKE * len(apart))
        return max((bits for bits in range(1, NEAR + 1) if sum(found <= bits for found in apart) <= allowed), default=0)

    def nearest(self, values: Sequence[int | None]) -> list[tuple[int, bool] | None]:
        """For each hash the fewest bits that it or its mirror image differs in from one seen, and whether mirrored.

        None for no hash, or where nothing was hashed.
        """
        known = np.array(self.hashes, dtype=np.uint64)
        found: list[tuple[int, bool] | None] = []
        for value in values:
            if value is None or not len(known):
                found.append(None)
                continue
            ways = [int(np.bitwise_count(known ^ np.uint64(way)).min()) for way in _both_ways(value)]
            found.append((min(ways), ways[1] < ways[0]))
        return found


def fingerprint(samples: Samples, most: int = MOST) -> Fingerprint | None:
    """Of the pictures that a training sees, of each set up to ``most``, evenly spread; None of points.

    Raises:
        UserError: a picture cannot be read.
    """
    parts = _parts(samples)
    if not parts:
        return None
    hashes: set[int] = set()
    hashed = 0
    for part in parts:
        chosen = sorted({round(place) for place in np.linspace(0, len(part) - 1, min(most, len(part)))})
        hashed += len(chosen)
        hashes |= {value for value in _hashes(part, chosen) if value is not None}
    return Fingerprint(tuple(sorted(hashes)), sum(map(len, parts)), hashed)


def _parts(samples: Samples) -> list[Pictures]:
    """The sets of different pictures in samples; a target of several sources stands once."""
    if isinstance(samples, Mixed):
        return [part for pictures in (samples.first, *samples.others) for part in _parts(pictures)]
    if isinstance(samples, Unpaired):
        return [part for pictures in (samples.sources, samples.targets) for part in _parts(pictures)]
    if not isinstance(samples, Pictures):
        return []
    first: dict[object, int] = {}
    for index, item in enumerate(samples.items):
        first.setdefault(item.target or item.name, index)
    return [samples.select(list(first.values()))]


def _hashes(part: Pictures, chosen: Iterable[int]) -> Iterator[int | None]:
    """The hashes of some pictures, decoded by several threads, few at a time."""

    def of(index: int) -> int | None:
        return perceptual_hash(part.for_eyes(index)["target"])

    threads = torch.get_num_threads()
    indices = iter(chosen)
    with ThreadPoolExecutor(threads) as pool:
        while batch := list(islice(indices, 16 * threads)):
            yield from pool.map(of, batch)
