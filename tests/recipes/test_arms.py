"""Arms of one table differ in nothing but the method: the same data, the same batch, the same length and seed."""

from __future__ import annotations

import pytest

from img2img.recipes.settings import Settings, resolve

# rows of PAN's ablation (Wang et al. 2018, Table III), and the two that its Table V compares
ABLATION = ("l1", "l2", "cgan", "l2_cgan", "pa_cgan", "pan")
COMPARED = (*ABLATION, "pix2pix")
CLOCK = ("train.minutes=12", "train.batch=4")


def arms(task: str, methods: tuple[str, ...], *overrides: str) -> dict[str, Settings]:
    return {method: resolve(task, method, None, None, overrides) for method in methods}


@pytest.mark.parametrize("task", ["derain", "inpaint", "edges"])
def test_data_and_training_are_the_same_for_all_arms(task):
    for compared, overrides in ((ABLATION, ()), (COMPARED, CLOCK)):
        settings = arms(task, compared, *overrides)
        assert len({str(one.data) for one in settings.values()}) == 1, settings
        assert len({str(one.train) for one in settings.values()}) == 1, settings


def test_the_arms_fill_the_same_hole_and_are_jittered_alike():
    for settings in arms("inpaint", COMPARED).values():
        assert settings.method.build_flow().needs_mask
        assert (settings.data.load, settings.data.crop, settings.data.validation_crop) == (150, 128, 128)
    for settings in arms("edges", COMPARED).values():
        assert (settings.data.load, settings.data.crop) == (286, 256)
    for settings in arms("derain", COMPARED).values():
        assert settings.data.load is None
