"""ACCEL: robust PLR whose replayed levels are edited."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import gymnasium as gym

from teacherstudent.contract.registry import TEACHERS
from teacherstudent.contract.spaces import Box, Levels
from teacherstudent.contract.types import Seed
from teacherstudent.teachers.replay.buffer.rows import Editor, Parents
from teacherstudent.teachers.replay.buffer.scores import ScoreName
from teacherstudent.teachers.replay.cycle import Cycle, LevelTeacher, Start, is_simple
from teacherstudent.teachers.replay.edits import step_of


@TEACHERS.register("accel")
class ACCEL(LevelTeacher):
    """Edits the levels that it has replayed, so that the frontier of what is learnable grows (ACCEL).

    Parker-Holder, Jiang, Dennis, Samvelyan, Foerster, Grefenstette and Rocktäschel 2022, "Evolving curricula
    with regret-based environment design", https://arxiv.org/abs/2203.01302, algorithm 1. `RobustPLR`, and
    after every replay the next ask holds children of the levels just replayed: ``edits`` small edits each,
    measured, offered to the buffer with the key of their parent, never trained on. Their cost is charged as
    ``mutate``.

    The paper starts from simple levels, empty mazes say or easy terrain: ``start="simple"``. jaxued starts
    from levels of the whole distribution: ``"all"``.

    The defaults are those of the paper's mazes: positive value loss, replay 0.8, rank with temperature 0.3,
    staleness 0.3, 4 000 levels, 5 edits. On its walkers: replay 0.9, temperature 0.1, staleness 0.5, 1 000
    levels, 3 edits.

    Which levels are edited differs between the paper and its code. The paper means levels of high return and
    low regret: ``parents="easy"`` edits the four of the highest return less score. The code of dcd, under the
    name "easy", takes the four lowest: ``parents="hard"``. jaxued and minimax edit all: ``"batch"``, the
    default.

    Deviations: the score stands for dcd's batched value loss in what is easy; a level replayed in several
    rows is one of the four, by the mean of its rows, and equal ones come in random order (dcd: four rows, by
    their place); with fewer than four levels dcd takes the opposite end, here the direction stays; replayed
    levels that got no score are not edited; spaces other than levels are edited by ``step``.

    Args:
        space: a level space or a box.
        seed: an integer of at least 0 or a ``SeedSequence``.
        score, replay, min_fill: as of `PLR`.
        buffer: options of `LevelBuffer`; ``capacity`` and ``temperature`` follow the run where they are
            None (`LevelTeacher`).
        edits: edits between a parent and its child.
        parents: ``"batch"``, ``"easy"`` or ``"hard"``.
        start: generated levels are ``"simple"`` or ``"all"``; the same in spaces that know no simple levels.
        step: an edit in a box: ``law``, ``"gaussian"`` or ``"uniform"``, and ``size``, a share of the range.

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
        score: ScoreName = "positive_value_loss",
        replay: float = 0.8,
        min_fill: float = 0.5,
        buffer: Mapping[str, Any] | None = None,
        edits: int = 5,
        parents: Parents = "batch",
        start: Start = "simple",
        step: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(
            space,
            seed=seed,
            # As in robust PLR, generated levels are only measured: no gradient from what nobody has curated.
            cycle=Cycle(replay=replay, min_fill=min_fill, train_new=False, simple=is_simple(start)),
            score=score,
            # What the user gives wins over the paper's number.
            buffer=buffer,
            paper={"temperature": 0.3},
            editor=Editor(edits=edits, parents=parents, step=step_of(space, step)),
        )
