"""Action distributions for rsl_rl that never wait for the device, and a categorical one, which it lacks."""

from __future__ import annotations

from collections.abc import Sequence

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


class CategoricalDistribution(library.Distribution):  # type: ignore[misc]  # rsl_rl has no types
    """One action, or several at a time, each one of some number, as a distribution module of rsl_rl.

    Several are independent of each other, given the observation. Samples are the actions' numbers as floats,
    ``(..., k)``: rsl_rl stores actions as floats.

    Args:
        output_dim: number of actions, of all choices together.
        sizes: number of actions of each of the ``k`` choices; None for one choice.
    """

    def __init__(self, output_dim: int, sizes: Sequence[int] | None = None) -> None:
        super().__init__(output_dim)
        self._sizes = [output_dim] if sizes is None else list(sizes)
        # The logits of a choice begin where those of the one before end.
        starts = torch.tensor([0, *self._sizes[:-1]]).cumsum(0)
        self.register_buffer("_starts", starts, persistent=False)

    def update(self, mlp_output: Tensor) -> None:
        """Take the network's output as logits, ``(..., output_dim)``."""
        # Normalised here once, so that these are log-probabilities everywhere below.
        parts = [part.log_softmax(-1) for part in self._split(mlp_output)]
        self._logits = parts[0] if len(parts) == 1 else torch.cat(parts, -1)

    def sample(self) -> Tensor:
        """Return random actions of each row, ``(..., k)`` (the Gumbel-max trick)."""
        # The logarithm of an exponential variable is minus Gumbel noise.
        noise = torch.empty_like(self._logits).exponential_().log()
        return self._likeliest(self._logits - noise)

    def deterministic_output(self, mlp_output: Tensor) -> Tensor:
        """Return the likeliest actions, ``(..., k)``."""
        return self._likeliest(mlp_output)

    def _split(self, logits: Tensor) -> Sequence[Tensor]:
        if len(self._sizes) == 1:
            return [logits]
        return torch.split(logits, self._sizes, -1)

    def _likeliest(self, logits: Tensor) -> Tensor:
        best = [part.argmax(-1, keepdim=True) for part in self._split(logits)]
        return torch.cat(best, -1).to(logits.dtype)

    @property
    def input_dim(self) -> int:
        """Return how many outputs the network must have."""
        return int(self.output_dim)

    @property
    def entropy(self) -> Tensor:
        """Return the entropy of each row, in nats: of independent choices the sum."""
        return -(self._logits.exp() * self._logits).sum(-1)

    @property
    def params(self) -> tuple[Tensor, ...]:
        """Return the logarithms of the probabilities."""
        return (self._logits,)

    def log_prob(self, outputs: Tensor) -> Tensor:
        """Return the logarithm of the probability of each row's actions ``(..., k)``."""
        return self._logits.gather(-1, outputs.long() + self._starts).sum(-1)

    def kl_divergence(self, old_params: tuple[Tensor, ...], new_params: tuple[Tensor, ...]) -> Tensor:
        """Return KL(old || new) of each row."""
        (old,), (new,) = old_params, new_params
        return (old.exp() * (old - new)).sum(-1)
