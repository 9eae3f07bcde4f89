"""A training from Python: what ``img2img train`` does, with a callback and an object that says how it ended."""

from __future__ import annotations

import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from img2img.compute.distributed import join
from img2img.errors import UserError
from img2img.inference import Translator, load
from img2img.recipes.settings import resolve
from img2img.training.run_folder import Run
from img2img.training.state import Callback
from img2img.training.train import Outcome, default_output
from img2img.training.train import train as run_training


@dataclass(frozen=True)
class Trained:
    """How a training ended, and where it lies.

    Attributes:
        run: the run directory.
        step: steps made, of ``total``.
        finished: whether nothing is left to do; a run that was stopped goes on with the same call.
        selection: the measure that chose the best weights, or ``none``.
        best: its best value; None where nothing was measured.
        metrics: the last validation's measures by name.
    """

    run: Path
    step: int
    total: int
    finished: bool
    selection: str
    best: float | None
    metrics: dict[str, float]

    def weights(self, which: str = "best") -> Path:
        """The weights file ``best`` or ``last``, which works alone."""
        return Run(self.run).weights(which)

    def translator(self, which: str = "best", **options: Any) -> Translator:
        """What `img2img.load` gives of the ``best`` or ``last`` weights; ``options`` are its own.

        Raises:
            UserError: as `img2img.load`.
        """
        return load(self.weights(which), **options)


def train(
    task: str | None = None,
    method: str | None = None,
    data: str | Path | Mapping[str, Any] | None = None,
    output: str | Path | None = None,
    callback: Callback | None = None,
    *,
    config: str | Path | None = None,
    from_weights: str | Path | None = None,
    from_optimizer: bool = False,
    device: str = "auto",
    threads: int | None = None,
    **keys: Any,
) -> Trained:
    """Train a model as ``img2img train`` does; the same call again goes on where it stopped.

    Examples:
        >>> trained = img2img.train("derain", "pix2pix", "pairs", "runs/mine", train={"steps": 500})
        >>> dry = trained.translator()(picture)

    Args:
        task: what is learnt, by name (``img2img list tasks``) or as a YAML file; needed where ``config`` names none.
        method: how, by name (``img2img list methods``) or as a YAML file; by default the task's own.
        data: the data set, by default what is built in; or the keys of the section ``data``, of which ``path`` is it.
        output: the run directory; by default ``runs/TASK-METHOD``.
        callback: called with a `Status` (step, total, losses, validation, best) after each log line
            (``train.log_every``) and each validation (``train.validate_every``), in the main process. If it returns
            ``"stop"`` the run ends after that step with everything saved; None goes on.
        config: a YAML of keys, such as a run's config.yaml.
        from_weights: a new run begins from these weights: a run directory, a file or a shipped name (``--from``).
        from_optimizer: with ``from_weights`` of a run directory its optimisers' moments are taken too.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        threads: of the CPU; by default as the process has them.
        keys: those of docs/options.md, nested (``train={"steps": 500}``) or dotted (``**{"train.steps": 500}``).

    Returns:
        The run directory, how far it is, the best value and its weights.

    Raises:
        UserError: it cannot be done as asked; nothing was written.
        RunError: the run diverged, the disk is full, or the callback gave something else; what was done is kept.
        KeyboardInterrupt: as SIGINT does, between two steps and with everything saved; other signals likewise come to
            their own handlers.
    """
    begin = None if from_weights is None else {"weights": str(from_weights), "optimizer": from_optimizer}
    if from_optimizer and begin is None:
        raise UserError("from_optimizer=True: needs from_weights=RUN, whose moments it takes")
    if isinstance(data, Mapping):
        keys, data = {"data": data, **keys}, None
    path = None if data is None else str(data)
    settings = resolve(task, method, path, None if config is None else Path(config), keys, begin)
    folder = default_output(settings) if output is None else Path(output)
    world = join(device)
    try:
        outcome = run_training(settings, world, folder, command=[*sys.argv], threads=threads, callback=callback)
    finally:
        world.close()
    if outcome.signal is not None:
        signal.raise_signal(outcome.signal)
    return _trained(outcome, folder, settings.selection)


def _trained(outcome: Outcome, folder: Path, selection: str) -> Trained:
    progress = outcome.progress
    return Trained(
        run=folder,
        step=progress.step,
        total=outcome.total,
        finished=progress.finished,
        selection=selection,
        best=progress.best,
        metrics=dict(progress.last_metrics),
    )
