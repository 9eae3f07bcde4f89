"""Pictures that are not what the training had: drawings in alpha, negatives, pairs side by side, colour for grey."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from planted import made, scene
from translators import translator

from img2img.data.source_statistics import SourceStatistics
from img2img.images import Picture, from_array, read, write
from img2img.inference import list_jobs, translate_folder
from img2img.inference.unlike import PAIR, on_ground, unlike

DRAWINGS = SourceStatistics(
    level=(220, 250), dark=(0.02, 0.1), light=(0.85, 0.98), colour=(0, 0), aspect=(1.2, 1.4), width=256
)
PHOTOS = SourceStatistics(
    level=(70, 150), dark=(0.0, 0.2), light=(0.0, 0.2), colour=(20, 60), aspect=(1.2, 1.4), width=256
)
BLACK_GROUND = replace(DRAWINGS, level=(5, 35), dark=(0.85, 0.98), light=(0.02, 0.1))


def lines(level: int = 0, channels: int = 3) -> Picture:
    """Lines of one colour in alpha, half transparent at one row; under them and elsewhere the same colour."""
    alpha = np.zeros((96, 128), np.uint8)
    alpha[::16], alpha[8] = 255, 128
    return Picture(np.full((96, 128, channels), level, np.uint8), alpha)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("statistics", [DRAWINGS, PHOTOS, None], ids=["drawings", "photos", "old weights"])
def test_black_lines_in_alpha_come_onto_white(statistics, channels):
    flat = on_ground(lines(0, channels), statistics)
    expected = np.full((96, 128, channels), 255, np.uint8)
    # 255 * (255 - 128) / 255 is 127
    expected[::16], expected[8] = 0, 127
    assert flat.alpha is None
    assert np.array_equal(flat.pixels, expected)
    assert flat.notes == ("a drawing in alpha was laid onto white; its result has no alpha",)


def test_the_ground_is_that_of_the_training():
    flat = on_ground(lines(200), BLACK_GROUND)
    assert (flat.pixels[0] == 200).all()
    assert (flat.pixels[1] == 0).all()
    # without one known, black under light lines
    assert (on_ground(lines(200), None).pixels[1] == 0).all()


def test_sixteen_bits_are_laid_onto_white_exactly():
    drawing = lines()
    deep = Picture(drawing.pixels.astype(np.uint16), drawing.alpha.astype(np.uint16) * 257)
    flat = on_ground(deep, DRAWINGS)
    assert (flat.pixels[1] == 65535).all()
    assert (flat.pixels[0] == 0).all()
    assert (flat.pixels[8] == 127 * 257).all()


def test_alpha_of_a_photograph_is_kept():
    photo = Picture(scene(0), np.tile(np.arange(128, dtype=np.uint8) * 2, (96, 1)))
    assert on_ground(photo, PHOTOS) is photo
    assert on_ground(photo, None) is photo
    opaque = Picture(lines().pixels, np.full((96, 128), 255, np.uint8))
    assert on_ground(opaque, DRAWINGS) is opaque


def test_a_drawing_of_several_colours_is_laid_onto_the_ground_of_drawings_alone():
    drawing = lines()
    coloured = replace(drawing, pixels=scene(1))
    assert on_ground(coloured, DRAWINGS).alpha is None
    assert on_ground(coloured, PHOTOS) is coloured


def test_infer_shows_the_network_black_on_white_and_hides_nothing_of_the_result(tmp_path):
    (tmp_path / "in").mkdir()
    write(tmp_path / "in/lines.png", lines())
    identity = translator({"name": "residual", "width": 4})
    identity.statistics = DRAWINGS
    summary = translate_folder(identity, list_jobs(identity, tmp_path / "in", tmp_path / "out", None, None, 1))
    result = read(tmp_path / "out/lines.png")
    assert result.alpha is None
    assert (result.pixels[1] == 255).all()
    assert list(summary.notes) == ["a drawing in alpha was laid onto white; its result has no alpha"]
    array = np.dstack([lines().pixels, lines().alpha])
    made_array = identity(array)
    assert made_array.shape == array.shape
    assert (made_array[:, :, 3] == 255).all()


def test_white_on_black_is_said_by_weights_of_black_on_white():
    (drawn,) = {made("edges", scene(0), 0).tobytes()}
    drawing = np.frombuffer(drawn, np.uint8).reshape(96, 128, 3)
    assert unlike(from_array(drawing), DRAWINGS) == ()
    (note,) = unlike(from_array(255 - drawing), DRAWINGS)
    assert note.startswith("unlike what these weights were trained on: mean level far below its 220 to 250 of 255")
    assert note.endswith("its negative would fit (black and white the other way round)")
    (note,) = unlike(from_array(scene(0)), DRAWINGS)
    assert "share of white far below its 0.85 to 0.98" in note
    assert "negative" not in note


def test_colour_is_said_by_weights_of_grey_and_photographs_fit_photographs():
    grey = replace(PHOTOS, colour=(0, 0))
    assert unlike(from_array(scene(0)), grey) == (
        "unlike what these weights were trained on: in colour, they were grey",
    )
    assert [unlike(from_array(scene(seed)), PHOTOS) for seed in range(8)] == [()] * 8
    assert unlike(from_array(scene(0).mean(2).astype(np.uint8)), PHOTOS) == ()


@pytest.mark.parametrize("kind", ["rain", "edges", "label"])
def test_a_pair_side_by_side_is_said(kind):
    wide = replace(PHOTOS, level=(0, 255), dark=(0, 1), light=(0, 1), colour=(0, 255))
    said = [
        unlike(from_array(np.concatenate([scene(seed), made(kind, scene(seed), seed)], 1)), wide) for seed in range(6)
    ]
    assert said == [(PAIR,)] * 6


def test_a_wide_picture_is_no_pair():
    # a panorama's halves are different; a pair of the shape of training is a picture of it
    wide = replace(PHOTOS, level=(0, 255), dark=(0, 1), light=(0, 1), colour=(0, 255))
    assert [unlike(from_array(scene(seed, 96, 256)), wide) for seed in range(6)] == [()] * 6
    pair = from_array(np.concatenate([scene(0), made("rain", scene(0), 0)], 1))
    assert unlike(pair, replace(wide, aspect=(1.2, 2.7))) == ()
    assert unlike(pair, replace(wide, aspect=None)) == ()


def test_one_note_for_a_folder(tmp_path):
    (tmp_path / "in").mkdir()
    for number in range(3):
        Image.fromarray(255 - made("edges", scene(number), number)).save(tmp_path / f"in/{number}.png")
    identity = translator({"name": "residual", "width": 4})
    identity.statistics = DRAWINGS
    summary = translate_folder(identity, list_jobs(identity, tmp_path / "in", tmp_path / "out", None, None, 1))
    assert [len(files) for files in summary.notes.values()] == [3]


def test_without_statistics_nothing_is_compared(tmp_path):
    identity = translator({"name": "residual", "width": 4})
    assert identity.picture(from_array(np.zeros((8, 64, 3), np.uint8))).notes == ()
