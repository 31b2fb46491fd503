"""Tasks of intermediate difficulty: those that a student solves now and then."""

from __future__ import annotations

from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
import scipy

from teacherstudent.contract import spaces
from teacherstudent.contract.checks import check_names, check_real, check_whole
from teacherstudent.contract.registry import TEACHERS
from teacherstudent.contract.spaces import Box, Discrete
from teacherstudent.contract.stored.saved import saved_array, saved_whole
from teacherstudent.contract.teacher import Teacher
from teacherstudent.contract.types import Array, Assignment, FloatArray, IntArray, Outcomes, Seed, State, Wait
from teacherstudent.teachers.goals.band import check_band
from teacherstudent.teachers.goals.blocks import Blocks
from teacherstudent.teachers.goals.newest import Newest
from teacherstudent.teachers.signals import check_mastered, successes

_TREE = 8
"""Dimensions up to which a k-d tree finds neighbours sooner than a plain search does."""


@TEACHERS.register("intermediate")
class IntermediateTeacher(Teacher[gym.Space[Any]]):
    """Draws tasks that are neither always nor never solved, by their nearest outcomes.

    The rule of Florensa, Held, Geng and Abbeel 2018, "Automatic goal generation for reinforcement learning
    agents" (GoalGAN), https://arxiv.org/abs/1705.06366, section 4.1: goals of intermediate difficulty. It
    needs no generator: goals are not made, but chosen among candidates.

    Every ``fit_rate`` outcomes, at the next ask, ``candidates`` uniform tasks are drawn, and as many by
    moving tasks with a success by normal noise. The success p of a candidate is the mean over its
    ``neighbors`` nearest outcomes among the newest ``window`` (Euclidean, in the unit cube). A task is then a
    candidate with probability in proportion to p (1 - p), and uniform with probability
    ``random_task_ratio``. It is always uniform before the first choice, and where no candidate has a weight.

    On a discrete space every task with an outcome in the window is a candidate, and its p is the mean over
    its own newest ``neighbors`` outcomes.

    Deviations: the paper labels each goal by several rollouts on it and trains a GAN on the labels; here
    neighbours stand for rollouts, and candidates for the GAN (the teacher ``goal-gan`` has one). The paper
    draws equally among goals whose success is from 0.1 to 0.9 (``band``); by default here in proportion to
    p (1 - p), the learnability of Rutherford et al. 2024, https://arxiv.org/abs/2408.15099. The paper mixes
    in goals reached before; here these are moved by noise, as long as they are in the window.

    A row succeeds by its signal ``success`` where it carries one (a share counts as such), else if its score
    is above ``mastered``. Every outcome counts, asked for or not; a batch told at once gives the state of its
    rows told one by one.

    Args:
        space: a box or a discrete space.
        seed: an integer of at least 0 or a ``SeedSequence``.
        mastered: the score above which a task counts as solved; the family's if it has one.
        fit_rate: outcomes between two choices of candidates.
        window: newest outcomes that are remembered.
        neighbors: outcomes that a candidate's success is the mean of.
        noise: standard deviation of the noise, as a share of each dimension's range; of boxes alone.
        candidates: how many of each kind; of boxes alone.
        random_task_ratio: probability of a uniform task.
        band: least and greatest p of candidates that are drawn, equally often, such as (0.1, 0.9); None draws
            in proportion to p (1 - p).

    Raises:
        TypeError: if the space is of another kind, or the seed is no integer.
        ValueError: if ``mastered`` is missing, or an option is out of range.
    """

    accepts: ClassVar[tuple[type[gym.Space[Any]], ...]] = (Box, Discrete)
    reads: frozenset[str] = frozenset({"success"})

    def __init__(
        self,
        space: gym.Space[Any],
        *,
        seed: Seed,
        mastered: float | None = None,
        fit_rate: int = 200,
        window: int = 2000,
        neighbors: int = 8,
        noise: float = 0.05,
        candidates: int = 500,
        random_task_ratio: float = 0.1,
        band: tuple[float, float] | None = None,
    ) -> None:
        super().__init__(space, seed=seed)
        who = "intermediate"
        self.mastered = check_mastered(who, mastered)
        self.fit_rate = check_whole(f"{who}: fit_rate", fit_rate, 1, 10**9)
        self.neighbors = check_whole(f"{who}: neighbors", neighbors, 1, 10**6)
        self.noise = check_real(f"{who}: noise", noise, 0, 1)
        self.candidates = check_whole(f"{who}: candidates", candidates, 1, 10**6)
        self.ratio = check_real(f"{who}: random_task_ratio", random_task_ratio, 0, 1)
        self.band = None if band is None else check_band(f"{who}: band", band)
        d = int(np.prod(space.shape or ()))
        self._newest = Newest(check_whole(f"{who}: window", window, 1, 10**8), d)
        # Outcomes told, and whether a new choice of candidates is due.
        self._told = 0
        self._due = False
        # Candidates as `_flat` returns them, and the success of each.
        self._pool, self._success = np.empty((0, d)), np.empty(0)
        self._blocks = Blocks(space)

    def _flat(self, tasks: Array) -> FloatArray:
        """Return tasks as ``(n, d)``: in task units, or how far they are from the first discrete one."""
        listed = spaces.numbers(self.space)
        if listed is not None:
            tasks = tasks.astype(np.int64) - listed.start
        return tasks.reshape(len(tasks), -1).astype(np.float64)

    def _tasks(self, flat: FloatArray) -> Array:
        """Return what `_flat` was made of."""
        listed = spaces.numbers(self.space)
        if listed is None:
            return spaces.from_flat(spaces.as_box(self.space, "intermediate"), flat)
        # Beyond 2^53 a float may be a little more than the last task.
        place = np.minimum(flat[:, 0].astype(np.int64), len(listed) - 1)
        return (place + listed.start).astype(self.space.dtype)

    def _tell(self, outcomes: Outcomes) -> None:
        success = successes(outcomes, self.mastered)
        self._newest.add(self._flat(outcomes.tasks), success)
        before = self._told // self.fit_rate
        self._told += len(outcomes)
        # The choice waits for the next ask: a batch of many multiples needs one only.
        self._due = self._due or self._told // self.fit_rate > before

    def _ask(self, ids: IntArray, progress: float) -> Assignment:
        if self._due:
            self._choose()
        return Assignment(ids=ids, tasks=self._blocks.take(len(ids), self._drawn))

    def _choose(self) -> None:
        """Take new candidates and find the success of each."""
        self._due = False
        # Tasks drawn before are by older successes.
        self._blocks.clear()
        box = spaces.box_of(self.space)
        if box is not None:
            self._pool, self._success = self._among_points(box)
        else:
            self._pool, self._success = _newest_means(self._newest, self.neighbors)

    def _among_points(self, space: Box) -> tuple[FloatArray, FloatArray]:
        """Return uniform candidates and ones near successes, ``(m, d)`` in task units, and their success."""
        points = spaces.to_unit(space, self._newest.points)
        good = points[self._newest.values > 0]
        n = self.candidates
        tried = self.rng.random((n, points.shape[1]))
        if len(good):
            noise = self.noise * self.rng.standard_normal(tried.shape)
            tried = np.concatenate([tried, good[self.rng.integers(len(good), size=n)] + noise])
        # There and back, so that the success is that of a task which exists: whole numbers are rounded.
        tasks = spaces.from_unit(space, np.clip(tried, 0.0, 1.0))
        rows = nearest(points, spaces.to_unit(space, tasks), self.neighbors)
        return self._flat(tasks), self._newest.values[rows].mean(axis=1)

    def _weights(self) -> FloatArray:
        """Return with what weight each candidate is drawn."""
        p = self._success
        if self.band is None:
            return p * (1 - p)
        return ((p >= self.band[0]) & (p <= self.band[1])).astype(np.float64)

    def _drawn(self, n: int) -> Array:
        """Return ``n`` tasks, candidates and uniform ones."""
        tasks = spaces.sample(self.space, self.rng, n)
        sums = np.cumsum(self._weights())
        if len(sums) and sums[-1] > 0:
            chosen = self.rng.random(n) >= self.ratio
            # The minimum is for rounding at the last sum.
            rows = np.searchsorted(sums, self.rng.random(n) * sums[-1], side="right")
            tasks[chosen] = self._tasks(self._pool[np.minimum(rows[chosen], len(sums) - 1)])
        return tasks

    def first_action(self) -> Wait | None:
        """Return how many outcomes the first choice waits for; until then tasks are uniform. None later."""
        if self._told >= self.fit_rate:
            return None
        return Wait(self.fit_rate, "choosing", f"a smaller fit_rate, here {self.fit_rate}")

    def decisions(self) -> int:
        """Return how often candidates were chosen."""
        return self._told // self.fit_rate

    def metrics(self) -> dict[str, float]:
        """Return the outcomes told, and the mean success of the remembered ones.

        After the first choice also which share of the candidates can be drawn (``intermediate``), has p = 0
        (``hopeless``) and p = 1 (``certain``).
        """
        found = {"told": float(self._told)}
        if len(self._newest):
            found["success"] = float(self._newest.values.mean())
        if len(self._success):
            found["intermediate"] = float((self._weights() > 0).mean())
            found["hopeless"] = float((self._success == 0).mean())
            found["certain"] = float((self._success == 1).mean())
        return found

    def snapshot(self) -> dict[str, Any]:
        """Return the candidates: ``tasks (m, d)`` in task units, ``success (m,)``, ``probability (m,)``.

        Empty before the first choice.
        """
        if not len(self._success):
            return {}
        weights = self._weights()
        return {
            "tasks": self._tasks(self._pool).reshape(len(self._pool), -1).astype(np.float64),
            "success": self._success.copy(),
            "probability": weights / max(float(weights.sum()), np.finfo(np.float64).tiny),
        }

    def _state(self) -> State:
        return {
            "newest": self._newest.state(),
            "told": self._told,
            "due": int(self._due),
            "pool": self._pool.copy(),
            "success": self._success.copy(),
            "left": self._blocks.state(),
        }

    def _load(self, state: State) -> None:
        who = "intermediate"
        check_names(f"{who}: state", ("newest", "told", "due", "pool", "success", "left"), state)
        self._newest.load(f"{who}: newest", state["newest"], low=0, high=1)
        self._check_flat("newest", self._newest.points)
        self._told = saved_whole(f"{who}: told", state["told"], len(self._newest))
        self._due = bool(saved_whole(f"{who}: due", state["due"], 0, 1))
        if self._due and not len(self._newest):
            raise ValueError(f"{who}: due: expected outcomes to choose by, got none")
        d = self._pool.shape[1]
        self._pool = saved_array(f"{who}: pool", state["pool"], np.float64, (None, d))
        self._check_flat("pool", self._pool)
        size = (len(self._pool),)
        self._success = saved_array(f"{who}: success", state["success"], np.float64, size, low=0, high=1)
        self._blocks.load(f"{who}: left", state["left"])

    def _check_flat(self, name: str, flat: FloatArray) -> None:
        """Raise ValueError unless what a state holds in the place of tasks lies in the space."""
        # Logarithms of numbers beyond the space, say, need not exist.
        listed = spaces.numbers(self.space)
        if listed is None:
            low, high = spaces.edges(spaces.as_box(self.space, "intermediate"))
        else:
            low, high = np.zeros(1), np.array([float(len(listed) - 1)])
        if (flat < low).any() or (flat > high).any():
            raise ValueError(f"intermediate: {name}: expected tasks in {self.space}, got {flat}")


def nearest(points: FloatArray, queries: FloatArray, k: int) -> IntArray:
    """Return the rows of the ``k`` nearest points to each query, ``(m, k)``; of all if there are fewer."""
    k = min(k, len(points))
    if points.shape[1] > _TREE:
        # Loaded when it is needed: scikit-learn takes a second.
        from sklearn.neighbors import NearestNeighbors

        search = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(points)
        return np.asarray(search.kneighbors(queries, return_distance=False), np.int64)
    # Larger leaves, and halves that need no median, make this tree twice as fast as the default one.
    _, rows = scipy.spatial.cKDTree(points, leafsize=32, balanced_tree=False).query(queries, k=k)
    # For one neighbour scipy leaves the last axis out.
    return np.asarray(rows, np.int64).reshape(len(queries), k)


def _newest_means(newest: Newest, k: int) -> tuple[FloatArray, FloatArray]:
    """Return each task ``(m, 1)`` among the rows, and the mean value of its newest ``k`` rows."""
    tasks, which = np.unique(newest.points[:, 0], return_inverse=True)
    order = np.argsort(which, kind="stable")
    ends = np.cumsum(np.bincount(which, minlength=len(tasks)))
    # In sorted order a task's rows stand together, the newest last: its age is the distance to their end.
    age = np.repeat(ends, np.diff(ends, prepend=0)) - np.arange(len(order))
    young = order[age <= k]
    sums = np.bincount(which[young], newest.values[young], len(tasks))
    return tasks[:, None], sums / np.bincount(which[young], minlength=len(tasks))
