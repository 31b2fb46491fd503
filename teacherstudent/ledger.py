"""The budget ledger: what a run has spent, apart by purpose, so that teachers are compared at equal cost."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from teacherstudent.types import State, check_mapping, check_names, check_real, check_whole

COSTS = ("before", "train", "measure", "mutate", "antagonist", "evaluate", "adversary")
_BESIDE = frozenset({"evaluate", "adversary"})
"""Costs that do not count against the budget."""
_COUNTED = ({*COSTS} - _BESIDE - {"before"}) | {"updates", "environment_seconds"}
"""What a student counts."""
_WHOLE = ("episodes", "dropped", "failed")
SECONDS = ("student", "environment", "teacher", "evaluate", "record", "checkpoint", "total")


class Ledger:
    """Counts costs (environment steps, or FLOPs), gradient updates, episodes and seconds.

    Args:
        before: cost that the run is charged with before it starts: of a reference model, say.

    Attributes:
        costs: cumulative cost by purpose, keys `COSTS`. All but ``evaluate`` and ``adversary`` count against
            the budget: evaluation on the test set is the same for every teacher, and the steps of an
            adversary that builds tasks are no environment's.
        seconds: cumulative seconds by purpose, keys `SECONDS`; ``environment`` is part of ``student``.
        updates: gradient updates.
        episodes: finished tasks; for rows bound for whole rollouts, the episodes completed in them.
        dropped: tasks under way that a resume, or the end of a process with several slots, had to give up.
        failed: tasks whose environment failed.
    """

    def __init__(self, before: float = 0.0) -> None:
        self.costs = dict.fromkeys(COSTS, 0.0) | {"before": float(before)}
        self.seconds = dict.fromkeys(SECONDS, 0.0)
        self.updates = 0.0
        self.episodes = 0
        self.dropped = 0
        self.failed = 0
        self._edited = 0.0  # cost of edited levels, which students report as measured
        self._open: dict[str, float] = {}  # blocks under way: purpose -> the time up to which it is counted

    @property
    def spent(self) -> float:
        """What counts against the budget."""
        return sum(cost for purpose, cost in self.costs.items() if purpose not in _BESIDE)

    def absorb(self, spent: Mapping[str, float]) -> None:
        """Take over a student's counters (`Student.spent`).

        Raises:
            ValueError: if a key is not one of the counters, or a value no finite number of at least 0.
            TypeError: if it is no mapping.
        """
        for name, value in check_mapping("Student.spent", spent, optional=False).items():
            if name not in _COUNTED:
                raise ValueError(f"Student.spent: expected keys of student.COUNTERS, got {name!r}")
            check_real(f"Student.spent: {name}", value, 0)
        for name, value in spent.items():
            if name == "updates":
                self.updates = value
            elif name == "environment_seconds":
                self.seconds["environment"] = value
            else:
                self.costs[name] = value + {"measure": -self._edited, "mutate": self._edited}.get(name, 0.0)

    def absorb_teacher(self, spent: Mapping[str, float]) -> None:
        """Take over a teacher's counters (`Teacher.spent`).

        Raises:
            ValueError: if a key is not ``adversary``, or the value no finite number of at least 0.
            TypeError: if it is no mapping.
        """
        for name, value in check_mapping("Teacher.spent", spent, optional=False).items():
            if name != "adversary":
                raise ValueError(f"Teacher.spent: expected the key 'adversary', got {name!r}")
            check_real("Teacher.spent: adversary", value, 0)
        self.costs |= spent

    def edited(self, cost: float) -> None:
        """Count a cost that the student has reported as ``measure`` as ``mutate``: an edited level's."""
        self._edited += cost
        self.costs["measure"] -= cost
        self.costs["mutate"] += cost

    @contextmanager
    def timed(self, purpose: str) -> Iterator[None]:
        """Add the block's wall time to ``seconds[purpose]``."""
        self._open[purpose] = time.perf_counter()
        try:
            yield
        finally:
            self._count_open()
            del self._open[purpose]

    def _count_open(self) -> None:
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
            "edited": self._edited,
        }

    def load_state_dict(self, state: State) -> None:
        """Continue from `state_dict`.

        Raises:
            ValueError: if the state is incomplete or damaged; nothing has changed then.
            TypeError: if it is no mapping.
        """
        later = {"failed": 0, "edited": 0.0}  # not there in runs that began before they were counted
        given = {**later, **check_mapping("ledger: state", state, optional=False)}
        check_names("ledger: state", ("costs", "seconds", "updates", *_WHOLE, "edited"), given)
        costs = _numbers("ledger: state: costs", given["costs"], COSTS)
        seconds = _numbers("ledger: state: seconds", given["seconds"], SECONDS)
        counts = {name: check_whole(f"ledger: state: {name}", given[name], 0) for name in _WHOLE}
        updates = check_real("ledger: state: updates", given["updates"], 0)
        edited = check_real("ledger: state: edited", given["edited"])
        self.costs |= costs
        self.seconds |= seconds
        self.updates = updates
        self._edited = edited
        self.episodes, self.dropped, self.failed = (counts[name] for name in _WHOLE)


def _numbers(what: str, given: Any, known: tuple[str, ...]) -> dict[str, float]:
    """Return finite numbers by name; names that are not there are left out."""
    values = check_mapping(what, given, optional=False)
    for name in values:
        if name not in known:
            raise ValueError(f"{what}: expected names among {list(known)}, got {name!r}")
    return {name: check_real(f"{what}: {name}", value) for name, value in values.items()}
