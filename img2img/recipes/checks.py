"""Combinations of a method's keys that make no sense, refused with the keys' names before anything is built."""

from __future__ import annotations

from typing import Any

from img2img.config import choose
from img2img.engine.optimizers import OPTIMIZERS
from img2img.errors import UserError
from img2img.losses import FITNESS
from img2img.networks import CRITICS, GENERATORS
from img2img.recipes.method import PENALTY_NEEDS, Method, by_name, name_of
from img2img.recipes.terms import needs


def check(method: Method) -> None:
    """Refuse combinations without sense.

    Raises:
        UserError: naming the keys.
    """
    critics = _entries(method)
    _losses_have_a_critic(method)
    _flow_gives_what_is_asked(method)
    # a critic without this key is looked at when it is built
    if method.penalised() and any(getattr(critic, "norm", None) == "batch" for critic in critics):
        raise UserError(PENALTY_NEEDS)
    _simultaneous(method)
    _selection(method)
    _about_the_critic(method)
    _parents_and_pool(method)


def _entries(method: Method) -> list[Any]:
    """Every name must be in its register, with options that it has; gives the critics' options."""
    flow = method.build_flow()
    for _, spec, where in by_name(method.generator_spec()[0], flow.networks, "generator"):
        network = choose(GENERATORS, spec, "generator", where)
        if getattr(network, "centre_only", False) and method.generator_spec()[1].norm == "batch":
            raise UserError(
                f"{where} {name_of(spec)!r} has one value a channel in its neck, which a picture's own statistics "
                f"would make 0: set generator.inference.norm=running"
            )
        if getattr(network, "centre_only", False) and not flow.centre_only:
            raise UserError(
                f"{where} {name_of(spec)!r} makes the middle of a picture alone, for a hole there, but flow is "
                f"{name_of(method.flow)!r}: set flow=patch (--task inpaint), or take another generator"
            )
    for player in ("generator", "critic"):
        choose(OPTIMIZERS, getattr(method.optimizers, player), "optimizer", f"optimizers.{player}")
    method.build_schedule()
    method.generator_terms()
    method.critic_terms()
    critics = []
    if method.critic is not None:
        specs = by_name(method.critic, flow.critics, "critic")
        critics = [choose(CRITICS, spec, "critic", where) for _, spec, where in specs]
    method.build_games()
    method.build_selection()
    if method.fitness is not None:
        choose(FITNESS, method.fitness, "fitness", "fitness")
    return critics


def _losses_have_a_critic(method: Method) -> None:
    critic_terms = method.critic_terms()
    if method.critic is None:
        if critic_terms:
            raise UserError("critic_losses are given, but critic is null: name a critic or drop the losses")
        for term in method.generator_terms():
            if needs(term.loss) & {"critic", "features"}:
                raise UserError(f"generator_losses.{term.name} needs a critic, but critic is null")
    elif not any(term.weight for term in critic_terms):
        raise UserError("a critic without a critic loss never learns: give critic_losses a weight, or critic: null")


def _flow_gives_what_is_asked(method: Method) -> None:
    flow, name = method.build_flow(), name_of(method.flow)
    if method.conditional and not flow.conditions:
        raise UserError(f"conditional: true has no meaning in flow {name!r}")
    images = {f"image:{image}" for image in flow.makes}
    for term in method.generator_terms():
        missing = {need for need in needs(term.loss) if need.startswith("image:")} - images
        if missing:
            names = ", ".join(sorted(need.removeprefix("image:") for need in missing))
            raise UserError(f"generator_losses.{term.name} needs images that flow {name!r} does not make: {names}")


def _simultaneous(method: Method) -> None:
    if not method.simultaneous:
        return
    if method.critic_steps != 1 or method.parents > 1 or len(method.games) > 1:
        raise UserError("simultaneous: true needs critic_steps: 1, one parent and one game")
    if method.order != "critics_first":
        raise UserError("simultaneous: true and order contradict each other: leave order at critics_first")


def _selection(method: Method) -> None:
    if method.fitness is None:
        if len(method.games) > 1:
            raise UserError("several games make children to choose from: name a fitness")
        if method.fitness_samples or method.parents_compete or name_of(method.survival) != "best":
            raise UserError(
                "fitness_samples, survival and parents_compete are about choosing among children: name a fitness"
            )
        return
    if len(method.games) == 1:
        raise UserError("a fitness chooses among the children of several games, but games has one entry")
    if method.critic is None:
        raise UserError("a fitness needs a critic, but critic is null")
    fitness = choose(FITNESS, method.fitness, "fitness", "fitness")
    given, needed = getattr(fitness, "values", None), getattr(method.build_selection(), "needs_values", 1)
    if given is not None and given < needed:
        raise UserError(
            f"survival={name_of(method.survival)} weighs {needed} values of each child against each other, and fitness "
            f"{name_of(method.fitness)!r} gives {given}: take quality_diversity with gamma above 0, or survival=best"
        )
    if getattr(fitness, "needs_probability", False) and not method.build_games()[1].cross_entropy:
        raise UserError(
            f"fitness {name_of(method.fitness)!r} reads the critic's logits as probabilities of real, which "
            f"critic_game {_critic_game(method)!r} does not teach: take minimax"
        )


def _about_the_critic(method: Method) -> None:
    if method.critic is None and (method.pool or method.order == "alternate_batches"):
        raise UserError("pool and order: alternate_batches are about the critic, but critic is null")


def _parents_and_pool(method: Method) -> None:
    selects = len(method.games) > 1
    if method.parents > 1 and not selects:
        raise UserError("several parents are only told apart by selection: give games more than one entry")
    if method.parents > 1 and method.order == "generator_first":
        raise UserError("order: generator_first is defined for one parent")
    if method.pool and selects:
        raise UserError("an image pool and a population cannot be used together: set pool: 0")


def accumulation_obstacle(method: Method) -> str | None:
    """Why gradients cannot be summed over micro-batches, or None: something looks across the batch."""
    for term in (*method.generator_terms(), *method.critic_terms()):
        if getattr(term.loss, "across_batch", False):
            return f"the loss {term.name!r} takes its statistic over the whole batch"
    games, critic_game = method.build_games()
    named = [*((mutation.name, mutation.game) for mutation in games), (_critic_game(method), critic_game)]
    for name, game in named:
        if game.needs_real:
            return f"the game {name!r} compares with the mean of the whole batch"
    if method.fitness:
        return "fitness is measured over the whole batch"
    if method.simultaneous:
        return "simultaneous updates use one forward of the whole batch"
    return None


def _critic_game(method: Method) -> str:
    return name_of(method.critic_game or method.games[0])
