"""The adversarial losses: every match and every scale, in the view's game, and nothing asked for in vain."""

from __future__ import annotations

import pytest
import torch
from fake_view import FakeView, Gains, Linear, derivatives

from img2img.losses import CRITIC_LOSSES, GAMES, GENERATOR_LOSSES
from img2img.types import Match

CRITIC, GENERATOR = CRITIC_LOSSES["adversarial"](), GENERATOR_LOSSES["adversarial"]()


def test_sums_over_matches_and_scales():
    # logits 2 on real and -2 on fake, at two scales of one critic and one of another: three times the game's value
    real, fake = torch.full((2, 3), 2.0), torch.full((2, 3), -2.0)
    critics = {"a": Gains(1.0, scales=2), "b": Gains(1.0)}
    matches = [Match("a", real, fake), Match("b", real, fake)]
    game = GAMES["non_saturating"]()
    for side, loss, expected in (("critic", CRITIC, 0.253856), ("generator", GENERATOR, 2.126928)):
        view = FakeView(side, critics, matches=matches, game=game)
        assert loss(view).item() == pytest.approx(3 * expected, abs=1e-5)


def test_at_indifference_the_critics_loss_is_twice_log_2_and_the_generators_once():
    view = FakeView("critic", Linear([0.0]), torch.ones(4, 1), torch.zeros(4, 1), game=GAMES["non_saturating"]())
    assert CRITIC(view).item() == pytest.approx(1.386294, abs=1e-6)
    assert GENERATOR(view).item() == pytest.approx(0.693147, abs=1e-6)


@pytest.mark.parametrize("name", sorted(GAMES))
def test_the_generator_asks_for_real_only_where_the_game_compares(name):
    view = FakeView("generator", Linear([1.0]), torch.ones(2, 1), torch.zeros(2, 1), game=GAMES[name]())
    GENERATOR(view)
    assert ("real" in view.asked) == (name == "relativistic_average")


def test_logits_are_not_squashed_before_the_game():
    # a sigmoid before a with-logits loss would give sp(-s(2)) + sp(s(-2)) = 1.1 here
    view = FakeView(
        "critic",
        Linear([1.0]),
        torch.full((1, 1), 2.0),
        torch.full((1, 1), -2.0),
        game=GAMES["minimax"](),
    )
    assert CRITIC(view).item() == pytest.approx(0.253856, abs=1e-6)


@pytest.mark.parametrize("name", sorted(GAMES))
def test_each_side_reaches_its_player(name):
    maker = torch.zeros(3, 2).requires_grad_()
    critic = Linear([0.5, -0.25])
    real = torch.tensor([[0.4, 0.2], [0.0, -0.3], [0.2, 0.5]])
    generator_side = FakeView("generator", critic, real, maker + 0.1, game=GAMES[name]())
    (reached,) = derivatives(GENERATOR(generator_side), [maker])
    assert reached.abs().min() > 0
    critic_side = FakeView("critic", critic, real, maker + 0.1, game=GAMES[name]())
    weights, untouched = derivatives(CRITIC(critic_side), [critic.w, maker])
    assert weights.abs().min() > 0
    assert untouched.abs().max() == 0
