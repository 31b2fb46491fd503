"""Regret: by how much an antagonist does better than a protagonist on the same task."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from teacherstudent.contract.checks import check_names, is_one_of
from teacherstudent.contract.stored.saved import saved_array, saved_gaps
from teacherstudent.contract.types import BoolArray, FloatArray, IntArray, State

Estimator: TypeAlias = Callable[[FloatArray, FloatArray, FloatArray, FloatArray], FloatArray]
"""Takes mean and highest return of the protagonist, then of the antagonist, ``(n,)`` each."""


def _unclipped(mean: FloatArray, best: FloatArray, other: FloatArray, rival: FloatArray) -> FloatArray:
    del best, other
    return rival - mean


def _paired(mean: FloatArray, best: FloatArray, other: FloatArray, rival: FloatArray) -> FloatArray:
    return np.maximum(_unclipped(mean, best, other, rival), 0.0)


def _flexible(mean: FloatArray, best: FloatArray, other: FloatArray, rival: FloatArray) -> FloatArray:
    # Only a higher maximum swaps the two; on a tie the antagonist stays who it is.
    return np.maximum(np.where(best > rival, best - other, rival - mean), 0.0)


def _population(mean: FloatArray, best: FloatArray, other: FloatArray, rival: FloatArray) -> FloatArray:
    return np.maximum(best, rival) - (mean + other) / 2


ESTIMATORS: dict[str, Estimator] = {
    "paired": _paired,
    "flexible": _flexible,
    "population": _population,
    "unclipped": _unclipped,
}

PROTAGONIST = 0
ANTAGONIST = 1
"""The members that play the two."""


class Regret:
    """Pairs of rows, protagonist's and antagonist's, and the regret of a task once both have come back.

    With max_A, mean_A the antagonist's highest and mean return of the rollout's completed episodes, max_P,
    mean_P the protagonist's, the estimators are

    - ``"paired"``: max(max_A - mean_P, 0), algorithm 1 of Dennis et al. 2020,
      https://arxiv.org/abs/2012.02096.
    - ``"unclipped"``: max_A - mean_P.
    - ``"flexible"``: whoever has the higher maximum plays the antagonist; on a tie it stays who it is.
    - ``"population"``: max(max_A, max_P) - (mean_A + mean_P) / 2.

    Args:
        who: the teacher; starts messages.
        estimator: one of these.

    Raises:
        ValueError: if there is no such estimator.
    """

    def __init__(self, who: str, estimator: str) -> None:
        if not is_one_of(estimator, ESTIMATORS):
            raise ValueError(f"{who}: estimator: expected one of {sorted(ESTIMATORS)}, got {estimator!r}")
        self._who = who
        self._estimate = ESTIMATORS[estimator]
        # A pair a row; the pairs of an ask stand in ascending order.
        self._ids: IntArray = np.zeros((0, 2), np.int64)
        # Mean and highest return of each member; NaN where nothing was told yet.
        self._returns: FloatArray = np.zeros((0, 2, 2))

    def pair(self, protagonist: IntArray, antagonist: IntArray) -> None:
        """Remember rows ``(n,)`` that play the same tasks in the same order; longer ones stay alone."""
        n = min(len(protagonist), len(antagonist))
        pairs = np.stack([protagonist[:n], antagonist[:n]], axis=1)
        self._ids = np.concatenate([self._ids, pairs])
        self._returns = np.concatenate([self._returns, np.full((n, 2, 2), np.nan)])

    def holds(self, ids: IntArray) -> BoolArray:
        """Return ``(n,)`` which rows have a partner."""
        return np.isin(ids, self._ids)

    def take(self, ids: IntArray, mean: FloatArray, best: FloatArray) -> tuple[IntArray, FloatArray]:
        """Take in the returns of rows; return the rows of the pairs that are complete now, with their regret.

        Rows without a partner are left out.
        """
        there = self.holds(ids)
        # `place` counts through the flat table, so both members are looked up at once.
        order = np.argsort(self._ids, axis=None)
        place = order[np.searchsorted(self._ids.ravel()[order], ids[there])]
        # The reshaped array is a view, so this writes into the table.
        self._returns.reshape(-1, 2)[place] = np.stack([mean[there], best[there]], axis=1)
        complete = np.asarray(~np.isnan(self._returns).any(axis=(1, 2)))
        mine, other = self._returns[complete, PROTAGONIST], self._returns[complete, ANTAGONIST]
        regret = self._estimate(mine[:, 0], mine[:, 1], other[:, 0], other[:, 1])
        rows = self._ids[complete]
        self._keep(~complete)
        # Both rows of a pair report the regret, so their mean is the task's regret.
        return rows.ravel(), np.repeat(regret, 2)

    def drop(self, ids: IntArray) -> IntArray:
        """Forget rows and their partners, of which nothing will be known; return all of them."""
        gone = np.asarray(np.isin(self._ids, ids).any(axis=1))
        rows = self._ids[gone]
        self._keep(~gone)
        return rows.ravel()

    def _keep(self, rows: BoolArray) -> None:
        self._ids = self._ids[rows]
        self._returns = self._returns[rows]

    def state(self) -> State:
        """Return the pairs as plain data; a copy."""
        return {"ids": self._ids.copy(), "returns": self._returns.copy()}

    def load(self, state: State) -> None:
        """Continue from `state`.

        Raises:
            ValueError: if it is damaged.
        """
        what = f"{self._who}: regret"
        check_names(what, ("ids", "returns"), state)
        ids = saved_array(f"{what}: ids", state["ids"], np.int64, (None, 2), low=0)
        if len(np.unique(ids)) != ids.size:
            raise ValueError(f"{what}: ids: expected ids that differ, got {ids}")
        shape = (len(ids), 2, 2)
        expected = "finite returns, or NaN where there is none"
        self._returns = saved_gaps(f"{what}: returns", state["returns"], shape, expected)
        self._ids = ids
