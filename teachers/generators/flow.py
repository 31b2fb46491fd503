"""A conditional normalising flow: RealNVP between normal noise and points of the unit cube."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from teacherstudent.teachers.generators.layers import Stacked

_LEAST_SCALE = 1e-2
"""Below it, divisions by the scale would compound over the layers to very large numbers."""


class Highways(nn.Module):
    """Two networks side by side, each of a linear layer with tanh, highway blocks and a linear layer.

    A highway block mixes what comes in with something new, by a gate: Zilly et al. 2017, "Recurrent highway
    networks", https://arxiv.org/abs/1607.03474.

    Args:
        inputs: numbers that go in.
        outputs: numbers that come out of each.
        hidden: units.
        blocks: how many.
        generator: for the weights.
    """

    def __init__(
        self, inputs: int, outputs: int, *, hidden: int, blocks: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.first = Stacked(2, inputs, hidden, generator, xavier=False)
        self.blocks = nn.ModuleList(
            Stacked(2, hidden, 2 * hidden, generator, xavier=False) for _ in range(blocks)
        )
        self.last = Stacked(2, hidden, outputs, generator, xavier=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(2, n, outputs)`` for ``(n, inputs)``."""
        y = torch.tanh(self.first(x.expand(2, *x.shape)))
        for block in self.blocks:
            new, gate = block(y).chunk(2, dim=2)
            y = torch.lerp(y, torch.tanh(new), torch.sigmoid(gate))
        out: Tensor = self.last(y)
        return out


class Coupling(nn.Module):
    """Scales and shifts some coordinates by what the others, and a condition, say.

    Dinh, Sohl-Dickstein and Bengio 2017, "Density estimation using Real NVP",
    https://arxiv.org/abs/1605.08803, with 0.01 plus a slow softplus in the place of an exponential.

    Args:
        moved: ``(d,)`` bool: which coordinates are moved.
        hidden: units of the networks.
        blocks: of the highway networks.
        generator: for the weights.
    """

    moved: Tensor
    kept: Tensor

    def __init__(self, moved: Tensor, *, hidden: int, blocks: int, generator: torch.Generator) -> None:
        super().__init__()
        self.register_buffer("moved", moved.nonzero()[:, 0], persistent=False)
        self.register_buffer("kept", (~moved).nonzero()[:, 0], persistent=False)
        many, few = int(moved.sum()), int((~moved).sum())
        # One more input: the condition.
        self.networks = Highways(few + 1, many, hidden=hidden, blocks=blocks, generator=generator)

    def forward(self, z: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """Return the moved points, and how much the logarithm of their density falls ``(n,)``."""
        scale, shift = self._moves(z, condition)
        moved = z[:, self.moved] * scale + shift
        return z.index_copy(1, self.moved, moved), scale.log().sum(1)

    def inverse(self, x: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """Return the points that `forward` moves to ``x``, and the same fall."""
        scale, shift = self._moves(x, condition)
        moved = (x[:, self.moved] - shift) / scale
        return x.index_copy(1, self.moved, moved), scale.log().sum(1)

    def _moves(self, points: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        # The coordinates that stay say how the others move, so both directions compute the same.
        scale, shift = self.networks(torch.cat([points[:, self.kept], condition], 1))
        return _LEAST_SCALE + slow_softplus(scale), shift


class Flow(nn.Module):
    """Makes points of the open unit cube out of normal noise and a condition, and knows their density.

    Each block couples the first half to the second, the second to the first, and the odd to the even
    coordinates. A sigmoid leads into the cube.

    Args:
        d: coordinates.
        blocks: how many.
        layers: highway blocks in each network.
        hidden: units of each network.
        generator: for the weights.
    """

    def __init__(self, d: int, *, blocks: int, layers: int, hidden: int, generator: torch.Generator) -> None:
        super().__init__()
        place = torch.arange(d)
        # Which coordinates move in the three couplings of a block.
        masks = [place >= d // 2, place < d // 2, place % 2 == 0]
        self.couplings = nn.ModuleList(
            Coupling(mask, hidden=hidden, blocks=layers, generator=generator)
            for mask in masks * blocks
            # With a single coordinate one of the halves is empty.
            if mask.any()
        )

    def forward(self, noise: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """Return points ``(n, d)`` and the logarithm of their density ``(n,)``.

        Args:
            noise: ``(n, d)`` normal.
            condition: ``(n, 1)``.
        """
        z = noise
        log_p = _log_normal(noise)
        for coupling in self.couplings:
            z, fall = coupling(z, condition)
            log_p = log_p - fall
        return torch.sigmoid(z), log_p - _log_slope(z)

    def infer(self, points: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """Return the noise that makes ``points`` ``(n, d)``, and the logarithm of their density ``(n,)``."""
        z = torch.logit(points)
        log_p = -_log_slope(z)
        for coupling in reversed(self.couplings):
            assert isinstance(coupling, Coupling)
            z, fall = coupling.inverse(z, condition)
            log_p = log_p - fall
        return z, log_p + _log_normal(z)


def slow_softplus(x: Tensor) -> Tensor:
    """Return the authors' softplus, which falls as ``1 / (3 pi x^2)`` to the left, and not exponentially."""
    # Beyond a million the value is bent, and far to the left its difference of large numbers is replaced.
    bent = 1e6 / (math.pi / 2)
    x = bent * torch.atan(x / bent)
    y = x * (torch.atan(x) / math.pi + 0.5) + 1 / math.pi
    far = x < -30.0
    # The other branch must be finite too: a NaN in what is not chosen would still spoil gradients.
    left = torch.where(far, x, torch.full_like(x, -30.0))
    return torch.where(far, 1 / (3 * math.pi * left.square()), y)


def _log_normal(z: Tensor) -> Tensor:
    return -0.5 * z.square().sum(1) - 0.5 * z.shape[1] * math.log(2 * math.pi)


def _log_slope(z: Tensor) -> Tensor:
    """Return the logarithm of the sigmoid's derivative, summed over the coordinates."""
    return (functional.logsigmoid(z) + functional.logsigmoid(-z)).sum(1)
