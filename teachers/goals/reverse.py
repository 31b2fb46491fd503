"""Reverse curriculum: tasks that spread from easy ones by random walks, as far as they are solved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
import numpy.typing as npt
import scipy

from teacherstudent.contract import spaces
from teacherstudent.contract.checks import check_names, check_real, check_whole
from teacherstudent.contract.registry import TEACHERS
from teacherstudent.contract.spaces import Box
from teacherstudent.contract.stored.saved import saved_array, saved_whole
from teacherstudent.contract.teacher import Teacher
from teacherstudent.contract.types import (
    UNASKED,
    Array,
    Assignment,
    BoolArray,
    FloatArray,
    IntArray,
    Outcomes,
    Seed,
    State,
    Wait,
)
from teacherstudent.teachers.goals.band import check_band
from teacherstudent.teachers.signals import check_mastered, successes

STEPS = 50
"""Steps of a random walk; T_B of algorithm 2."""
NEARBY = 10_000
"""Tasks from which the new ones of a round are drawn; M of algorithm 2."""
REMEMBERED = 10_000
"""Old starts that are remembered, the newest ones."""
_FURTHER = 10
"""How many times longer, and wider, walks are when everything is mastered."""


@TEACHERS.register("reverse")
class ReverseTeacher(Teacher[Box]):
    """Walks away from easy tasks, and keeps those that are solved neither always nor never.

    Florensa, Held, Wulfmeier, Zhang and Abbeel 2017, "Reverse curriculum generation for reinforcement
    learning", https://arxiv.org/abs/1707.05300, algorithms 1 and 2.

    It works in rounds, each on a fixed set of tasks. The first set is near the easy tasks, the later ones are
    near the good tasks of the round before: those of a mean success within ``band``. Near are random walks
    from such tasks: of 10 000 points of walks of 50 steps ``new`` are taken (algorithm 2). They are joined by
    ``old`` tasks drawn from the good ones of all rounds, the easy ones included (algorithm 1). Tasks are
    asked for in turn, and a round ends when ``rollouts`` outcomes a task have come back.

    If no task of a round was good, then as in the authors' code: where most were too hard, the next walks
    start at old tasks; else at all tasks of the round, ten times longer and with ten times the variance.

    Deviations: a teacher knows no simulator. Brownian actions would move the start state through it, and
    reach only states that exist; here the noise moves the task itself, so a task may be one that nobody can
    solve. Such tasks are never good, and nothing walks on from them. Walks are reflected at the ends of the
    space. The paper draws a start uniformly for each episode, here tasks take turns. It asks the policy for
    trajectories until its batch is full, here a round has ``rollouts`` a task. The paper's sets have 200 new
    and 100 old tasks. Only the newest 10 000 good tasks are remembered.

    A row succeeds by its signal ``success`` where it carries one (a share counts as such), else if its score
    is above ``mastered``. Rows that nobody asked for, and late ones of earlier rounds, are of no task of the
    set and change nothing. A batch told at once gives the state of its rows told one by one.

    Args:
        space: a box.
        seed: an integer of at least 0 or a ``SeedSequence``.
        mastered: the score above which a task counts as solved; the family's if it has one.
        easy: ``(m, *space.shape)`` tasks that an untrained student solves now and then; the family's if it
            knows some.
        walk: names of the dimensions that walk, such as ``("start_x", "start_y")``; the others stay those of
            the easy task where a walk began. None is all.
        noise: standard deviation of a whole walk, as a share of each dimension's range.
        new: new tasks of a round, at least 1.
        old: old tasks of a round.
        rollouts: outcomes a task in a round, on average.
        band: least and greatest mean success of good tasks; R_min and R_max.

    Raises:
        TypeError: if the space is no box, or the seed is no integer.
        ValueError: if ``mastered`` or ``easy`` is missing, or an option is out of range.
    """

    accepts: ClassVar[tuple[type[gym.Space[Any]], ...]] = (Box,)
    reads: frozenset[str] = frozenset({"success"})

    def __init__(
        self,
        space: Box,
        *,
        seed: Seed,
        mastered: float | None = None,
        easy: npt.ArrayLike | None = None,
        walk: Sequence[str] | None = None,
        noise: float = 0.1,
        new: int = 100,
        old: int = 50,
        rollouts: int = 2,
        band: tuple[float, float] = (0.1, 0.9),
    ) -> None:
        super().__init__(space, seed=seed)
        who = "reverse"
        self.mastered = check_mastered(who, mastered)
        self._walks = _walking(space, walk)
        self.noise = check_real(f"{who}: noise", noise, 0, 1, above=True)
        self.new = check_whole(f"{who}: new", new, 1, NEARBY)
        self.old = check_whole(f"{who}: old", old, 0, REMEMBERED)
        self.rollouts = check_whole(f"{who}: rollouts", rollouts, 1, 10**6)
        self.band = check_band(f"{who}: band", band)
        self._easy = _easy_points(space, easy)
        # Good tasks of all rounds, and those from which the next round walks away, in the unit cube.
        self._olds = self._easy.copy()
        self._seeds = self._easy.copy()
        self._widely = False
        # The set of this round, and the sum and number of its outcomes by task. Empty before it is drawn.
        self._points = np.empty((0, self._easy.shape[1]))
        self._sums, self._counts = np.empty(0), np.empty(0, np.int64)
        # The id of the first row of this round.
        self._first = 0
        self._rounds = 0

    def _ask(self, ids: IntArray, progress: float) -> Assignment:
        if not len(self._points):
            self._begin(int(ids[0]))
        # Ids follow one another, so the row of an id says whose turn it is, now and when it comes back.
        points = self._points[self._turn(ids)]
        return Assignment(ids=ids, tasks=spaces.from_unit(self.space, points))

    def _turn(self, ids: IntArray) -> IntArray:
        """Return the task of this round that each of its rows plays."""
        return (ids - self._first) % len(self._points)

    def _begin(self, first: int) -> None:
        """Draw the set of a round whose first row has this id."""
        widely = _FURTHER if self._widely else 1
        points = nearby(self._seeds, self._walks, self.noise * widely, STEPS * widely, self.new, self.rng)
        old = self._olds[self.rng.integers(len(self._olds), size=self.old)]
        # Shuffled, so that a student that plays the first rows alone meets both kinds.
        points = self.rng.permutation(np.concatenate([points, old]))
        # There and back: of whole numbers the set has those that are really played.
        self._points = spaces.to_unit(self.space, spaces.from_unit(self.space, points))
        self._sums, self._counts = np.zeros(len(points)), np.zeros(len(points), np.int64)
        self._first = first

    def _tell(self, outcomes: Outcomes) -> None:
        success = successes(outcomes, self.mastered)
        if not len(self._points):
            return
        rows = np.flatnonzero((outcomes.ids != UNASKED) & (outcomes.ids >= self._first))
        # Rows beyond the end of the round are late rows of it: told one by one they would not count.
        left = self.rollouts * len(self._points) - int(self._counts.sum())
        rows = rows[:left]
        which = self._turn(outcomes.ids[rows])
        self._sums += np.bincount(which, success[rows], len(self._points))
        self._counts += np.bincount(which, minlength=len(self._points))
        if len(rows) == left:
            self._end()

    def _end(self) -> None:
        """Choose where the next round walks from, and forget the set."""
        mean = self._success()
        good = self._points[self._good(mean)]
        self._widely = False
        if len(good):
            self._seeds = good
            self._olds = np.concatenate([self._olds, good])[-REMEMBERED:]
        elif np.nanmedian(mean) < self.band[0]:
            self._seeds = self._olds
        else:
            self._seeds = self._points
            self._widely = True
        self._points = self._points[:0]
        self._sums, self._counts = self._sums[:0], self._counts[:0]
        self._rounds += 1

    def _success(self) -> FloatArray:
        """Return the mean success of each task of the set; NaN where nothing came back."""
        mean = np.full(len(self._sums), np.nan)
        told = self._counts > 0
        mean[told] = self._sums[told] / self._counts[told]
        return mean

    def _good(self, mean: FloatArray) -> BoolArray:
        return (mean >= self.band[0]) & (mean <= self.band[1])

    def first_action(self) -> Wait | None:
        """Return how many outcomes the second round waits for; None afterwards."""
        if self._rounds:
            return None
        rows = self.rollouts * (self.new + self.old)
        return Wait(rows, "the second round", "fewer new, old or rollouts")

    def decisions(self) -> int:
        """Return the rounds that have ended."""
        return self._rounds

    def metrics(self) -> dict[str, float]:
        """Return the rounds that ended, and how many tasks the walks of this round began at.

        ``far`` is the mean distance of these from the nearest easy task, in the unit cube.
        """
        found = {"rounds": float(self._rounds), "seeds": float(len(self._seeds))}
        distance, _ = scipy.spatial.cKDTree(self._easy[:, self._walks]).query(self._seeds[:, self._walks])
        found["far"] = float(distance.mean())
        return found

    def snapshot(self) -> dict[str, Any]:
        """Return the set of this round and where its walks began, in task units.

        ``tasks (n, d)``, ``success (n,)`` so far, NaN where nothing came back; ``seeds (m, d)``. Empty
        between two rounds.
        """
        if not len(self._points):
            return {}
        return {
            "tasks": self._raw(self._points),
            "success": self._success(),
            "seeds": self._raw(self._seeds),
        }

    def _raw(self, points: FloatArray) -> Array:
        return spaces.from_unit(self.space, points).reshape(points.shape).astype(np.float64)

    def _state(self) -> State:
        return {
            "olds": self._olds.copy(),
            "seeds": self._seeds.copy(),
            "widely": int(self._widely),
            "points": self._points.copy(),
            "sums": self._sums.copy(),
            "counts": self._counts.copy(),
            "first": self._first,
            "rounds": self._rounds,
        }

    def _load(self, state: State) -> None:
        names = ("olds", "seeds", "widely", "points", "sums", "counts", "first", "rounds")
        check_names("reverse: state", names, state)
        d = self._easy.shape[1]
        points, seeds, olds = (
            saved_array(f"reverse: {name}", state[name], np.float64, (None, d), low=0, high=1)
            for name in ("points", "seeds", "olds")
        )
        n = len(points)
        # Walks begin at a seed, and old tasks are drawn: neither may be empty.
        if not (len(seeds) and len(olds)) or n not in (0, self.new + self.old):
            raise ValueError(
                f"reverse: state: expected seeds, old tasks and {self.new + self.old} points or none, got "
                f"{len(seeds)}, {len(olds)} and {n}"
            )
        counts = saved_array("reverse: counts", state["counts"], np.int64, (n,), low=0)
        # A round ends with its last outcome, so a full one is no state between two calls.
        if n and counts.sum() >= self.rollouts * n:
            raise ValueError(f"reverse: counts: expected fewer than {self.rollouts * n}, got {counts.sum()}")
        sums = saved_array("reverse: sums", state["sums"], np.float64, (n,), low=0)
        if (sums > counts).any():
            raise ValueError(f"reverse: sums: expected at most the counts {counts}, got {sums}")
        self._olds, self._seeds, self._points = olds, seeds, points
        self._sums, self._counts = sums, counts
        self._widely = bool(saved_whole("reverse: widely", state["widely"], 0, 1))
        self._first = saved_whole("reverse: first", state["first"], 0, 2**62)
        self._rounds = saved_whole("reverse: rounds", state["rounds"])


def nearby(
    starts: FloatArray, walks: IntArray, noise: float, steps: int, n: int, rng: np.random.Generator
) -> FloatArray:
    """Return ``n`` points drawn from ``starts`` and from random walks away from them (algorithm 2).

    Args:
        starts: ``(m, d)`` in the unit cube.
        walks: the coordinates that walk.
        noise: standard deviation of a whole walk.
        steps: of a walk.
        n: points returned.
        rng: draws.
    """
    many = max(1, (NEARBY - len(starts)) // steps)
    begun = starts[rng.integers(len(starts), size=many)]
    # Points of the pool are drawn first: a walk's point after t steps is its t-th sum.
    pool = len(starts) + many * steps
    chosen = rng.integers(pool, size=n)
    moved = np.cumsum(rng.standard_normal((many, steps, len(walks))), axis=1) * (noise / np.sqrt(steps))
    place = chosen - len(starts)
    which, step = np.divmod(np.maximum(place, 0), steps)
    points = begun[which]
    points[:, walks] = reflected(points[:, walks] + moved[which, step])
    # A negative place is one of the starts themselves, as they are.
    stays = place < 0
    points[stays] = starts[chosen[stays]]
    return points


def reflected(x: FloatArray) -> FloatArray:
    """Return coordinates folded into [0, 1], as by walls that reflect."""
    # The way there and back is 2 long: from 1 on it leads down again.
    x = np.mod(x, 2.0)
    return np.where(x > 1, 2 - x, x)


def _walking(space: Box, walk: Sequence[str] | None) -> IntArray:
    """Return the coordinates with these names."""
    names = spaces.dimension_names(space)
    if walk is None:
        return np.arange(len(names))
    listed = not isinstance(walk, str) and isinstance(walk, Sequence)
    if (
        not listed
        or not walk
        or len(set(map(str, walk))) < len(walk)
        or not set(map(str, walk)) <= set(names)
    ):
        raise ValueError(f"reverse: walk: expected different names among {list(names)}, got {walk!r}")
    return np.array([names.index(str(name)) for name in walk])


def _easy_points(space: Box, easy: npt.ArrayLike | None) -> FloatArray:
    """Return easy tasks as points of the unit cube ``(m, d)``."""
    if easy is None:
        raise ValueError(
            "reverse: easy: expected tasks (m, *space.shape) that an untrained student solves now and then, "
            "got None: give easy=..., or take the teacher of a family that knows some "
            "(teachers.make('reverse', family))"
        )
    tasks = spaces.check_tasks(space, easy, "reverse: easy")
    if not len(tasks):
        raise ValueError("reverse: easy: expected at least one task, got none")
    return spaces.to_unit(space, tasks)
