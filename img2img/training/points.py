"""What a generator makes of fixed noise while it trains, and how its critic sees the plane: kept to be looked at."""

from __future__ import annotations

import copy
import io
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from img2img.files import atomic_write_bytes

Points = np.ndarray[Any, Any]
# points that are made of noise at each validation of a generator of vectors
POINTS = 2000
# places along each axis of a critic's surface, from -REACH to REACH
PLACES, REACH = 64, 2.0


def plane(places: int = PLACES) -> Points:
    """(places ** 2, 2) points of the plane, float32, the first row of the surface at y = -REACH."""
    line = np.linspace(-REACH, REACH, places, dtype=np.float32)
    y, x = np.meshgrid(line, line, indexing="ij")
    return np.stack([x.ravel(), y.ravel()], 1)


@torch.no_grad()
def critic_surface(critics: nn.ModuleDict, made: Points, real: Points, device: torch.device) -> Points | None:
    """The critic's logit at each of `plane`'s points, (PLACES, PLACES) float32; None: it does not look at a plane.

    A batch norm has the statistics of the ``made`` and ``real`` points (N, 2) together, as a batch of both would.
    """
    if made.shape[1:] != (2,) or list(critics) != ["critic"]:
        return None
    critic = copy.deepcopy(critics["critic"])
    _remember_statistics(critic)
    critic.train()
    critic(torch.from_numpy(np.concatenate([made, real])).to(device))
    critic.eval()
    logits: Tensor = critic(torch.from_numpy(plane()).to(device)).logits[0]
    surface: Points = logits.float().cpu().numpy().reshape(PLACES, PLACES)
    return surface


def _remember_statistics(network: nn.Module) -> None:
    """Let batch norms keep the last training batch's statistics, and use them in evaluation."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d):
            weight = module.weight
            module.running_mean, module.running_var = torch.zeros_like(weight), torch.ones_like(weight)
            module.track_running_stats, module.momentum = True, 1.0


def save_points(path: Path, made: Points, surface: Points | None = None) -> None:
    """Keep points (N, F) or pictures (N, H, W, C), and the critic's surface where there is one."""
    packed = io.BytesIO()
    if surface is None:
        np.savez_compressed(packed, made=made)
    else:
        np.savez_compressed(packed, made=made, critic=surface)
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write_bytes(path, packed.getvalue())


def read_points(path: Path) -> tuple[Points, Points | None]:
    """What `save_points` kept: (points or pictures, surface)."""
    with np.load(path) as kept:
        return kept["made"], kept.get("critic")


def kept_steps(folder: Path) -> dict[int, Path]:
    """Files of points in a run's folder by step, rising."""
    found = {int(path.stem.removeprefix("step-")): path for path in (folder / "samples").glob("step-*.npz")}
    return dict(sorted(found.items()))
