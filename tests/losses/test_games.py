"""Games against a table of values and gradients computed from the papers' formulas."""

from __future__ import annotations

import math

import pytest
import torch

from img2img.config import build
from img2img.errors import UserError
from img2img.losses import GAMES

# name: ((critic, generator) at r = f = 0, (critic, generator) at r = 2, f = -2)
VALUES = {
    "minimax": ((1.386294, -0.693147), (0.253856, -0.126928)),
    "non_saturating": ((1.386294, 0.693147), (0.253856, 2.126928)),
    "least_squares": ((1.0, 1.0), (5.0, 9.0)),
    "least_squares_probability": ((0.5, 0.25), (0.028419, 0.775804)),
    "wasserstein": ((0.0, 0.0), (-4.0, 2.0)),
    "hinge": ((2.0, 0.0), (0.0, 2.0)),
    "relativistic_average": ((1.386294, 1.386294), (0.0363, 8.0363)),
}
# dG/df at f = 0, -2, -5
GRADIENTS = {
    "minimax": (-0.5, -0.119, -0.0067),
    "non_saturating": (-0.5, -0.881, -0.993),
    "least_squares_probability": (-0.25, -0.185, -0.0132),
    "least_squares": (-2.0, -6.0, -12.0),
    "wasserstein": (-1.0, -1.0, -1.0),
    "hinge": (-1.0, -1.0, -1.0),
}
CROSS_ENTROPY = ("minimax", "non_saturating")
NAMES = sorted(GAMES)


def mean(values: torch.Tensor) -> torch.Tensor:
    return values.mean()


def logits(*values: float, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.tensor(values, dtype=dtype, requires_grad=True)


def test_every_game_has_its_row():
    assert set(VALUES) == set(GAMES)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("place", "r", "f"), [(0, 0.0, 0.0), (1, 2.0, -2.0)])
def test_values(name, place, r, f):
    game = GAMES[name]()
    real, fake = logits(r, r), logits(f, f)
    critic, generator = VALUES[name][place]
    # the two small relativistic figures are printed with four digits
    assert game.critic(real, fake, mean).item() == pytest.approx(critic, abs=5e-6 if critic != 0.0363 else 5e-5)
    assert game.generator(real, fake, mean).item() == pytest.approx(generator, abs=5e-6 if generator < 8 else 5e-5)


@pytest.mark.parametrize("name", sorted(GRADIENTS))
def test_generator_gradients(name):
    for value, expected in zip((0.0, -2.0, -5.0), GRADIENTS[name], strict=True):
        fake = logits(value)
        (gradient,) = torch.autograd.grad(GAMES[name]().generator(None, fake, mean), fake)
        assert gradient.item() == pytest.approx(expected, abs=5.1e-4 if abs(expected) > 0.1 else 5.1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_losses_are_means_over_the_batch_and_the_map(name):
    game = GAMES[name]()
    real, fake = torch.randn(2, 1, 3, 3), torch.randn(2, 1, 3, 3)
    twice = (torch.cat([real, real]), torch.cat([fake, fake]))
    torch.testing.assert_close(game.critic(real, fake, mean), game.critic(*twice, mean))
    torch.testing.assert_close(game.generator(real, fake, mean), game.generator(*twice, mean))


@pytest.mark.parametrize("name", NAMES)
def test_the_critic_raises_real_and_lowers_fake_and_the_generator_raises_fake(name):
    # a "max over D" of least squares, or a minus before log(1 - D), turns one of these signs
    game = GAMES[name]()
    real, fake = logits(0.1), logits(0.1)
    real_slope, fake_slope = torch.autograd.grad(game.critic(real, fake, mean), (real, fake))
    assert real_slope.item() < 0 < fake_slope.item()
    (slope,) = torch.autograd.grad(game.generator(real, fake, mean), fake)
    assert slope.item() < 0


@pytest.mark.parametrize(("name", "best"), [("least_squares", (1.0, 0.0)), ("hinge", (1.0, -1.0))])
def test_the_critics_loss_is_least_where_it_is_right(name, best):
    game = GAMES[name]()
    assert game.critic(logits(best[0]), logits(best[1]), mean).item() == 0
    assert game.critic(logits(best[1]), logits(best[0]), mean).item() > 0


def test_the_minimax_generator_loss_is_never_positive():
    # J_G = -J_D has J_D >= 0: a value such as +1.972 belongs to another game
    values = torch.linspace(-30, 30, 61)
    assert all(GAMES["minimax"]().generator(None, value[None], mean) <= 0 for value in values)


@pytest.mark.parametrize("name", CROSS_ENTROPY)
def test_the_best_critic_is_p_over_p_plus_q(name):
    # at place a p = 3/4, q = 1/4, at b the reverse: logits log 3 and -log 3 are stationary
    a, b = logits(math.log(3)), logits(-math.log(3))
    loss = GAMES[name]().critic(torch.cat([a, a, a, b]), torch.cat([a, b, b, b]), mean)
    for gradient in torch.autograd.grad(loss, (a, b)):
        assert abs(gradient.item()) < 1e-7


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_extreme_logits_stay_finite_in_fp32(name, dtype):
    game = GAMES[name]()
    for r, f in ((40.0, 40.0), (-40.0, 40.0), (40.0, -40.0), (-200.0, -200.0), (300.0, -300.0)):
        real, fake = logits(r, dtype=dtype), logits(f, dtype=dtype)
        for loss in (game.critic(real, fake, mean), game.generator(real, fake, mean)):
            assert loss.dtype == torch.float32
            assert torch.isfinite(loss)
            for gradient in torch.autograd.grad(loss, (real, fake), allow_unused=True):
                assert gradient is None or torch.isfinite(gradient).all()


def test_large_logits_have_the_exact_value():
    # log(1 - s(40)) is -inf in float32
    assert GAMES["minimax"]().generator(None, logits(40.0), mean).item() == -40
    assert GAMES["non_saturating"]().generator(None, logits(-40.0), mean).item() == 40
    assert GAMES["non_saturating"]().critic(logits(-40.0), logits(40.0), mean).item() == 80


@pytest.mark.parametrize("name", NAMES)
def test_gradcheck(name):
    game = GAMES[name](scale=0.7)
    generator = torch.Generator().manual_seed(3)
    real, fake = (torch.randn(3, 1, 2, 2, generator=generator, dtype=torch.float64).requires_grad_() for _ in "rf")
    assert torch.autograd.gradcheck(lambda r, f: game.critic(r, f, mean), (real, fake))
    assert torch.autograd.gradcheck(lambda r, f: game.generator(r, f, mean), (real, fake))
    assert game.critic(real, fake, mean).dtype == torch.float64


@pytest.mark.parametrize("name", NAMES)
def test_scale_multiplies_the_generators_loss_alone(name):
    # E-GAN's mutations carry halves, its critic does not
    real, fake = logits(0.3, -1.0), logits(0.8, -0.4)
    whole, half = GAMES[name](), GAMES[name](scale=0.5)
    torch.testing.assert_close(half.generator(real, fake, mean) * 2, whole.generator(real, fake, mean))
    torch.testing.assert_close(half.critic(real, fake, mean), whole.critic(real, fake, mean))


@pytest.mark.parametrize("name", CROSS_ENTROPY)
def test_the_real_label_smooths_the_critic_alone(name):
    smooth = GAMES[name](real_label=0.9)
    real, fake = logits(math.log(9)), logits(-1.0)
    # with label 0.9 the critic is content at probability 0.9
    (slope,) = torch.autograd.grad(smooth.critic(real, fake, mean), real)
    assert abs(slope.item()) < 1e-7
    expected = -0.9 * math.log(0.9) - 0.1 * math.log(0.1) + math.log1p(math.exp(-1))
    assert smooth.critic(real, fake, mean).item() == pytest.approx(expected, abs=1e-6)
    assert torch.equal(smooth.generator(None, fake, mean), GAMES[name]().generator(None, fake, mean))


def test_only_wasserstein_needs_fp32():
    assert [name for name in NAMES if GAMES[name].needs_fp32] == ["wasserstein"]


def test_only_the_relativistic_game_needs_real():
    assert [name for name in NAMES if GAMES[name].needs_real] == ["relativistic_average"]


def test_relativistic_means_are_of_the_global_batch():
    generator = torch.Generator().manual_seed(0)
    real, fake = (torch.randn(8, generator=generator, dtype=torch.float64).requires_grad_() for _ in "rf")
    game = GAMES["relativistic_average"]()
    whole = game.critic(real, fake, mean)
    shares = []
    for part in (slice(0, 4), slice(4, 8)):
        r, f = real[part], fake[part]
        everyone = {id(r): real.mean(), id(f): fake.mean()}
        shares.append(game.critic(r, f, lambda values, everyone=everyone: everyone[id(values)]))
    average = torch.stack(shares).mean()
    torch.testing.assert_close(average, whole)
    # the gradient flows through the other process's mean too
    for one, other in zip(
        torch.autograd.grad(average, (real, fake)), torch.autograd.grad(whole, (real, fake)), strict=True
    ):
        torch.testing.assert_close(one, other)
    alone = torch.stack([game.critic(real[part], fake[part], mean) for part in (slice(0, 4), slice(4, 8))]).mean()
    assert abs(alone - whole) > 1e-3


def test_relativistic_generator_learns_through_the_real_sides_comparison():
    real, fake = logits(1.0), logits(-1.0)
    (slope,) = torch.autograd.grad(GAMES["relativistic_average"]().generator(real, fake, mean), fake)
    # both terms push: -s(-(f - r)) - s(r - f) at r - f = 2
    assert slope.item() == pytest.approx(-2 / (1 + math.exp(-2)), abs=1e-6)


@pytest.mark.parametrize(
    "tree", [{"scale": 0}, {"scale": -1.0}, {"real_label": 1.1}, {"real_label": 0.5}, {"reallabel": 0.9}]
)
def test_options_without_sense_are_refused(tree):
    with pytest.raises(UserError, match="games"):
        build(GAMES["non_saturating"], tree, "games")
