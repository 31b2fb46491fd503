"""The game-inspired curriculum of legged robots: every walker goes up and down levels by what it did."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np

from teacherstudent.contract import spaces
from teacherstudent.contract.checks import check_names, check_numbers, check_real, check_whole, is_finite
from teacherstudent.contract.registry import TEACHERS
from teacherstudent.contract.spaces import Box, Discrete
from teacherstudent.contract.stored.saved import saved_array, saved_whole
from teacherstudent.contract.teacher import Teacher
from teacherstudent.contract.types import Array, Assignment, FloatArray, IntArray, Outcomes, Seed, State
from teacherstudent.teachers.lessons.handed import Handed
from teacherstudent.teachers.score_range import check_score_range

LEVELS = 10
"""Levels of a box, as in the authors' code."""
START = 5
"""The highest level that a walker starts on, as in the authors' code."""
_MOVES = ("promoted", "demoted", "finished")


@TEACHERS.register("terrain-levels")
class TerrainLevels(Teacher[gym.Space[Any]]):
    """Moves every walker a level up when it does well and a level down when it does badly.

    The game-inspired curriculum of Rudin, Hoeller, Reist and Hutter 2021, "Learning to walk in minutes using
    massively parallel deep reinforcement learning", https://arxiv.org/abs/2109.11978, section 3.2, as in the
    authors' code (legged_gym). There a robot has a level of its own, which decides on its terrain. A robot
    that crosses its terrain goes a level up; one that walks less than half of the distance that it was
    commanded goes a level down; one that solves the last level goes to a random level, so that none is
    forgotten. Robots start on random levels up to ``max_start``.

    A teacher sees rows and no robots, so each row continues a *walker* of the teacher: an asked row takes the
    walker that has been free for the longest time, and its outcome moves that walker and frees it. There are
    as many walkers as rows were outstanding at once. A row that is dropped frees its walker where it was, and
    a row that never comes back keeps it. Rows that nobody asked for move no walker.

    In a box, ``difficulty_step`` says by its sign in which direction each dimension gets harder; where it is
    0 the dimension has nothing to do with difficulty. Level l of L is the l-th slice of the range of all
    dimensions that get harder, from the easy end on; tasks are uniform in it. In a discrete space levels are
    the tasks in order.

    Deviations: scores stand in the place of distances. A robot of the paper keeps its type of terrain for
    ever, here the other dimensions are drawn for every row. A level of the paper is one difficulty, here a
    slice. A student with a queue of tasks has more walkers than slots, and a walker changes slots.

    Args:
        space: a box or a discrete space.
        seed: an integer of at least 0 or a ``SeedSequence``.
        mastered: the score above which a walker goes up; the family's if it has one.
        demoted: the score below which it goes down, at most ``mastered``. None: half of the way from the low
            end of ``score_range`` to ``mastered``.
        score_range: the scores from nothing to all; used where ``demoted`` is None.
        difficulty_step: ``(d,)`` signed: the direction in which tasks get harder; the family's if it has one.
            A box needs it; in a discrete space a negative number turns the order round.
        levels: how many; None is 10 in a box, and a level for each task in a discrete space.
        max_start: the highest level that a walker starts on, from 0; None is 5, or the last level.

    Raises:
        TypeError: if the space is of another kind, or the seed is no integer.
        ValueError: if a line or, in a box, ``difficulty_step`` is missing, or an option is out of range.
    """

    accepts: ClassVar[tuple[type[gym.Space[Any]], ...]] = (Box, Discrete)

    def __init__(
        self,
        space: gym.Space[Any],
        *,
        seed: Seed,
        mastered: float | None = None,
        demoted: float | None = None,
        score_range: tuple[float, float] | None = None,
        difficulty_step: Sequence[float] | None = None,
        levels: int | None = None,
        max_start: int | None = None,
    ) -> None:
        super().__init__(space, seed=seed)
        if mastered is None:
            raise ValueError(
                "terrain-levels: mastered: expected a score above which a walker goes up, got None"
            )
        self.mastered = check_real("terrain-levels: mastered", mastered)
        self.demoted = _demoted(demoted, self.mastered, score_range)
        # The most levels that the space can have: of a discrete one each needs a task.
        most = 10**6
        count = LEVELS
        listed = spaces.numbers(space)
        if listed is not None:
            most = len(listed)
            count = most
        if levels is not None:
            count = check_whole("terrain-levels: levels", levels, 1, most)
        self.levels = count
        self.max_start = min(START, count - 1)
        if max_start is not None:
            self.max_start = check_whole("terrain-levels: max_start", max_start, 0, count - 1)
        self._slices = _Slices(space, difficulty_step, count)
        # The level of each walker.
        self._walkers = np.zeros(0, np.int64)
        # Walkers that wait for a row; the one that has waited for the longest time comes first.
        self._free = np.zeros(0, np.int64)
        self._handed = Handed()
        self._moves = dict.fromkeys(_MOVES, 0)

    def _ask(self, ids: IntArray, progress: float) -> Assignment:
        missing = len(ids) - len(self._free)
        if missing > 0:
            born = self.rng.integers(0, self.max_start + 1, missing)
            self._free = np.concatenate([self._free, len(self._walkers) + np.arange(missing)])
            self._walkers = np.concatenate([self._walkers, born])
        walkers = self._free[: len(ids)]
        self._free = self._free[len(ids) :]
        self._handed.hand(ids, walkers)
        level = self._walkers[walkers]
        return Assignment(ids=ids, tasks=self._slices.draw(level, self.rng), notes={"level": level})

    def _tell(self, outcomes: Outcomes) -> None:
        walkers = self._handed.take(outcomes.ids)
        # Nobody walked in a row that was not asked for.
        asked = walkers >= 0
        walkers = walkers[asked]
        score = outcomes.score[asked]
        up = score > self.mastered
        down = (score < self.demoted) & ~up
        # A walker has one row at a time, so no walker is moved twice here.
        level = self._walkers[walkers] + up - down
        finished = level >= self.levels
        again = self.rng.integers(0, self.levels, int(finished.sum()))
        level[finished] = again
        self._walkers[walkers] = np.maximum(level, 0)
        self._free = np.concatenate([self._free, walkers])
        for name, rows in zip(_MOVES, (up, down, finished), strict=True):
            self._moves[name] += int(rows.sum())

    def _drop(self, ids: IntArray) -> None:
        walkers = self._handed.take(ids)
        # A damaged state may know less than the base class does.
        self._free = np.concatenate([self._free, walkers[walkers >= 0]])

    def metrics(self) -> dict[str, float]:
        """Return how many walkers there are, their mean and highest level, and how often they moved.

        ``promoted``, ``demoted`` (on the lowest level too) and ``finished`` (of the promoted ones those that
        solved the last level).
        """
        found = {name: float(count) for name, count in self._moves.items()}
        found["walkers"] = float(len(self._walkers))
        if len(self._walkers):
            found |= {"level_mean": float(self._walkers.mean()), "level_max": float(self._walkers.max())}
        return found

    def snapshot(self) -> dict[str, Array]:
        """Return how many walkers are on each level, ``walkers (L,)``; of a box ``low``, ``high (L, d)`` too.

        The latter are the ends of the levels, in task units.
        """
        return {
            "walkers": np.bincount(self._walkers, minlength=self.levels).astype(np.int64)
        } | self._slices.ends()

    def _state(self) -> State:
        return {
            "walkers": self._walkers.copy(),
            "free": self._free.copy(),
            "handed": self._handed.state(),
            "moves": dict(self._moves),
        }

    def _load(self, state: State) -> None:
        who = "terrain-levels"
        check_names(f"{who}: state", ("walkers", "free", "handed", "moves"), state)
        walkers = saved_array(
            f"{who}: walkers", state["walkers"], np.int64, (None,), low=0, high=self.levels - 1
        )
        free = saved_array(f"{who}: free", state["free"], np.int64, (None,), low=0)
        check_names(f"{who}: moves", _MOVES, state["moves"])
        moves = {name: saved_whole(f"{who}: {name}", state["moves"][name]) for name in _MOVES}
        self._handed.load(f"{who}: handed", state["handed"], len(walkers))
        # Every walker either waits for a row or walks in one.
        every = np.sort(np.concatenate([free, self._handed.numbers]))
        if not np.array_equal(every, np.arange(len(walkers))):
            raise ValueError(f"{who}: free: expected each of {len(walkers)} walkers once, got {every}")
        self._walkers = walkers
        self._free = free
        self._moves = moves


class _Slices:
    """Which tasks a level holds."""

    def __init__(self, space: gym.Space[Any], step: Sequence[float] | None, levels: int) -> None:
        self._space = space
        self._levels = levels
        d = int(np.prod(space.shape or ()))
        direction = np.ones(d)
        if step is not None:
            names = spaces.dimension_names(space)
            expected = f"a finite step for each of {names}, one of them not 0"
            direction = check_numbers("terrain-levels: difficulty_step", expected, step).ravel()
            if direction.shape != (d,) or not direction.any():
                raise ValueError(f"terrain-levels: difficulty_step: expected {expected}, got {step!r}")
        elif spaces.box_of(space) is not None:
            names = spaces.dimension_names(space)
            raise ValueError(
                f"terrain-levels: difficulty_step: expected one signed step for each of {names}, got none"
            )
        self._direction = np.sign(direction)

    def draw(self, level: IntArray, rng: np.random.Generator) -> Array:
        """Return a task ``(n, *space.shape)`` of each level."""
        space = self._space
        listed = spaces.numbers(space)
        if listed is not None:
            return self._listed(listed, level, rng).astype(space.dtype)
        box = spaces.as_box(space, "terrain-levels")
        return spaces.from_unit(box, self._unit(level[:, None], rng.random((len(level), self._d))))

    @property
    def _d(self) -> int:
        return len(self._direction)

    def _unit(self, level: IntArray, place: FloatArray) -> FloatArray:
        """Return points of the unit cube at a place in [0, 1] of their level, ``(n, d)`` all."""
        within = (level + place) / self._levels
        harder = np.where(self._direction > 0, within, 1 - within)
        return np.where(self._direction == 0, place, harder)

    def _listed(self, tasks: range, level: IntArray, rng: np.random.Generator) -> Array:
        """Return tasks of a discrete space: level l begins with task l n / L, rounded down."""
        n = len(tasks)
        first = level * n // self._levels
        size = (level + 1) * n // self._levels - first
        place = first + rng.integers(0, size)
        if self._direction[0] < 0:
            place = n - 1 - place
        return np.asarray(place + tasks.start)

    def ends(self) -> dict[str, Array]:
        """Return the ends ``(L, d)`` of the levels of a box in task units; nothing of a discrete space."""
        space = spaces.box_of(self._space)
        if space is None:
            return {}
        level = np.arange(self._levels)[:, None]
        corners = [self._unit(level, np.full((self._levels, self._d), end)) for end in (0.0, 1.0)]
        flat = [spaces.from_unit(space, unit).reshape(self._levels, -1) for unit in corners]
        # Where tasks get harder downwards, the easy end is the high one.
        return {"low": np.minimum(*flat).astype(np.float64), "high": np.maximum(*flat).astype(np.float64)}


def _demoted(demoted: Any, mastered: float, score_range: Any) -> float:
    """Return the line below which a walker goes down; raise ValueError if there is none."""
    if score_range is not None:
        low = check_score_range("terrain-levels: score_range", score_range)[0]
    if demoted is not None:
        line = check_real("terrain-levels: demoted", demoted)
        source = "demoted"
    elif score_range is not None:
        # The paper's robots go down when they walk less than half of the distance that was required.
        line = low + (mastered - low) / 2
        source = "demoted, half of the way from score_range to mastered"
    else:
        raise ValueError(
            "terrain-levels: demoted: expected a score below which a walker goes down, or a score_range from "
            "which it follows, got neither"
        )
    if not is_finite(line) or line > mastered:
        raise ValueError(
            f"terrain-levels: {source}: expected at most {mastered:g}, which is mastered, got {line:g}"
        )
    return line
