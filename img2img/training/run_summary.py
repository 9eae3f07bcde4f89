"""A run directory in ten lines: what is trained on what, how far it is, and how well it does."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from img2img.config import Tree, build, read_yaml
from img2img.errors import UserError, nearest
from img2img.flows import starts_from_noise
from img2img.progress import duration
from img2img.recipes.describe import yaml_value
from img2img.recipes.train_config import TrainConfig
from img2img.training.run_folder import Run
from img2img.weights.file import read_header

Record = Mapping[str, Any]


def summarize(folder: Path) -> dict[str, str]:
    """What there is to say of a run directory, a line each by what it is about; nothing large is read.

    Raises:
        UserError: no run directory, or files in it that are damaged.
    """
    run = Run(folder)
    if not run.config.is_file():
        raise UserError(_no_run(folder))
    config = read_yaml(run.config)
    plan = build(TrainConfig, _section(config, "train"), f"{run.config}: train")
    environment = run.read_json(run.environment) if run.environment.is_file() else {}
    logged, validated = records(folder / "log.jsonl"), records(folder / "validation.jsonl")
    said = {
        "run": _run(folder, config, plan, environment),
        "data": _data(run, config),
        "networks": f"generator {yaml_value(config.get('generator'))}, critic {yaml_value(config.get('critic'))}",
        "losses": _losses(config),
        "progress": _progress(run, config, plan, environment, logged, validated),
        "speed": _speed(logged, environment),
        "last losses": _last_losses(logged),
        "validation": _validation(config, validated),
        "weights": _weights(run),
        "next": _next(run, config),
    }
    return {key: text for key, text in said.items() if text}


def records(path: Path) -> list[Record]:
    """The records of a log of JSON lines; one that a kill cut off is left out, as is a log that is not there yet."""
    if not path.is_file():
        return []
    found: list[Record] = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict) and isinstance(record.get("step"), int):
            found.append(record)
    return found


def _no_run(folder: Path) -> str:
    if folder.is_file():
        return f"{folder}: is a file; name the run directory, the --output of img2img train (holds config.yaml)"
    if not folder.is_dir():
        runs = [str(path.parent) for path in folder.parent.glob("*/config.yaml")] if folder.parent.is_dir() else []
        return f"{folder}: no such run directory{nearest(str(folder), runs) if runs else ''}"
    return f"{folder}: no run directory: config.yaml is missing; name the --output of img2img train"


def _section(tree: Any, key: str) -> Tree:
    found = tree.get(key) if isinstance(tree, Mapping) else None
    return dict(found) if isinstance(found, Mapping) else {}


def _run(folder: Path, config: Record, plan: TrainConfig, environment: Any) -> str:
    begun = environment.get("started", "") if isinstance(environment, Mapping) else ""
    when = f", begun {begun}" if begun else ""
    return f"{folder}: task {config.get('task')}, method {config.get('method')}, seed {plan.seed}{when}"


def _data(run: Run, config: Record) -> str:
    data = _section(config, "data")
    place = data.get("path") or "what is built in"
    manifest = run.read_json(run.manifest) if run.manifest.is_file() else {}
    files = manifest.get("files") if isinstance(manifest, Mapping) else None
    count = f", {len(files)} files" if isinstance(files, list) else ""
    # a folder of layout auto may hold pairs, for which nothing is made
    photos = data.get("path") is None or data.get("layout") == "photos"
    made = f", {data['synthesis']} made on them" if photos and data.get("synthesis", "none") != "none" else ""
    return f"{place}{count}{made}; {data.get('direction')}, crops of {yaml_value(data.get('crop'))} px"


def _losses(config: Record) -> str:
    sides = {"generator": "generator_losses", "critic": "critic_losses"}
    return "; ".join(f"{side} {yaml_value(config[key])}" for side, key in sides.items() if config.get(key))


def total_steps(plan: TrainConfig, environment: Any, logged: list[Record]) -> int | None:
    """The steps that a run is to have: as asked for, as its clock has them now, or as counted at the start."""
    last = logged[-1].get("total") if logged else None
    resolved = _section(environment, "resolved").get("steps")
    found = [value for value in (plan.steps, last, resolved) if isinstance(value, int)]
    return found[0] if found else None


def _progress(
    run: Run, config: Record, plan: TrainConfig, environment: Any, logged: list[Record], validated: list[Record]
) -> str:
    saved = read_header(run.weights("last")).step if run.weights("last").is_file() else None
    step = max((record["step"] for record in (*logged, *validated, {"step": saved or 0})), default=0)
    total = total_steps(plan, environment, logged)
    if total is None or not step:
        return f"step {step}" if step else "no step logged yet"
    text = f"step {step:,} of {total:,} ({step / total:.0%})"
    if step >= total:
        return f"{text}, finished"
    worse = _since_best(validated)
    if plan.patience is not None and worse >= plan.patience:
        return f"{text}, ended early: {worse} validations in a row were no better (train.patience)"
    kept = f", {saved:,} of them saved" if saved is not None and saved < step else ""
    return f"{text}{kept}{_when(run, logged, step, total)}"


def _when(run: Run, logged: list[Record], step: int, total: int) -> str:
    """How old the last line of a log is, and what is left at its speed."""
    ages = [path.stat().st_mtime for path in run.folder.glob("*.jsonl")]
    age = f", last heard of {duration(max(0.0, time.time() - max(ages)))} ago" if ages else ""
    pairs = [(record["step"], record["time"]) for record in logged[-2:] if isinstance(record.get("time"), float)]
    if len(pairs) < 2 or pairs[1][0] <= pairs[0][0]:
        return age
    pace = (pairs[1][1] - pairs[0][1]) / (pairs[1][0] - pairs[0][0])
    return f"{age}, about {duration(pace * (total - step))} of training left"


def _since_best(validated: list[Record]) -> int:
    best = [number for number, record in enumerate(validated) if record.get("best")]
    return len(validated) - 1 - best[-1] if best else len(validated)


def _speed(logged: list[Record], environment: Any) -> str:
    place = environment.get("device_name", "") if isinstance(environment, Mapping) else ""
    precision = _section(environment, "resolved").get("precision")
    on = f"{place}{f', {precision}' if precision else ''}"
    rate = logged[-1].get("images_per_s") if logged else None
    if not isinstance(rate, int | float):
        return on
    waiting = logged[-1].get("waiting_for_data")
    waited = f", {waiting:.0%} of the time waiting for data" if isinstance(waiting, int | float) else ""
    return f"{rate:.1f} images/s{waited}; {on}"


def _last_losses(logged: list[Record]) -> str:
    losses = {key: value for key, value in (logged[-1] if logged else {}).items() if "/" in key}
    return "  ".join(f"{key} {value:.4g}" for key, value in losses.items() if isinstance(value, int | float))


def _validation(config: Record, validated: list[Record]) -> str:
    named = config.get("metrics")
    metrics = named if isinstance(named, list) else []

    def values(record: Record) -> str:
        known = [(key, record[key]) for key in metrics if isinstance(record.get(key), int | float)]
        return f"{'  '.join(f'{key} {value:.4f}' for key, value in known)} at step {record['step']:,}"

    if not validated:
        return "none yet" if metrics else ""
    best = next((record for record in reversed(validated) if record.get("best")), None)
    first = f"best by {config.get('selection')}: {values(best)}" if best else ""
    last = f"last: {values(validated[-1])}" if best is not validated[-1] else ""
    return f"{'; '.join(text for text in (first, last) if text)} (protocol {config.get('protocol')})"


def _weights(run: Run) -> str:
    found = []
    for which in ("best", "last"):
        path = run.weights(which)
        if path.is_file():
            found.append(
                f"{path.relative_to(run.folder)} of step {read_header(path).step} ({path.stat().st_size / 1e6:.2f} MB)"
            )
    return ", ".join(found) or "none yet"


def _next(run: Run, config: Record) -> str:
    if not any(run.weights(which).is_file() for which in ("best", "last")):
        return ""
    given = "--samples 16" if starts_from_noise(config) else "--input photos"
    return f"img2img infer --weights {run.folder} {given} --output results"
