"""A range of scores that a teacher scales by, and the notice when the scores do not lie in it."""

from __future__ import annotations

import logging

import numpy as np

from teacherstudent.contract.checks import check_names, check_range
from teacherstudent.contract.stored.saved import saved_whole
from teacherstudent.contract.types import FloatArray, State

_LOG = logging.getLogger(__name__)

FIRST = 100
"""Scores after which a range is judged, once."""


def check_score_range(what: str, value: object) -> tuple[float, float]:
    """Return the two ends; raise ValueError unless they are finite, in order, and not too far apart."""
    low, high = check_range(what, value)
    if not np.isfinite(high - low):
        raise ValueError(f"{what}: expected high - low within float64, got {value}")
    return low, high


class ScoreRange:
    """Maps scores linearly to (0, 1), with saturation, and counts those that lie outside.

    Where all scores lie outside, all are mapped to one number and no progress is ever seen: if most of the
    first `FIRST` do, it is logged as a warning, once.

    Args:
        who: the teacher's name, for messages.
        ends: the range; None leaves scores alone.

    Raises:
        ValueError: if the ends are not finite, not in order, or their difference is beyond float64.
    """

    def __init__(self, who: str, ends: tuple[float, float] | None) -> None:
        self._who = who
        self._ends: tuple[float, float] | None = None
        if ends is not None:
            self._ends = check_score_range(f"{who}: score_range", ends)
        self._told = self._outside = 0

    def scaled(self, scores: FloatArray) -> FloatArray:
        """Return scores ``(n,)`` mapped to (0, 1); as they are without a range."""
        if self._ends is None:
            return scores
        low, high = self._ends
        # A tiny range may give infinities, which are clipped as any other number.
        with np.errstate(over="ignore"):
            return np.clip((scores - low) / (high - low), 0.0, 1.0)

    def watch(self, scores: FloatArray) -> None:
        """Count scores ``(n,)`` that were told; the state is that of rows told one by one."""
        if self._ends is None:
            return
        outside = (scores < self._ends[0]) | (scores > self._ends[1])
        # The range is judged once, by exactly the first `FIRST` scores, however they are batched.
        left = FIRST - self._told
        if 0 < left <= len(scores):
            self._judge(self._outside + int(np.count_nonzero(outside[:left])))
        self._told += len(scores)
        self._outside += int(np.count_nonzero(outside))

    def _judge(self, outside: int) -> None:
        if 2 * outside > FIRST:
            _LOG.warning(
                "%s: %d of the first %d scores lie outside score_range=%s: they count as its ends, and no "
                "progress is seen between them; give the range in which the scores really lie",
                self._who,
                outside,
                FIRST,
                self._ends,
            )

    def metrics(self) -> dict[str, float]:
        """Return ``outside_range_share``, of all scores told; nothing without a range or scores."""
        if not self._told:
            return {}
        return {"outside_range_share": self._outside / self._told}

    def state(self) -> State:
        """Return the counts as plain data."""
        return {"told": self._told, "outside": self._outside}

    def load(self, state: State) -> None:
        """Take over what `state` returned; raise ValueError if it is damaged."""
        what = f"{self._who}: range"
        check_names(what, ("told", "outside"), state)
        self._told = saved_whole(f"{what}: told", state["told"])
        self._outside = saved_whole(f"{what}: outside", state["outside"], 0, self._told)
