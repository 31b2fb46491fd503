"""Parallel ACCEL: new levels, replayed levels and their children side by side in every rollout."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import gymnasium as gym

from teacherstudent.contract.registry import TEACHERS
from teacherstudent.contract.spaces import Box, Levels
from teacherstudent.contract.types import Seed
from teacherstudent.teachers.replay.buffer.rows import Editor
from teacherstudent.teachers.replay.buffer.scores import ScoreName
from teacherstudent.teachers.replay.cycle import Cycle, LevelTeacher, Start, is_simple
from teacherstudent.teachers.replay.edits import step_of


@TEACHERS.register("parallel-accel")
class ParallelACCEL(LevelTeacher):
    """Measures new levels and children of the replayed ones beside these, a third of every ask each.

    Jiang, Dennis, Grefenstette and Rocktäschel 2023, "minimax: efficient baselines for autocurricula in JAX",
    https://arxiv.org/abs/2311.12716, section 4: `ACCEL` without the decision to replay. Every replayed level
    has one child in the same ask; only the replayed levels are trained on. As long as the buffer is not
    filled to ``min_fill``, all levels are new and only measured.

    The defaults are minimax's: MaxMC, rank with temperature 0.3, staleness 0.5, 4 000 levels, 20 edits.

    Deviations: an ask may have any size, the thirds are then equal over several asks, and where one holds
    children but no replayed level, their parents are drawn for them; before the buffer is filled nothing is
    trained on; spaces other than levels are edited by ``step``.

    Args:
        space: a level space or a box.
        seed: an integer of at least 0 or a ``SeedSequence``.
        score, min_fill, buffer: as of `ParallelPLR`.
        edits, start, step: as of `ACCEL`; minimax starts from empty mazes.

    Raises:
        TypeError: if the space is of another kind, the seed no integer, or an option of a mapping unknown.
        ValueError: if the space is empty or unbounded, an option out of range, or ``step`` given for levels.
    """

    accepts: ClassVar[tuple[type[gym.Space[Any]], ...]] = (Box, Levels)

    def __init__(
        self,
        space: Box | Levels,
        *,
        seed: Seed,
        score: ScoreName = "max_mc",
        min_fill: float = 0.5,
        buffer: Mapping[str, Any] | None = None,
        edits: int = 20,
        start: Start = "simple",
        step: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(
            space,
            seed=seed,
            # New levels and children are only measured; the third that is replayed is trained on.
            cycle=Cycle(min_fill=min_fill, train_new=False, parallel=True, simple=is_simple(start)),
            score=score,
            # What the user gives wins over minimax's numbers.
            buffer=buffer,
            paper={"temperature": 0.3, "staleness": 0.5},
            editor=Editor(edits=edits, step=step_of(space, step)),
        )
