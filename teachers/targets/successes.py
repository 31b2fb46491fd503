"""The tasks on which the student did best: first the better half, then those that it masters."""

from __future__ import annotations

import numpy as np

from teacherstudent.contract.checks import check_flag, check_names
from teacherstudent.contract.stored.saved import saved_array, saved_number
from teacherstudent.contract.types import BoolArray, FloatArray, IntArray, State
from teacherstudent.teachers.targets.transport import chosen

REDRAWS = 10
"""How often a draw beyond the space is tried again."""


class SuccessBuffer:
    """Keeps up to ``size`` tasks and scores, and draws particles near to them.

    Klink et al. 2022, appendix, as in their code: until half of the buffer is mastered, rows join that are
    better than its median, and the worst make room; afterwards mastered rows do, first in the place of others
    and then, once all are mastered, as the set of old and new ones that lies nearest to the target.

    Attributes:
        points: ``(k, d)``.
        scores: ``(k,)``.
        reached: whether half of the buffer has been mastered once.

    Args:
        size: most rows.
        mastered: the score from which a row is mastered.
        low: ``(d,)`` lower end of the space.
        high: ``(d,)`` upper end.
        noise: the least standard deviation of a draw.
    """

    def __init__(
        self, size: int, mastered: float, low: FloatArray, high: FloatArray, *, noise: float
    ) -> None:
        self._size = size
        self._mastered = mastered
        self._low = low
        self._high = high
        self._noise = noise
        self.points: FloatArray = np.empty((0, len(low)))
        self.scores: FloatArray = np.empty(0)
        self.reached = False
        # The lowest score of the first batch: how bad a row can be.
        self._lowest = 0.0

    def update(self, points: FloatArray, scores: FloatArray, wanted: FloatArray) -> BoolArray:
        """Take in rows ``(n, d)``, ``n < size``; return which of them have not joined.

        Args:
            points: of the rows.
            scores: of the rows.
            wanted: ``(size, d)`` points of the target.
        """
        if not len(self.points):
            self._lowest = float(scores.min())
            self._keep(points, scores, np.argsort(scores, kind="stable"))
            return np.zeros(len(scores), np.bool_)
        if not self.reached:
            return self._improve(points, scores)
        return self._succeed(points, scores, wanted)

    def _keep(self, points: FloatArray, scores: FloatArray, rows: IntArray) -> None:
        self.points = points[rows].copy()
        self.scores = scores[rows].copy()

    def _improve(self, points: FloatArray, scores: FloatArray) -> BoolArray:
        """Let rows at or above the median join; the buffer is in the order of scores."""
        middle = len(self.scores) // 2
        joins = scores >= self.scores[middle]
        new = int(joins.sum())
        # As many of the worst leave as join, up to the median; so the buffer never shrinks.
        leave = min(new, middle + 1)
        merged_points = np.concatenate([points[joins], self.points[leave:]])
        merged = np.concatenate([scores[joins], self.scores[leave:]])
        order = np.argsort(merged, kind="stable")
        kept = order[max(len(order) - self._size, 0) :]
        # The buffer before these rows decides, as in the authors' code.
        self.reached = bool(self.scores[middle] > self._mastered)
        self._keep(merged_points, merged, kept)
        joins[joins] = np.isin(np.arange(new), kept)
        return np.asarray(~joins)

    def _succeed(self, points: FloatArray, scores: FloatArray, wanted: FloatArray) -> BoolArray:
        """Let mastered rows join."""
        joins = scores >= self._mastered
        new = int(joins.sum())
        if not new:
            return ~joins
        bad = self.scores < self._mastered
        if len(self.scores) >= self._size and not bad.any():
            both = np.concatenate([self.points, points[joins]])
            kept = chosen(both, wanted)
            joins[joins] = np.isin(np.arange(new) + len(self.points), kept)
            self._keep(both, np.concatenate([self.scores, scores[scores >= self._mastered]]), kept)
            return ~joins
        # The lowest of those that are not mastered make room, as many as join at most.
        order = np.argsort(self.scores, kind="stable")
        stays = np.ones(len(self.scores), np.bool_)
        stays[order[: min(new, int(bad.sum()))]] = False
        merged_points = np.concatenate([points[joins], self.points[stays]])
        merged = np.concatenate([scores[joins], self.scores[stays]])
        self._keep(merged_points, merged, np.arange(min(len(merged), self._size)))
        return ~joins

    def draw(self, rng: np.random.Generator) -> FloatArray:
        """Return ``(size, d)`` points near to those of the buffer, the further the less they are mastered.

        Before half of the buffer is mastered, rows of the better half are drawn in proportion to how much
        better than its middle they are; afterwards every row once, and random ones to fill up. Noise has the
        least standard deviation and, for a row that is not mastered, up to a quarter of the range more.
        """
        if self.reached:
            more = rng.integers(len(self.scores), size=self._size - len(self.scores))
            rows = np.concatenate([np.arange(len(self.scores)), more])
        else:
            rows = self._better(rng)
        worst = min(self._lowest, float(self.scores.min()))
        missing = np.clip(self._mastered - self.scores[rows], 0.0, None)
        # Where nothing was ever below the line, nothing is missing either.
        share = missing / max(self._mastered - worst, np.finfo(np.float64).tiny)
        spread = self._noise + share[:, None] * (self._high - self._low) / 4
        return self._near(self.points[rows], spread, rng)

    def _better(self, rng: np.random.Generator) -> IntArray:
        """Return ``size`` rows of the better half, in proportion to how much better they are."""
        middle = len(self.scores) // 2
        better = self.scores[middle:] - self.scores[middle - 1]
        total = better.sum()
        if middle == 0 or not total > 0:
            return middle + rng.integers(len(better), size=self._size)
        return middle + rng.choice(len(better), size=self._size, p=better / total)

    def _near(self, centres: FloatArray, spread: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Return a Gaussian draw for each centre; those beyond the space are tried again, then clipped."""
        points = centres + spread * rng.standard_normal(centres.shape)
        for _ in range(REDRAWS):
            outside = ((points < self._low) | (points > self._high)).any(axis=1)
            if not outside.any():
                break
            again = rng.standard_normal((int(outside.sum()), centres.shape[1]))
            points[outside] = centres[outside] + spread[outside] * again
        return np.clip(points, self._low, self._high)

    def state(self) -> State:
        """Return the buffer as plain data; copies."""
        return {
            "points": self.points.copy(),
            "scores": self.scores.copy(),
            "reached": self.reached,
            "lowest": self._lowest,
        }

    def load(self, state: State) -> None:
        """Take over what `state` returned; raise ValueError if it is damaged."""
        check_names("successes", ("points", "scores", "reached", "lowest"), state)
        points = saved_array("successes: points", state["points"], np.float64, (None, len(self._low)))
        if len(points) > self._size or (points < self._low).any() or (points > self._high).any():
            raise ValueError(f"successes: points: expected up to {self._size} in the space, got {points}")
        limit = 1e100
        scores = saved_array(
            "successes: scores", state["scores"], np.float64, (len(points),), low=-limit, high=limit
        )
        reached = check_flag("successes: reached", state["reached"])
        if not reached and (np.diff(scores) < 0).any():
            raise ValueError(f"successes: scores: expected ascending ones, got {scores}")
        if reached and not len(scores):
            raise ValueError("successes: reached: expected rows, got none")
        self._lowest = saved_number("successes: lowest", state["lowest"], -limit, limit)
        self.points = points
        self.scores = scores
        self.reached = reached
