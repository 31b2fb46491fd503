"""Action distributions for rsl_rl that never wait for the device, and a categorical one, which it lacks."""

from __future__ import annotations

import torch
from rsl_rl.modules import distribution as library
from torch import Tensor


class GaussianDistribution(library.GaussianDistribution):  # type: ignore[misc]  # rsl_rl has no types
    """rsl_rl's Gaussian, without ``torch.normal``, which waits for the device to check the spread."""

    def sample(self) -> Tensor:
        """Return a random action of each row."""
        return _sample(self.mean, self.std)


class HeteroscedasticGaussianDistribution(library.HeteroscedasticGaussianDistribution):  # type: ignore[misc]
    """The same for rsl_rl's Gaussian whose spread depends on the observation."""

    def sample(self) -> Tensor:
        """Return a random action of each row."""
        return _sample(self.mean, self.std)


def _sample(mean: Tensor, std: Tensor) -> Tensor:
    # `randn_like` does not look at the spread, so nothing waits for the device.
    with torch.no_grad():
        return torch.addcmul(mean, std, torch.randn_like(mean))


class CategoricalDistribution(library.Distribution):  # type: ignore[misc]
    """One of ``output_dim`` actions, as a distribution module of rsl_rl.

    Samples are the action's number as a float, ``(..., 1)``: rsl_rl stores actions as floats.

    Args:
        output_dim: number of actions.
    """

    def update(self, mlp_output: Tensor) -> None:
        """Take the network's output as logits, ``(..., output_dim)``."""
        # Normalised here once, so that these are log-probabilities everywhere below.
        self._logits = mlp_output.log_softmax(-1)

    def sample(self) -> Tensor:
        """Return a random action of each row, ``(..., 1)`` (the Gumbel-max trick)."""
        # The logarithm of an exponential variable is minus Gumbel noise.
        noise = torch.empty_like(self._logits).exponential_().log()
        return (self._logits - noise).argmax(-1, keepdim=True).to(self._logits.dtype)

    def deterministic_output(self, mlp_output: Tensor) -> Tensor:
        """Return the likeliest action, ``(..., 1)``."""
        return mlp_output.argmax(-1, keepdim=True).to(mlp_output.dtype)

    @property
    def input_dim(self) -> int:
        """Return how many outputs the network must have."""
        return int(self.output_dim)

    @property
    def entropy(self) -> Tensor:
        """Return the entropy of each row, in nats."""
        return -(self._logits.exp() * self._logits).sum(-1)

    @property
    def params(self) -> tuple[Tensor, ...]:
        """Return the logarithms of the probabilities."""
        return (self._logits,)

    def log_prob(self, outputs: Tensor) -> Tensor:
        """Return the logarithm of each action's probability."""
        return self._logits.gather(-1, outputs.long()).squeeze(-1)

    def kl_divergence(self, old_params: tuple[Tensor, ...], new_params: tuple[Tensor, ...]) -> Tensor:
        """Return KL(old || new) of each row."""
        (old,), (new,) = old_params, new_params
        return (old.exp() * (old - new)).sum(-1)
