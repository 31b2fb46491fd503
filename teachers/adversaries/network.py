"""The networks of an adversary that builds tasks: its policy, and its estimate of the reward to come."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from teacherstudent.contract.tasks.builder import Builder

_STEP_FEATURES = 10
# Quadrature for means under a standard normal: the squashed Gaussian's entropy has no closed form.
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(32)


class AdversaryNetwork(nn.Module):
    """A categorical or squashed Gaussian policy and a value, of partial task, step and noise.

    An image goes through one 3 x 3 convolution (stride 1, no padding, ReLU), a vector as it is; beside it
    come a linear embedding of the step, 10 features, and the noise. Policy and value have hidden layers of
    their own, with tanh. Weights are orthogonal, those of the policy's last layer a hundredth, biases 0.

    Args:
        builder: says what is seen and done.
        noise: numbers of noise for each action.
        channels: of the convolution.
        hidden: units of the hidden layers.
        generator: for the first weights.

    Raises:
        ValueError: if observations are neither a vector nor an image of at least 3 x 3.
    """

    def __init__(
        self,
        builder: Builder,
        *,
        noise: int,
        channels: int,
        hidden: Sequence[int],
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        shape = builder.observation_shape
        # A 3 x 3 convolution without padding needs at least three pixels a side.
        if len(shape) not in (1, 3) or (len(shape) == 3 and min(shape[1:]) < 3):
            raise ValueError(f"builder: expected observations (d,) or (channels, >= 3, >= 3), got {shape}")
        self._steps = builder.steps
        self._discrete = builder.n_actions > 0
        features = math.prod(shape)
        self.convolution: nn.Module = nn.Identity()
        if len(shape) == 3:
            # A layer on the meta device holds no numbers, so making it
            # draws nothing from the global generator.
            self.convolution = nn.Conv2d(shape[0], channels, 3, device="meta").to_empty(device="cpu")
            # Without padding the image loses one pixel on each side.
            features = channels * (shape[1] - 2) * (shape[2] - 2)
        self.step = _linear(builder.steps, _STEP_FEATURES)
        features += _STEP_FEATURES + noise
        self.policy = _layers(features, hidden, builder.n_actions or 1)
        self.value = _layers(features, hidden, 1)
        # The deviation is a parameter, the same for all observations. A categorical policy has none.
        self.log_std = nn.Parameter(torch.zeros(0 if self._discrete else 1))
        # A tiny last layer makes the first policy nearly uniform, so the adversary explores from the start.
        gains = {self.policy[-1]: 0.01, self.value[-1]: 1.0}
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Conv2d):
                nn.init.orthogonal_(module.weight, gains.get(module, math.sqrt(2)), generator)
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)

    def forward(self, seen: Tensor, step: Tensor, noise: Tensor) -> tuple[Policy, Tensor]:
        """Return the policy and the values ``(n,)``.

        Args:
            seen: ``(n, *observation_shape)``.
            step: ``(n,)`` int64.
            noise: ``(n, noise)``.
        """
        features = seen
        if seen.ndim > 2:
            features = functional.relu(self.convolution(seen)).flatten(1)
        # The step is told explicitly: a partial task alone does not say how many actions are left.
        step = self.step(functional.one_hot(step, self._steps).to(features.dtype))
        features = torch.cat([features, step, noise], 1)
        outputs = self.policy(features)
        values = self.value(features)[:, 0]
        if self._discrete:
            return Categorical(outputs), values
        return SquashedGaussian(outputs[:, 0], self.log_std), values


class Categorical:
    """Choices among numbered actions.

    Args:
        logits: ``(n, actions)``.
    """

    def __init__(self, logits: Tensor) -> None:
        self._logs = functional.log_softmax(logits, 1)

    def draw(self, uniform: Tensor) -> Tensor:
        """Return actions ``(n,)`` for uniform numbers ``(n,)`` in [0, 1)."""
        cumulative = self._logs.double().exp().cumsum(1)
        # The last sum may differ from 1 by rounding. Scaling to it keeps every action within reach.
        wanted = uniform[:, None] * cumulative[:, -1:]
        return (cumulative <= wanted).sum(1).clamp(max=self._logs.shape[1] - 1)

    def taken(self, raw: Tensor) -> Tensor:
        """Return what a builder takes."""
        return raw

    def log_prob(self, raw: Tensor) -> Tensor:
        """Return the log-probability ``(n,)`` of actions ``(n,)``."""
        return self._logs.gather(1, raw[:, None])[:, 0]

    def entropy(self) -> Tensor:
        """Return the entropy ``(n,)``."""
        return -(self._logs.exp() * self._logs).sum(1)


class SquashedGaussian:
    """The hyperbolic tangent of a normal variable: one number in (-1, 1).

    Args:
        mean: ``(n,)``, before the tangent.
        log_std: ``(n,)`` or ``(1,)``, before the tangent.
    """

    def __init__(self, mean: Tensor, log_std: Tensor) -> None:
        self._mean, self._log_std = mean, log_std.expand_as(mean)

    def draw(self, uniform: Tensor) -> Tensor:
        """Return normal variables ``(n,)``, before the tangent, for uniform numbers ``(n,)`` in [0, 1)."""
        # Inversion turns numpy's uniform numbers into normal ones, so a seed gives the same draws on every
        # device. The clamp keeps away 0 and 1, where the inverse is infinite.
        normal: Tensor = torch.special.ndtri(uniform.clamp(2.0**-54, 1 - 2.0**-53)).to(self._mean.dtype)
        return self._mean + self._log_std.exp() * normal

    def taken(self, raw: Tensor) -> Tensor:
        """Return what a builder takes."""
        return raw.tanh()

    def log_prob(self, raw: Tensor) -> Tensor:
        """Return the log-density ``(n,)`` of ``tanh(raw)``: the Gaussian's less log(1 - tanh^2)."""
        scaled = (raw - self._mean) / self._log_std.exp()
        gaussian = -0.5 * scaled**2 - self._log_std - 0.5 * math.log(2 * math.pi)
        return gaussian - _log_slope(raw)

    def entropy(self) -> Tensor:
        """Return the differential entropy ``(n,)``, the tangent's part by Gauss-Hermite quadrature."""
        nodes = torch.as_tensor(_NODES, dtype=self._mean.dtype, device=self._mean.device)
        weights = torch.as_tensor(_WEIGHTS, dtype=self._mean.dtype, device=self._mean.device)
        raw = self._mean[:, None] + self._log_std.exp()[:, None] * nodes
        # The weights belong to exp(-x^2 / 2), whose integral is sqrt(2 pi).
        tangent = (_log_slope(raw) * weights).sum(1) / math.sqrt(2 * math.pi)
        # A change of variable adds the mean log derivative to the Gaussian's entropy.
        return self._log_std + 0.5 * math.log(2 * math.pi * math.e) + tangent


Policy = Categorical | SquashedGaussian


def _log_slope(raw: Tensor) -> Tensor:
    """Return the logarithm of the tangent's derivative, 1 - tanh^2, without rounding it to 0."""
    # For large `raw` the direct form, log(1 - tanh^2), would be the logarithm of 0.
    return 2 * (math.log(2) - raw - functional.softplus(-2 * raw))


def _layers(inputs: int, hidden: Sequence[int], outputs: int) -> nn.Sequential:
    sizes = [inputs, *hidden]
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(sizes):
        layers += [_linear(before, after), nn.Tanh()]
    return nn.Sequential(*layers, _linear(sizes[-1], outputs))


def _linear(inputs: int, outputs: int) -> nn.Linear:
    """Return a layer whose weights are not set: setting them would draw from the global generator."""
    return nn.Linear(inputs, outputs, device="meta").to_empty(device="cpu")
