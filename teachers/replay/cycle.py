"""What the teachers of replay-based level design have in common: one cycle with switches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any, ClassVar, Literal, TypeAlias, get_args

import gymnasium as gym
import numpy as np

from teacherstudent.contract import spaces
from teacherstudent.contract.checks import check_keywords, check_names, is_number, is_one_of
from teacherstudent.contract.purposes import Purpose
from teacherstudent.contract.spaces import Box, Discrete, Levels
from teacherstudent.contract.teacher import Teacher
from teacherstudent.contract.types import (
    Array,
    Assignment,
    BoolArray,
    Granularity,
    IntArray,
    Outcomes,
    Seed,
    State,
    Wait,
)
from teacherstudent.teachers.replay import edits as level_spaces
from teacherstudent.teachers.replay.buffer.levels import LevelBuffer
from teacherstudent.teachers.replay.buffer.offers import offer, scored
from teacherstudent.teachers.replay.buffer.picture import picture
from teacherstudent.teachers.replay.buffer.rows import EDIT, NEW, REPLAY, Editor, Pending, Replayed, Rows
from teacherstudent.teachers.replay.buffer.scores import CUT, EPISODES, score_of
from teacherstudent.teachers.replay.counts import NAMES, Counts
from teacherstudent.teachers.replay.fitting import caution, chosen

Schedule: TypeAlias = Literal["fixed", "proportionate"]
Start: TypeAlias = Literal["simple", "all"]

OPEN = ("capacity", "temperature")
"""Options of the buffer that follow the run where they are None."""
TEMPERATURE = 0.1
"""The temperature of PLR's mazes, which `LevelBuffer` has by default."""


def is_simple(start: Start) -> bool:
    """Return whether generated levels are simple ones.

    Raises:
        ValueError: if it is neither ``"simple"`` nor ``"all"``.
    """
    if not is_one_of(start, get_args(Start)):
        raise ValueError(f"start: expected one of {get_args(Start)}, got {start!r}")
    return start == "simple"


@dataclass(frozen=True, kw_only=True)
class Cycle:
    """When levels are replayed and which are trained on.

    Attributes:
        replay: probability that a whole ask is replayed.
        min_fill: share of the buffer that must be in use before.
        schedule: ``"fixed"``; ``"proportionate"``: the probability is at most the share in use.
        train_new: whether generated levels are trained on, and not only measured.
        simple: whether generated levels are the simplest of a level space; other spaces have none such.
        parallel: every ask holds generated levels, replayed ones and, with an editor, children of these.

    Raises:
        ValueError: if a value is out of range, or nothing would ever be trained on.
    """

    replay: float = 0.5
    min_fill: float = 0.5
    schedule: Schedule = "fixed"
    train_new: bool = True
    simple: bool = False
    parallel: bool = False

    def __post_init__(self) -> None:
        for name, value in (("replay", self.replay), ("min_fill", self.min_fill)):
            if not (is_number(value) and 0 <= value <= 1):
                raise ValueError(f"{name}: expected a number in [0, 1], got {value!r}")
        if not is_one_of(self.schedule, get_args(Schedule)):
            raise ValueError(f"schedule: expected one of {get_args(Schedule)}, got {self.schedule!r}")
        if self.replay == 0 and not self.train_new and not self.parallel:
            raise ValueError("replay: expected above 0, as only replayed levels are trained on, got 0")

    def probability(self, buffer: LevelBuffer) -> float:
        """Return the probability that the next ask is replayed."""
        if not self.warm(buffer):
            return 0.0
        if self.schedule == "fixed":
            return self.replay
        return min(self.replay, buffer.fill)

    def wait(self, buffer: LevelBuffer, rows: int = 1) -> Wait | None:
        """Return what replay waits for, where a level comes of ``rows`` rows; None if for nothing more."""
        if self.warm(buffer) or (self.replay == 0 and not self.parallel):
            return None
        levels = max(1, ceil(self.min_fill * buffer.capacity))
        # The product may be rounded up by a hair, and one level too many would be waited for.
        if levels > 1 and (levels - 1) / buffer.capacity >= self.min_fill:
            levels -= 1
        what = "replay" if self.train_new else "replay, without which nothing is trained on,"
        remedy = (
            f"a smaller buffer={{'capacity': ...}}, here {buffer.capacity}, or min_fill, {self.min_fill:g}"
        )
        return Wait(levels * rows, what, remedy)

    def warm(self, buffer: LevelBuffer) -> bool:
        """Return whether there is enough in the buffer."""
        return len(buffer) > 0 and buffer.fill >= self.min_fill


class LevelTeacher(Teacher[gym.Space[Any]]):
    """Base of teachers that generate levels, score them, keep some, replay these and perhaps edit them.

    An ask is one cycle. Unless cycles are parallel it is of one kind: children of levels that have just been
    replayed, if there is an editor; else levels from the buffer, with a probability; else generated ones.
    Levels in the buffer are trained on, children never. Outcomes that come late count when they come.

    A row without a completed episode is scored where the student judges it by the part of one that it holds,
    with a return that is bootstrapped (signal ``cut``): a deviation from dcd, minimax and jaxued. Any other
    such row is not scored under ``semantics="jaxued"``; under ``"dcd"`` it gets the score over its steps so
    far if that is above 0, but for scores that need a return. Under ``"jaxued"`` the highest return of
    ``max_mc`` is at least 0; under ``"dcd"`` it may be negative, and counts for all rows of its level that
    are told at once.

    **Capacity and temperature** of the buffer follow the run where the user gives none, or None
    (`fit_to`, `teacherstudent.teachers.replay.fitting`): a buffer of the papers' size would not be filled in
    a short run, and at their temperatures many slots would replay the same level. A teacher that is told of
    no run has the papers' numbers.

    Attributes:
        buffer: the levels kept.

    Args:
        space: any box, discrete or level space.
        seed: an integer of at least 0 or a ``SeedSequence``.
        cycle: when levels are replayed and which are trained on.
        score: of `teacherstudent.teachers.replay.buffer.scores`.
        buffer: options of `LevelBuffer`, as the user gives them.
        paper: options of `LevelBuffer` that the teacher's paper has, where the user gives none.
        editor: which levels are edited; None for none.

    Raises:
        TypeError: if the space is of another kind, the seed no integer, or an option of the buffer unknown.
        ValueError: if the space is empty or unbounded, or an option is out of range.
    """

    accepts: ClassVar[tuple[type[gym.Space[Any]], ...]] = (Box, Discrete, Levels)
    needs: frozenset[str] = frozenset({EPISODES})
    reads: frozenset[str] = frozenset({EPISODES, "max_return", CUT})
    granularity: Granularity = "rollout"

    def __init__(
        self,
        space: gym.Space[Any],
        *,
        seed: Seed,
        cycle: Cycle,
        score: str,
        buffer: Mapping[str, Any] | None = None,
        paper: Mapping[str, Any] | None = None,
        editor: Editor | None = None,
    ) -> None:
        super().__init__(space, seed=seed)
        self._cycle = cycle
        self._editor = editor
        self._score = score_of(score)
        # The needs depend on the score, so the instance has its own.
        self.needs = self._score.needs
        if editor is not None or not cycle.train_new:
            self.measures = self.needs
        self._given, self._paper = given_options(buffer, paper)
        self.buffer = LevelBuffer(space, **self._paper, **self._given)
        # Rows of the latest ask; what is said of the buffer depends on it, but no task does.
        self._slots = 0
        self._pending = Pending()
        self._replayed = Replayed(space.shape or (), np.dtype(space.dtype))
        self._counts = Counts()

    def fit_to(self, rows: int, slots: int) -> dict[str, Any]:
        """Choose the buffer's capacity and temperature where the user gives none; return what was chosen.

        `teacherstudent.teachers.replay.fitting.chosen` says how.
        """
        found = chosen(
            self._given,
            rows=rows,
            slots=slots,
            min_fill=self._cycle.min_fill,
            paper=self._paper.get("temperature", TEMPERATURE),
            most=level_spaces.count(self.space),
        )
        self.buffer = LevelBuffer(self.space, **(self._paper | self._given | found))
        return found

    def _ask(self, ids: IntArray, progress: float) -> Assignment:
        self._slots = len(ids)
        parts = self._parts(len(ids))
        self._counts.hand_out(parts)
        return self._pending.hand_out(self.space, ids, parts)

    def _parts(self, n: int) -> list[Rows]:
        """Return the ``n`` rows of the next cycle, in groups of one kind."""
        if self._cycle.parallel:
            return self._side_by_side(n)
        # Levels replayed in the ask before are edited now, before anything else happens.
        if len(self._replayed) and self._editor is not None:
            parents = self._replayed.take(n, self._editor.parents, self.rng)
            return [self._children(n, self._editor, *parents)]
        probability = self._cycle.probability(self.buffer)
        if probability > 0 and self.rng.random() < probability:
            return [self._from_buffer(n)]
        return [self._generated(n)]

    def _side_by_side(self, n: int) -> list[Rows]:
        """Return new levels, replayed ones and children in equal shares, over asks of any size."""
        if not self._cycle.warm(self.buffer):
            return [self._generated(n)]
        kinds = 2 if self._editor is None else 3
        # Turns go on from ask to ask, so the shares hold even for asks of one row.
        turn = (self._counts.asked + np.arange(1, n + 1)) % kinds
        replays = int((turn == 0).sum())
        children = int((turn == 2).sum())
        parts = []
        if n > replays + children:
            parts.append(self._generated(n - replays - children))
        if not replays + children:
            return parts
        # Children are of the levels replayed beside them; without any, parents are drawn for them.
        slots = self.buffer.sample(self.rng, replays or children)
        if replays:
            parts.append(replayed(self.buffer, slots))
        if children and self._editor is not None:
            buffer = self.buffer
            parents = slots[np.arange(children) % len(slots)]
            tasks = buffer.levels[parents]
            parts.append(
                self._children(children, self._editor, tasks, buffer.keys[parents], buffer.edits[parents])
            )
        return parts

    def _generated(self, n: int) -> Rows:
        draw = spaces.sample_simple if self._cycle.simple else spaces.sample
        tasks = draw(self.space, self.rng, n)
        purpose = Purpose.TRAIN if self._cycle.train_new else Purpose.MEASURE
        # A level is met when it is generated: its age counts from here, whenever its outcome comes.
        return Rows(tasks=tasks, kind=NEW, purpose=purpose, numbers=self.buffer.meet(n))

    def _from_buffer(self, n: int) -> Rows:
        return replayed(self.buffer, self.buffer.sample(self.rng, n))

    def _children(self, n: int, editor: Editor, tasks: Array, keys: IntArray, edits: IntArray) -> Rows:
        return Rows(
            tasks=level_spaces.mutated(self.space, self.rng, tasks, editor.edits, editor.step),
            kind=EDIT,
            purpose=Purpose.EDIT,
            parents=keys,
            edits=edits + editor.edits,
            numbers=self.buffer.meet(n),
        )

    def _tell(self, outcomes: Outcomes) -> None:
        table = self._pending.look(outcomes.ids)
        # All rows are scored, and refused if they must be, before anything changes.
        rows = scored(self.buffer, self._score, outcomes)
        self._counts.tell(outcomes)
        old = offer(self.buffer, rows, table)
        # Parallel cycles edit within the same ask, so they keep no list. Easy levels have a high merit.
        if self._editor is not None and not self._cycle.parallel:
            merit = outcomes.score[old] - np.abs(rows.scores[old])
            self._replayed.put(outcomes.tasks[old], rows.keys[old], table[2][old], merit)
        self._pending.close(outcomes.ids)

    def _drop(self, ids: IntArray) -> None:
        self._pending.close(ids)

    def first_action(self) -> Wait | None:
        """Return how many levels the buffer must hold before replay; None once it does, or without replay."""
        return self._cycle.wait(self.buffer)

    def decisions(self) -> int:
        """Return how many rows were replayed or edited."""
        return self._counts.asked - self._counts.new

    def steered(self, assignment: Assignment) -> BoolArray:
        """Return ``(n,)`` which rows are replayed or edited: new levels are as if nothing was told."""
        steered: BoolArray = assignment.notes["kind"] != NEW
        return steered

    def caution(self) -> str | None:
        """Return what to say of replays that are of fewer levels than an ask has slots; None if not."""
        if self.first_action() is not None or self._cycle.probability(self.buffer) == 0:
            return None
        return caution(type(self).__name__, self.buffer, self._slots)

    def metrics(self) -> dict[str, float]:
        """Return the shares of rows (`Counts.metrics`) and what the buffer holds (`buffer_metrics`)."""
        return self._counts.metrics() | buffer_metrics(self.buffer)

    def snapshot(self) -> dict[str, Any]:
        """Return quantiles of scores and ages, features of some levels, and the best (`buffer.picture`)."""
        return picture(self.buffer)

    def _state(self) -> State:
        return {
            "buffer": self.buffer.state_dict(),
            "pending": self._pending.state(),
            "replayed": self._replayed.state(),
            **self._counts.state(),
        }

    def _load(self, state: State) -> None:
        check_names("level teacher: state", ("buffer", "pending", "replayed", *NAMES), state)
        self.buffer.load_state_dict(state["buffer"])
        self._pending.load(state["pending"])
        self._replayed.load(state["replayed"])
        # Only the teacher knows the space that these tasks must lie in.
        spaces.check_tasks(self.space, state["replayed"]["tasks"], "replayed levels")
        self._counts.load({name: state[name] for name in NAMES})


def given_options(
    buffer: Mapping[str, Any] | None, paper: Mapping[str, Any] | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a buffer's options that the user gives, those that are None left out, and the paper's others.

    Raises:
        TypeError: if the buffer has no such option, or they are no mapping.
    """
    told = check_keywords("buffer", buffer, LevelBuffer)
    given = {name: value for name, value in told.items() if value is not None or name not in OPEN}
    others = {name: value for name, value in (paper or {}).items() if name not in given}
    return given, others


def replayed(buffer: LevelBuffer, slots: IntArray) -> Rows:
    """Return the levels in these slots of a buffer, to be replayed."""
    return Rows(
        tasks=buffer.levels[slots],
        kind=REPLAY,
        purpose=Purpose.TRAIN,
        parents=buffer.parents[slots],
        edits=buffer.edits[slots],
    )


def buffer_metrics(buffer: LevelBuffer) -> dict[str, float]:
    """Return of a buffer the share in use, mean score, age and edits, and the effective size."""
    return {
        "fill": buffer.fill,
        "score": _mean(buffer.scores),
        "staleness": _mean(buffer.staleness),
        "effective_size": buffer.effective_size(),
        "edits": _mean(buffer.edits),
    }


def _mean(values: Array) -> float:
    """Return the mean of numbers, 0 if there are none."""
    if not len(values):
        return 0.0
    return float(values.mean())
