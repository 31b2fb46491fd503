"""What bandits over discrete tasks share: which arms may be played, and what an outcome is worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

import numpy as np

from teacherstudent.contract.checks import (
    check_flag,
    check_names,
    check_pair,
    is_finite,
    is_number,
    is_one_of,
)
from teacherstudent.contract.spaces import Discrete
from teacherstudent.contract.stored.saved import saved_array, saved_gaps, saved_number, saved_whole
from teacherstudent.contract.types import Array, Assignment, BoolArray, FloatArray, IntArray, Outcomes, State
from teacherstudent.teachers.score_range import ScoreRange, check_score_range

Reward: TypeAlias = Literal["score", "progress", "signed", "shared"]
Moves: TypeAlias = Literal["free", "advance"]

LARGEST_GAIN = 1e120
LEAST_COST = 1e-100
"""The greatest reward, and the least cost that one is divided by: their squares are finite, and not 0."""


@dataclass(frozen=True, kw_only=True)
class Rules:
    """The options that bandits have in common, checked.

    Attributes:
        reward: what an outcome is worth. ``"score"``: the score, which is a progress already (a stage's gain
            on a held-out probe). ``"progress"``: the score less that of the arm's last outcome. ``"signed"``:
            the same as the code of TSCL's authors (https://github.com/tambetm/TSCL) has it with its defaults:
            an arm's first score is compared with 0, and values are compared without taking them absolutely,
            so that a forgotten arm is left. ``"shared"``:
            the score less that of the last outcome of any arm, for a student that measures every arm on one
            and the same probe.
        per_cost: divide by the outcome's cost (not if the score is a rate already). An outcome of cost 0
            trained nothing: it is no reward.
        moves: ``"free"``, or ``"advance"``: stay, one arm on or one back, from the first arm on; counted from
            the last arm of the ask before, so that consecutive rows within an ask may be two arms apart.
        final: an arm (-1 is the last) and the share of the budget at its end when no other is played.
        score_range: maps to (0, 1). Levels are mapped linearly with saturation; with ``reward="score"`` the
            score is divided by the range's width, so that no progress stays 0.
    """

    reward: Reward
    per_cost: bool
    moves: Moves
    final: tuple[int, float] | None
    score_range: tuple[float, float] | None = None

    @property
    def levels(self) -> bool:
        """Whether scores are levels of the arm's own, of which the change counts."""
        return self.reward in ("progress", "signed")

    def check(self, who: str, arms: int) -> None:
        """Raise ValueError for the first option out of range."""
        if not is_one_of(self.reward, get_args(Reward)):
            raise ValueError(f"{who}: reward: expected one of {get_args(Reward)}, got {self.reward!r}")
        if not is_one_of(self.moves, get_args(Moves)):
            raise ValueError(f"{who}: moves: expected one of {get_args(Moves)}, got {self.moves!r}")
        check_flag(f"{who}: per_cost", self.per_cost)
        if self.score_range is not None:
            check_score_range(f"{who}: score_range", self.score_range)
        if self.final is None:
            return
        expected = "an arm and a share of the budget"
        arm, share = check_pair(f"{who}: final", expected, self.final)
        # A whole number may come as a float, from numpy or from a configuration file.
        if not (is_finite(arm) and arm % 1 == 0 and is_number(share)):
            raise ValueError(f"{who}: final: expected {expected}, got {self.final!r}")
        if not -arms <= arm < arms:
            raise ValueError(f"{who}: final: expected an arm from {-arms} to {arms - 1}, got {arm}")
        if not 0 <= share <= 1:
            raise ValueError(f"{who}: final: expected a share in [0, 1], got {share}")


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """Outcomes as a bandit sees them, one row each, in the order told.

    Attributes:
        arm: ``(n,)`` from 0.
        gain: ``(n,)`` the reward; NaN where there is none (no earlier score, or nothing was trained).
        time: ``(n,)`` where the row stands on the arm's learning curve: outcomes or, per cost, cost so far;
            of all arms for ``reward="progress"`` or ``"signed"``, else of the arm alone.
        curve: ``(n,)`` the learning curve there: the score, or the sum of the arm's own gains; NaN if none.
        propensity: ``(n,)`` the arm's probability when it was handed out; NaN if it was not asked for.
    """

    arm: IntArray
    gain: FloatArray
    time: FloatArray
    curve: FloatArray
    propensity: FloatArray


class Arms:
    """The bookkeeping of a bandit over a discrete space.

    A batch told at once gives the state of its rows told one by one.

    Attributes:
        k: number of arms.
        rules: the common options.
        position: the arm handed out last; moves go from here.
        told: ``(k,)`` outcomes of each arm.
        progress: what the last ask was given.

    Args:
        space: the arms, in order.
        rules: the common options.
        who: the teacher's name, for messages.

    Raises:
        ValueError: if an option is out of range.
    """

    def __init__(self, space: Discrete, rules: Rules, who: str) -> None:
        self.k = int(space.n)
        rules.check(who, self.k)
        self._space = space
        self.rules = rules
        self._who = who
        self.position = 0
        self.progress = 0.0
        self.told: IntArray = np.zeros(self.k, np.int64)
        # The authors' code compares an arm's first score with 0. The other
        # rewards wait for a second score, and NaN says so.
        first = 0.0 if rules.reward == "signed" else np.nan
        # The score that the arm's next one is compared with.
        self._last = np.full(self.k, first)
        # Outcomes or cost: of each arm, and of all arms together.
        self._clock = np.zeros(self.k)
        self._total = 0.0
        # The sum of each arm's own gains.
        self._sum = np.zeros(self.k)
        # Outstanding id -> the probability that its arm was drawn with.
        self._asked: dict[int, float] = {}
        # Where the score is a gain already, `_scaled` divides it by the width of the range instead.
        self._range = ScoreRange(who, None if rules.reward == "score" else rules.score_range)

    def allowed(self, progress: float) -> BoolArray:
        """Return ``(k,)`` bool: which arms may be handed out now."""
        final = self.rules.final
        # The final arm comes before the moves: it is played however far away it is.
        if final is not None and final[1] > 0 and progress >= 1 - final[1]:
            return np.asarray(np.arange(self.k) == final[0] % self.k)
        if self.rules.moves == "free":
            return np.ones(self.k, np.bool_)
        return np.asarray(np.abs(np.arange(self.k) - self.position) <= 1)

    def hand(self, ids: IntArray, arms: IntArray, progress: float, propensity: FloatArray) -> Assignment:
        """Return arms ``(n,)``, drawn with these probabilities, as an assignment.

        The last one is the new position.
        """
        # Moves start from the last row handed out, not from the last outcome, which may come late.
        self.position = int(arms[-1])
        self.progress = progress
        self._asked |= zip(ids.tolist(), propensity.tolist(), strict=True)
        tasks = (arms + self._space.start).astype(self._space.dtype)
        return Assignment(ids=ids, tasks=tasks, notes={"propensity": propensity})

    def propensity(self, ids: IntArray) -> FloatArray:
        """Return ``(n,)`` the probabilities of outstanding arms when they were handed out; NaN for others."""
        return np.array([self._asked.get(i, np.nan) for i in ids.tolist()], np.float64)

    def drop(self, ids: IntArray) -> None:
        """Forget the probabilities of arms."""
        for i in ids.tolist():
            self._asked.pop(i, None)

    def appeal(self, values: FloatArray) -> FloatArray:
        """Return what policies compare: ``|values|`` for ``reward="progress"``, else the values.

        The score of one arm also falls when it is forgotten, which is a reason to return to it; a gain on a
        probe that all arms share is a harm where it is negative.
        """
        if self.rules.reward == "progress":
            return np.abs(values)
        return values

    def take(self, outcomes: Outcomes) -> Told:
        """Return what the outcomes are worth, and remember them.

        Raises:
            ValueError: if a reward is too great, or divided by too small a cost; nothing changes then.
        """
        rules = self.rules
        arm = outcomes.tasks.astype(np.int64) - int(self._space.start)
        # Rows of one arm follow each other in time, so the batch is worked on arm by arm.
        groups = _Groups.of(arm)
        level = self._scaled(outcomes.score)
        change = level
        if rules.reward != "score":
            change = level - self._earlier(level, groups)
        cost = np.ones(len(arm))
        if rules.per_cost:
            cost = outcomes.cost
        gain = np.full(len(arm), np.nan)
        # A quotient that overflows becomes infinite, and `_check` refuses it with its row.
        with np.errstate(over="ignore"):
            np.divide(change, cost, out=gain, where=cost > 0)
        # The check comes before anything is remembered, so refused outcomes change nothing.
        self._check(gain, cost, outcomes)
        propensity = self.propensity(outcomes.ids)
        self.drop(outcomes.ids)
        self._range.watch(outcomes.score)
        self._remember(level, groups)
        # The running sum starts from the last total: a batch gives the same number as its rows one by one.
        total = np.cumsum(np.concatenate([[self._total], cost]))
        self._total = float(total[-1])
        # A score also moves while other arms are trained, so its clock counts the cost of all arms.
        if rules.levels:
            return Told(arm, gain, total[1:], level.copy(), propensity)
        # A row without a gain adds nothing to the arm's curve, and the arm's clock stands still.
        time, curve = self._own(groups, np.where(np.isnan(gain), np.nan, change), cost)
        return Told(arm, gain, time, curve, propensity)

    def _check(self, gain: FloatArray, cost: FloatArray, outcomes: Outcomes) -> None:
        """Raise ValueError that names the first row whose reward is out of range."""
        least = f"a cost of 0 or at least {LEAST_COST:g}"
        most = f"a reward within {LARGEST_GAIN:g}"
        for expected, values, bad in (
            (least, cost, (cost > 0) & (cost < LEAST_COST)),
            (most, gain, np.abs(gain) > LARGEST_GAIN),
        ):
            if bad.any():
                row = int(bad.argmax())
                raise ValueError(
                    f"{self._who}: row {row} (id {outcomes.ids[row]}): expected {expected}, got {values[row]}"
                )

    def _scaled(self, scores: FloatArray) -> FloatArray:
        if self.rules.reward == "score" and self.rules.score_range is not None:
            low, high = self.rules.score_range
            # As in `take`: `_check` refuses what overflows.
            with np.errstate(over="ignore"):
                return scores / (high - low)
        return self._range.scaled(scores)

    def _earlier(self, level: FloatArray, groups: _Groups) -> FloatArray:
        """Return the score that each row is compared with, NaN if there is none."""
        if self.rules.reward == "shared":
            # All arms share one probe, so the score before is that of the row before, whatever its arm.
            return np.concatenate([self._last[:1], level[:-1]])
        # In the order of the arms, a row's earlier score is that of the row before it, or the arm's last one.
        before = np.append(np.nan, level[groups.rows][:-1])
        before[groups.starts] = self._last[groups.arms]
        earlier = np.empty(len(level))
        earlier[groups.rows] = before
        return earlier

    def _remember(self, level: FloatArray, groups: _Groups) -> None:
        """Keep the last scores, and how many there were."""
        self.told[groups.arms] += groups.counts
        if self.rules.reward == "shared":
            self._last[:] = level[-1]
        elif self.rules.levels:
            # The last row of an arm's group is its newest one.
            self._last[groups.arms] = level[groups.rows[groups.starts + groups.counts - 1]]

    def _own(self, groups: _Groups, change: FloatArray, cost: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return time and curve of each row on the arm's own clock."""
        counted = ~np.isnan(change)
        spent = cost * counted
        gained = np.where(counted, change, 0.0)
        time = np.empty(len(change))
        total = np.empty(len(change))
        # Most arms have one row in a batch. They are done at once, and only the others in the loop below.
        alone = groups.counts == 1
        rows = groups.rows[groups.starts[alone]]
        arms = groups.arms[alone]
        time[rows] = self._clock[arms] + spent[rows]
        total[rows] = self._sum[arms] + gained[rows]
        self._clock[arms] = time[rows]
        self._sum[arms] = total[rows]
        # Sums one after the other, as if the rows came alone: rounding depends on the order.
        for i in np.flatnonzero(~alone).tolist():
            a = groups.arms[i]
            start = groups.starts[i]
            rows = groups.rows[start : start + groups.counts[i]]
            # The first entry is the sum before the batch; [1:] leaves it out.
            time[rows] = np.cumsum(np.append(self._clock[a], spent[rows]))[1:]
            total[rows] = np.cumsum(np.append(self._sum[a], gained[rows]))[1:]
            self._clock[a] = time[rows[-1]]
            self._sum[a] = total[rows[-1]]
        return time, np.where(counted, total, np.nan)

    def metrics(self, probabilities: FloatArray) -> dict[str, float]:
        """Return the likeliest arm, the mean arm, and the entropy of the arms as a share of its maximum.

        Where levels are mapped from a ``score_range``, also ``outside_range_share``, of the scores.
        """
        entropy = 0.0
        if self.k > 1:
            # p log p is 0 for p = 0, where numpy would give NaN.
            p = probabilities[probabilities > 0]
            entropy = float(-(p * np.log(p)).sum() / np.log(self.k))
        mean = float(probabilities @ np.arange(self.k))
        found = {"arm_likeliest": float(probabilities.argmax()), "arm_mean": mean, "arm_entropy": entropy}
        return found | self._range.metrics()

    def snapshot(self, probabilities: FloatArray, value: FloatArray) -> dict[str, Array]:
        """Return each arm's task, next probability, value and outcomes told; all ``(k,)``."""
        return {
            "tasks": np.arange(self.k) + int(self._space.start),
            "probabilities": probabilities,
            "value": value.copy(),
            "told": self.told.copy(),
        }

    def state(self) -> State:
        """Return the state as plain data; a copy."""
        return {
            "position": self.position,
            "progress": self.progress,
            "told": self.told.copy(),
            "last": self._last.copy(),
            "clock": self._clock.copy(),
            "total": self._total,
            "sum": self._sum.copy(),
            "asked": np.array(list(self._asked), np.int64),
            "propensity": np.array(list(self._asked.values()), np.float64),
            "range": self._range.state(),
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` returned.

        Raises:
            ValueError: if it is incomplete or damaged.
        """
        names = (
            "position",
            "progress",
            "told",
            "last",
            "clock",
            "total",
            "sum",
            "asked",
            "propensity",
            "range",
        )
        who = f"{self._who}: arms"
        one = (self.k,)
        check_names(who, names, state)
        self.position = saved_whole(f"{who}: position", state["position"], 0, self.k - 1)
        self.progress = saved_number(f"{who}: progress", state["progress"], 0, 1)
        self.told = saved_array(f"{who}: told", state["told"], np.int64, one, low=0)
        expected = "finite numbers, or NaN where there is none"
        self._last = saved_gaps(f"{who}: last", state["last"], one, expected)
        self._clock = saved_array(f"{who}: clock", state["clock"], np.float64, one, low=0)
        self._sum = saved_array(f"{who}: sum", state["sum"], np.float64, one)
        self._total = saved_number(f"{who}: total", state["total"], 0)
        ids = saved_array(f"{who}: asked", state["asked"], np.int64, (None,), low=0)
        shares = saved_array(f"{who}: propensity", state["propensity"], np.float64, (len(ids),), low=0)
        # Normalised probabilities may exceed 1 by rounding.
        if len(np.unique(ids)) != len(ids) or (shares == 0).any() or (shares > 1 + 1e-9).any():
            raise ValueError(f"{who}: expected different ids with probabilities above 0 and up to 1")
        self._asked = dict(zip(ids.tolist(), shares.tolist(), strict=True))
        self._range.load(state["range"])


class _Groups(NamedTuple):
    """The rows of a batch in the order of their arms.

    Attributes:
        arms: ``(g,)`` the different ones, ascending.
        rows: ``(n,)`` those of the first arm in their order, then those of the second...
        starts: ``(g,)`` where the arms begin in ``rows``.
        counts: ``(g,)`` rows of each.
    """

    arms: IntArray
    rows: IntArray
    starts: IntArray
    counts: IntArray

    @staticmethod
    def of(arm: IntArray) -> _Groups:
        arms, starts, counts = np.unique(np.sort(arm), return_index=True, return_counts=True)
        # A stable sort keeps the rows of one arm in the order in which they were told.
        return _Groups(arms, np.argsort(arm, kind="stable"), starts, counts)


def push(fifo: FloatArray, arms: IntArray, values: FloatArray) -> None:
    """Append values to their arms' rows of ``(k, size)``: newest last, oldest dropped; NaN is no value."""
    size = fifo.shape[1]
    groups = _Groups.of(arms)
    # A row moves left by as many places as it gets values; place j takes what stood at j + count.
    origin = np.arange(size) + groups.counts[:, None]
    kept = np.take_along_axis(fifo[groups.arms], np.minimum(origin, size - 1), axis=1)
    fifo[groups.arms] = np.where(origin < size, kept, np.nan)
    ends = np.repeat(groups.starts + groups.counts, groups.counts)
    # The newest value of an arm stands last. Where there are more values than
    # places, the oldest have a place below 0 and are left out.
    place = size - (ends - np.arange(len(arms)))
    newest = place >= 0
    fifo[arms[groups.rows][newest], place[newest]] = values[groups.rows][newest]


def slopes(times: FloatArray, curves: FloatArray) -> FloatArray:
    """Return the least-squares slope of each row of two ``(k, size)`` arrays, over entries that are not NaN.

    1 where there are fewer than two points, which is optimistic for scores of a range of 1; 0 where all
    points have the same time.
    """
    there = ~np.isnan(curves)
    count = there.sum(axis=1, keepdims=True)
    few = count[:, 0] < 2
    # A row without points divides by 1 instead of 0; `few` replaces its slope at the end.
    count = np.maximum(count, 1)
    t = np.where(there, times, 0.0)
    y = np.where(there, curves, 0.0)
    # Centred numbers need only one quotient, and late points do not cancel digits.
    t = np.where(there, t - t.sum(axis=1, keepdims=True) / count, 0.0)
    y = np.where(there, y - y.sum(axis=1, keepdims=True) / count, 0.0)
    spread = (t * t).sum(axis=1)
    slope = np.divide((t * y).sum(axis=1), spread, out=np.zeros(len(t)), where=spread > 0)
    return np.where(few, 1.0, slope)
