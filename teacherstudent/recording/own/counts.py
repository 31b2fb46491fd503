"""What an own loop has spent: by what it says itself, or by the costs of its rows."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from teacherstudent.contract.checks import check_mapping, check_real, check_whole, is_finite
from teacherstudent.contract.purposes import Purpose, add_costs, measured_costs
from teacherstudent.contract.types import Outcomes, State


class Counts:
    """Costs by purpose, and counts of rows; what counts as spent never falls.

    Args:
        said: returns what the loop has spent so far, rows that have not ended included; None adds up the
            costs of the rows that are told.

    Attributes:
        dropped: rows whose outcomes will never come.

    Raises:
        TypeError: if ``said`` cannot be called.
    """

    def __init__(self, said: Callable[[], float] | None) -> None:
        if said is not None and not callable(said):
            raise TypeError(
                f"for_loop: spent: expected a function that returns the cost so far, such as "
                f"lambda: model.num_timesteps, got {said!r}"
            )
        self.dropped = 0
        # Seconds go on where the run stopped: a pause between two sessions does not count.
        self._born = time.monotonic()
        self._said = said
        self._costs: dict[str, float] = {Purpose.TRAIN.cost: 0.0}
        self._tests: float | None = None
        self._rows = 0
        self._last = 0.0

    def told(self, outcomes: Outcomes) -> None:
        """Count rows."""
        self._rows += len(outcomes)
        self._costs[Purpose.TRAIN.cost] += float(outcomes.cost[outcomes.learn].sum())
        # Rows of other purposes are few, and most loops have none.
        if not outcomes.learn.all():
            add_costs(self._costs, measured_costs(outcomes.purpose, outcomes.cost))

    def tested(self, cost: float) -> None:
        """Count what a test has cost, which is no part of what is spent."""
        self._tests = (self._tests or 0.0) + check_real("test: cost", cost, 0)

    def spent(self) -> float:
        """Return what counts against the budget.

        Raises:
            ValueError: if the loop says less than it said before, or no finite number.
        """
        if self._said is None:
            return float(sum(self._costs.values()))
        now = self._said()
        if not is_finite(now):
            raise ValueError(f"for_loop: spent: expected it to return a finite number, got {now!r}")
        # Curves are drawn over it, and compared where it is equal.
        if now < self._last:
            raise ValueError(
                f"for_loop: spent: expected at least {self._last:g}, which it has returned before, got "
                f"{now:g}: a loop that goes on from a checkpoint must go on with the checkpoint's count"
            )
        self._last = float(now)
        return self._last

    def as_dict(self) -> dict[str, float]:
        """Return costs and counts by the names of a ledger."""
        costs = dict(self._costs)
        if self._said is not None:
            # What the loop says holds rows under way too; all but what was measured is training.
            measured = sum(costs.values()) - costs[Purpose.TRAIN.cost]
            costs[Purpose.TRAIN.cost] = max(0.0, self.spent() - measured)
        if self._tests is not None:
            costs["evaluate"] = self._tests
        found = {f"cost/{name}": cost for name, cost in costs.items()}
        found |= {"episodes": float(self._rows), "dropped": float(self.dropped)}
        # Seconds of student and teacher apart are not known of a loop of somebody else's.
        return found | {"seconds/total": time.monotonic() - self._born}

    def state(self) -> State:
        """Return the counts as plain data; a copy."""
        return {
            "costs": dict(self._costs),
            "tests": self._tests,
            "rows": self._rows,
            "dropped": self.dropped,
            "last": self._last,
            "seconds": time.monotonic() - self._born,
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from `state`.

        Raises:
            TypeError, ValueError: if it is damaged.
        """
        given = check_mapping("checkpoint: counts", state, optional=False)
        costs = check_mapping("checkpoint: counts: costs", given["costs"], optional=False)
        self._costs |= {name: check_real(f"checkpoint: {name}", cost, 0) for name, cost in costs.items()}
        self._tests = None if given["tests"] is None else check_real("checkpoint: tests", given["tests"], 0)
        self._rows = check_whole("checkpoint: rows", given["rows"], 0)
        self.dropped = check_whole("checkpoint: dropped", given["dropped"], 0)
        self._last = check_real("checkpoint: last", given["last"], 0)
        self._born = time.monotonic() - check_real("checkpoint: seconds", given["seconds"], 0)
