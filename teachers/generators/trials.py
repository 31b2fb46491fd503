"""Goals that are each tried several times, and their mean success once all tries have come back."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from teacherstudent.contract.checks import check_names
from teacherstudent.contract.stored.saved import saved_array, saved_whole
from teacherstudent.contract.types import Array, FloatArray, IntArray, State


class Trials(Protocol):
    """Waits for the outcomes of goals."""

    def begin(self, points: FloatArray, tasks: Array) -> IntArray:
        """Wait for goals, points ``(m, d)`` and tasks; return a number for each."""

    def hand_out(self, ids: IntArray, numbers: IntArray) -> None:
        """Note which goal each row tries; -1 is none."""

    def tell(self, ids: IntArray, tasks: Array, success: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the goals whose last try this was, ``(k, d)``, in that order, and their mean success."""

    def drop(self, ids: IntArray) -> None:
        """Wait for these rows no longer."""

    def __len__(self) -> int:
        """Return how many goals are waited for."""

    def state(self) -> State:
        """Return everything as plain data; copies."""

    def load(self, what: str, state: State) -> None:
        """Take over what `state` returned; raise ValueError if it is damaged."""


class TrialsById:
    """Counts an outcome for the goal that its row tries, however late and in whatever order it comes.

    A goal of which a row was dropped is forgotten: its mean would be of fewer tries.

    Args:
        d: coordinates of a goal.
        rollouts: tries of each.
    """

    def __init__(self, d: int, rollouts: int) -> None:
        self._rollouts = rollouts
        # Goals by their ascending numbers: the point, the sum of successes, and how many tries came back.
        self._numbers, self._points = np.empty(0, np.int64), np.empty((0, d))
        self._sums, self._told = np.empty(0), np.empty(0, np.int64)
        # Open rows by their ascending ids, and the number of the goal that each tries.
        self._ids, self._tries = np.empty(0, np.int64), np.empty(0, np.int64)
        self._next = 0

    def __len__(self) -> int:
        return len(self._numbers)

    def begin(self, points: FloatArray, tasks: Array) -> IntArray:
        """Wait for goals; return a number for each."""
        numbers = np.arange(self._next, self._next + len(points))
        self._next += len(points)
        self._numbers = np.append(self._numbers, numbers)
        self._points = np.concatenate([self._points, points])
        self._sums = np.append(self._sums, np.zeros(len(points)))
        self._told = np.append(self._told, np.zeros(len(points), np.int64))
        return numbers

    def hand_out(self, ids: IntArray, numbers: IntArray) -> None:
        """Note which goal each row tries; rows of none, or of one that was forgotten, are not waited for."""
        known = np.isin(numbers, self._numbers)
        self._ids = np.append(self._ids, ids[known])
        self._tries = np.append(self._tries, numbers[known])

    def tell(self, ids: IntArray, tasks: Array, success: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the goals whose last try this was, in the order in which it came, and their mean success."""
        rows = np.flatnonzero(np.isin(ids, self._ids))
        # Ids and numbers ascend, so that a search finds their places.
        places = np.searchsorted(self._ids, ids[rows])
        goals = np.searchsorted(self._numbers, self._tries[places])
        self._sums += np.bincount(goals, success[rows], len(self))
        self._told += np.bincount(goals, minlength=len(self))
        latest = np.zeros(len(self), np.int64)
        np.maximum.at(latest, goals, rows)
        self._ids, self._tries = np.delete(self._ids, places), np.delete(self._tries, places)
        done = np.flatnonzero(self._told == self._rollouts)
        done = done[np.argsort(latest[done], kind="stable")]
        found = self._points[done], self._sums[done] / self._rollouts
        self._forget(done)
        return found

    def drop(self, ids: IntArray) -> None:
        """Forget the goals that these rows try, and their other rows."""
        lost = self._tries[np.isin(self._ids, ids)]
        kept = ~np.isin(self._tries, lost)
        self._ids, self._tries = self._ids[kept], self._tries[kept]
        self._forget(np.flatnonzero(np.isin(self._numbers, lost)))

    def _forget(self, places: IntArray) -> None:
        self._numbers = np.delete(self._numbers, places)
        self._points = np.delete(self._points, places, axis=0)
        self._sums, self._told = np.delete(self._sums, places), np.delete(self._told, places)

    def state(self) -> State:
        """Return goals and open rows as plain data; copies."""
        return {
            "next": self._next,
            "numbers": self._numbers.copy(),
            "points": self._points.copy(),
            "sums": self._sums.copy(),
            "told": self._told.copy(),
            "ids": self._ids.copy(),
            "tries": self._tries.copy(),
        }

    def load(self, what: str, state: State) -> None:
        """Take over what `state` returned; raise ValueError if it is damaged."""
        check_names(what, ("next", "numbers", "points", "sums", "told", "ids", "tries"), state)
        last = saved_whole(f"{what}: next", state["next"], 0, 2**62)
        numbers = saved_array(f"{what}: numbers", state["numbers"], np.int64, (None,), low=0, high=last - 1)
        m = len(numbers)
        ids = saved_array(f"{what}: ids", state["ids"], np.int64, (None,), low=0)
        tries = saved_array(f"{what}: tries", state["tries"], np.int64, (len(ids),))
        shape = (m, self._points.shape[1])
        points = saved_array(f"{what}: points", state["points"], np.float64, shape, low=0, high=1)
        told = saved_array(f"{what}: told", state["told"], np.int64, (m,), low=0, high=self._rollouts - 1)
        sums = saved_array(f"{what}: sums", state["sums"], np.float64, (m,), low=0)
        if (np.diff(numbers) <= 0).any() or (np.diff(ids) <= 0).any() or not np.isin(tries, numbers).all():
            raise ValueError(f"{what}: expected ascending numbers and ids, and rows of goals that are known")
        places = np.searchsorted(numbers, tries)
        # More open rows than tries are left would bring a mean of too many.
        if (sums > told).any() or (np.bincount(places, minlength=m) + told > self._rollouts).any():
            raise ValueError(f"{what}: expected at most {self._rollouts} tries of each goal, got more")
        self._next = last
        self._numbers, self._points, self._sums, self._told = numbers, points, sums, told
        self._ids, self._tries = ids, tries


class TrialsByBytes:
    """Counts an outcome for the oldest goal of an equal task in float32, whoever asked for it.

    That is what the authors' code does. A goal whose outcomes never come is waited for for ever.

    Args:
        d: coordinates of a goal.
        rollouts: tries of each.
    """

    def __init__(self, d: int, rollouts: int) -> None:
        self._rollouts = rollouts
        self._points, self._keys = np.empty((0, d)), np.empty((0, d), np.float32)
        self._sums, self._told = np.empty(0), np.empty(0, np.int64)

    def __len__(self) -> int:
        return len(self._points)

    def begin(self, points: FloatArray, tasks: Array) -> IntArray:
        """Wait for goals."""
        self._points = np.concatenate([self._points, points])
        self._keys = np.concatenate([self._keys, _keys(tasks)])
        self._sums = np.append(self._sums, np.zeros(len(points)))
        self._told = np.append(self._told, np.zeros(len(points), np.int64))
        return np.zeros(len(points), np.int64)

    def hand_out(self, ids: IntArray, numbers: IntArray) -> None:
        """Do nothing: rows are told apart by their tasks."""

    def tell(self, ids: IntArray, tasks: Array, success: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the goals whose last try this was, and their mean success."""
        points = [np.empty((0, self._points.shape[1]))]
        means = [0.0][:0]
        # Row by row, as the authors do: equal tasks are tried one goal after the other.
        for key, value in zip(_keys(tasks), success, strict=True):
            same = np.flatnonzero((self._keys == key).all(axis=1))
            if not len(same):
                continue
            first = same[0]
            self._sums[first] += value
            self._told[first] += 1
            if self._told[first] == self._rollouts:
                points.append(self._points[first : first + 1])
                means.append(float(self._sums[first]) / self._rollouts)
                self._points = np.delete(self._points, first, axis=0)
                self._keys = np.delete(self._keys, first, axis=0)
                self._sums, self._told = np.delete(self._sums, first), np.delete(self._told, first)
        return np.concatenate(points), np.array(means)

    def drop(self, ids: IntArray) -> None:
        """Do nothing: the authors' code knows of no rows that are lost."""

    def state(self) -> State:
        """Return the goals as plain data; copies."""
        return {
            "points": self._points.copy(),
            "keys": self._keys.copy(),
            "sums": self._sums.copy(),
            "told": self._told.copy(),
        }

    def load(self, what: str, state: State) -> None:
        """Take over what `state` returned; raise ValueError if it is damaged."""
        check_names(what, ("points", "keys", "sums", "told"), state)
        d = self._points.shape[1]
        points = saved_array(f"{what}: points", state["points"], np.float64, (None, d), low=0, high=1)
        m = len(points)
        keys = saved_array(f"{what}: keys", state["keys"], np.float32, (m, d))
        told = saved_array(f"{what}: told", state["told"], np.int64, (m,), low=0, high=self._rollouts - 1)
        sums = saved_array(f"{what}: sums", state["sums"], np.float64, (m,), low=0)
        if (sums > told).any():
            raise ValueError(f"{what}: sums: expected at most {told}, got {sums}")
        self._points, self._keys, self._sums, self._told = points, keys, sums, told


def _keys(tasks: Array) -> Array:
    # The size is told: of no tasks NumPy could not infer it.
    return np.asarray(tasks.reshape(len(tasks), int(np.prod(tasks.shape[1:]))), np.float32)
