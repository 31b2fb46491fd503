"""A protagonist and an antagonist on the same levels: the student that reports regret."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np

from teacherstudent import outset
from teacherstudent.failures import Failures, Survives
from teacherstudent.family import RLFamily
from teacherstudent.registry import STUDENTS
from teacherstudent.rl.rollout_scores import check_rows
from teacherstudent.student import Binds, HasRounds, Student
from teacherstudent.types import (
    Array,
    Assignment,
    FloatArray,
    Granularity,
    IntArray,
    Outcomes,
    Seed,
    State,
    check_keywords,
    check_mapping,
    check_names,
    check_real,
    is_one_of,
    seed_sequence,
)

_ROLES = ("protagonist", "antagonist")
_Estimator: TypeAlias = Callable[[FloatArray, FloatArray, FloatArray, FloatArray], FloatArray]
"""Takes mean and highest return of the protagonist, then of the antagonist, ``(n,)`` each."""


def _unclipped(mean: FloatArray, best: FloatArray, other: FloatArray, rival: FloatArray) -> FloatArray:
    del best, other
    return rival - mean


def _paired(mean: FloatArray, best: FloatArray, other: FloatArray, rival: FloatArray) -> FloatArray:
    return np.maximum(_unclipped(mean, best, other, rival), 0.0)


def _flexible(mean: FloatArray, best: FloatArray, other: FloatArray, rival: FloatArray) -> FloatArray:
    return np.maximum(np.where(best > rival, best - other, rival - mean), 0.0)


def _population(mean: FloatArray, best: FloatArray, other: FloatArray, rival: FloatArray) -> FloatArray:
    return np.maximum(best, rival) - (mean + other) / 2


_ESTIMATORS: dict[str, _Estimator] = {
    "paired": _paired,
    "flexible": _flexible,
    "population": _population,
    "unclipped": _unclipped,
}


@STUDENTS.register("antagonist")
class AntagonistStudent:
    """Two students of one kind, protagonist and antagonist, each with its own networks and slots.

    Reference: Dennis et al., Emergent Complexity and Zero-shot Transfer via Unsupervised Environment Design
    (PAIRED), 2020, https://arxiv.org/abs/2012.02096, algorithm 1.

    It is bound for rollouts. An assignment has a row for each slot of both: of 2 n rows the first n are the
    protagonist's, the others the antagonist's, and each row's outcome is that of the student that played it.
    Where rows i and n + i hold the same level, both carry the level's ``regret`` by the estimator, with
    max_A, mean_A the antagonist's highest and mean return of the rollout's completed episodes, max_P, mean_P
    the protagonist's:

    - ``"paired"``: max(max_A - mean_P, 0).
    - ``"unclipped"``: max_A - mean_P.
    - ``"flexible"``: the student with the higher maximum plays the antagonist; on a tie it stays who it is.
    - ``"population"``: max(max_A, max_P) - (mean_A + mean_P) / 2.

    Where they hold different levels, ``regret`` is 0. ``antagonist_return`` is mean_A of slot i on both rows.

    A row whose environment fails has no outcome, nor has the row of the same slot of the other student.

    Deviations from the paper: the adversary is no part of this, but a teacher that is told the regret; a
    student that completed no episode in the rollout counts with its return so far.

    Attributes:
        protagonist: the student that is tested.
        antagonist: the other one.

    Args:
        family: whose levels are played.
        seed: both students draw from streams of it.
        student: what both are: a registered student that can be bound for rollouts (``"sb3"``, ``"rsl-rl"``).
        student_options: its keywords.
        estimator: see above.
        tested: whose policy `evaluate` plays, ``"protagonist"`` or ``"antagonist"``.
        budget: the whole run's environment steps, of which each student is told half.

    Raises:
        TypeError: if an option of the students is unknown, or the family has no environments.
        ValueError: if the students cannot be bound for rollouts, or an option has a bad value.
    """

    granularities: frozenset[Granularity] = frozenset({"rollout"})

    def __init__(
        self,
        family: RLFamily,
        *,
        seed: Seed,
        student: str = "sb3",
        student_options: Mapping[str, Any] | None = None,
        estimator: str = "paired",
        tested: str = "protagonist",
        budget: float | None = None,
    ) -> None:
        if not is_one_of(estimator, _ESTIMATORS):
            raise ValueError(
                f"antagonist: estimator: expected one of {sorted(_ESTIMATORS)}, got {estimator!r}"
            )
        if not is_one_of(tested, _ROLES):
            raise ValueError(f"antagonist: tested: expected one of {list(_ROLES)}, got {tested!r}")
        if budget is not None:
            check_real("antagonist: budget", budget, 0, above=True)
        half = {} if budget is None else {"budget": budget / 2}
        options = {**half, **check_mapping("antagonist: student_options", student_options)}
        self.protagonist, self.antagonist = (
            _bound(student, family, options, stream) for stream in seed_sequence(seed).spawn(2)
        )
        self.failures = Failures()
        for made in (self.protagonist, self.antagonist):
            if isinstance(made, Survives):
                made.failures.join(self.failures)
        self.provides = self.protagonist.provides | {"regret", "antagonist_return"}
        self._estimate = _ESTIMATORS[estimator]
        self._tested = self.protagonist if tested == "protagonist" else self.antagonist

    def bind(self, granularity: Granularity) -> None:
        """Accept rollouts, for which it is bound from the start.

        Raises:
            ValueError: for any other granularity.
        """
        if granularity != "rollout":
            raise ValueError(f"antagonist: can be bound for ['rollout'], got {granularity!r}")

    def round_cost(self) -> float:
        """Return the environment steps of a round of both; 0 if they don't say."""
        return sum(
            made.round_cost() for made in (self.protagonist, self.antagonist) if isinstance(made, HasRounds)
        )

    def wants(self) -> int:
        """Return the number of slots of both."""
        return self.protagonist.wants() + self.antagonist.wants()

    @property
    def row_cost(self) -> float | None:
        """What each outcome costs: both play rollouts of one length."""
        return outset.row_cost(self.protagonist)

    def train(self, assignment: Assignment) -> Outcomes:
        """Run one rollout and one update of each, on its half of the rows.

        Raises:
            ValueError: unless there is one row for each slot of both.
            EpisodeError, TaskError: if an environment fails, and `failures` allows none.
            TooManyFailedTasksError: if it allows no more.
        """
        check_rows(assignment, self.wants(), "antagonist")
        n = self.protagonist.wants()
        halves = assignment.select(slice(None, n)), assignment.select(slice(n, None))
        mine = self.protagonist.train(halves[0])
        other = self.antagonist.train(halves[1])
        if len(mine) < n or len(other) < n:
            mine, other = self._pairs(halves, mine, other)
        same = (mine.tasks == other.tasks).all(axis=tuple(range(1, mine.tasks.ndim)))
        regret = self._estimate(
            mine.score, mine.signals["max_return"], other.score, other.signals["max_return"]
        )
        both = Outcomes.concatenate([mine, other])
        added = {
            "regret": np.tile(np.where(same, regret, 0.0), 2),
            "antagonist_return": np.tile(other.score, 2),
        }
        return dataclasses.replace(both, signals={**both.signals, **added})

    def _pairs(
        self, halves: tuple[Assignment, Assignment], mine: Outcomes, other: Outcomes
    ) -> tuple[Outcomes, Outcomes]:
        """Return the outcomes of slots in which both students have one; the lone ones are given up.

        Regret compares the two, so that a row without its opposite says nothing.
        """
        there = [np.isin(half.ids, found.ids) for half, found in zip(halves, (mine, other), strict=True)]
        both = there[0] & there[1]
        for half, present in zip(halves, there, strict=True):
            lone = half.select(present & ~both)
            words = ["the environment of the opposite row failed"] * len(lone)
            self.failures.add(lone.ids, lone.tasks, words, False)
        return mine.select(both[there[0]]), other.select(both[there[1]])

    def evaluate(self, tasks: Array, *, seed: int) -> Outcomes:
        """Play each task as the family tests policies, with the protagonist's or the one's that is tested."""
        return self._tested.evaluate(tasks, seed=seed)

    def spent(self) -> Mapping[str, float]:
        """Return what both spent; the antagonist's training steps are charged as ``antagonist``."""
        mine = self.protagonist.spent()
        other = self.antagonist.spent()
        shared = {name: mine.get(name, 0.0) + other.get(name, 0.0) for name in {*mine, *other}}
        return shared | {"train": mine.get("train", 0.0), "antagonist": other.get("train", 0.0)}

    def holds(self) -> IntArray:
        """Return no ids: between two rollouts nothing is under way."""
        return np.concatenate([self.protagonist.holds(), self.antagonist.holds()])

    def metrics(self) -> Mapping[str, float]:
        """Return the protagonist's numbers, and the antagonist's under ``antagonist/``."""
        other = {f"antagonist/{name}": value for name, value in self.antagonist.metrics().items()}
        return {**self.protagonist.metrics(), **other}

    def state_dict(self) -> State:
        """Return the states of both."""
        return {role: getattr(self, role).state_dict() for role in _ROLES}

    def load_state_dict(self, state: State) -> None:
        """Continue from `state_dict`, exactly.

        Raises:
            ValueError: if the state is of another student.
        """
        check_names("antagonist: state", _ROLES, state)
        for role in _ROLES:
            getattr(self, role).load_state_dict(state[role])

    def close(self) -> None:
        """Close the environments of both."""
        self.protagonist.close()
        self.antagonist.close()


def _bound(name: str, family: RLFamily, options: Mapping[str, Any], seed: np.random.SeedSequence) -> Student:
    """Return a student that is bound for rollouts.

    Raises:
        ValueError: if it cannot be.
        TypeError: if it has no such option.
    """
    options = check_keywords("antagonist: student_options", options, STUDENTS.get(name))
    made: Student = STUDENTS.make(name, family, seed=seed, **options)
    if not isinstance(made, Binds):
        raise ValueError(f"antagonist: expected a student that can be bound for rollouts, got {name!r}")
    made.bind("rollout")
    return made
