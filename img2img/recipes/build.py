"""From a method to what trains: the step's rules, and players initialised from the seed."""

from __future__ import annotations

from torch import nn

from img2img.compute.distributed import World
from img2img.config import choose
from img2img.engine.optimizers import OPTIMIZERS, OptimizerOptions
from img2img.engine.player import Player
from img2img.engine.pool import ImagePool
from img2img.engine.rules import Rules
from img2img.errors import UserError
from img2img.losses import FITNESS
from img2img.networks.init import initialize
from img2img.networks.layout import to_device
from img2img.randomness import torch_generator
from img2img.recipes.blueprint import draw_up
from img2img.recipes.checks import check
from img2img.recipes.method import Method
from img2img.weights.header import Shape


def rules(method: Method) -> Rules:
    """What the step needs to know of a method.

    Raises:
        UserError: naming what makes no sense together.
    """
    check(method)
    games, critic_game = method.build_games()
    generator_losses = method.generator_terms()
    for term in generator_losses:
        # a loss that reads files says here, before anything is written, what is wrong with them
        getattr(term.loss, "prepare", lambda: None)()
    return Rules(
        flow=method.build_flow(),
        conditional=method.conditional,
        games=games,
        critic_game=critic_game,
        generator_losses=generator_losses,
        critic_losses=method.critic_terms(),
        fitness=choose(FITNESS, method.fitness, "fitness", "fitness") if method.fitness else None,
        fitness_samples=method.fitness_samples if method.fitness else None,
        selection=method.build_selection(),
        parents_compete=method.parents_compete,
        parents=method.parents,
        critic_steps=method.critic_steps if method.critic is not None else 0,
        order=method.order,
        simultaneous=method.simultaneous,
    )


def build_players(
    method: Method,
    *,
    shape: Shape,
    seed: int,
    init: str,
    world: World,
    scaled: bool,
    samples: int = 2,
) -> tuple[list[Player], Player | None, dict[str, ImagePool]]:
    """Parents, critics and pools of a method, initialised from the seed, on the world's device.

    Args:
        shape: what the networks are built for.
        init: name of the weights' initialisation.
        scaled: whether the gradients are those of a scaled loss (fp16).
        samples: how many samples a forward of the training takes.

    Raises:
        UserError: an optimiser that fp16 cannot be trained with; networks that cannot be built for these sizes.
    """
    generator_options, critic_options = _optimizers(method, scaled)
    blueprint = draw_up(method, shape, samples)
    parents = []
    for number in range(method.parents):
        generators = blueprint.build_generators()
        _prepare(generators, "generator", number, seed, init, world)
        half_life = method.ema_half_life_images
        parents.append(Player(generators, generator_options, world, ema_half_life_images=half_life, scaled=scaled))
    networks = blueprint.build_critics()
    critics = None
    if networks is not None:
        _prepare(networks, "critic", 0, seed, init, world)
        critics = Player(networks, critic_options, world, scaled=scaled)
    pools = {name: ImagePool(method.pool) for name in (networks or {})}
    return parents, critics, pools


def _optimizers(method: Method, scaled: bool) -> tuple[OptimizerOptions, OptimizerOptions]:
    """The optimisers of the generators and of the critics."""
    generator: OptimizerOptions = choose(OPTIMIZERS, method.optimizers.generator, "optimizer", "optimizers.generator")
    critic: OptimizerOptions = choose(OPTIMIZERS, method.optimizers.critic, "optimizer", "optimizers.critic")
    if scaled and not (generator.fused and critic.fused):
        raise UserError("train.precision=fp16 needs optimisers that can skip an update (adam, sgd): use bf16")
    return generator, critic


def _prepare(networks: nn.ModuleDict, stream: str, number: int, seed: int, init: str, world: World) -> None:
    """Initialise the networks of a player, whose ``number`` tells parents apart, and bring them to the device."""
    for name, network in networks.items():
        initialize(network, init, torch_generator(seed, f"init/{stream}/{name}", number))
        to_device(network, world.device)
