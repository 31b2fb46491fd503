"""Networks that each learn to predict the same numbers from data of their own draw."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from teacherstudent.contract.checks import check_names, check_real, check_whole
from teacherstudent.contract.types import FloatArray, State
from teacherstudent.networks.state import load_module, load_optimizer, module_state, optimizer_state
from teacherstudent.teachers.generators.layers import Stacked, check_sizes
from teacherstudent.teachers.generators.trained import tensor_of


@dataclass(frozen=True, kw_only=True)
class EnsembleOptions:
    """Networks of an ensemble and how they learn.

    Attributes:
        networks: how many, at least 2.
        hidden: units of the hidden layers of each.
        lr: of Adam.
        batch_size: rows that each network draws for a step.

    Raises:
        ValueError: if a number is out of range.
    """

    networks: int = 5
    hidden: Sequence[int] = (128, 128, 128)
    lr: float = 1e-3
    batch_size: int = 64

    def __post_init__(self) -> None:
        check_whole("ensemble: networks", self.networks, 2, 10**4)
        # The class is frozen, so the list that a user gives becomes a tuple through the back door.
        object.__setattr__(self, "hidden", check_sizes("ensemble: hidden", self.hidden))
        check_real("ensemble: lr", self.lr, 0, 1, above=True)
        check_whole("ensemble: batch_size", self.batch_size, 1, 10**6)


class Ensemble:
    """Predicts a number for each point, once by every network.

    Hidden layers have tanh, weights are Glorot's uniform ones. All networks are computed together.

    Args:
        d: coordinates of a point.
        options: see `EnsembleOptions`.
        seed: of the first weights.
    """

    def __init__(self, d: int, options: EnsembleOptions, *, seed: int) -> None:
        self._options = options
        generator = torch.Generator().manual_seed(seed)
        found: list[nn.Module] = []
        for before, after in itertools.pairwise([d, *options.hidden, 1]):
            found += [Stacked(options.networks, before, after, generator), nn.Tanh()]
        self._network = nn.Sequential(*found[:-1])
        self._optimizer = torch.optim.Adam(self._network.parameters(), lr=options.lr)

    def train(self, points: FloatArray, values: FloatArray, steps: int, rng: np.random.Generator) -> float:
        """Take steps towards ``values`` ``(n,)`` at ``points`` ``(n, d)``; return the last mean square error.

        Every network draws its own rows in every step, with replacement.
        """
        inputs, targets = tensor_of(points), tensor_of(values)[:, None]
        shape = (self._options.networks, self._options.batch_size)
        error = torch.zeros(shape)
        for _ in range(steps):
            rows = torch.from_numpy(rng.integers(len(points), size=shape))
            error = (self._network(inputs[rows]) - targets[rows]).square()
            self._optimizer.zero_grad()
            # A sum over networks: each has the gradient that it would have alone.
            torch.autograd.backward(error.mean(dim=1).sum())
            self._optimizer.step()
        return error.mean().item()

    def predict(self, points: FloatArray) -> FloatArray:
        """Return ``(networks, n)`` predictions at points ``(n, d)``."""
        inputs = tensor_of(points)
        with torch.no_grad():
            found: FloatArray = (
                self._network(inputs.expand(self._options.networks, *inputs.shape))[..., 0].double().numpy()
            )
        return found

    def state_dict(self) -> State:
        """Return weights and optimiser as plain data; a copy."""
        return {"weights": module_state(self._network), "optimizer": optimizer_state(self._optimizer)}

    def load_state_dict(self, what: str, state: State) -> None:
        """Continue from `state_dict`; raise ValueError if it is damaged.

        Args:
            what: who and which entry; starts messages.
            state: what `state_dict` returned.
        """
        check_names(what, ("weights", "optimizer"), state)
        load_module(self._network, state["weights"], f"{what}: weights", finite=True)
        load_optimizer(self._optimizer, state["optimizer"], finite=True)
