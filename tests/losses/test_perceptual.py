"""PAN's two losses: P by hand, whom its gradients reach, and where the hinge is silent."""

from __future__ import annotations

import pytest
import torch
from fake_view import FakeView, Gains, derivatives
from torch import nn

from img2img.compute.distributed import World
from img2img.compute.precision import Precision
from img2img.compute.random import NamedRandom
from img2img.config import build
from img2img.engine.forward import Forward, StepLog
from img2img.engine.optimizers import Adam
from img2img.engine.player import Player
from img2img.engine.pool import ImagePool
from img2img.errors import UserError
from img2img.losses import CRITIC_LOSSES, GAMES, GENERATOR_LOSSES
from img2img.networks.pan import PanCritic
from img2img.types import Batch, Match

Margin, Adversary = CRITIC_LOSSES["perceptual_margin"], GENERATOR_LOSSES["perceptual_adversarial"]
RELEASED = (1, 4, 6, 8)
# two pairs whose differences cancel in sum: |d| is 1 and 3 on average, d^2 1 and 9
REAL = torch.zeros(2, 1, 1, 2)
FAKE = torch.tensor([[[[1.0, -1.0]]], [[[3.0, -3.0]]]])


def test_p_by_hand():
    # gains 1, 2, 0.5; P = 5 * 1 * 2 + 1.5 * 2 * 2 + 0.5 * 2 = 17
    critic = Gains(1.0, 2.0, 0.5)
    view = FakeView("generator", critic, REAL, FAKE)
    layers = {1: 5.0, 2: 1.5, 3: 1.0}
    assert Adversary(layers=layers)(view).item() == pytest.approx(17)
    assert view.logged == pytest.approx({"P": 17, "P/layer1": 10, "P/layer2": 6, "P/layer3": 1})
    view = FakeView("critic", critic, REAL, FAKE)
    assert Margin(layers=layers, margin=20.0)(view).item() == pytest.approx(3)
    assert view.logged == pytest.approx({"P": 17, "P/layer1": 10, "P/layer2": 6, "P/layer3": 1, "hinge_active": 1})


@pytest.mark.parametrize(
    ("distance", "reduction", "expected"),
    [("l1", "mean", 2.0), ("l1", "sum", 4.0), ("l2", "mean", 5.0), ("l2", "sum", 10.0)],
)
def test_distance_and_reduction(distance, reduction, expected):
    # sum: per picture, then the mean over pictures; l2 is squared, no root
    options = {"layers": {1: 1.0}, "distance": distance, "reduction": reduction}
    assert Adversary(**options)(FakeView("generator", Gains(1.0), REAL, FAKE)).item() == expected
    margin = Margin(**options, margin=100.0)(FakeView("critic", Gains(1.0), REAL, FAKE))
    assert margin.item() == 100 - expected


def test_the_releases_settings_are_the_defaults():
    for cls in (Margin, Adversary):
        loss = cls()
        assert loss.layers == {1: 5.0, 4: 1.5, 6: 1.5, 8: 1.0}
        assert (loss.distance, loss.reduction) == ("l1", "mean")
    assert (Margin().margin, Margin().hinge) == (3.0, "batch")


def test_p_of_a_picture_and_itself_is_zero():
    same = torch.randn(2, 3, 4, 4)
    for reduction in ("mean", "sum"):
        view = FakeView("generator", Gains(1.0, 2.0), same, same.clone())
        assert Adversary(layers={1: 5.0, 2: 1.0}, reduction=reduction)(view).item() == 0
    view = FakeView("critic", Gains(1.0, 2.0), same, same.clone())
    assert Margin(layers={1: 5.0, 2: 1.0})(view).item() == 3


def test_hinge_of_the_batch_or_of_each_pair():
    # P of the pairs is 1 and 3, 2 on average
    for hinge, margin, value, active in (
        ("batch", 2.0, 0.0, 0.0),
        ("sample", 2.0, 0.5, 0.5),
        ("batch", 2.5, 0.5, 1.0),
        ("sample", 4.0, 2.0, 1.0),
    ):
        view = FakeView("critic", Gains(1.0), REAL, FAKE)
        assert Margin(layers={1: 1.0}, margin=margin, hinge=hinge)(view).item() == value
        assert view.logged["hinge_active"] == active
        assert view.logged["P"] == 2


def test_the_batch_hinge_is_of_the_global_batch():
    # here P is 2, in the other process 6, so 4 over both: above 3 although this process alone is below
    def everyone(values):
        return (values.mean() + 6) / 2

    critic = Gains(1.0)
    view = FakeView("critic", critic, REAL, FAKE, mean=everyone)
    loss = Margin(layers={1: 1.0}, margin=3.0)(view)
    assert loss.item() == 0
    assert derivatives(loss, critic.gains)[0].item() == 0
    assert view.logged["hinge_active"] == 0
    view = FakeView("critic", critic, REAL, FAKE, mean=everyone)
    assert Margin(layers={1: 1.0}, margin=3.0, hinge="sample")(view).item() == 1


def test_the_critic_feels_the_hinge_through_both_sides():
    # dP/dgain = lambda mean |d| where only the fake side is not zero; now the real side alone is not zero
    for real, fake in ((REAL, FAKE), (FAKE, REAL)):
        critic = Gains(1.0, 2.0)
        loss = Margin(layers={1: 5.0, 2: 1.5}, margin=100.0)(FakeView("critic", critic, real, fake))
        assert [g.item() for g in derivatives(loss, list(critic.gains))] == [-10.0, -3.0]


def test_the_critic_raises_p_and_the_generator_lowers_it():
    # the slides print "minus ... plus [m - P]+" under a max: there the critic would draw the features together
    critic, made = Gains(1.0), FAKE.clone().requires_grad_()
    (slope,) = derivatives(Margin(layers={1: 1.0})(FakeView("critic", critic, REAL, made)), [critic.gains[0]])
    assert slope.item() < 0
    (slope,) = derivatives(Adversary(layers={1: 1.0})(FakeView("generator", critic, REAL, made)), [made])
    assert torch.equal(slope.sign(), FAKE.sign())


@pytest.mark.parametrize("hinge", ["batch", "sample"])
@pytest.mark.parametrize("margin", [0.5, 1.0])
def test_at_and_above_the_margin_the_critic_gets_exactly_nothing(hinge, margin):
    critic = Gains(1.0, 2.0)
    loss = Margin(layers={1: 1.0}, margin=margin, hinge=hinge)(FakeView("critic", critic, REAL, FAKE))
    assert loss.item() == 0
    assert all(gradient.item() == 0 for gradient in derivatives(loss, list(critic.gains)))


def test_for_the_generator_real_is_a_constant_and_fake_is_not():
    # detaching the difference, or the wrong side, stops the gradient where it is needed
    critic = Gains(2.0)
    real = REAL.clone().requires_grad_()
    fake = FAKE.clone().requires_grad_()
    loss = Adversary(layers={1: 3.0})(FakeView("generator", critic, real, fake))
    to_real, to_fake = derivatives(loss, [real, fake])
    assert to_real.abs().max() == 0
    # lambda * gain * sign / (elements of a pair * pairs)
    torch.testing.assert_close(to_fake, 3 * 2 * FAKE.sign() / 4)


def test_for_the_critic_fakes_are_detached():
    made = FAKE.clone().requires_grad_()
    loss = Margin(layers={1: 1.0}, margin=10.0)(FakeView("critic", Gains(1.0), REAL, made))
    assert derivatives(loss, [made])[0].abs().max() == 0


@pytest.mark.parametrize(("cls", "side"), [(Margin, "critic"), (Adversary, "generator")])
def test_a_layer_the_critic_does_not_have(cls, side):
    with pytest.raises(UserError, match=r"layer 4\b.*1 to 3\b") as error:
        cls(layers={1: 1.0, 4: 1.0})(FakeView(side, Gains(1.0, 1.0, 1.0), REAL, FAKE))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "tree",
    [
        {"layers": {}},
        {"layers": {"0": 1.0}},
        {"layers": {"1": 0.0}},
        {"layers": {"first": 1.0}},
        {"margin": 0},
        {"margin": -3},
        {"hinge": "global"},
        {"distance": "l3"},
        {"reduction": "none"},
        {"margn": 3.0},
    ],
)
def test_options_without_sense_are_refused(tree):
    with pytest.raises(UserError, match="critic_losses"):
        build(Margin, tree, "critic_losses")


def test_layers_as_yaml_gives_them():
    assert build(Margin, {"layers": {1: 5, 8: 1.5}}, "critic_losses").layers == {1: 5.0, 8: 1.5}


def test_gradcheck():
    real, fake = (torch.randn(2, 1, 2, 2, dtype=torch.float64).requires_grad_() for _ in "rf")
    critic = Gains(0.7, 1.3, dtype=torch.float64)
    for distance in ("l1", "l2"):
        loss = Margin(layers={1: 2.0, 2: 0.5}, margin=50.0, distance=distance)
        # (the generator's side of the view lets the gradient reach both pictures)
        assert torch.autograd.gradcheck(lambda r, f, loss=loss: loss(FakeView("generator", critic, r, f)), (real, fake))
        adversary = Adversary(layers={1: 2.0, 2: 0.5}, distance=distance)
        assert torch.autograd.gradcheck(lambda f, a=adversary: a(FakeView("generator", critic, real, f)), fake)


def test_half_precision_features_are_compared_in_fp32():
    generator = torch.Generator().manual_seed(0)
    real, fake = (torch.randn(2, 8, 32, 32, generator=generator).bfloat16() for _ in "rf")
    critic = Gains(1.0, dtype=torch.bfloat16)
    loss = Adversary(layers={1: 1.0})(FakeView("generator", critic, real, fake))
    assert loss.dtype == torch.float32
    exact = (fake.double() - real.double()).abs().mean().item()
    # a reduction in bf16 would be off by up to 2^-8
    assert loss.item() == pytest.approx(exact, rel=1e-5)


def test_memory_layout_changes_nothing():
    generator = torch.Generator().manual_seed(0)
    real, fake = (torch.randn(2, 4, 6, 5, generator=generator) for _ in "rf")
    values = [
        Adversary(layers={1: 1.0})(
            FakeView("generator", Gains(1.0), *(t.contiguous(memory_format=layout) for t in (real, fake)))
        )
        for layout in (torch.contiguous_format, torch.channels_last)
    ]
    torch.testing.assert_close(*values)


# PAN's own critic in the engine's own forward


def forward_of(critic: nn.Module, maker: nn.Module) -> Forward:
    world = World()
    numbers = torch.Generator().manual_seed(1)
    batch = Batch(*(torch.rand(3, 3, 32, 32, generator=numbers) * 2 - 1 for _ in "st"))
    images = {"fake": maker(batch.source)}
    return Forward(
        batch=batch,
        images=images,
        matches=(Match("critic", batch.target, images["fake"]),),
        critics=Player(nn.ModuleDict({"critic": critic}), Adam(), world),
        pools={"critic": ImagePool(0)},
        random=NamedRandom(0, 0, "test", 0, 3, world.device),
        world=world,
        precision=Precision("fp32", world.device),
        log=StepLog(world.device),
    )


@pytest.fixture
def players() -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(0)
    return PanCritic(width=8).build(in_channels=3, size=32), nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.Tanh())


def by_layer(critic: nn.Module, gradients: list[torch.Tensor]) -> dict[int, float]:
    """Largest gradient of each layer's convolution; layer 0 is the linear one."""
    found: dict[int, float] = {}
    for (name, _), gradient in zip(critic.named_parameters(), gradients, strict=True):
        number = int(name.split(".")[1]) + 1 if name.startswith("layers") else 0
        found[number] = max(found.get(number, 0.0), gradient.abs().max().item())
    return found


@pytest.mark.parametrize("layer", [*RELEASED, 9])
def test_p_reaches_the_right_player_through_each_layer_alone(players, layer):
    critic, maker = players
    forward = forward_of(critic, maker)
    game = GAMES["non_saturating"]()

    view = forward.seen_by("critic", game, "critic")
    loss = Margin(layers={layer: 1.0}, margin=1e6)(view)
    assert loss.item() > 0
    reached = by_layer(critic, derivatives(loss, list(critic.parameters())))
    for number, size in reached.items():
        # layers 1 to j learn, those behind j do not
        assert (size > 0) == (1 <= number <= layer), number
    assert all(g.abs().max() == 0 for g in derivatives(loss, list(maker.parameters())))

    view = forward.seen_by("generator", game, "generator")
    loss = Adversary(layers={layer: 1.0})(view)
    assert all(g.abs().max() > 0 for g in derivatives(loss, list(maker.parameters())))


def test_above_the_margin_pans_critic_gets_exactly_nothing(players):
    critic, maker = players
    view = forward_of(critic, maker).seen_by("critic", GAMES["non_saturating"](), "critic")
    loss = Margin(margin=1e-6)(view)
    assert loss.item() == 0
    assert all(g.abs().max() == 0 for g in derivatives(loss, list(critic.parameters())))


def test_the_generators_update_leaves_no_gradient_on_the_critic(players):
    critic, maker = players
    forward = forward_of(critic, maker)
    loss = Adversary()(forward.seen_by("generator", GAMES["non_saturating"](), "generator"))
    Player(nn.ModuleDict({"generator": maker}), Adam(), World()).gradients(loss)
    assert all(parameter.grad is None for parameter in critic.parameters())


def test_both_sides_see_the_same_p(players):
    critic, maker = players
    forward = forward_of(critic, maker)
    game = GAMES["non_saturating"]()
    p = Adversary()(forward.seen_by("generator", game, "generator"))
    m_minus_p = Margin(margin=1e3)(forward.seen_by("critic", game, "critic"))
    assert 1e3 - m_minus_p.item() == pytest.approx(p.item(), rel=1e-3)
    logged = forward.log.means()
    shares = sum(logged[f"critic/P/layer{number}"] for number in RELEASED)
    torch.testing.assert_close(shares, logged["critic/P"])
    torch.testing.assert_close(logged["generator/P"], logged["critic/P"])
