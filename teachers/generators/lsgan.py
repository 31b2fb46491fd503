"""A least-squares GAN over points: labelled points in, points like the good ones out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from teacherstudent.contract.checks import check_real, check_whole
from teacherstudent.contract.types import BoolArray, FloatArray
from teacherstudent.teachers.generators.layers import check_sizes, layers
from teacherstudent.teachers.generators.trained import Trained, tensor_of


@dataclass(frozen=True, kw_only=True)
class GanOptions:
    """Networks and training of a GAN; the defaults are the authors'.

    Attributes:
        maker: units of the hidden layers of the network that makes points (the generator).
        critic: units of those of the network that judges them (the discriminator).
        lr: of RMSProp, for both.
        batch_size: labelled points, and as many made ones, of a step.
        iterations: steps of both networks in a training.
        pretrain: steps before the first task, on uniform points; None is 500 for ``variant="fixed"`` and none
            for ``"paper"``.

    Raises:
        ValueError: if a number is out of range.
    """

    maker: Sequence[int] = (256, 256)
    critic: Sequence[int] = (128, 128)
    lr: float = 1e-3
    batch_size: int = 64
    iterations: int = 250
    pretrain: int | None = None

    def __post_init__(self) -> None:
        for name in ("maker", "critic"):
            # The class is frozen, so the list that a user gives becomes a tuple through the back door.
            object.__setattr__(self, name, check_sizes(f"gan: {name}", getattr(self, name)))
        check_real("gan: lr", self.lr, 0, 1, above=True)
        check_whole("gan: batch_size", self.batch_size, 1, 10**6)
        check_whole("gan: iterations", self.iterations, 0, 10**6)
        if self.pretrain is not None:
            check_whole("gan: pretrain", self.pretrain, 0, 10**6)


class LSGAN(Trained):
    """Makes points like those labelled as good, and unlike those labelled as bad.

    The GAN of Florensa et al. 2018, https://arxiv.org/abs/1705.06366, section 4.2: the loss of Mao et al.
    2017, https://arxiv.org/abs/1611.04076, with a = -1, b = c = 1, to which bad points are added with the
    target of made ones.

    The maker's hidden layers have ReLU and its outputs tanh; the critic's have leaky ReLU with a slope of
    0.1. Weights are Glorot's uniform ones.

    Deviations from the authors' code: RMSProp is torch's, whose mean squares start at 0 (TensorFlow's at 1),
    with the same decay of 0.9.

    Args:
        d: coordinates of a point; also of the noise that a point is made of.
        options: see `GanOptions`.
        seed: of the first weights.
    """

    def __init__(self, d: int, options: GanOptions, *, seed: int) -> None:
        self._options = options
        self._d = d
        generator = torch.Generator().manual_seed(seed)
        self._maker = nn.Sequential(layers([d, *options.maker, d], nn.ReLU, generator), nn.Tanh())
        self._critic = layers([d, *options.critic, 1], _leaky, generator)
        super().__init__(
            {"maker": self._maker, "critic": self._critic},
            lambda parameters: torch.optim.RMSprop(parameters, lr=options.lr, alpha=0.9, eps=1e-10),
        )

    def make(self, noise: FloatArray) -> FloatArray:
        """Return points ``(n, d)`` in (-1, 1) for normal numbers ``(n, d)``."""
        with torch.no_grad():
            made: FloatArray = self._maker(tensor_of(noise)).double().numpy()
        return made

    def train(
        self, points: FloatArray, good: BoolArray, iterations: int, rng: np.random.Generator
    ) -> dict[str, float]:
        """Take steps on labelled points; return the losses of the last one, ``{}`` without a step.

        Args:
            points: ``(n, d)``.
            good: ``(n,)``: which of them the made ones are to be like.
            iterations: steps.
            rng: draws noise.
        """
        size = self._options.batch_size
        real, labels = tensor_of(points), tensor_of(np.where(good, 1.0, -1.0))[:, None]
        # Made points have the target of bad ones.
        targets = torch.full((size, 1), -1.0)
        losses: dict[str, float] = {}
        for i in range(iterations):
            # The batches go round the points in their order; all points at once where they are few.
            rows = torch.arange(i * size, i * size + min(size, len(real))) % len(real)
            noise = tensor_of(rng.standard_normal((size, self._d)))
            with torch.no_grad():
                made = self._maker(noise)
            judged = self._critic(torch.cat([real[rows], made]))
            critic_loss = (judged - torch.cat([labels[rows], targets])).square().mean()
            self._step("critic", critic_loss)
            # The same noise again, now judged by the critic that has just learnt.
            maker_loss = (self._critic(self._maker(noise)) - 1).square().mean()
            self._step("maker", maker_loss)
            if i == iterations - 1:
                losses = {"critic_loss": critic_loss.item(), "maker_loss": maker_loss.item()}
        return losses


def _leaky() -> nn.Module:
    return nn.LeakyReLU(0.1)
