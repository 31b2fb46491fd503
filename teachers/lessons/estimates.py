"""Success of each task in a fast and a slow average, learning progress from them, and what is interesting."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import expit

from teacherstudent.contract.checks import check_names
from teacherstudent.contract.stored.saved import saved_array, saved_gaps
from teacherstudent.contract.types import BoolArray, FloatArray, IntArray, State
from teacherstudent.simulation.compiled import compiled

HIGHEST = 0.75
"""The greatest success of a random policy that is believed, so that a task keeps room for progress."""
BORING = 0.001
"""By how much OMNI multiplies the probability of a task that is not interesting."""


def reweighted(p: FloatArray, theta: float) -> FloatArray:
    """Return f(p) = p (1 - theta) / (p + theta (1 - 2 p)), which stretches small rates; f(theta) is 1/2."""
    return np.asarray(p * (1 - theta) / (p + theta * (1 - 2 * p)))


def probabilities(progress: FloatArray, success: FloatArray) -> FloatArray:
    """Return ``(k,)`` how probable each task is, from its learning progress and its last success.

    The sigmoid of the z-score over the tasks that have either; over all tasks if none has.
    """
    support = (progress > 0) | (success > 0)
    if not support.any():
        support[:] = True
    chosen = progress[support]
    deviation = chosen.std()
    # Where all are equal there is nothing to divide by, and every z-score is 0.
    if deviation == 0:
        deviation = 1.0
    weight = expit((chosen - chosen.mean()) / deviation)
    chance = np.zeros(len(progress))
    chance[support] = weight / weight.sum()
    return chance


class Estimates:
    """Estimates the success of each task from blocks of its outcomes.

    Args:
        who: the teacher's name, for messages.
        tasks: how many.
        attempts: outcomes in a block.
        rate: of both averages.
        theta: of `reweighted`.
        baseline: ``(tasks,)`` the success of a random policy; None: each task's first block says it.
    """

    def __init__(
        self, who: str, tasks: int, attempts: int, *, rate: float, theta: float, baseline: FloatArray | None
    ) -> None:
        self._who = who
        self._attempts = attempts
        self._rate = rate
        self._theta = theta
        self._measured = baseline is None
        self._baseline = np.full(tasks, np.nan)
        if baseline is not None:
            self._baseline = np.minimum(baseline, HIGHEST)
        # Tasks without an estimate have NaN.
        self._fast = np.full(tasks, np.nan)
        self._slow = np.full(tasks, np.nan)
        self._last = np.full(tasks, np.nan)
        # The blocks that are not full yet: outcomes, and the sum of their successes.
        self._count = np.zeros(tasks, np.int64)
        self._sum = np.zeros(tasks)

    @property
    def known(self) -> BoolArray:
        """``(tasks,)`` bool: which tasks have an estimate."""
        return np.asarray(~np.isnan(self._last))

    def success(self) -> FloatArray:
        """Return the success ``(tasks,)`` in the last full block; 0 where there is none."""
        return np.asarray(np.nan_to_num(self._last), np.float64)

    def progress(self) -> FloatArray:
        """Return the learning progress ``(tasks,)``; 0 where there is no estimate."""
        fast = reweighted(np.nan_to_num(self._fast), self._theta)
        slow = reweighted(np.nan_to_num(self._slow), self._theta)
        return np.asarray(np.abs(fast - slow))

    def count(self, task: IntArray, success: FloatArray) -> bool:
        """Take in rows ``(n,)`` in their order, and return whether an estimate changed."""
        numbers = (self._baseline, self._fast, self._slow, self._last, self._sum)
        return _take(task, success, self._attempts, self._rate, self._measured, self._count, *numbers)

    def state(self) -> State:
        """Return the estimates as plain data; a copy."""
        return {
            "baseline": self._baseline.copy(),
            "fast": self._fast.copy(),
            "slow": self._slow.copy(),
            "last": self._last.copy(),
            "count": self._count.copy(),
            "sum": self._sum.copy(),
        }

    def load(self, state: State) -> None:
        """Take over what `state` returned; raise ValueError if it is damaged."""
        who = f"{self._who}: estimates"
        check_names(who, ("baseline", "fast", "slow", "last", "count", "sum"), state)
        shape = self._fast.shape
        shares = {}
        for name in ("baseline", "fast", "slow", "last"):
            expected = "numbers from 0 to 1, or NaN where there is none"
            shares[name] = saved_gaps(f"{who}: {name}", state[name], shape, expected, low=0)
            if (shares[name] > 1).any():
                raise ValueError(f"{who}: {name}: expected {expected}, got {shares[name].max()}")
        # Beyond it a quotient would have nothing to divide by.
        if (shares["baseline"] > HIGHEST).any():
            raise ValueError(f"{who}: baseline: expected at most {HIGHEST}, got {shares['baseline'].max()}")
        unknown = np.isnan(shares["last"])
        gaps = ["fast", "slow"]
        if self._measured:
            gaps.append("baseline")
        for name in gaps:
            if not np.array_equal(np.isnan(shares[name]), unknown):
                raise ValueError(
                    f"{who}: {name}: expected NaN where there is no last success, and only there"
                )
        most = self._attempts - 1
        count = saved_array(f"{who}: count", state["count"], np.int64, shape, low=0, high=most)
        total = saved_array(f"{who}: sum", state["sum"], np.float64, shape, low=0)
        if (total > count).any():
            raise ValueError(f"{who}: sum: expected at most as many successes as outcomes, got {total}")
        # A baseline that was given is no state: another one shows as a difference.
        if self._measured:
            self._baseline = shares["baseline"]
        self._fast = shares["fast"]
        self._slow = shares["slow"]
        self._last = shares["last"]
        self._count = count
        self._sum = total


class Interest:
    """Makes tasks that are not interesting improbable.

    Args:
        who: the teacher's name, for messages.
        given: a table ``(k, k)`` of True and False, weights ``(k,)``, or None.
        tasks: ``k``.

    Raises:
        ValueError: if it is neither.
    """

    def __init__(self, who: str, given: Any, tasks: int) -> None:
        self._table: BoolArray | None = None
        self._weights = np.ones(tasks)
        if given is None:
            return
        expected = f"a table ({tasks}, {tasks}) of True and False, or weights ({tasks},) of at least 0"
        try:
            found = np.asarray(given)
        # NumPy makes no array of rows of different lengths.
        except ValueError:
            found = np.asarray(None)
        fits = False
        if found.shape == (tasks, tasks) and found.dtype.kind in "biuf":
            fits = bool(((found == 0) | (found == 1)).all())
            self._table = found == 1
        elif found.shape == (tasks,) and found.dtype.kind in "biuf":
            weights = found.astype(np.float64)
            fits = bool(np.isfinite(weights).all() and (weights >= 0).all() and weights.any())
            # Divided by the greatest, so that no sum of them overflows.
            if fits:
                self._weights = weights / weights.max()
        if not fits:
            raise ValueError(f"{who}: interesting: expected {expected}, got {given!r}")

    def weights(self, success: FloatArray) -> FloatArray:
        """Return by how much the probabilities ``(k,)`` are multiplied, given the tasks' success."""
        if self._table is None:
            return self._weights
        # A stable sort: of equal tasks the first one is looked at first.
        boring = _boring(np.argsort(-success, kind="stable"), self._table)
        return np.where(boring, BORING, 1.0)

    def weigh(self, chance: FloatArray, success: FloatArray) -> FloatArray:
        """Return probabilities ``(k,)`` of tasks multiplied by their weights."""
        weights = self.weights(success)
        weighed = chance * weights
        # Weights of 0 on all tasks with learning progress would leave nothing to draw.
        if not weighed.any():
            weighed = weights
        return np.asarray(weighed / weighed.sum())

    def metrics(self, success: FloatArray) -> dict[str, float]:
        """Return ``interesting``, the share of tasks that are, where a table says so."""
        if self._table is None:
            return {}
        return {"interesting": float((self.weights(success) == 1).mean())}


@compiled
def _boring(order: IntArray, table: BoolArray) -> BoolArray:
    """Return which tasks are boring beside those that come before them in ``order (k,)``."""
    k = len(order)
    boring = np.zeros(k, np.bool_)
    interesting = np.zeros(k, np.bool_)
    for i in order:
        if boring[i]:
            continue
        interesting[i] = True
        for j in range(k):
            if not interesting[j] and not table[i, j]:
                boring[j] = True
    return boring


@compiled
def _take(
    task: IntArray,
    success: FloatArray,
    attempts: int,
    rate: float,
    measured: bool,
    count: IntArray,
    baseline: FloatArray,
    fast: FloatArray,
    slow: FloatArray,
    last: FloatArray,
    total: FloatArray,
) -> bool:
    """Take in rows one after the other, change the columns ``(tasks,)``, and return if a block was full."""
    changed = False
    for i in range(len(task)):
        t = task[i]
        count[t] += 1
        total[t] += success[i]
        if count[t] < attempts:
            continue
        p = total[t] / attempts
        count[t] = 0
        total[t] = 0.0
        unknown = np.isnan(last[t])
        if unknown and measured:
            baseline[t] = min(p, HIGHEST)
        normal = max(p - baseline[t], 0.0) / (1 - baseline[t])
        if unknown:
            fast[t] = normal
            slow[t] = normal
        else:
            fast[t] += rate * (normal - fast[t])
            slow[t] += rate * (fast[t] - slow[t])
        # A mean of shares may exceed 1 by rounding.
        last[t] = min(p, 1.0)
        changed = True
    return changed
