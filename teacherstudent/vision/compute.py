"""The clock of a run is compute: what was spent, how far the budget has come, what a chunk may take."""

from __future__ import annotations

import numpy as np

from teacherstudent.types import State, check_names
from teacherstudent.vision.options import Training


class Compute:
    """Counts FLOPs of training and measuring, and gradient steps, against a budget.

    Args:
        budget: FLOPs of the whole run; None for no end.

    Attributes:
        counts: ``train`` and ``measure`` in FLOPs, ``updates`` in gradient steps.
    """

    def __init__(self, budget: float | None) -> None:
        self.budget = budget
        self.counts = {"train": 0.0, "measure": 0.0, "updates": 0.0}
        self._carry = 0.0  # what earlier chunks have left

    def train(self, cost: float) -> None:
        """Count a gradient step."""
        self.counts["train"] += cost
        self.counts["updates"] += 1

    def measure(self, cost: float) -> None:
        """Count a measurement."""
        self.counts["measure"] += cost

    @property
    def spent(self) -> float:
        """What counts against the budget."""
        return self.counts["train"] + self.counts["measure"]

    @property
    def over(self) -> bool:
        """Whether the budget is spent; never without one."""
        return self.budget is not None and self.spent >= self.budget

    @property
    def progress(self) -> float:
        """The share of the budget that is spent, at most 1; 0 without one."""
        return 0.0 if self.budget is None else min(1.0, self.spent / self.budget)

    def rate(self, training: Training) -> float:
        """Return the learning rate at the share of the budget that is spent; constant without a budget."""
        return training.lr if self.budget is None else training.rate(self.progress)

    def steps(self, chunk: float, step: float, after: float) -> int:
        """Return how many steps the next chunk takes, at least 1; the last one ends with the budget.

        Args:
            chunk: FLOPs of a chunk; what it leaves of a step is carried over to the next.
            step: FLOPs of a step.
            after: FLOPs that are measured after the chunk.
        """
        allowed = chunk + self._carry
        if self.budget is not None:
            left = self.budget - self.spent - after
            if left <= allowed:
                self._carry = 0.0
                return max(1, int(np.ceil(left / step)))
        count = max(1, int(allowed // step))
        self._carry = max(0.0, allowed - count * step)
        return count

    def state_dict(self) -> State:
        """Return the counters; a copy."""
        return {"counts": dict(self.counts), "carry": self._carry, "budget": self.budget}

    def load_state_dict(self, state: State) -> None:
        """Continue from `state_dict`.

        Raises:
            ValueError: if it is of another budget, which learning rates and the last test have followed.
        """
        check_names("compute", ("counts", "carry", "budget"), state)
        if state["budget"] != self.budget:
            raise ValueError(f"budget: expected {state['budget']} as in the run to resume, got {self.budget}")
        check_names("compute: counts", list(self.counts), state["counts"])
        self.counts = {name: float(value) for name, value in state["counts"].items()}
        self._carry = float(state["carry"])
