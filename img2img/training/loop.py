"""The loop: data in, steps, log lines, validations, checkpoints; stops when told and goes on where it stopped."""

from __future__ import annotations

import copy
import csv
import math
import signal
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

import torch
from torch import nn

from img2img.compute.distributed import World
from img2img.compute.memory import peak_bytes
from img2img.compute.precision import Precision
from img2img.engine.schedule import Schedule
from img2img.engine.step import Engine
from img2img.errors import RunError
from img2img.files import atomic
from img2img.metrics import METRICS
from img2img.progress import Reporter
from img2img.recipes.train_config import TrainConfig
from img2img.training.run_folder import Run
from img2img.types import Batch
from img2img.weights.file import save_weights

# a cross-entropy critic with a loss below this, at so many log lines in a row, has won
WON, WON_LINES = 0.02, 5


class Source(Protocol):
    """Where batches come from: one endless stream, entered at any position (samples of the global batch so far)."""

    def batches(self, position: int) -> Iterator[Batch]:
        """Batches from a position on, without end."""
        ...


@dataclass(frozen=True)
class Validation:
    """One validation: means by metric name, per-image rows (image, metric, value, reason), and the protocol's line."""

    metrics: Mapping[str, float]
    rows: Sequence[tuple[str, str, float, str]] = ()
    protocol: str = ""


Validate = Callable[[nn.ModuleDict, int], Validation]


@dataclass
class Progress:
    """What moves besides the engine: step, the best validation so far and how long ago that was."""

    step: int = 0
    best: float | None = None
    since_best: int = 0
    finished: bool = False
    last_metrics: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """A short measurement before step 0: seconds a step and a validation, peak memory in bytes, precision chosen."""

    precision: str
    seconds_per_step: float
    seconds_per_validation: float
    memory_bytes: int
    measured: Mapping[str, float]


class Stop:
    """SIGTERM and SIGINT as flags that the loop reads between steps; a second SIGINT interrupts at once."""

    def __init__(self) -> None:
        self.signal: int | None = None

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.signal == signal.SIGINT and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.signal = number

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Within, the signals are noted instead of ending the process."""
        before = {}
        try:
            for number in (signal.SIGTERM, signal.SIGINT):
                before[number] = signal.signal(number, self._handle)
        except ValueError:  # not the main thread: the caller's handlers stay
            before = {}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class Trainer:
    """Trains ``engine`` on ``source`` for ``total`` steps.

    Args:
        run: the run directory, or None to keep nothing on disk.
        validate: called with the networks results are made with.
        selection: the metric that decides which weights are best, or ``none``.
        chosen_on: what identifies the pictures that are validated on, for the header of the best weights.
        header: what weights files carry besides step and metric.
    """

    def __init__(
        self,
        engine: Engine,
        source: Source,
        schedule: Schedule,
        train: TrainConfig,
        total: int,
        *,
        world: World,
        run: Run | None = None,
        validate: Validate | None = None,
        selection: str = "none",
        chosen_on: Sequence[str] = (),
        header: Mapping[str, Any] | None = None,
        tensorboard: Any = None,
    ) -> None:
        self.engine, self.source, self.schedule, self.train, self.total = engine, source, schedule, train, total
        self.world = world
        self.run = run
        self.validate = validate
        self.selection = selection
        self.chosen_on = list(chosen_on)
        self.header = dict(header or {})
        self.progress = Progress()
        self.stop = Stop()
        self.tensorboard = tensorboard
        self._waited = self._since = 0.0
        self._steps = self._won = 0

    @property
    def images_per_step(self) -> int:
        """Samples of the data set that one step takes."""
        return self.train.batch * self.engine.rules.batches

    def loop(self) -> Progress:
        """Train to the end, or until stopped; the state is on disk afterwards."""
        state = self.progress
        batches = self.source.batches(state.step * self.images_per_step)
        self._since, self._waited, self._steps = time.monotonic(), 0.0, 0
        shown = self.world.is_main
        with self.stop.watching(), Reporter(self.total, "step", done=state.step, shown=shown) as reporter:
            while state.step < self.total:
                began = time.monotonic()
                taken = [next(batches).map(self._to_device) for _ in range(self.engine.rules.batches)]
                self._waited += time.monotonic() - began
                self.engine.step(state.step, taken, self.schedule.factor(state.step, self.total))
                state.step += 1
                self._steps += 1
                last = state.step == self.total
                if last or state.step % self.train.log_every == 0:
                    self._log(reporter)
                else:
                    reporter.advance(state.step)
                stopping = self.world.any(self.stop.signal is not None)
                early = False
                if last or state.step % self.train.validate_every == 0:
                    early = self._validate(reporter)
                if last or stopping or early or state.step % self.train.checkpoint_every == 0:
                    state.finished = last or early
                    self.save()
                if stopping and not last:
                    reporter.note(f"stopped at step {state.step} of {self.total}; the same command goes on from here")
                    break
                if early and not last:
                    reporter.note(
                        f"no better {self.selection} in {self.train.patience} validations: stopped at step {state.step}"
                    )
                    break
        close = getattr(batches, "close", None)
        if close is not None:
            close()
        return state

    def _to_device(self, values: torch.Tensor) -> torch.Tensor:
        return values.to(self.world.device, non_blocking=True)

    def _watch_critic(self, values: Mapping[str, float], reporter: Reporter) -> None:
        """Say so, once, when the critic has won for good: the generator then learns little from it."""
        loss = values.get("critic/adversarial")
        sure = loss is not None and self.engine.rules.critic_game.cross_entropy and loss < WON
        self._won = self._won + 1 if sure else 0
        if self._won == WON_LINES:
            reporter.note(
                f"the critic tells every fake (its loss is below {WON} since {WON_LINES} log lines): "
                f"lower optimizers.critic.lr or critic_steps, or give the generator more to go by"
            )

    def check_finite(self) -> None:
        """Raise if any objective since the start was not finite (the one place where training waits for it)."""
        if self.world.any(bool(self.engine.log.bad.item())):
            where = f"the last good checkpoint is {self.run.checkpoint}" if self.run else "nothing is kept"
            raise RunError(
                f"the loss is not finite any more (noticed at step {self.progress.step}): the run has diverged; "
                f"{where}; lower optimizers.*.lr, or set train.precision=fp32"
            )

    def _log(self, reporter: Reporter) -> None:
        self.check_finite()
        log, state = self.engine.log, self.progress
        means = log.means()
        names = list(means)
        flat = self.world.all_reduce_mean(torch.stack([means[name] for name in names]))
        values = dict(zip(names, flat.tolist(), strict=True))
        log.clear()
        now = time.monotonic()
        elapsed = max(1e-9, now - self._since)
        rates = {"generator": self.engine.parents[0].optimizer.param_groups[0]["lr"]}
        if self.engine.critics is not None:
            rates["critic"] = self.engine.critics.optimizer.param_groups[0]["lr"]
        speed = self._steps * self.train.batch / elapsed
        record = {
            "step": state.step,
            "images": state.step * self.images_per_step,
            "time": time.time(),
            **values,
            "lr": rates,
            "images_per_s": speed,
            "waiting_for_data": self._waited / elapsed,
            "critic_forwards": log.critic_forwards,
        }
        self._since, self._waited, self._steps = now, 0.0, 0
        if self.run and self.world.is_main:
            self.run.append("log.jsonl", record)
        if self.tensorboard is not None:
            for name, value in values.items():
                self.tensorboard.add_scalar(name, value, state.step)
        self._watch_critic(values, reporter)
        shown = {name.removeprefix("generator/"): value for name, value in values.items() if name.count("/") == 1}
        reporter.advance(state.step, {**shown, "images/s": speed})

    def _validate(self, reporter: Reporter) -> bool:
        """One validation; True when training should stop early."""
        self.check_finite()
        if self.validate is None:
            return False
        state = self.progress
        began = time.monotonic()
        report = self.validate(self.engine.parents[0].shadow(), state.step)
        self._since += time.monotonic() - began
        state.last_metrics = dict(report.metrics)
        if not report.metrics:
            return False
        value = report.metrics.get(self.selection)
        better = False
        if value is not None and math.isfinite(value):
            higher = METRICS[self.selection].higher_is_better
            better = state.best is None or (value > state.best if higher else value < state.best)
        elif value == math.inf:
            # identical pictures give an infinite PSNR: nothing can be better
            better = state.best != math.inf
        if better:
            state.best, state.since_best = value, 0
            self._write_weights("best")
        else:
            state.since_best += 1
        text = "  ".join(f"{name} {number:.4f}" for name, number in report.metrics.items())
        reporter.note(f"validation at step {state.step}: {text}{'  (best)' if better else ''}")
        if self.run and self.world.is_main:
            record = {"step": state.step, "best": better, **report.metrics, "protocol": report.protocol}
            self.run.append("validation.jsonl", record)
            self._write_rows(report)
        if self.tensorboard is not None:
            for name, number in report.metrics.items():
                self.tensorboard.add_scalar(f"validation/{name}", number, state.step)
        return self.exhausted()

    def exhausted(self) -> bool:
        """Whether ``train.patience`` is used up."""
        patience = self.train.patience
        return patience is not None and self.progress.since_best >= patience

    def _write_rows(self, report: Validation) -> None:
        if not self.run or not report.rows:
            return
        path = self.run.folder / "validation" / f"step-{self.progress.step}.csv"
        rows = [
            ("image", "metric", "value", "reason"),
            *((name, metric, repr(value), reason) for name, metric, value, reason in report.rows),
        ]
        with atomic(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)

    def _write_weights(self, which: str) -> None:
        if self.run and self.world.is_main:
            chosen = which == "best" and self.progress.best is not None
            header = {
                **self.header,
                "which": which,
                "step": self.progress.step,
                "metrics": self.progress.last_metrics,
                # best weights were chosen by their figures on these pictures, which are therefore no test of them
                "chosen_by": self.selection if chosen else None,
                "chosen_on": self.chosen_on if chosen else [],
            }
            save_weights(self.run.weights(which), self.engine.parents[0].shadow(), header)

    def save(self) -> None:
        """Weights and the whole state, if everything in it is finite."""
        engine = self.engine
        for player in engine.players:
            # a finite loss may have an infinite gradient, whose update no objective has seen yet
            for parameter in player.parameters:
                engine.log.check(parameter.sum())
        self.check_finite()
        if not self.run:
            return
        locals_ = self.world.all_gather(self.engine.local_state())
        if self.world.is_main:
            self._write_weights("last")
            if self.selection == "none" or not self.run.weights("best").exists():
                self._write_weights("best")
            self.run.save_checkpoint(
                {
                    "engine": self.engine.state_dict(),
                    "processes": locals_,
                    "progress": vars(self.progress),
                    "logs": self.run.log_lengths(),
                }
            )

    def resume(self, state: Mapping[str, Any]) -> None:
        """Go on from a checkpoint's state (logs are cut back to it)."""
        if len(state["processes"]) != self.world.size:
            raise ValueError(f"saved by {len(state['processes'])} processes, these are {self.world.size}")
        self.engine.load_state_dict(state["engine"])
        self.engine.load_local_state(state["processes"][self.world.rank])
        self.progress = Progress(**state["progress"])
        if self.run and self.world.is_main:
            self.run.cut_logs(state["logs"])

    def measure(self, precisions: Sequence[str], seconds: float = 6.0) -> Forecast:
        """Time a few steps on copies of the state, which is put back bit for bit; nothing is logged.

        With several precisions the fastest is chosen; all processes get the chief's answer.
        """
        engine = self.engine
        before = copy.deepcopy(engine.state_dict()), copy.deepcopy(engine.local_state())
        random = torch.get_rng_state()
        batches = self.source.batches(self.progress.step * self.images_per_step)
        taken = [next(batches).map(self._to_device) for _ in range(engine.rules.batches)]
        times: dict[str, list[float]] = {name: [] for name in precisions}
        chosen = engine.precision
        for name in precisions:
            engine.precision = Precision(name, self.world.device)
            engine.step(0, taken)
            self._wait()
        # by turns, so that a change of the machine's speed meets all precisions alike
        began = time.monotonic()
        rounds = 0
        while self.world.broadcast(rounds < 2 or (time.monotonic() - began < seconds and rounds < 50)):
            for name in precisions:
                engine.precision = Precision(name, self.world.device)
                start = time.monotonic()
                engine.step(0, taken)
                self._wait()
                times[name].append(time.monotonic() - start)
            rounds += 1
        engine.precision = chosen
        engine.load_state_dict(before[0])
        engine.load_local_state(before[1])
        torch.set_rng_state(random)
        engine.log.clear()
        engine.log.bad = torch.zeros_like(engine.log.bad)
        close = getattr(batches, "close", None)
        if close is not None:
            close()
        medians = {name: statistics.median(values) for name, values in times.items()}
        medians = self.world.broadcast(medians)
        best = min(medians, key=lambda name: medians[name])
        start = time.monotonic()
        if self.validate is not None:
            self.validate(engine.parents[0].shadow(), -1)
        validation = self.world.broadcast(time.monotonic() - start) if self.validate is not None else 0.0
        return Forecast(
            precision=best,
            seconds_per_step=medians[best],
            seconds_per_validation=validation,
            memory_bytes=self._peak(),
            measured=medians,
        )

    def _wait(self) -> None:
        if self.world.device.type == "cuda":
            torch.cuda.synchronize(self.world.device)

    def _peak(self) -> int:
        if self.world.device.type == "cuda":
            return int(torch.cuda.max_memory_allocated(self.world.device))
        return peak_bytes()


def remove_stale(folder: Path) -> None:
    """Remove half-written temporary files that a kill left behind."""
    for path in folder.glob("**/.*.tmp"):
        path.unlink(missing_ok=True)
