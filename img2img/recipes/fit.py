"""Which methods a task takes: what it has (pairs, unpaired sides, nothing but targets) against what a flow needs."""

from __future__ import annotations

from img2img.data.config import TARGETS_ALONE, DataConfig
from img2img.errors import UserError
from img2img.recipes.method import Method


def check_fit(task: str, default: str, layout: str, method: str, recipe: Method, data: DataConfig) -> None:
    """Refuse a method whose flow has no meaning for a task.

    Args:
        task: its name.
        default: its default method, which does fit.
        layout: ``data.layout`` as the task's own YAML has it.
        method: the method's name.
        recipe: what the settings make of the method.
        data: what the settings make of the data.

    Raises:
        UserError: naming a method that fits the task, and a task that fits the method.
    """
    flow, cure = recipe.build_flow(), f"take --method {default}"
    if flow.from_noise and layout not in TARGETS_ALONE:
        raise UserError(
            f"--method {method} makes pictures out of noise, and --task {task} translates pictures: {cure}, or "
            f"--task images"
        )
    if layout in TARGETS_ALONE and not flow.from_noise:
        other = "inpaint" if flow.needs_mask else "paired" if flow.needs_pairs else "unpaired"
        raise UserError(
            f"--method {method} translates pictures, and --task {task} has nothing to translate from: {cure}, or "
            f"--task {other}"
        )
    if layout == "mixture" and data.layout != layout:
        raise UserError(f"--method {method} makes pictures, and --task {task} has points: {cure}, or --task images")
    if flow.needs_mask and data.synthesis != "hole":
        raise UserError(
            f"--method {method} fills the hole of a photo, and --task {task} has none: {cure}, or --task inpaint"
        )
    if layout == "unpaired" and flow.needs_pairs:
        raise UserError(
            f"--method {method} learns from pairs, and --task {task} has none: {cure}, or --task paired "
            f"(data.layout=unpaired trains on partners drawn at random all the same)"
        )
