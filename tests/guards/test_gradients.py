"""Every loss reaches the players it should, through every layer it should, and nobody else.

In float64, where a derivative that is zero by mathematics and one that is merely small differ by ten digits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor

from conftest import CROPS, METHODS, TASKS, small
from img2img.compute.distributed import World
from img2img.compute.precision import Precision
from img2img.engine.forward import View
from img2img.engine.player import Player
from img2img.engine.step import Engine
from img2img.inference import Shape
from img2img.losses import CRITIC_LOSSES, GENERATOR_LOSSES
from img2img.training.build import build_engine
from img2img.types import Batch

Margin, Adversary = CRITIC_LOSSES["perceptual_margin"], GENERATOR_LOSSES["perceptual_adversarial"]
RELEASED = {1: 5.0, 4: 1.5, 6: 1.5, 8: 1.0}
Loss = Callable[[View], Tensor]
CASES = [(method, TASKS.get(method, "derain")) for method in METHODS]
CASES += [("nsgan", "images"), ("wgan_gp", "images"), ("egan", "images"), ("pan", "inpaint"), ("pix2pix", "inpaint")]


@pytest.fixture(autouse=True)
def double():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def engine_of(method: str, task: str, **extra: object) -> tuple[Engine, Batch]:
    """An engine whose weights have left where they begin (the identity, which passes no gradient), and a batch."""
    world = World()
    settings = small(method, task, **{"train.batch": 2, **extra})
    side = None if task == "toy" else 32 if task in ("images", "unpaired") else CROPS.get(method, 64)
    channels = 2 if side is None else 3
    shape = Shape(source=channels, target=channels, size=side)
    engine = build_engine(settings.method, settings.train, shape, world, Precision("fp32", world.device))
    torch.manual_seed(0)
    size = (8, 2) if side is None else (2, 3, side, side)
    source, target = torch.rand(size) * 2 - 1, torch.rand(size) * 2 - 1
    mask = None
    if task == "inpaint":
        mask = torch.zeros(2, 1, side, side)
        mask[:, :, 16:48, 16:48] = 1
    noise = engine.rules.flow.from_noise
    batch = Batch(source=None if noise else source, target=target, mask=mask, index=torch.arange(len(target)))
    engine.batch = len(batch)
    with torch.no_grad():
        for player in engine.players:
            for module in player.networks.modules():
                # a forward must not move what the next one divides by
                if hasattr(module, "n_power_iterations"):
                    module.eval()
            for parameter in player.parameters:
                parameter.add_(torch.randn_like(parameter), alpha=0.01)
            for module in player.networks.modules():
                # a spectral norm's vectors turn at each forward: two of the same weights would differ
                if hasattr(module, "n_power_iterations"):
                    module.n_power_iterations = 0
    return engine, batch


def view_of(engine: Engine, batch: Batch, side: str, game: int = 0) -> View:
    """A new forward of the first parent, the same each time, as one side sees it."""
    forward = engine.forward(1, "step0", [engine.parents[0]], batch, 0, graph=True)
    rules = engine.rules
    return forward.seen_by(side, rules.critic_game if side == "critic" else rules.games[game].game, side)


def players(engine: Engine, side: str) -> tuple[Player | None, Player | None]:
    """(who trains on this side, who must not)."""
    return (engine.critics, engine.parents[0]) if side == "critic" else (engine.parents[0], engine.critics)


def untouched(player: Player, gradients: Sequence[Tensor]) -> list[str]:
    """Names of the tensors whose gradient is nothing but rounding."""
    names = [name for name, _ in player.networks.named_parameters()]
    sizes = [gradient.abs().max().item() for gradient in gradients]
    return [name for name, size in zip(names, sizes, strict=True) if size <= 1e-12 * max(sizes)]


def values(engine: Engine, batch: Batch, side: str, game: int, losses: Sequence[Loss]) -> list[float]:
    view = view_of(engine, batch, side, game)
    return [loss(view).item() for loss in losses]


def assert_constant(engine: Engine, batch: Batch, side: str, game: int, names: Sequence[str], losses: Sequence[Loss]):
    """The losses stay what they are when these tensors change a little."""
    before = values(engine, batch, side, game, losses)
    tensors = dict(players(engine, side)[0].networks.named_parameters())
    with torch.no_grad():
        for name in names:
            tensors[name].add_(1e-7)
        after = values(engine, batch, side, game, losses)
        for name in names:
            tensors[name].sub_(1e-7)
    assert after == pytest.approx(before, rel=1e-12, abs=1e-12), names


# the margin is raised, so that the hinge is active
EXTRA = {
    "cyclegan": {"generator.blocks": 1},
    "pix2pixhd": {"generator.blocks": 1},
    **{name: {"generator.blocks": 1, "flow.layers": [0, 1, 2, 3], "flow.patches": 16} for name in ("cut", "fastcut")},
    **{name: {"critic_losses.perceptual_margin.margin": 100} for name in ("pan", "pa_cgan")},
    "pan_release": {"critic_losses.perceptual_margin.margin": 100, "generator.width": 4, "critic.width": 4},
}


@pytest.mark.parametrize(("method", "task"), CASES)
def test_every_loss_reaches_every_tensor_of_its_player_and_nobody_else(method, task):
    engine, batch = engine_of(method, task, **EXTRA.get(method, {}))
    rules = engine.rules
    turns = [("generator", game, rules.generator_losses) for game in range(len(rules.games))]
    for side, game, terms in (("critic", 0, rules.critic_losses), *turns):
        player, other = players(engine, side)
        view = view_of(engine, batch, side, game)
        constant: dict[frozenset[str], list[Loss]] = {}
        for term in terms:
            value = term.loss(view)
            gradients = player.gradients(value, retain=True)
            assert max(gradient.abs().max() for gradient in gradients) > 0, term.name
            if side == "critic":
                reached = torch.autograd.grad(value, other.parameters, retain_graph=True, allow_unused=True)
                assert set(reached) == {None}, term.name
            constant.setdefault(frozenset(untouched(player, gradients)), []).append(term.loss)
        # a tensor without a derivative must be one that the loss does not depend on
        for names, losses in constant.items():
            assert_constant(engine, batch, side, game, sorted(names), losses)
        # and what no loss moves is a bias that a normalisation or a difference of logits takes away again
        assert all(name.endswith("bias") for name in frozenset.intersection(*(constant or [frozenset()])))
    assert all(p.grad is None for player in engine.players for p in player.parameters)


def pan(first: str = "lrelu") -> tuple[Engine, Batch]:
    return engine_of("pan", "derain", **{"critic.first": first, "generator.name": "pan"})


def layer_of(name: str) -> int:
    """The layer a tensor of PAN's critic belongs to; the linear layer is the tenth."""
    return 10 if "linear" in name else int(name.split(".")[2]) + 1


@pytest.mark.parametrize("first", ["lrelu", "tanh"])
def test_p_reaches_the_generator_through_every_chosen_layer(first):
    engine, batch = pan(first)
    parent = engine.parents[0]
    view = view_of(engine, batch, "generator")
    single = {}
    for layer in RELEASED:
        loss = Adversary(layers={layer: 1.0})
        single[layer] = parent.gradients(loss(view), retain=True)
        zero = untouched(parent, single[layer])
        assert all(name.endswith("bias") for name in zero)
        assert_constant(engine, batch, "generator", 0, zero, [loss])
        (to_image,) = torch.autograd.grad(loss(view), view.images["fake"], retain_graph=True)
        assert to_image.abs().flatten(1).max(1).values.min() > 0
    # and the whole is the weighted sum of the parts
    whole = parent.gradients(Adversary(layers=RELEASED)(view), retain=True)
    for place, gradient in enumerate(whole):
        parts = sum(weight * single[layer][place] for layer, weight in RELEASED.items())
        torch.testing.assert_close(gradient, parts)


def test_p_is_minus_what_moves_the_generator_towards_the_target():
    # a small step along the gradient lowers P, and lowers the distance it is made of
    engine, batch = pan()
    parent = engine.parents[0]
    loss = Adversary(layers=RELEASED)
    value = loss(view_of(engine, batch, "generator"))
    gradients = parent.gradients(value)
    square = sum(gradient.square().sum() for gradient in gradients).item()
    rate = 1e-3 * value.item() / square
    with torch.no_grad():
        for parameter, gradient in zip(parent.parameters, gradients, strict=True):
            parameter.sub_(gradient, alpha=rate)
    after = loss(view_of(engine, batch, "generator")).item()
    assert after == pytest.approx(value.item() - rate * square, rel=1e-4)


def test_in_the_generators_step_the_real_side_is_a_constant():
    engine, batch = pan()
    target = batch.target.clone().requires_grad_()
    view = view_of(engine, Batch(source=batch.source, target=target, index=batch.index), "generator")
    value = Adversary(layers=RELEASED)(view)
    assert torch.autograd.grad(value, target, allow_unused=True) == (None,)
    match = view.matches[0]
    assert not any(feature.requires_grad for feature in view.real(match).features)
    assert all(feature.requires_grad for feature in view.fake(match).features)


@pytest.mark.parametrize("first", ["lrelu", "tanh"])
@pytest.mark.parametrize("hinge", ["batch", "sample"])
def test_the_hinge_reaches_the_critic_through_every_chosen_layer(first, hinge):
    engine, batch = pan(first)
    critics = engine.critics
    view = view_of(engine, batch, "critic")
    for layer in RELEASED:
        loss = Margin(layers={layer: 1.0}, margin=100.0, hinge=hinge)
        gradients = critics.gradients(loss(view), retain=True)
        names = [name for name, _ in critics.networks.named_parameters()]
        zero = untouched(critics, gradients)
        # the layers up to the chosen one learn from it, those behind it do not
        assert {name for name in zero if layer_of(name) > layer} == {name for name in names if layer_of(name) > layer}
        assert all(name.endswith("bias") for name in zero if layer_of(name) <= layer)
        for side in ("real", "fake"):
            verdict = getattr(view, side)(view.matches[0])
            slopes = torch.autograd.grad(loss(view), verdict.features[layer - 1], retain_graph=True)
            assert slopes[0].abs().max() > 0
        # at the margin and above it the hinge is silent, exactly
        value = Margin(layers={layer: 1.0}, margin=100.0)(view)
        silent = Margin(layers={layer: 1.0}, margin=1e-6, hinge=hinge)(view)
        assert silent.item() == 0
        assert value.item() > 0
        assert all(not gradient.any() for gradient in critics.gradients(silent, retain=True))


def test_the_hinge_is_opposite_to_p():
    # below the margin the critic's gradient is minus that of the same P, with both sides alive
    engine, batch = pan()
    view = view_of(engine, batch, "critic")
    critics = engine.critics
    hinge = critics.gradients(Margin(layers=RELEASED, margin=100.0)(view), retain=True)
    match = view.matches[0]
    real, fake = view.real(match).features, view.fake(match).features
    p = sum(weight * (fake[j - 1] - real[j - 1]).abs().mean() for j, weight in RELEASED.items())
    for mine, theirs in zip(hinge, critics.gradients(p), strict=True):
        torch.testing.assert_close(mine, -theirs)


def test_p_enters_the_generators_update_and_the_margin_the_critics():
    def after(**extra: object) -> tuple[list[Tensor], list[Tensor]]:
        # a fresh critic's P is above the released margin
        engine, batch = engine_of("pan", "derain", **{"critic_losses.perceptual_margin.margin": 30, **extra})
        engine.step(0, [batch])
        return [p.detach() for p in engine.parents[0].parameters], [p.detach() for p in engine.critics.parameters]

    plain = after()
    without_p = after(**{"generator_losses.perceptual_adversarial.weight": 0})
    without_margin = after(**{"critic_losses.perceptual_margin.weight": 0})
    assert not any(torch.equal(a, b) for a, b in zip(plain[0], without_p[0], strict=True) if a.ndim == 4)
    assert all(torch.equal(a, b) for a, b in zip(plain[1], without_p[1], strict=True))
    assert not torch.equal(plain[1][0], without_margin[1][0])


def test_the_gradient_penalty_enters_the_critics_update():
    def after(weight: float) -> list[Tensor]:
        engine, batch = engine_of("wgan_gp", "toy", **{"critic_losses.gradient_penalty": weight, "critic_steps": 1})
        engine.step(0, [batch])
        return [parameter.detach() for parameter in engine.critics.parameters]

    assert not torch.equal(after(0)[0], after(10)[0])
