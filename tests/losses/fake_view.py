"""A view of plain modules, written against `types.ForwardView` alone, and critics small enough for hand work."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from img2img.randomness import torch_generator
from img2img.types import Batch, Game, Match, Shown, Verdict


class FakeView:
    """Both sides of the game over one batch.

    The generator's real side keeps its graph here, so that a loss which relies on somebody else to detach it is caught.
    ``mean`` and ``reduce`` may be replaced to play a second process; ``shared`` is handed from sibling to sibling.
    """

    def __init__(
        self,
        side: str,
        critics: Mapping[str, nn.Module] | nn.Module | None = None,
        real: Tensor | None = None,
        fake: Tensor | None = None,
        *,
        matches: Sequence[Match] | None = None,
        game: Game | None = None,
        images: Mapping[str, Tensor] | None = None,
        batch: Batch | None = None,
        mean: Callable[[Tensor], Tensor] | None = None,
        reduce: Callable[[Tensor], Tensor] | None = None,
        shared: dict[str, Tensor] | None = None,
    ) -> None:
        self.side = side
        self.critics = {"critic": critics} if isinstance(critics, nn.Module) else dict(critics or {})
        self.matches = matches if matches is not None else ([Match("critic", real, fake)] if self.critics else [])
        self._game = game
        self.images = images if images is not None else ({} if fake is None else {"fake": fake})
        self.batch = batch if batch is not None else Batch(target=real)
        self._mean = mean or (lambda values: values.mean())
        self._reduce = reduce or (lambda values: values)
        self.shared = {} if shared is None else shared
        self.verdicts: dict[tuple[int, str], Verdict] = {}
        self.logged: dict[str, float] = {}
        self.drawn: dict[str, Tensor] = {}
        self.judged: list[Tensor] = []
        self.asked: list[str] = []

    @property
    def game(self) -> Game:
        assert self._game is not None
        return self._game

    def _verdict(self, match: Match, name: str) -> Verdict:
        self.asked.append(name)
        key = (id(match), name)
        if key not in self.verdicts:
            self.verdicts[key] = self.critics[match.critic](self.shown(match)[0 if name == "real" else 1].joined())
        return self.verdicts[key]

    def real(self, match: Match) -> Verdict:
        return self._verdict(match, "real")

    def fake(self, match: Match) -> Verdict:
        return self._verdict(match, "fake")

    def shown(self, match: Match) -> tuple[Shown, Shown]:
        fake = match.fake.detach() if self.side == "critic" else match.fake
        return Shown(match.real, match.condition), Shown(fake, match.condition)

    def judge(self, match: Match, shown: Shown) -> Verdict:
        self.judged.append(shown.images)
        return self.critics[match.critic](shown.joined())

    def run(self, network: nn.Module, images: Tensor) -> Tensor:
        return network(images)

    def critic_parameters(self, match: Match) -> Sequence[nn.Parameter]:
        return list(self.critics[match.critic].parameters())

    def draw(self, name: str, shape: Sequence[int]) -> Tensor:
        self.drawn[name] = torch.rand(tuple(shape), generator=torch_generator(0, name))
        return self.drawn[name]

    def mean(self, values: Tensor) -> Tensor:
        return self._mean(values if values.dtype == torch.float64 else values.float())

    def reduce(self, values: Tensor) -> Tensor:
        return self._reduce(values.detach())

    def log(self, name: str, value: Tensor) -> None:
        self.logged[name] = float(value.detach())

    def once(self, name: str, compute: Callable[[], Tensor]) -> Tensor:
        if name not in self.shared:
            self.shared[name] = compute()
        return self.shared[name]


class Gains(nn.Module):
    """Hidden layer j is gain_j times the input, the logit the sample's mean: P by hand is sum lambda_j gain_j |d|."""

    def __init__(self, *gains: float, dtype: torch.dtype = torch.float32, scales: int = 1) -> None:
        super().__init__()
        self.gains = nn.ParameterList(nn.Parameter(torch.tensor(gain, dtype=dtype)) for gain in gains)
        self.scales = scales

    def forward(self, x: Tensor) -> Verdict:
        features = tuple(gain * x for gain in self.gains)
        return Verdict((features[-1].flatten(1).mean(1, keepdim=True),) * self.scales, features * self.scales)


class Linear(nn.Module):
    """One logit a sample, w . x + b; with ``repeat`` the same logit at every place of a map."""

    def __init__(self, w: Sequence[float], b: float = 0.0, *, dtype: torch.dtype = torch.float32, repeat: int = 1):
        super().__init__()
        self.w = nn.Parameter(torch.tensor(w, dtype=dtype))
        self.b = nn.Parameter(torch.tensor([b], dtype=dtype))
        self.repeat = repeat

    def forward(self, x: Tensor) -> Verdict:
        logits = x.flatten(1) @ self.w + self.b
        if self.repeat > 1:
            return Verdict((logits[:, None, None, None].expand(-1, 1, self.repeat, self.repeat),))
        return Verdict((logits[:, None],))


def derivatives(loss: Tensor, inputs: Sequence[Tensor]) -> list[Tensor]:
    """Gradients of ``loss``, zeros where it does not reach."""
    return list(torch.autograd.grad(loss, inputs, retain_graph=True, materialize_grads=True))
