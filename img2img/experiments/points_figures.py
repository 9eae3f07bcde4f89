"""Figures of the table of mixtures: quality over updates and over time, films, which mutations survived."""

from __future__ import annotations

import torch

from img2img.data.modes import mixture_modes
from img2img.experiments.job import Reproduction
from img2img.experiments.plan import Plan
from img2img.experiments.survivors import draw_survivors
from img2img.metrics.sets import modes
from img2img.progress import say
from img2img.reports.figures import save_png
from img2img.reports.films import Frame, chosen, filmstrip
from img2img.reports.plots import curves_plot
from img2img.training.points import kept_steps, read_points

Line = tuple[list[float], list[float]]


def draw_figures(job: Reproduction, plan: Plan, set_name: str, frames: int) -> None:
    """Curves of high quality, a film of each arm's first seed, and survivors where an arm has some."""
    data = job.settings(set_name, job.asked.arms[0], ("train.steps=1",)).data
    known = mixture_modes(data.mixture)
    if known is None:
        return
    folder = job.folder(set_name)
    title = f"{job.table.sets[set_name].title}: share of points of high quality, a line a seed"
    by_updates, by_seconds = _quality(job, plan, set_name, known)
    save_png(folder / "quality_by_updates.png", curves_plot(by_updates, title, "generator updates"))
    save_png(folder / "quality_by_time.png", curves_plot(by_seconds, title, "seconds"))
    drawn = ["quality_by_updates.png", "quality_by_time.png"]
    films = {arm: _film(job, set_name, arm, frames, known) for arm in plan.runs[set_name]}
    if films := {arm: film for arm, film in films.items() if film}:
        save_png(folder / "film.png", filmstrip(films, known[0].numpy()))
        drawn.append("film.png")
    drawn += [path.name for path in draw_survivors(job, plan, set_name)]
    say(f"{set_name}: {', '.join(str(folder / name) for name in drawn)}")


def _quality(
    job: Reproduction, plan: Plan, set_name: str, known: tuple[torch.Tensor, float]
) -> tuple[dict[str, list[Line]], dict[str, list[Line]]]:
    """High quality at each look of every run, by generator updates and by seconds."""
    by_updates: dict[str, list[Line]] = {}
    by_seconds: dict[str, list[Line]] = {}
    for arm, its in plan.runs[set_name].items():
        method = job.settings(set_name, arm, ("train.steps=1",)).method
        updates, seconds = method.parents * len(method.games), its.seconds_per_step[plan.precision]
        for seed in range(job.asked.seeds):
            found = kept_steps(job.run_folder(set_name, arm, seed))
            shares = [modes(torch.from_numpy(read_points(path)[0]), *known)[1] for path in found.values()]
            by_updates.setdefault(arm, []).append(([step * updates for step in found], shares))
            by_seconds.setdefault(arm, []).append(([step * seconds for step in found], shares))
    return by_updates, by_seconds


def _film(job: Reproduction, set_name: str, arm: str, frames: int, known: tuple[torch.Tensor, float]) -> list[Frame]:
    """A few looks of an arm's first seed, with modes and high quality written over each."""
    found = kept_steps(job.run_folder(set_name, arm, 0))
    film = []
    for step in chosen(list(found), frames):
        points, surface = read_points(found[step])
        covered, share = modes(torch.from_numpy(points), *known)
        film.append(Frame(step, points, surface, f"{covered}/{len(known[0])} modes, {share:.0%} HQ"))
    return film
