"""The loop: data in, steps, log lines, validations, checkpoints; stops when told and goes on where it stopped."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, nullcontext
from typing import Any, Protocol

import torch

from img2img.compute.distributed import World
from img2img.data.loader import on_device
from img2img.engine.schedule import Schedule
from img2img.engine.step import Engine
from img2img.errors import DivergedError
from img2img.metrics import higher_is_better
from img2img.progress import Reporter
from img2img.recipes.train_config import TrainConfig
from img2img.training.run_folder import Run
from img2img.training.set_validation import Validation
from img2img.training.state import Callback, Interval, Progress, Status, wants_to_stop
from img2img.training.stop import Stop
from img2img.training.tensorboard import EventWriter, add_sheet, event_writer
from img2img.training.time_budget import TimeBudget
from img2img.training.validation import Validate
from img2img.types import Batch
from img2img.weights.file import save_weights

# a cross-entropy critic with a loss below this, at so many log lines in a row, has won
WON, WON_LINES = 0.02, 5
# a change of the total by more than this share is told
TOLD = 0.02


# the step, the total, how the run has ended
Show = Callable[[int, int, str], str | None]


class Source(Protocol):
    """Where batches come from: one endless stream, entered at any position (samples of the global batch so far)."""

    def batches(self, position: int) -> Generator[Batch, None, None]:
        """Batches from a position on, without end; closing it stops whatever prepares them."""
        ...


class Trainer:
    """Trains ``engine`` on ``source`` for ``total`` steps.

    Args:
        plan: batch, intervals and patience.
        run: the run directory, or None to keep nothing on disk.
        validate: called with the networks results are made with.
        selection: the metric that decides which weights are best, or ``none``.
        chosen_on: what identifies the pictures that are validated on, for the header of the best weights.
        header: what weights files carry besides step and metric.
        stop: where signals are noted (an earlier one counts).
        budget: the clock that ``total`` follows from now on, or None where it is fixed.
        validate_first: validate at step 0 too, since the weights are not new.
        show: writes what a person looks at after each validation, told the step, the total and how the run has ended
            (empty: it goes on); gives a line where it failed.
        callback: told of each log line and each validation, in the main process; it may end the run.
    """

    def __init__(
        self,
        engine: Engine,
        source: Source,
        schedule: Schedule,
        plan: TrainConfig,
        total: int,
        *,
        world: World,
        run: Run | None = None,
        validate: Validate | None = None,
        selection: str = "none",
        chosen_on: Sequence[str] = (),
        header: Mapping[str, Any] | None = None,
        stop: Stop | None = None,
        budget: TimeBudget | None = None,
        validate_first: bool = False,
        show: Show | None = None,
        callback: Callback | None = None,
    ) -> None:
        self.engine, self.source, self.schedule, self.plan, self.total = engine, source, schedule, plan, total
        self.world = world
        self.run = run
        self.validate = validate
        self.selection = selection
        self.chosen_on = list(chosen_on)
        self.header = dict(header or {})
        self.stop = stop or Stop()
        self.budget = budget
        self.validate_first = validate_first
        self.show = show
        self.callback = callback
        self.progress = Progress()
        self._interval = Interval()
        self._lines_won = 0
        self._events: EventWriter | None = None

    @property
    def images_per_step(self) -> int:
        """Samples of the data set that one step takes, those of critic steps included."""
        return self.plan.batch * self.engine.batches

    def loop(self) -> Progress:
        """Train to the end, or until stopped; the state is on disk afterwards."""
        state, plan, main = self.progress, self.plan, self.world.is_main
        with (
            self.stop.watching(),
            event_writer(self.run.events if self.run and main and plan.tensorboard else None) as self._events,
            closing(self.source.batches(state.step * self.images_per_step)) as batches,
            Reporter(self.total, "step", done=state.step, shown=main) as reporter,
        ):
            self._interval = Interval()
            if self.budget:
                self.budget.start()
            if self.validate_first and state.step == 0:
                self._validate(reporter)
                self._tell({}, validated=True)
                self._show(reporter)
            while state.step < self.total:
                self._step(batches)
                self._keep_time(reporter)
                last = state.step == self.total
                losses: Mapping[str, float] = {}
                if last or state.step % plan.log_every == 0:
                    losses = self._log(reporter)
                else:
                    reporter.advance(state.step)
                validating = last or state.step % plan.validate_every == 0
                early = validating and self._validate(reporter)
                self._tell(losses, validated=validating)
                stopping = self.world.any(self.stop.wanted)
                if last or stopping or early or state.step % plan.checkpoint_every == 0:
                    state.finished = last or early
                    with self.budget.saving() if self.budget else nullcontext():
                        self.save()
                if (stopping or early) and not last:
                    reporter.note(self._reason_to_end(stopping))
                    self._show(reporter, self._reason_to_end(stopping))
                    break
                if validating and not last:
                    self._show(reporter)
            if self.budget and state.finished:
                reporter.note(f"{self.budget.summary()}, {state.step} steps")
            if state.step >= self.total:
                self._show(reporter, f"finished: {state.step} steps")
        return state

    def _step(self, batches: Iterator[Batch]) -> None:
        state, began = self.progress, time.monotonic()
        taken = [on_device(next(batches), self.world.device) for _ in range(self.engine.batches)]
        self._interval.waited += time.monotonic() - began
        self.engine.step(state.step, taken, self.schedule.factor(state.step, self.total))
        for player in self.engine.players:
            # in every step: a run that is stopped anywhere is then, to the last bit, the one that was not
            player.average_buffers()
        state.step += 1
        self._interval.steps += 1

    def _keep_time(self, reporter: Reporter) -> None:
        """Let the total follow the clock, as the main process reads it."""
        if self.budget is None or not self.world.any(self.world.is_main and self.budget.due(self.progress.step)):
            return
        before, step = self.total, self.progress.step
        self.total = reporter.total = self.world.broadcast(self.budget.resolve(step, before))
        if abs(self.total - before) > TOLD * before:
            reporter.note(f"{self.budget.summary()} so far, {step} steps: {self.total} in all instead of {before}")

    def _reason_to_end(self, stopping: bool) -> str:
        step = self.progress.step
        if stopping:
            return f"stopped at step {step} of {self.total}; the same command goes on from here"
        return f"no better {self.selection} in {self.plan.patience} validations: stopped at step {step}"

    def _watch_critic(self, values: Mapping[str, float], reporter: Reporter) -> None:
        """Say so, once, when the critic has won for good: the generator then learns little from it."""
        loss = values.get("critic/adversarial")
        sure = loss is not None and self.engine.rules.critic_game.cross_entropy and loss < WON
        self._lines_won = self._lines_won + 1 if sure else 0
        if self._lines_won == WON_LINES:
            reporter.note(
                f"the critic tells every fake (its loss is below {WON} since {WON_LINES} log lines): "
                f"lower optimizers.critic.lr or critic_steps, or give the generator more to go by"
            )

    def check_finite(self) -> None:
        """Raise if any objective since the start was not finite (the one place where training waits for it)."""
        if self.world.any(bool(self.engine.log.bad.item())):
            kept = self.run is not None and self.run.checkpoint.exists()
            where = f"the last good checkpoint is {self.run.checkpoint}" if self.run and kept else "nothing is kept"
            raise DivergedError(
                f"the loss is not finite any more (noticed at step {self.progress.step}): the run has diverged; "
                f"{where}; lower optimizers.*.lr, or set train.precision=fp32"
            )

    def _log(self, reporter: Reporter) -> dict[str, float]:
        """A log line; the losses in it."""
        self.check_finite()
        step, interval = self.progress.step, self._interval
        values = self._means()
        seconds = interval.seconds
        speed = interval.steps * self.images_per_step / seconds
        record = {
            "step": step,
            "images": step * self.images_per_step,
            "time": time.time(),
            **values,
            "lr": self._rates(),
            **({"total": self.total, "elapsed_s": self.budget.elapsed()} if self.budget else {}),
            "images_per_s": speed,
            "waiting_for_data": interval.waited / seconds,
            "critic_forwards": self.engine.log.critic_forwards,
        }
        self._interval = Interval()
        if self.run and self.world.is_main:
            self.run.append("log.jsonl", record)
        self._draw(values)
        self._draw(self._rates(), "lr/")
        self._watch_critic(values, reporter)
        shown = {name.removeprefix("generator/"): value for name, value in values.items() if name.count("/") == 1}
        reporter.advance(step, {**shown, "images/s": speed})
        return values

    def _means(self) -> dict[str, float]:
        """The mean of everything noted since the last log line, over all processes; the notes begin anew."""
        means = self.engine.log.means()
        flat = self.world.all_reduce_mean(torch.stack(list(means.values())))
        self.engine.log.clear()
        return dict(zip(means, flat.tolist(), strict=True))

    def _rates(self) -> dict[str, float]:
        """Learning rates of the step that was just made."""
        rates = {"generator": self.engine.parents[0].optimizer.param_groups[0]["lr"]}
        if self.engine.critics is not None:
            rates["critic"] = self.engine.critics.optimizer.param_groups[0]["lr"]
        return rates

    def _draw(self, values: Mapping[str, float], prefix: str = "") -> None:
        if self._events is not None:
            for name, value in values.items():
                self._events.add_scalar(f"{prefix}{name}", value, self.progress.step)

    def _validate(self, reporter: Reporter) -> bool:
        """One validation; True when training should stop early."""
        self.check_finite()
        if self.validate is None:
            return False
        state = self.progress
        began = time.monotonic()
        with self.budget.validating() if self.budget else nullcontext():
            validation = self.validate(self.engine.parents[0].shadow(), state.step)
        self._interval.began += time.monotonic() - began
        if self._events is not None and self.run:
            add_sheet(self._events, self.run.sample_sheet(state.step), state.step)
        state.last_metrics = dict(validation.metrics)
        if not validation.metrics:
            return False
        value = validation.metrics.get(self.selection)
        better = state.judge(value, value is not None and higher_is_better(self.selection))
        if better:
            self._write_weights("best")
        text = "  ".join(f"{name} {number:.4f}" for name, number in validation.metrics.items())
        reporter.note(f"validation at step {state.step}: {text}{'  (best)' if better else ''}")
        if self.run and self.world.is_main:
            self._record(self.run, validation, better)
        self._draw(validation.metrics, "validation/")
        return self.exhausted()

    def _record(self, run: Run, validation: Validation, better: bool) -> None:
        step = self.progress.step
        record = {"step": step, "best": better, **validation.metrics, "protocol": validation.protocol}
        run.append("validation.jsonl", record)
        if validation.rows:
            run.write_rows(step, validation.rows)

    def _show(self, reporter: Reporter, ended: str = "") -> None:
        """Let people see where the run is, outside of the time that images a second are counted in."""
        if self.show is None or not self.world.is_main:
            return
        began = time.monotonic()
        failure = self.show(self.progress.step, self.total, ended)
        if failure:
            reporter.note(failure)
        self._interval.began += time.monotonic() - began

    def _tell(self, losses: Mapping[str, float], *, validated: bool) -> None:
        """Tell the callback of a log line, a validation or both, outside of the time as `_show`."""
        if self.callback is None or not self.world.is_main or not (losses or validated):
            return
        began, state = time.monotonic(), self.progress
        metrics = state.last_metrics if validated else {}
        if wants_to_stop(self.callback(Status(state.step, self.total, losses, dict(metrics), state.best))):
            self.stop.asked = True
        self._interval.began += time.monotonic() - began

    def exhausted(self) -> bool:
        """Whether ``train.patience`` is used up."""
        patience = self.plan.patience
        return patience is not None and self.progress.since_best >= patience

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do: all steps made, or stopped early with no more patience now."""
        return self.progress.finished and (self.exhausted() or self.progress.step >= self.total)

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
        """Weights and the whole state, if everything in it is finite.

        Raises:
            RunError: something is not, or the disk refuses; what was saved before is still there.
        """
        for player in self.engine.players:
            # a finite loss may have an infinite gradient, whose update no objective has seen yet
            for parameter in player.parameters:
                self.engine.log.check(parameter.sum())
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
                    **({"clock": {**self.budget.state_dict(), "total": self.total}} if self.budget else {}),
                }
            )

    def resume(self, state: Mapping[str, Any]) -> None:
        """Go on from a checkpoint's state (logs are cut back to it).

        Raises:
            KeyError, ValueError, RuntimeError, IndexError: the state is another engine's, or of other processes.
        """
        if len(state["processes"]) != self.world.size:
            raise ValueError(f"saved by {len(state['processes'])} processes, these are {self.world.size}")
        self.engine.load_state_dict(state["engine"])
        self.engine.load_local_state(state["processes"][self.world.rank])
        self.progress = Progress(**state["progress"])
        if self.budget and "clock" in state:
            self.total = state["clock"]["total"]
            self.budget.load_state_dict({name: value for name, value in state["clock"].items() if name != "total"})
        else:
            # a checkpoint of before the clock was kept: its total was resolved for good
            self.budget = None
        if self.run and self.world.is_main:
            self.run.cut_logs(state["logs"])
