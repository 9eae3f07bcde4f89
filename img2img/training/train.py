"""A whole training: settings in, a run directory out; the same call again goes on where it stopped."""

from __future__ import annotations

import os
import platform
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import img2img
from img2img.compute.distributed import World
from img2img.compute.memory import keep_freed_memory
from img2img.compute.precision import Precision
from img2img.config import plain, read_yaml
from img2img.data import Data, Samples, open_data
from img2img.data.loader import Stream
from img2img.doctor import quick
from img2img.engine.step import Engine
from img2img.errors import UserError, on_the_way
from img2img.files import check_folder, inside
from img2img.inference import Shape, header_for, translator_of
from img2img.metrics import mean, measure
from img2img.networks.base import check_training_shape
from img2img.progress import duration, say
from img2img.recipes.differences import differences, value_at
from img2img.recipes.method import build_players
from img2img.recipes.settings import Settings, from_tree
from img2img.reports.figures import grid, save_png, scatter, vectors_side_by_side
from img2img.training.loop import Forecast, Progress, Trainer, Validation, remove_stale
from img2img.training.run_folder import Run

# on resume these may differ from the first start
MAY_CHANGE_ON_RESUME = {
    "train.workers",
    "train.checkpoint_every",
    "train.validate_every",
    "train.log_every",
    "train.samples",
    "train.patience",
    "train.tensorboard",
    "data.path",
    "data.cache_mb",
}

# spread of made samples over that of real ones below which a generator has collapsed
COLLAPSED = 0.05
# below so many training pictures a critic knows them by heart
FEW = 50


@dataclass(frozen=True)
class Outcome:
    """How a training ended."""

    progress: Progress
    total: int
    run: Run | None
    signal: int | None


def train(
    settings: Settings,
    world: World,
    output: Path | None,
    *,
    command: Sequence[str] = (),
    threads: int | None = None,
) -> Outcome:
    """Train as ``settings`` say, into ``output`` (None: nothing is kept on disk).

    Raises:
        UserError: data or configuration do not fit, or ``output`` holds another run; nothing was written.
        RunError: the run diverged, the disk is full, or another process died.
    """
    run = Run(output) if output else None
    if settings.train.tensorboard:
        _summary_writer()
    if run is not None and settings.data.path is not None and inside(run.folder, Path(settings.data.path)):
        raise UserError(f"--output {run.folder}: lies inside the data {settings.data.path}; name a folder outside them")
    if run is not None:
        check_folder(run.folder, "--output")
    old = _previous(run, settings) if run else None
    # also a rendezvous: nothing is written before every process has looked
    if len({saved is None for saved in world.all_gather(old)}) > 1:
        raise UserError(
            f"--output {output}: some processes see an earlier start there and some do not; use a shared disk"
        )
    if old is not None:
        if threads and threads != old["threads"]:
            raise UserError(
                f"--threads {threads}: this run was started with {old['threads']}, which its results depend on to the "
                f"last bit; leave --threads out, or train with another --output"
            )
        if old["processes"] != world.size:
            raise UserError(
                f"--output {output}: was started with {old['processes']} processes, now there are {world.size}; "
                f"each holds a part of the state: start as many, or train with another --output"
            )
        torch.set_num_threads(old["threads"])
    elif threads:
        torch.set_num_threads(threads)
    if settings.train.deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True)
    keep_freed_memory()
    data = open_data(settings.data, settings.train.seed)
    if run is not None:
        _check_data(run, data, old)
    shape = shape_of(data.train, settings)
    engine = build_engine(settings, shape, world, Precision("fp32", world.device))
    method, plan = settings.method, settings.train
    share = plan.batch // world.size
    if plan.batch % world.size or (share // plan.accumulate) * plan.accumulate != share:
        raise UserError(
            f"train.batch={plan.batch} cannot be shared evenly among {world.size} processes"
            f"{f' in {plan.accumulate} micro-batches' if plan.accumulate > 1 else ''}"
        )
    if plan.accumulate > 1:
        obstacle = method.accumulation_obstacle() or _batch_norm(engine)
        if obstacle:
            raise UserError(f"train.accumulate={plan.accumulate}: gradients cannot be summed over parts: {obstacle}")
    _check_shapes(engine, data.train, share // plan.accumulate)
    if plan.compile:
        _compile(engine)
    source = Stream(
        data.train, batch=plan.batch, seed=plan.seed, workers=plan.workers, rank=world.rank, world=world.size
    )
    validator = Validator(data.validation, settings, shape, world, run)
    selection = settings.selection if data.validation is not None else "none"
    trainer = Trainer(
        engine,
        source,
        method.build_schedule(),
        plan,
        1,
        world=world,
        run=run,
        validate=validator if data.validation is not None else None,
        selection=selection,
        chosen_on=validator.digests() if selection != "none" else (),
        header=header_for(settings.tree, plain(method), shape, plan.seed),
    )
    state = run.load_checkpoint(world.device) if run else None
    if run and old is not None and state is not None:
        resolved = old["resolved"]
        trainer.total = _total(settings, resolved, len(data.train), engine, state)
        engine.precision = Precision(resolved["precision"], world.device)
        try:
            trainer.resume(state)
        except (KeyError, ValueError, RuntimeError, IndexError) as error:
            raise UserError(
                f"{run.checkpoint}: was written by another configuration or number of processes; "
                f"train with another --output"
            ) from error
    if world.is_main:
        for note in (*data.notes, *quick(settings.data, settings.task_name)):
            say(note)
        if engine.critics is not None and len(data.train) < FEW:
            say(f"only {len(data.train)} samples to train on: a critic soon knows so few by heart; look at validation")
    if run and old is not None and state is not None:
        early = trainer.exhausted()
        if trainer.progress.finished and (early or trainer.progress.step >= trainer.total):
            if world.is_main:
                steps = f"{trainer.total} steps"
                if early:
                    steps = f"stopped early at step {trainer.progress.step} of {trainer.total} by train.patience"
                say(f"{run.folder}: this run is finished ({steps}); nothing to do")
            return Outcome(trainer.progress, trainer.total, run, None)
        trainer.progress.finished = False
        if world.is_main:
            say(f"{run.folder}: going on from step {trainer.progress.step} of {trainer.total}")
            # what may change on resume is true for the rest of the run
            run.write_yaml(run.config, settings.tree)
    else:
        if run and world.is_main:
            sheet = pair_sheet(data.train, plan.seed)
            _check_space(run, engine)
            run.create()
            run.cut_logs({})
            if sheet is not None:
                save_png(run.folder / "pairs.png", sheet)
                say(f"labelled training pairs: {run.folder / 'pairs.png'} (look: is the source on the left?)")
        # a signal during the measurement is kept: the run then ends, saved, after its first step
        with on_the_way(), trainer.stop.watching():
            resolved = _resolve(settings, trainer, old)
        trainer.total = resolved["steps"]
        engine.precision = Precision(resolved["precision"], world.device)
        if run and world.is_main:
            _begin(run, settings, data, resolved, world, command)
    if run and world.is_main:
        remove_stale(run.folder)
        if plan.tensorboard:
            trainer.tensorboard = _summary_writer()(str(run.folder / "tensorboard"))
    with on_the_way():
        progress = trainer.loop()
    if trainer.tensorboard is not None:
        trainer.tensorboard.close()
    return Outcome(progress, trainer.total, run, trainer.stop.signal)


def shape_of(samples: Samples, settings: Settings) -> Shape:
    """Channels and training size, read off one sample."""
    sample = samples.sample(0, 0, settings.train.seed)
    target = sample.get("target")
    source = sample.get("source", target)
    if source is None:
        raise UserError("the data set gives neither source nor target")
    target = source if target is None else target
    size = int(target.shape[-1]) if target.ndim == 3 else None
    return Shape(source=int(source.shape[0]), target=int(target.shape[0]), size=size)


def build_engine(settings: Settings, shape: Shape, world: World, precision: Precision) -> Engine:
    """The engine of a method for data of a shape, initialised from the seed."""
    scaled = settings.train.precision == "fp16"
    parents, critics, pools = build_players(
        settings.method,
        source=shape.source,
        target=shape.target,
        size=shape.size,
        seed=settings.train.seed,
        init=settings.train.init,
        world=world,
        scaled=scaled,
    )
    return Engine(
        settings.method.rules(),
        parents,
        critics,
        pools,
        world=world,
        precision=precision,
        seed=settings.train.seed,
        batch=settings.train.batch,
        accumulate=settings.train.accumulate,
    )


def _batch_norm(engine: Engine) -> str | None:
    for player in engine.players:
        for module in player.networks.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                return "batch normalisation takes its statistics over the whole batch"
    return None


def _check_shapes(engine: Engine, samples: Samples, batch: int) -> None:
    """Refuse a batch that would give a normalisation one value per channel."""
    sample = samples.sample(0, 0, 0)
    for name, network in engine.parents[0].networks.items():
        source = sample.get("target" if name == "to_source" else "source")
        if source is not None and source.ndim == 3:
            extra = engine.rules.flow.channels(0, 0)[0][0]
            check_training_shape(network, (batch, source.shape[0] + extra, *source.shape[1:]))
        elif source is None:
            check_training_shape(network, (batch, engine.rules.flow.channels(0, 0)[0][0]))
    target = sample.get("target")
    if engine.critics is not None and target is not None:
        source = sample.get("source")
        given = int(source.shape[0]) if source is not None else int(target.shape[0])
        channels = engine.rules.flow.critic_channels(given, int(target.shape[0]), engine.rules.conditional)
        for network, count in zip(engine.critics.networks.values(), channels, strict=True):
            check_training_shape(network, (batch, count, *target.shape[1:]))


def _compile(engine: Engine) -> None:
    if len(engine.rules.games) > 1:
        raise UserError("train.compile=true: children of several games are copies, which lose what was compiled")
    for player in engine.players:
        for network in player.networks.values():
            network.compile()


def _summary_writer() -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise UserError("train.tensorboard=true needs the extra: pip install 'img2img[tensorboard]'") from error
    return SummaryWriter


def _previous(run: Run, settings: Settings) -> dict[str, Any] | None:
    """What an earlier start of the same run has written, after checking that this is the same run.

    Raises:
        UserError: the directory holds another run (naming the fields), or something else.
    """
    folder = run.folder
    if folder.exists() and not folder.is_dir():
        raise UserError(f"--output {folder}: is a file, a directory is needed")
    if not run.config.exists():
        # what a start that was killed before its config.yaml may have left
        begun = {run.manifest, run.environment, folder / "pairs.png"}
        if folder.exists() and any(path not in begun and path.suffix != ".tmp" for path in folder.iterdir()):
            raise UserError(f"--output {folder}: holds other files, but no run; name a new or empty directory")
        return None
    before = from_tree(read_yaml(run.config), str(run.config))
    changed = [name for name in differences(before.tree, settings.tree) if name not in MAY_CHANGE_ON_RESUME]
    if "train.steps" in changed and before.train.steps and settings.train.steps:
        if settings.method.build_schedule().needs_total:
            raise UserError(
                f"--output {folder}: train.steps cannot change, since the schedule depends on the total; "
                f"train with another --output"
            )
        changed.remove("train.steps")
    if changed:
        lines = "; ".join(
            f"{name} was {value_at(before.tree, name)!r}, now {value_at(settings.tree, name)!r}"
            for name in sorted(changed)
        )
        raise UserError(f"--output {folder}: holds a run of another configuration ({lines}); name another directory")
    environment: dict[str, Any] = run.read_json(run.environment)
    if not isinstance(environment, dict) or not {"threads", "processes", "resolved"} <= environment.keys():
        raise UserError(f"{run.environment}: is not what training writes; train with another --output")
    return environment


def _check_data(run: Run, data: Data, old: Mapping[str, Any] | None) -> None:
    """The data's path may change between starts, their content not."""
    if old is None or not run.manifest.exists():
        return
    before = run.read_json(run.manifest)
    if before.get("hash") != data.manifest.get("hash"):
        raise UserError(
            f"--output {run.folder}: its data have changed since ({run.manifest} has hash "
            f"{str(before.get('hash'))[:12]}, now {str(data.manifest.get('hash'))[:12]}); train with another --output"
        )


def _total(
    settings: Settings, resolved: Mapping[str, Any], samples: int, engine: Engine, state: Mapping[str, Any]
) -> int:
    done = int(state["progress"]["step"])
    total = settings.train.steps or int(resolved["steps"])
    if total < done:
        raise UserError(f"train.steps={total}, but this run has already done {done} steps; ask for at least {done}")
    return total


def _resolve(settings: Settings, trainer: Trainer, old: Mapping[str, Any] | None) -> dict[str, Any]:
    """Precision and steps, resolved once by a short measurement; an earlier start's answers are kept."""
    plan, world = settings.train, trainer.world
    if old is not None:
        # nothing has been saved yet, so that the steps asked for may be any
        return {**old["resolved"], **({"steps": plan.steps} if plan.steps else {})}
    auto = plan.precision == "auto"
    precisions = ["fp32", "bf16"] if auto else [plan.precision]
    # a longer look where the answer decides something
    decides = auto or plan.minutes is not None
    forecast: Forecast = trainer.measure(precisions, 6.0 if decides else 0.0)
    per_step = forecast.seconds_per_step + forecast.seconds_per_validation / plan.validate_every
    steps = plan.total_steps(len(trainer.source.samples), trainer.engine.rules.batches, per_step)  # type: ignore[attr-defined]
    if world.is_main:
        if auto:
            figures = ", ".join(f"{name} {seconds * 1000:.0f} ms" for name, seconds in forecast.measured.items())
            say(f"precision {forecast.precision} (a step takes {figures})")
        images = steps * trainer.images_per_step
        say(
            f"{steps} steps of {plan.batch} images ({images / len(trainer.source.samples):.1f} passes), "  # type: ignore[attr-defined]
            f"about {duration(steps * per_step)}; memory about {forecast.memory_bytes / 2**30:.1f} GB; "
            f"checkpoint about {_state_bytes(trainer.engine) / 2**20:.0f} MB"
        )
    return {
        "steps": world.broadcast(steps),
        "precision": world.broadcast(forecast.precision),
        "seconds_per_step": forecast.seconds_per_step,
        "seconds_per_validation": forecast.seconds_per_validation,
        "memory_bytes": forecast.memory_bytes,
        "measured": dict(forecast.measured),
    }


def _state_bytes(engine: Engine) -> int:
    total = 0
    for player in engine.players:
        size = sum(parameter.numel() * parameter.element_size() for parameter in player.parameters)
        total += size * (4 if player.ema else 3)
    return total


def _begin(
    run: Run, settings: Settings, data: Data, resolved: Mapping[str, Any], world: World, command: Sequence[str]
) -> None:
    """Write what describes the run, config.yaml last: it marks the directory as a run."""
    run.write_json(run.manifest, data.manifest)
    run.write_json(
        run.environment,
        {
            "img2img": img2img.__version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
            "platform": platform.platform(),
            "device": str(world.device),
            "device_name": torch.cuda.get_device_name(world.device) if world.device.type == "cuda" else _processor(),
            "threads": torch.get_num_threads(),
            "processes": world.size,
            "seed": settings.train.seed,
            "command": list(command),
            "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "resolved": dict(resolved),
        },
    )
    run.write_yaml(run.config, settings.tree)


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


class Validator:
    """Metrics on fixed pictures, the same path as inference; a sample sheet for people to look at."""

    def __init__(
        self, samples: Samples | None, settings: Settings, shape: Shape, world: World, run: Run | None
    ) -> None:
        self.samples = samples
        self.settings = settings
        self.shape = shape
        self.world = world
        self.run = run

    def digests(self) -> tuple[str, ...]:
        """What identifies the pictures that are validated on, wherever and under whatever name they lie."""
        samples = self.samples
        if samples is None:
            return ()
        count = min(len(samples), self.settings.train.validation_images)
        return tuple(samples.digest(index) for index in range(count))

    def __call__(self, networks: nn.ModuleDict, step: int) -> Validation:
        samples, plan = self.samples, self.settings.train
        if samples is None or len(samples) == 0:
            return Validation({})
        translator = translator_of(networks, self.settings.method, self.shape, self.world.device, "fp32", plan.seed)
        if translator.flow.from_noise:
            self._noise_sheet(translator, step)
            return Validation({})
        count = min(len(samples), plan.validation_images)
        protocol, asked = self.settings.protocol, self.settings.task.metrics
        rows: list[tuple[str, str, float, str]] = []
        sheet: list[list[np.ndarray[Any, Any]]] = []
        for index in range(self.world.rank, count, self.world.size):
            pair = samples.whole(index)
            made = translator.pixels(pair["source"], pair.get("mask"))
            if self.settings.task.selection != "none":
                name = samples.names[index]
                taken = measure(protocol, asked, made, pair["target"], self.world.device)
                rows += [(name, metric, *value) for metric, value in taken.items()]
            if index < plan.samples:
                sheet.append([pair["source"], made, pair["target"]])
        if self.run and step >= 0:
            gathered = self.world.all_gather(sheet)
            if self.world.is_main and any(gathered):
                self.run.samples.mkdir(parents=True, exist_ok=True)
                flat = [row for part in gathered for row in part]
                save_png(self.run.samples / f"step-{step}.png", grid(flat, ["source", "result", "target"]))
        rows = [row for part in self.world.all_gather(rows) for row in part]
        metrics: dict[str, float] = {}
        if self.settings.task.selection != "none":
            for metric in protocol.names(asked):
                metrics[metric] = mean([value for _, name, value, _ in rows if name == metric])[0]
        return Validation(metrics, sorted(rows), protocol.line(asked))

    def _noise_sheet(self, translator: Any, step: int) -> None:
        if not (self.run and self.world.is_main) or step < 0 or self.samples is None:
            return
        self.run.samples.mkdir(parents=True, exist_ok=True)
        path = self.run.samples / f"step-{step}.png"
        count = 1000 if self.shape.size is None else 16
        made = translator.samples(count).numpy()
        real = np.stack([self.samples.sample(0, i % len(self.samples), 0)["target"].numpy() for i in range(count)])
        if step > 0 and made.std(0).mean() < COLLAPSED * real.std(0).mean():
            say(f"step {step}: the generator makes nearly the same thing of every z (collapse): see {path}")
        if self.shape.size is None:
            save_png(path, scatter(made, real))
        else:
            save_png(path, vectors_side_by_side(made, real))


def pair_sheet(samples: Samples, seed: int, count: int = 4) -> np.ndarray[Any, Any] | None:
    """Training samples as the networks will see them, labelled, so that a wrong direction is seen at once.

    None where the samples are no pictures (vectors).
    """
    rows: list[list[np.ndarray[Any, Any]]] = []
    labels: list[str] = []
    for index in range(min(count, len(samples))):
        sample = samples.sample(0, index, seed)
        pictures = {name: value for name, value in sample.items() if value.ndim == 3}
        if not pictures:
            return None
        labels = list(pictures)
        rows.append([_for_eyes(value) for value in pictures.values()])
    names = {"source": "source (what goes in)", "target": "target (what should come out)"}
    return grid(rows, [names.get(label, label) for label in labels])


def _for_eyes(values: torch.Tensor) -> np.ndarray[Any, Any]:
    pixels = ((values.clamp(-1, 1) + 1) * 127.5).round().byte()
    if pixels.shape[0] == 1:
        pixels = (values * 255).byte().expand(3, -1, -1)
    array: np.ndarray[Any, Any] = pixels[:3].permute(1, 2, 0).contiguous().numpy()
    return array


def _check_space(run: Run, engine: Engine) -> None:
    """Refuse to begin what cannot be saved: the checkpoint, its successor beside it, and the weights."""
    place = run.folder.resolve()
    while not place.exists():
        place = place.parent
    free, needed = shutil.disk_usage(place).free, 3 * _state_bytes(engine)
    if 0 < free < needed:
        raise UserError(
            f"--output {run.folder}: the disk is too full: the run needs about {needed / 2**20:.0f} MB, "
            f"{free / 2**20:.0f} MB are free"
        )
