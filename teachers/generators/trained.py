"""Networks that a teacher trains: their steps, their state as plain data, and when a step is due."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from teacherstudent.contract.checks import check_names
from teacherstudent.contract.stored.saved import saved_array, saved_whole
from teacherstudent.contract.types import FloatArray, IntArray, State
from teacherstudent.networks.state import load_module, load_optimizer, module_state, optimizer_state

MOST_DUE = 100
"""Updates that are made up for at the next ask: outcomes of many more may be told at once."""


def tensor_of(values: FloatArray) -> Tensor:
    """Return numbers as a tensor in single precision."""
    return torch.from_numpy(np.asarray(values, np.float32))


class Trained:
    """Networks by name, each with an optimiser of its own.

    Args:
        modules: the networks.
        optimizer: makes an optimiser of a network's parameters.
    """

    def __init__(
        self,
        modules: Mapping[str, nn.Module],
        optimizer: Callable[[Iterator[nn.Parameter]], torch.optim.Optimizer],
    ) -> None:
        self._modules = dict(modules)
        self._optimizers = {name: optimizer(module.parameters()) for name, module in modules.items()}

    def _step(self, name: str, loss: Tensor, *, most: float | None = None) -> None:
        """Take a step of one network; the norm of its gradient is cut at ``most``."""
        parameters = list(self._modules[name].parameters())
        # Only this network's gradients are computed: a loss may go through the other ones, too.
        for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
            parameter.grad = gradient
        if most is not None:
            nn.utils.clip_grad_norm_(parameters, most)
        self._optimizers[name].step()

    def state_dict(self) -> State:
        """Return weights and optimisers as plain data; a copy."""
        weights = {name: module_state(module) for name, module in self._modules.items()}
        moments = {name: optimizer_state(each) for name, each in self._optimizers.items()}
        return {"weights": weights, "optimizers": moments}

    def load_state_dict(self, what: str, state: State) -> None:
        """Continue from `state_dict`; raise ValueError if it is damaged.

        Args:
            what: who and which entry; starts messages.
            state: what `state_dict` returned.
        """
        check_names(what, ("weights", "optimizers"), state)
        for part in ("weights", "optimizers"):
            check_names(f"{what}: {part}", tuple(self._modules), state[part])
        for name, module in self._modules.items():
            load_module(module, state["weights"][name], f"{what}: {name}", finite=True)
            load_optimizer(self._optimizers[name], state["optimizers"][name], finite=True)


class Updates:
    """Counts outcomes, and the updates that they are worth: one for every ``rate`` of them.

    Attributes:
        told: outcomes so far.
        due: updates that wait, `MOST_DUE` at most.
        made: updates that were taken.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self.told = 0
        self.due = 0
        self.made = 0

    def tell(self, n: int) -> None:
        """Count ``n`` outcomes. However they are batched, none is lost: what they are worth waits."""
        before = self.told // self._rate
        self.told += n
        self.due = min(self.due + self.told // self._rate - before, MOST_DUE)

    def take(self) -> int:
        """Return how many updates are due, and count them as made."""
        taken = self.due
        self.made += taken
        self.due = 0
        return taken

    def state(self) -> IntArray:
        """Return the three counts."""
        return np.array([self.told, self.due, self.made])

    def load(self, who: str, counters: Any, remembered: int) -> None:
        """Continue from `state`; raise ValueError if it does not fit so many remembered outcomes."""
        found = saved_array(f"{who}: counters", counters, np.int64, (3,), low=0)
        self.told = saved_whole(f"{who}: told", found[0].item(), remembered)
        self.due = saved_whole(f"{who}: due", found[1].item(), 0, MOST_DUE)
        self.made = int(found[2])
        if self.due and not remembered:
            raise ValueError(f"{who}: due: expected outcomes to learn from, got none")
