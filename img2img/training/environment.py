"""What a run's figures depend on besides its configuration: versions, device, threads; and setting them."""

from __future__ import annotations

import platform
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

import img2img
from img2img.compute.distributed import World
from img2img.compute.memory import keep_freed_memory
from img2img.compute.precision import kernels_taken


def prepare_process(threads: int | None) -> None:
    """Settings of the whole process: threads (None leaves them), freed memory."""
    if threads:
        torch.set_num_threads(threads)
    keep_freed_memory()


def environment(world: World, seed: int, command: Sequence[str], resolved: Mapping[str, Any]) -> dict[str, Any]:
    """The content of environment.json."""
    return {
        "img2img": img2img.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "platform": platform.platform(),
        "device": str(world.device),
        "device_name": torch.cuda.get_device_name(world.device) if world.device.type == "cuda" else processor(),
        "threads": torch.get_num_threads(),
        "processes": world.size,
        **kernels_taken(),
        "seed": seed,
        "command": list(command),
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "resolved": dict(resolved),
    }


def processor() -> str:
    """The CPU's name, as precisely as the system tells it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
