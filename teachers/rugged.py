"""A rugged landscape of tasks: another teacher's view of a space whose pieces have changed places."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, cast

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from teacherstudent.contract import spaces
from teacherstudent.contract.checks import check_keywords, check_names, check_whole
from teacherstudent.contract.facts import takes
from teacherstudent.contract.registry import TEACHERS
from teacherstudent.contract.spaces import Box
from teacherstudent.contract.teacher import Teacher
from teacherstudent.contract.types import (
    Array,
    Assignment,
    IntArray,
    Outcomes,
    Seed,
    State,
    Wait,
    generator,
    seed_sequence,
)

_END = 1e-6
"""Share of a piece before its end into which no task is moved."""


@TEACHERS.register("rugged")
class RuggedTeacher(Teacher[Box]):
    """Lets another teacher choose tasks of a space in which tasks beside each other need not be alike.

    The challenge "rugged difficulty landscape" of Romac et al. 2021, "TeachMyAgent: a benchmark for automatic
    curriculum learning in deep RL", https://arxiv.org/abs/2103.09815, section 4.2: the range of every
    dimension is cut into ``pieces`` intervals of equal length, and these change places. The other teacher
    works in the space so cut up; the student meets the tasks that are meant. A teacher that relies on
    difficulty changing gradually is misled at every border.

    Deviation: the pieces are cut and moved here, beside the teacher, and not in the environment, so that the
    fixed test tasks stay as they are. Intervals are equal in the unit cube, so logarithmic dimensions are cut
    on their own scale.

    Args:
        space: a box without whole numbers, whose values would be torn apart.
        seed: an integer of at least 0 or a ``SeedSequence``; the other teacher draws from a stream of it.
        teacher: the other teacher, a registered name or ``"module:Class"``.
        options: its keywords.
        pieces: intervals of each dimension.
        shuffle: seed of the new places, the same for all runs that are to be compared.
        score_range: handed on where the other teacher takes it; so are the next three.
        mastered: see above.
        target: tasks ``(m, *space.shape)``, handed on where they lie in the space so cut up.
        easy: the same.

    Raises:
        TypeError: if the space is no box, or the other teacher does not accept boxes.
        ValueError: if there is no such teacher, the space has whole numbers, or an option is out of range.
    """

    accepts: ClassVar[tuple[type[gym.Space[Any]], ...]] = (Box,)

    def __init__(
        self,
        space: Box,
        *,
        seed: Seed,
        teacher: str = "alp-gmm",
        options: Mapping[str, Any] | None = None,
        pieces: int = 4,
        shuffle: int = 0,
        score_range: tuple[float, float] | None = None,
        mastered: float | None = None,
        target: npt.ArrayLike | None = None,
        easy: npt.ArrayLike | None = None,
    ) -> None:
        super().__init__(space, seed=seed)
        if spaces.whole_numbers(space).any():
            raise ValueError(f"rugged: expected a space without whole numbers and choices, got {space}")
        d = int(np.prod(space.shape))
        self._pieces = check_whole("rugged: pieces", pieces, 1, 10**6)
        check_whole("rugged: shuffle", shuffle, 0)
        rng = generator(shuffle)
        # Row i, column j: which piece of dimension i the other teacher's piece j stands for.
        self._places = np.stack([rng.permutation(pieces) for _ in range(d)])
        self._back = np.argsort(self._places, axis=1)
        facts: dict[str, Any] = {"score_range": score_range, "mastered": mastered}
        for name, tasks in (("target", target), ("easy", easy)):
            if tasks is not None:
                there = spaces.check_tasks(space, np.asarray(tasks), f"rugged: {name}")
                facts[name] = self._moved(there, self._back)
        made = TEACHERS.get(teacher)
        given = {k: v for k, v in facts.items() if v is not None and takes(made, k)}
        further = check_keywords("rugged: options", options, made)
        # A stream of its own: this object's generator is never drawn from, but both have a state.
        (own,) = seed_sequence(seed).spawn(1)
        self._other = cast(
            "Teacher[Box]",
            TEACHERS.make(teacher, space, seed=own, **given | further),
        )
        # The teacher behind says for this one what it needs of a student.
        self.needs = self._other.needs
        self.reads = self._other.reads
        self.granularity = self._other.granularity
        self.members = self._other.members
        self.differences = self._other.differences
        self.acts = self._other.acts

    def _ask(self, ids: IntArray, progress: float) -> Assignment:
        asked = self._other.ask(len(ids), progress=progress)
        tasks = self._moved(asked.tasks, self._places)
        # Both teachers count their rows from 0, so the ids agree.
        return dataclasses.replace(asked, tasks=tasks)

    def _tell(self, outcomes: Outcomes) -> None:
        self._other.tell(dataclasses.replace(outcomes, tasks=self._moved(outcomes.tasks, self._back)))

    def _drop(self, ids: IntArray) -> None:
        self._other.drop(ids)

    def _moved(self, tasks: Array, places: IntArray) -> Array:
        """Return tasks ``(n, *space.shape)`` whose coordinates have moved to other pieces."""
        unit = self._pieces * spaces.to_unit(self.space, tasks)
        piece = np.minimum(unit.astype(np.int64), self._pieces - 1)
        # The very end of a piece is the beginning of the next one, which is another place on the way back.
        share = np.minimum(unit - piece, 1 - _END)
        moved = places[np.arange(len(places)), piece]
        return spaces.from_unit(self.space, (moved + share) / self._pieces)

    def first_action(self) -> Wait | None:
        """Return what the other teacher waits for."""
        return self._other.first_action()

    def decisions(self) -> int | None:
        """Return how often the other teacher has decided."""
        return self._other.decisions()

    def caution(self) -> str | None:
        """Return what a reader should know of the other teacher."""
        return self._other.caution()

    def metrics(self) -> dict[str, float]:
        """Return the other teacher's numbers."""
        return self._other.metrics()

    def spent(self) -> Mapping[str, float]:
        """Return what the other teacher spent."""
        return self._other.spent()

    def _state(self) -> State:
        return {"other": self._other.state_dict()}

    def _load(self, state: State) -> None:
        check_names("rugged: state", ("other",), state)
        self._other.load_state_dict(state["other"])
        # Rows that only one of the two waits for could be told to neither.
        if not np.array_equal(self._other.outstanding, self.outstanding):
            raise ValueError("rugged: other: expected the same outstanding rows")
