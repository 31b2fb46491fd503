"""The budget ledger: what a run has spent, apart by purpose, so that teachers are compared at equal cost.

Names of costs are open: what a student or a teacher says it has spent is counted under the name that it says.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from teacherstudent.contract.checks import check_mapping, check_names, check_real, check_whole, is_one_of
from teacherstudent.contract.types import State

BEFORE = "before"
EVALUATE = "evaluate"
_OWN = (BEFORE, EVALUATE)
"""Costs that the run itself counts; nobody else may use the names."""
_START = (BEFORE, "train", "measure", EVALUATE)
"""Costs that every ledger shows."""
UPDATES = "updates"
ENVIRONMENT_SECONDS = "environment_seconds"
"""What a student counts beside costs."""
_WHOLE = ("episodes", "dropped", "failed")
SECONDS = ("compile", "student", "environment", "teacher", "evaluate", "record", "checkpoint", "total")


class Ledger:
    """Counts costs (environment steps, or FLOPs), gradient updates, episodes and seconds.

    Args:
        before: cost that the run is charged with before it starts: of a reference model, say.
        prices: what a cost weighs in the budget, by name (`teacherstudent.contract.family.Family.prices`).
            One that is not named weighs 1 if the student spends it, 0 if the teacher does.

    Attributes:
        costs: cumulative cost by name: ``before``; ``evaluate``, which never counts against the budget, since
            the test set is the same for every teacher; ``train``, ``measure`` and whatever else student and
            teacher have spent.
        seconds: cumulative seconds by purpose, keys `SECONDS`; ``environment`` is part of ``student``;
            ``total`` begins after ``compile``.
        updates: gradient updates.
        episodes: finished tasks; for rows bound for whole rollouts, the episodes completed in them.
        dropped: tasks under way that a resume, or the end of a process with several slots, had to give up.
        failed: tasks whose environment failed.

    Raises:
        ValueError: if a price is no finite number of at least 0, or of a cost that the run itself counts.
    """

    def __init__(self, before: float = 0.0, prices: Mapping[str, float] | None = None) -> None:
        # The run's own costs have fixed weights: no family may change what they mean.
        self._prices = {BEFORE: 1.0, EVALUATE: 0.0}
        for name, price in check_mapping("prices", prices).items():
            if name in _OWN:
                raise ValueError(f"prices: expected no price of {list(_OWN)}, got one of {name!r}")
            self._prices[name] = check_real(f"prices: {name}", price, 0)
        # Names of the teacher's costs, which weigh nothing unless
        # the family prices them. Names are added as they come up.
        self._teachers: set[str] = set()
        self.costs = {BEFORE: float(before)} | dict.fromkeys(_START[1:], 0.0)
        self.seconds = dict.fromkeys(SECONDS, 0.0)
        self.updates = 0.0
        self.episodes = 0
        self.dropped = 0
        self.failed = 0
        # Blocks under way: purpose -> the time up to which it is counted.
        self._open: dict[str, float] = {}

    def unused_prices(self) -> list[str]:
        """Return the names of prices for which no cost has come up."""
        return sorted(name for name in self._prices if name not in self.costs)

    @property
    def spent(self) -> float:
        """What counts against the budget."""
        # Infinity times 0 is NaN, and most costs are 0 at the start: those are left out.
        return sum(cost * self.price(name) for name, cost in self.costs.items() if cost)

    def price(self, name: str) -> float:
        """Return what a cost weighs in the budget."""
        return self._prices.get(name, 0.0 if name in self._teachers else 1.0)

    def absorb(self, spent: Mapping[str, float]) -> None:
        """Take over a student's counters (`Student.spent`).

        Raises:
            ValueError: if a value is no finite number of at least 0, or a name one that the run itself uses.
            TypeError: if it is no mapping.
        """
        # Counters are cumulative, so they replace those from before instead of being added.
        costs = dict(_spent("Student.spent", spent))
        if taken := sorted(costs.keys() & self._teachers):
            raise ValueError(f"Student.spent: expected names that the teacher does not use, got {taken[0]!r}")
        self.updates = costs.pop(UPDATES, self.updates)
        self.seconds["environment"] = costs.pop(ENVIRONMENT_SECONDS, self.seconds["environment"])
        self.costs |= costs

    def absorb_teacher(self, spent: Mapping[str, float]) -> None:
        """Take over a teacher's counters (`Teacher.spent`).

        Raises:
            ValueError: if a value is no finite number of at least 0, or a name one that the run itself or
                the student uses.
            TypeError: if it is no mapping.
        """
        costs = _spent("Teacher.spent", spent)
        for name in costs:
            # The same name from both would be counted once only, under whichever price came first.
            if name in self.costs and name not in self._teachers:
                raise ValueError(f"Teacher.spent: expected names that the student does not use, got {name!r}")
        self._teachers |= costs.keys()
        self.costs |= costs

    @contextmanager
    def timed(self, purpose: str) -> Iterator[None]:
        """Add the block's wall time to ``seconds[purpose]``."""
        self._open[purpose] = time.perf_counter()
        try:
            yield
        # Counted after an error too: the seconds of a failed round were spent all the same.
        finally:
            self._count_open()
            del self._open[purpose]

    @contextmanager
    def lent(self, purpose: str, to: str) -> Iterator[None]:
        """Add the block's wall time to ``seconds[to]``, and not to ``purpose``, whose block is under way."""
        self._count_open()
        try:
            yield
        finally:
            now = time.perf_counter()
            self.seconds[to] += now - self._open[purpose]
            self._open[purpose] = now

    def _count_open(self) -> None:
        # Moving `since` forward makes a second call add only what has passed since the first.
        """Count the blocks under way up to now, so that a total is never less than its parts."""
        now = time.perf_counter()
        for purpose, since in self._open.items():
            self.seconds[purpose] += now - since
            self._open[purpose] = now

    def framework_seconds(self) -> float:
        """Return the seconds spent neither in the student (with its environments) nor in evaluation."""
        return self.seconds["total"] - self.seconds["student"] - self.seconds["evaluate"]

    def as_dict(self) -> dict[str, float]:
        """Return everything flat: ``cost/train``, ``seconds/teacher``, ``updates``, ``episodes``."""
        self._count_open()
        return {
            **{f"cost/{name}": value for name, value in self.costs.items()},
            **{f"seconds/{name}": value for name, value in self.seconds.items()},
            "updates": float(self.updates),
            "episodes": float(self.episodes),
            "dropped": float(self.dropped),
            "failed": float(self.failed),
        }

    def state_dict(self) -> State:
        """Return the counters as plain data; a copy."""
        self._count_open()
        return {
            "costs": dict(self.costs),
            "seconds": dict(self.seconds),
            "updates": self.updates,
            "episodes": self.episodes,
            "dropped": self.dropped,
            "failed": self.failed,
            "teacher": sorted(self._teachers),
        }

    def load_state_dict(self, state: State) -> None:
        """Continue from `state_dict`.

        Raises:
            ValueError: if the state is incomplete or damaged; nothing has changed then.
            TypeError: if it is no mapping.
        """
        given = check_mapping("ledger: state", state, optional=False)
        check_names("ledger: state", ("costs", "seconds", "updates", *_WHOLE, "teacher"), given)
        costs = _numbers("ledger: state: costs", given["costs"])
        seconds = _numbers("ledger: state: seconds", given["seconds"])
        check_names("ledger: state: seconds", SECONDS, seconds)
        teacher = given["teacher"]
        if not isinstance(teacher, list) or not all(is_one_of(name, costs) for name in teacher):
            raise ValueError(f"ledger: state: teacher: expected names of costs, got {teacher!r}")
        counts = {name: check_whole(f"ledger: state: {name}", given[name], 0) for name in _WHOLE}
        # Everything is checked before the first attribute changes,
        # so that a damaged state leaves the ledger as it was.
        updates = check_real("ledger: state: updates", given["updates"], 0)
        # Merged and not replaced: an older checkpoint may lack a cost that every ledger shows.
        self.costs |= costs
        self._teachers = set(teacher)
        self.seconds |= seconds
        self.updates = updates
        self.episodes, self.dropped, self.failed = (counts[name] for name in _WHOLE)


def _spent(what: str, given: Any) -> dict[str, float]:
    """Return costs by name; raise for a name that the run itself uses."""
    costs = check_mapping(what, given, optional=False)
    for name, value in costs.items():
        # A student that could write `before` or `evaluate` would change what its rivals are measured by.
        if name in _OWN or not name:
            raise ValueError(f"{what}: expected names of costs other than {list(_OWN)}, got {name!r}")
        check_real(f"{what}: {name}", value, 0)
    return costs


def _numbers(what: str, given: Any) -> dict[str, float]:
    """Return finite numbers by name."""
    values = check_mapping(what, given, optional=False)
    return {name: check_real(f"{what}: {name}", value) for name, value in values.items()}
