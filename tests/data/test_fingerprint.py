"""Perceptual hashes of what a training saw: copies are near, other pictures are not."""

from __future__ import annotations

import io
from dataclasses import replace

import cv2
import numpy as np
import pytest
from PIL import Image
from small_run import make_pairs

from conftest import picture
from img2img.data import DataConfig, open_data
from img2img.data.fingerprint import NEAR, Fingerprint, fingerprint, mirrored, perceptual_hash
from img2img.errors import UserError


def bits(one: int | None, other: int | None) -> int:
    assert one is not None
    assert other is not None
    return (one ^ other).bit_count()


def test_the_hash_is_that_of_the_definition():
    # a horizontal cosine of one half wave: the only frequency is (0, 1), its sign that of the left side
    wave = 128 + 100 * np.cos((np.arange(24) + 0.5) * np.pi / 24)
    pixels = np.repeat(np.repeat(wave[None, :, None], 24, 0), 3, 2).round().astype(np.uint8)
    assert perceptual_hash(pixels) & 0b10
    assert not perceptual_hash(np.ascontiguousarray(pixels[:, ::-1])) & 0b10


def test_a_mirror_image_has_the_odd_columns_inverted():
    pixels = picture(3)
    turned = perceptual_hash(np.ascontiguousarray(pixels[:, ::-1]))
    assert turned == mirrored(perceptual_hash(pixels))
    assert bits(turned, perceptual_hash(pixels)) == 32


def test_copies_are_near_and_others_are_not():
    first = perceptual_hash(picture(1))
    file = io.BytesIO()
    Image.fromarray(picture(1)).save(file, "jpeg", quality=50)
    assert bits(first, perceptual_hash(np.asarray(Image.open(file)))) <= NEAR
    assert bits(first, perceptual_hash(cv2.resize(picture(1), (33, 57), interpolation=cv2.INTER_AREA))) <= NEAR
    others = [perceptual_hash(picture(number)) for number in range(2, 20)]
    assert min(bits(first, other) for other in others) > NEAR


def test_a_blank_picture_has_none():
    assert perceptual_hash(np.full((40, 40, 3), 90, np.uint8)) is None


def test_a_fingerprint_goes_through_a_header_and_names_what_is_near():
    known = Fingerprint((3, 2**63), 5, 2)
    assert Fingerprint.from_json(known.to_json()) == known
    assert known.nearest([3, mirrored(3) ^ 1, None]) == [(0, False), (1, True), None]
    assert Fingerprint((), 1, 1).nearest([3]) == [None]
    assert Fingerprint.from_json({}) is None
    with pytest.raises(UserError, match=r"^w: damaged fingerprint"):
        Fingerprint.from_json({**known.to_json(), "hashes": "abc"}, "w")


def test_what_weights_had_seen_that_a_training_began_from_is_seen_too():
    both = Fingerprint((1, 5), 2, 2).with_earlier(Fingerprint((5, 9), 2, 2))
    assert both == Fingerprint((1, 5, 9), 4, 4)
    assert "began from" in Fingerprint((1,), 1, 1).with_earlier(None).unknown


def test_of_a_set_the_training_part_alone_and_of_a_mixed_one_all(tmp_path):
    make_pairs(tmp_path / "first")
    make_pairs(tmp_path / "second", range(20, 23))
    config = DataConfig(path=str(tmp_path / "first"), crop=32, direction="BtoA")
    data = open_data(config, 0)
    held = set(data.validation.names)
    trained = {perceptual_hash(picture(number)) for number in range(6) if f"{number}.png" not in held}
    found = fingerprint(data.train)
    assert (set(found.hashes), found.pictures, found.hashed) == (trained, 5, 5)
    second = {"path": str(tmp_path / "second"), "weight": 0.5}
    mixed = open_data(replace(config, mix=(second,)), 0)
    extra = {perceptual_hash(picture(number)) for number in range(20, 23)}
    assert set(fingerprint(mixed.train).hashes) == trained | extra


def test_of_large_sets_some_are_hashed_and_their_number_is_said(tmp_path):
    data = open_data(DataConfig(path=str(make_pairs(tmp_path)), crop=32, validation=0, direction="BtoA"), 0)
    found = fingerprint(data.train, most=2)
    assert (found.pictures, found.hashed) == (6, 2)
    assert set(found.hashes) == {perceptual_hash(picture(0)), perceptual_hash(picture(5))}


def test_where_all_pictures_look_alike_fewer_bits_may_differ():
    rng = np.random.default_rng(0)
    apart = [int(value) for value in rng.integers(0, 2**63, 100)]
    assert Fingerprint(tuple(sorted(apart)), 100, 100).bits == NEAR
    for step, told in ((1, 0), (0b111, 2), (0b11111, 4)):
        twins = sorted({*apart, *(value ^ step for value in apart[:10])})
        assert Fingerprint(tuple(twins), 110, 110).bits == told
    # one pair is a repeat, and a mirrored twin counts as one
    assert Fingerprint(tuple(sorted({*apart, apart[0] ^ 1})), 101, 101).bits == NEAR
    assert Fingerprint(tuple(sorted({*apart, *(mirrored(value) ^ 1 for value in apart[:10])})), 110, 110).bits == 0
    assert Fingerprint((5,), 1, 1).bits == NEAR
