"""The clock of a run is compute: what was spent, how far the budget has come, what a chunk may take."""

from __future__ import annotations

import numpy as np

from teacherstudent.contract.checks import check_names
from teacherstudent.contract.types import State
from teacherstudent.students.classifier.options import Training


class Chunk:
    """What a chunk may spend on steps and on the scoring passes that they need.

    Args:
        allowed: its FLOPs.
        left: of the budget, less what is measured after the chunk; infinite without one.
        after: FLOPs that are measured after it.

    Attributes:
        allowed: as given.
        used: FLOPs of its steps and scoring passes so far.
    """

    def __init__(self, allowed: float, left: float, after: float) -> None:
        self.allowed = allowed
        self.used = 0.0
        self._left = left
        self._after = after

    def pays(self, scoring: float) -> bool:
        """Return whether the budget pays for a scoring pass and something after it."""
        return self.used + scoring < self._left

    def takes(self, step: float, scoring: float) -> bool:
        """Return whether another step, and the scoring pass before it, are part of the chunk.

        The first one always is. Beyond what is allowed they are if the budget's rest pays for no further
        chunk, that is for a step and what is measured after it; so the budget is overspent by less than a
        step.
        """
        # A chunk without a step would never bring the run to its end.
        if self.used == 0:
            return True
        # The second case: too little is left for another chunk, so this one takes the rest.
        rest = self._left - self.used
        return rest > 0 and (self.used + step + scoring <= self.allowed or rest <= step + self._after)


class Compute:
    """Counts FLOPs of training and measuring, and gradient steps, against a budget.

    Args:
        budget: FLOPs of the whole run; None for no end.

    Attributes:
        ended: whether the run ends before its budget is spent.
        counts: ``train`` and ``measure`` in FLOPs, ``updates`` in gradient steps.
    """

    def __init__(self, budget: float | None) -> None:
        self.budget = budget
        self.ended = False
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
        """Whether the budget is spent, never without one; or whether the run was ended before."""
        return self.ended or (self.budget is not None and self.spent >= self.budget)

    @property
    def progress(self) -> float:
        """The share of the budget that is spent, at most 1; 0 without one."""
        if self.budget is None:
            return 0.0
        return min(1.0, self.spent / self.budget)

    def rate(self, training: Training) -> float:
        """Return the learning rate at the share of the budget that is spent; constant without a budget."""
        if self.budget is None:
            return training.lr
        return training.rate(self.progress)

    def begin(self, chunk: float, after: float) -> Chunk:
        """Return the next chunk.

        Args:
            chunk: its FLOPs, to which those that the last one has left are added.
            after: FLOPs that are measured after it.
        """
        left = np.inf
        if self.budget is not None:
            left = self.budget - self.spent - after
        return Chunk(chunk + self._carry, left, after)

    def end(self, chunk: Chunk) -> None:
        """Carry what a chunk has left over to the next one."""
        # A debt is not carried over: the last step may cost more than was left.
        self._carry = max(0.0, chunk.allowed - chunk.used)

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
