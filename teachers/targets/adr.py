"""Automatic domain randomisation: a box of tasks that grows where its boundary is mastered."""

from __future__ import annotations

from typing import Any, ClassVar

import gymnasium as gym
import numpy as np

from teacherstudent.contract.checks import check_names, check_real, check_whole
from teacherstudent.contract.registry import TEACHERS
from teacherstudent.contract.spaces import Box
from teacherstudent.contract.stored.saved import saved_array, saved_generator
from teacherstudent.contract.teacher import Teacher
from teacherstudent.contract.types import (
    Array,
    Assignment,
    BoolArray,
    FloatArray,
    IntArray,
    Outcomes,
    Seed,
    State,
    Wait,
    generator,
)
from teacherstudent.teachers.score_range import check_score_range
from teacherstudent.teachers.targets.told import Units, Variant, check_mastered, easy_sample

NO_BOUND = -1
"""The code of a row that lies on no bound; those of the lower bounds come before those of the upper ones."""


@TEACHERS.register("adr")
class ADR(Teacher[Box]):
    """Widens a box of tasks, bound by bound, where tasks on that bound are mastered.

    OpenAI et al. 2019, "Solving Rubik's cube with a robot hand", https://arxiv.org/abs/1910.07113,
    algorithm 1 and section 5.2, with the numbers of TeachMyAgent (Romac et al. 2021,
    https://arxiv.org/abs/2103.09815).

    Tasks are uniform in the box. With probability ``boundary_ratio`` one coordinate of a task is put on its
    lower or upper bound. Each bound has a buffer of the scores of its rows. When it holds ``queue`` scores,
    their mean is taken and the buffer emptied: from ``mastered`` on the bound moves outwards by ``step``, up
    to ``failed`` it moves inwards, though never past the opposite bound. The box begins as a single task.

    ``variant="fixed"``:

    - the box lies in the unit cube, so ``step`` is a share of every dimension's range;
    - it begins at the easy task that is nearest to the mean of the easy ones, which need not be easy itself;
    - bounds that have reached the end of the space are not drawn any more, and so never come back;
    - which bound a row was drawn on is remembered by its id: its score counts for that bound alone, and only
      if the bound has not moved since. Rows that nobody asked for do not count.

    ``variant="paper"`` does what the code of TeachMyAgent does:

    - raw units, and one absolute ``step`` for all dimensions, whatever their ranges;
    - it begins at the mean of the easy tasks;
    - a bound at the end of the space is still drawn, unless the opposite one is there too;
    - a score counts for every bound that the task equals exactly, asked for or not: while the box is a single
      task, for all of them;
    - uniform tasks have a generator of their own, which starts anew whenever the box changes, so that the
      same tasks come back; bounds are float32.

    Deviations of both from the paper: it measures performance on the boundary in episodes of their own, which
    are not trained on; here every row is trained on. ``failed`` has a default, which is this package's own.

    Args:
        space: a box.
        seed: an integer of at least 0 or a ``SeedSequence``.
        easy: ``(m, *space.shape)`` easy tasks, where the box begins.
        mastered: the mean score from which a bound moves outwards.
        failed: the mean score up to which a bound moves inwards; None is the middle between the low end of
            ``score_range`` and ``mastered``.
        score_range: read for ``failed`` only.
        variant: ``"fixed"`` or ``"paper"``.
        step: how far a bound moves: a share of the range (fixed, None is 0.05), raw units (paper, 0.1).
        queue: scores between two decisions about a bound.
        boundary_ratio: see above, above 0.

    Raises:
        TypeError: if the space is no box, or the seed is no integer.
        ValueError: if ``easy``, ``mastered`` or ``failed`` is missing, or an option is out of range.
    """

    accepts: ClassVar[tuple[type[gym.Space[Any]], ...]] = (Box,)

    def __init__(
        self,
        space: Box,
        *,
        seed: Seed,
        easy: Any = None,
        mastered: float | None = None,
        failed: float | None = None,
        score_range: tuple[float, float] | None = None,
        variant: Variant = "fixed",
        step: float | None = None,
        queue: int = 10,
        boundary_ratio: float = 0.5,
    ) -> None:
        super().__init__(space, seed=seed)
        self._units = Units("adr", space, variant)
        self._ratio = check_real("adr: boundary_ratio", boundary_ratio, 0, 1, above=True)
        start = easy_sample("adr", space, self._units, easy).points
        assert start is not None
        self._bounds = _Bounds(
            self._units,
            start=_start(start, middle=self._units.raw),
            step=_step(step, raw=self._units.raw),
            size=check_whole("adr: queue", queue, 1, 10**8),
            lines=_lines(mastered, failed, score_range),
        )
        # Rows that were drawn on a bound which has not moved since: ascending ids, and their bounds.
        self._drawn: IntArray = np.empty(0, np.int64)
        self._drawn_on: IntArray = np.empty(0, np.int64)
        self._repeats: _Repeats | None = None
        if self._units.raw:
            # The authors seed the box by the teacher's seed; another stream than `rng` for the same seed.
            self._repeats = _Repeats(int(self.rng.integers(2**63)))

    def _ask(self, ids: IntArray, progress: float) -> Assignment:
        n = len(ids)
        low, high = self._bounds.box
        uniform = self.rng if self._repeats is None else self._repeats.rng
        points = low + (high - low) * uniform.random((n, len(low)))
        codes = self._bounds.draw(n, self._ratio, self.rng)
        rows = np.flatnonzero(codes != NO_BOUND)
        side, dim = np.divmod(codes[rows], len(low))
        points[rows, dim] = self._bounds.box[side, dim]
        if not self._units.raw:
            # Ids ascend, so the new ones go to the end.
            self._drawn = np.concatenate([self._drawn, ids[rows]])
            self._drawn_on = np.concatenate([self._drawn_on, codes[rows]])
        return Assignment(ids=ids, tasks=self._units.tasks(points))

    def _tell(self, outcomes: Outcomes) -> None:
        if self._units.raw:
            self._tell_by_equality(outcomes)
            return
        codes = self._taken(outcomes.ids)
        rows = np.flatnonzero(codes != NO_BOUND)
        # Once for each decision: rows of a bound that has moved are old ones.
        while rows.size:
            moved, after = self._bounds.push(codes[rows], outcomes.score[rows])
            rows = rows[after:]
            if moved != NO_BOUND:
                rows = rows[codes[rows] != moved]
                kept = self._drawn_on != moved
                self._drawn = self._drawn[kept]
                self._drawn_on = self._drawn_on[kept]

    def _tell_by_equality(self, outcomes: Outcomes) -> None:
        # Row by row as in the authors' code: each may move a bound, which the next one is compared with.
        for task, score in zip(outcomes.tasks.reshape(len(outcomes), -1), outcomes.score, strict=True):
            before = self._bounds.box.copy()
            for dim in range(len(task)):
                # Both bounds are looked at as they were before this row, the lower one first.
                equal = self._units.shown(before)[:, dim] == task[dim]
                for side in np.flatnonzero(equal):
                    self._bounds.push(np.array([side * len(task) + dim]), np.array([score]))
            if self._repeats is not None and not np.array_equal(before, self._bounds.box):
                self._repeats.restart()

    def _taken(self, ids: IntArray) -> IntArray:
        """Return the bound that each of ``(n,)`` rows was drawn on, or `NO_BOUND`, and forget the rows."""
        found = np.full(len(ids), NO_BOUND)
        if len(self._drawn):
            # Ids are sorted, so a row's place is where it would be put in.
            place = np.minimum(np.searchsorted(self._drawn, ids), len(self._drawn) - 1)
            known = self._drawn[place] == ids
            found[known] = self._drawn_on[place[known]]
            self._drawn = np.delete(self._drawn, place[known])
            self._drawn_on = np.delete(self._drawn_on, place[known])
        return found

    def _drop(self, ids: IntArray) -> None:
        self._taken(ids)

    def first_action(self) -> Wait | None:
        """Return about how many outcomes the first full buffer waits for; None once the box is no point."""
        if (self._bounds.box[0] < self._bounds.box[1]).any():
            return None
        # Every bound has its share of the rows that lie on one.
        rows = int(np.ceil(self._bounds.size * self._bounds.box.size / self._ratio))
        return Wait(
            rows, "widening", f"a smaller queue, here {self._bounds.size}, or a greater boundary_ratio"
        )

    def metrics(self) -> dict[str, float]:
        """Return the mean width of the box, as a share of the range, and the share of bounds at their end."""
        low, high = self._bounds.box
        at_end = ~self._bounds.open()
        return {
            "width": float(((high - low) / self._units.size).mean()),
            "at_end_share": float(at_end.mean()),
        }

    def snapshot(self) -> dict[str, Array]:
        """Return the box in task units: ``low``, ``high`` ``(1, d)``."""
        low, high = self._units.shown(self._bounds.box)
        return {"low": low[None], "high": high[None]}

    def _state(self) -> State:
        state = self._bounds.state() | {"ids": self._drawn.copy(), "codes": self._drawn_on.copy()}
        return state | {"repeats": None if self._repeats is None else self._repeats.state()}

    def _load(self, state: State) -> None:
        check_names("adr: state", ("box", "sums", "counts", "ids", "codes", "repeats"), state)
        self._bounds.load({name: state[name] for name in ("box", "sums", "counts")})
        ids = saved_array("adr: ids", state["ids"], np.int64, (None,), low=0)
        if (np.diff(ids) <= 0).any():
            raise ValueError(f"adr: ids: expected ascending ones, got {ids}")
        last = self._bounds.box.size - 1
        codes = saved_array("adr: codes", state["codes"], np.int64, (len(ids),), low=0, high=last)
        if self._repeats is not None:
            self._repeats.load(state["repeats"])
        self._drawn = ids
        self._drawn_on = codes


def _lines(mastered: Any, failed: Any, score_range: tuple[float, float] | None) -> tuple[float, float]:
    """Return the mean scores up to which a bound moves inwards, and from which it moves outwards."""
    upper = check_mastered("adr", mastered)
    if score_range is not None:
        score_range = check_score_range("adr: score_range", score_range)
    if failed is None:
        if score_range is None:
            raise ValueError(
                "adr: failed: expected a score up to which the box narrows, got none: give failed=..., or "
                "score_range=(low, high), of which it takes the middle between low and mastered"
            )
        failed = score_range[0] + (upper - score_range[0]) / 2
    return check_real("adr: failed", failed, -1e100, upper, below=True), upper


def _step(step: Any, *, raw: bool) -> float:
    """Return how far a bound moves."""
    if step is None:
        return 0.1 if raw else 0.05
    return check_real("adr: step", step, 0, 1e30 if raw else 1, above=True)


def _start(easy: FloatArray, *, middle: bool) -> FloatArray:
    """Return the mean of easy points ``(m, d)``, or the point that is nearest to it."""
    mean = easy.mean(axis=0)
    if middle:
        return np.asarray(mean)
    return np.asarray(easy[((easy - mean) ** 2).sum(axis=1).argmin()])


class _Bounds:
    """The box ``(2, d)`` and what its bounds wait for; bound ``side * d + dim`` has that code."""

    def __init__(
        self, units: Units, *, start: FloatArray, step: float, size: int, lines: tuple[float, float]
    ) -> None:
        self.size = size
        self._raw = units.raw
        self._ends = np.stack([units.low, units.high])
        self._step = step
        self._lines = lines
        self.box = self._rounded(np.stack([start, start]))
        self._sums = np.zeros(self.box.size)
        self._counts = np.zeros(self.box.size, np.int64)

    def _rounded(self, numbers: FloatArray) -> FloatArray:
        """Return bounds within the space; float32 as in the authors' code."""
        if self._raw:
            numbers = numbers.astype(np.float32).astype(np.float64)
        return np.clip(numbers, *self._ends)

    def open(self) -> BoolArray:
        """Return ``(2 * d,)`` bool: which bounds have not reached the end of the space."""
        return np.asarray(self.box != self._ends).ravel()

    def draw(self, n: int, ratio: float, rng: np.random.Generator) -> IntArray:
        """Return ``(n,)`` codes of bounds, or `NO_BOUND`."""
        drawn = rng.random(n) < ratio
        if self._raw:
            # A dimension is given up when both of its bounds have reached their ends.
            codes = rng.integers(self.box.size, size=n)
            either = np.asarray(self.open().reshape(self.box.shape).any(axis=0))
            drawn &= either[codes % self.box.shape[1]]
            return np.where(drawn, codes, NO_BOUND)
        free = np.flatnonzero(self.open())
        if not len(free):
            return np.full(n, NO_BOUND)
        return np.where(drawn, free[rng.integers(len(free), size=n)], NO_BOUND)

    def push(self, codes: IntArray, scores: FloatArray) -> tuple[int, int]:
        """Take in scores ``(n,)`` of rows on bounds until a buffer is full, and decide about that bound.

        Returns:
            the code of the bound, if it has moved, else `NO_BOUND`; and how many rows were taken in.
        """
        # A row's place in its bound's buffer: the rows that wait there, and those of this batch before it.
        order = codes.argsort(kind="stable")
        grouped = codes[order]
        before = np.empty(len(codes), np.int64)
        before[order] = np.arange(len(codes)) - np.searchsorted(grouped, grouped)
        full = np.flatnonzero(self._counts[codes] + before + 1 == self.size)
        taken = len(codes)
        if len(full):
            taken = int(full[0]) + 1
        # One row after the other, so that sums do not depend on batches.
        np.add.at(self._sums, codes[:taken], scores[:taken])
        np.add.at(self._counts, codes[:taken], 1)
        if not len(full):
            return NO_BOUND, taken
        code = int(codes[taken - 1])
        mean = self._sums[code] / self.size
        self._sums[code] = 0.0
        self._counts[code] = 0
        if self._move(code, mean):
            return code, taken
        return NO_BOUND, taken

    def _move(self, code: int, mean: float) -> bool:
        """Move a bound as the mean of its scores says; return whether it has moved."""
        failed, mastered = self._lines
        side, dim = divmod(code, self.box.shape[1])
        outwards = -self._step if side == 0 else self._step
        box = self.box.copy()
        if mean >= mastered:
            box[side, dim] += outwards
        elif mean <= failed:
            box[side, dim] -= outwards
            # The two bounds may meet, but not cross.
            limit = np.minimum if side == 0 else np.maximum
            box[side, dim] = limit(box[side, dim], box[1 - side, dim])
        box = self._rounded(box)
        moved = not np.array_equal(box, self.box)
        self.box = box
        return moved

    def state(self) -> State:
        """Return the box and the buffers, of which sums and counts suffice; copies."""
        return {"box": self.box.copy(), "sums": self._sums.copy(), "counts": self._counts.copy()}

    def load(self, state: State) -> None:
        """Take over what `state` returned; raise ValueError if it is damaged."""
        box = saved_array("adr: box", state["box"], np.float64, self.box.shape)
        if (box < self._ends[0]).any() or (box > self._ends[1]).any() or (box[0] > box[1]).any():
            raise ValueError(f"adr: box: expected low <= high within {self._ends}, got {box}")
        sums = saved_array("adr: sums", state["sums"], np.float64, self._sums.shape)
        most = self.size - 1
        counts = saved_array("adr: counts", state["counts"], np.int64, sums.shape, low=0, high=most)
        self.box = box
        self._sums = sums
        self._counts = counts


class _Repeats:
    """The generator of uniform tasks of the authors' code, which starts anew with every box."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self.rng = generator(seed)

    def restart(self) -> None:
        """Begin again with the same numbers."""
        self.rng = generator(self._seed)

    def state(self) -> State:
        """Return seed and generator."""
        return {"seed": str(self._seed), "rng": dict(self.rng.bit_generator.state)}

    def load(self, state: State) -> None:
        """Take over what `state` returned; raise ValueError if it is damaged."""
        check_names("adr: repeats", ("seed", "rng"), state)
        if not (isinstance(state["seed"], str) and state["seed"].isdecimal()):
            raise ValueError(f"adr: repeats: seed: expected a whole number as text, got {state['seed']!r}")
        self._seed = int(state["seed"])
        self.rng = generator(0)
        self.rng.bit_generator.state = saved_generator("adr: repeats: rng", state["rng"])
