"""The oracle: a hand-made window that moves from easy to hard tasks whenever it is mastered."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import gymnasium as gym
import numpy as np

from teacherstudent.contract import spaces
from teacherstudent.contract.checks import (
    check_names,
    check_numbers,
    check_whole,
    is_finite,
    is_number,
    is_one_of,
)
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
)

REHEARSAL = 0.2
"""Share of tasks that the fixed variant draws from all that the window has passed."""


@TEACHERS.register("oracle")
class OracleTeacher(Teacher[Box]):
    """Moves a window of tasks from easy to hard, a step whenever its mean score is above the mastery line.

    The expert baseline of Portelas et al. 2019, "Teacher algorithms for curriculum learning of deep RL in
    continuously parameterized environments", https://arxiv.org/abs/1910.07224 (section 5, appendix).

    The window covers a sixth of the range in every dimension and starts at the easy end. After every
    ``block`` scores, their mean is compared with ``mastered`` (raw scores); above it the window moves by
    ``difficulty_step``, clipped to the space. Tasks are uniform in the window.

    ``variant="paper"``: as the authors' code: every score told counts, whichever window its task was from,
    and what the window has left behind never returns, so that easy tasks are forgotten. The start is the low
    end where the step is positive and the high end elsewhere.

    ``variant="fixed"``:

    - a score counts only if its task lies in the window and was asked for since the window last moved, so
      late outcomes of easier windows do not push it on (rows with id -1 count if they lie in the window);
    - a share ``rehearsal`` of the tasks is uniform over all that the window has passed, itself included;
    - a dimension with step 0 does not change the difficulty, so there the window covers the whole range.

    Deviation of both: the authors draw float32 tasks, here they have the space's dtype. In a box of whole
    numbers the window covers half a unit to both sides of them (`spaces.edges`), so that the lowest and the
    highest are drawn as often as the others.

    Args:
        space: a box.
        seed: an integer of at least 0 or a ``SeedSequence``.
        difficulty_step: ``(d,)`` signed raw units: in which direction and stride tasks get harder.
        mastered: the mean score, raw, above which the window moves.
        variant: ``"fixed"`` or ``"paper"``.
        window: size of the window, as a share of the range.
        block: scores between two decisions, at least 1.
        rehearsal: see above, in [0, 1); None is 0.2 for ``"fixed"`` and 0 for ``"paper"``.

    Raises:
        TypeError: if the space is no box, or the seed is no integer.
        ValueError: if ``difficulty_step`` or ``mastered`` is missing, or an option is out of range.
    """

    accepts: ClassVar[tuple[type[gym.Space[Any]], ...]] = (Box,)

    def __init__(
        self,
        space: Box,
        *,
        seed: Seed,
        difficulty_step: tuple[float, ...] | None = None,
        mastered: float | None = None,
        variant: Literal["fixed", "paper"] = "fixed",
        window: float = 1 / 6,
        block: int = 50,
        rehearsal: float | None = None,
    ) -> None:
        super().__init__(space, seed=seed)
        if not is_one_of(variant, ("fixed", "paper")):
            raise ValueError(f"oracle: variant: expected 'fixed' or 'paper', got {variant!r}")
        if not is_finite(mastered):
            raise ValueError(
                f"oracle: mastered: expected a score above which a task is mastered, got {mastered!r}: give "
                "mastered=..., or a family that has such a line (teachers.make('oracle', family))"
            )
        if not (is_number(window) and 0 < window <= 1):
            raise ValueError(f"oracle: window: expected a share in (0, 1], got {window!r}")
        check_whole("oracle: block", block)
        if rehearsal is not None and not (is_number(rehearsal) and 0 <= rehearsal < 1):
            raise ValueError(f"oracle: rehearsal: expected a share in [0, 1), got {rehearsal!r}")
        self.paper = variant == "paper"
        self.mastered = float(mastered)
        self.block = block
        if rehearsal is None:
            # The authors' code does not rehearse.
            rehearsal = 0.0 if self.paper else REHEARSAL
        self.rehearsal = float(rehearsal)
        self._path = _Path(space, difficulty_step, window, fixed=not self.paper)
        # Scores counted since the last decision.
        self._scores: FloatArray = np.empty(0)
        # The next id.
        self._next = 0
        # The first id asked since the window moved.
        self._since = 0

    def _ask(self, ids: IntArray, progress: float) -> Assignment:
        path = self._path
        n = len(ids)
        low = np.broadcast_to(path.low, (n, len(path.low)))
        high = low + path.size
        if self.rehearsal > 0:
            # A row that rehearses has a window from the start to the present one, whichever way it moves.
            again = self.rng.random((n, 1)) < self.rehearsal
            low = np.where(again, np.minimum(path.start, low), low)
            high = np.where(again, np.maximum(path.start + path.size, high), high)
        # Ids ascend, so rows from here on are of the present window or a later one.
        self._next = int(ids[-1]) + 1
        flat = low + self.rng.random(low.shape) * (high - low)
        return Assignment(ids=ids, tasks=spaces.from_flat(self.space, flat))

    def _tell(self, outcomes: Outcomes) -> None:
        flat = outcomes.tasks.reshape(len(outcomes), -1).astype(np.float64)
        rows = np.arange(len(outcomes))
        rows = rows[self._counts(outcomes.ids, flat)]
        # Once for each decision: scores after a move are compared with the new window.
        while rows.size:
            taken, rows = np.split(rows, [self.block - len(self._scores)])
            self._scores = np.concatenate([self._scores, outcomes.score[taken]])
            if len(self._scores) < self.block:
                break
            # At the end of the way `move` changes nothing, and then old outcomes still count.
            moved = self._scores.mean() > self.mastered and self._path.move()
            self._scores = self._scores[:0]
            if moved:
                self._since = self._next
                # The window is another one, so the remaining rows are looked at again.
                rows = rows[self._counts(outcomes.ids[rows], flat[rows])]

    def _counts(self, ids: IntArray, flat: FloatArray) -> BoolArray:
        """Return which rows say something about the present window."""
        if self.paper:
            return np.ones(len(ids), np.bool_)
        # Late outcomes of an easier window must not push the present one on.
        return np.asarray(self._path.contains(flat) & ((ids == UNASKED) | (ids >= self._since)))

    def metrics(self) -> dict[str, float]:
        """Return how far the window has come, 0 to 1, and the mean of the scores since the last decision."""
        found = {"progress": self._path.progress()}
        if len(self._scores):
            found["window_score"] = float(self._scores.mean())
        return found

    def snapshot(self) -> dict[str, Array]:
        """Return the window in task units: ``low``, ``high`` ``(1, d)``."""
        ends = (x.astype(np.float64).ravel() for x in (self.space.low, self.space.high))
        window = np.stack([self._path.low, self._path.low + self._path.size])
        # The window of whole numbers reaches half a unit beyond them, where there are no tasks.
        window = np.clip(window, *ends)
        return {"low": window[:1], "high": window[1:]}

    def _state(self) -> State:
        return {
            "low": self._path.low.copy(),
            "scores": self._scores.copy(),
            "next": self._next,
            "since": self._since,
        }

    def _load(self, state: State) -> None:
        check_names("oracle: state", ("low", "scores", "next", "since"), state)
        self._path.load(state["low"])
        scores = saved_array("oracle: scores", state["scores"], np.float64, (None,))
        if len(scores) >= self.block:
            raise ValueError(f"oracle: scores: expected fewer than {self.block}, got {len(scores)}")
        self._scores = scores
        self._next = saved_whole("oracle: next", state["next"])
        self._since = saved_whole("oracle: since", state["since"], 0, self._next)


class _Path:
    """The window's lower corner ``low`` on its way from ``start``; ``size`` is its extent; all raw units."""

    def __init__(self, space: Box, step: tuple[float, ...] | None, share: float, *, fixed: bool) -> None:
        self._bottom, top = spaces.edges(space)
        names = spaces.dimension_names(space)
        if step is None:
            raise ValueError(
                f"oracle: difficulty_step: expected one signed step for each of {names}, got none"
            )
        expected = f"a finite step for each of {names}"
        self._step = check_numbers("oracle: difficulty_step", expected, step).ravel()
        if self._step.shape != self._bottom.shape:
            raise ValueError(f"oracle: difficulty_step: expected {expected}, got {step}")
        if not self._step.any():
            raise ValueError(f"oracle: difficulty_step: expected a step other than 0, got {step}")
        # A step of 0 says that this dimension has nothing to do with difficulty.
        still = (self._step == 0) & fixed
        self.size = (top - self._bottom) * np.where(still, 1.0, share)
        self._last = top - self.size
        # Tasks are rounded, to whole numbers or to the space's dtype, and may lie just outside.
        self._slack = 0.5 if spaces.is_whole(space) else 1e-6 * self.size
        self.start = np.where((self._step > 0) | still, self._bottom, self._last)
        self.low = self.start.copy()

    def move(self) -> bool:
        """Move a step, clipped to the space; return whether anything changed."""
        before = self.low
        self.low = np.clip(before + self._step, self._bottom, self._last)
        return not np.array_equal(before, self.low)

    def load(self, low: Any) -> None:
        """Take over the window's lower corner; raise ValueError if the window is not in the space."""
        found = saved_array("oracle: low", low, np.float64, self.low.shape)
        if (found < self._bottom).any() or (found > self._last).any():
            raise ValueError(f"oracle: low: expected {self._bottom} to {self._last}, got {found}")
        self.low = found

    def contains(self, flat: FloatArray) -> BoolArray:
        """Return which of ``(n, d)`` tasks lie in the window, give or take the rounding of tasks."""
        inside = (flat >= self.low - self._slack) & (flat <= self.low + self.size + self._slack)
        return np.asarray(inside.all(axis=1))

    def progress(self) -> float:
        """Return the mean share of the way done over the dimensions that move."""
        # Without room to move a dimension has no way, and would divide 0 by 0.
        way = np.where(self._step > 0, self._last, self._bottom) - self.start
        moving = (self._step != 0) & (way != 0)
        if not moving.any():
            return 1.0
        return float(np.mean((self.low - self.start)[moving] / way[moving]))
