"""Parallel PLR: new and replayed levels side by side in every rollout."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium as gym

from teacherstudent.contract.registry import TEACHERS
from teacherstudent.contract.types import Seed
from teacherstudent.teachers.replay.buffer.scores import ScoreName
from teacherstudent.teachers.replay.cycle import Cycle, LevelTeacher


@TEACHERS.register("parallel-plr")
class ParallelPLR(LevelTeacher):
    """Measures new levels beside the replayed ones that it trains on, half of every ask each.

    Jiang, Dennis, Grefenstette and Rocktäschel 2023, "minimax: efficient baselines for autocurricula in JAX",
    https://arxiv.org/abs/2311.12716, section 4: `RobustPLR` without the decision to replay. A student of
    twice the slots makes the same updates in half the rounds. As long as the buffer is not filled to
    ``min_fill``, all levels are new and only measured.

    The defaults are minimax's: MaxMC, rank with temperature 0.3, staleness 0.5, 4 000 levels.

    Deviations: an ask may have any size, the halves are then equal over several asks; before the buffer is
    filled nothing is trained on, as in robust PLR.

    Args:
        space: any box, discrete or level space.
        seed: an integer of at least 0 or a ``SeedSequence``.
        score: as of `PLR`.
        min_fill: share of the buffer that must be in use before levels are replayed.
        buffer: options of `LevelBuffer`; ``capacity`` and ``temperature`` follow the run where they are
            None (`LevelTeacher`).

    Raises:
        TypeError: if the space is of another kind, the seed no integer, or an option of the buffer unknown.
        ValueError: if the space is empty or unbounded, or an option is out of range.
    """

    def __init__(
        self,
        space: gym.Space[Any],
        *,
        seed: Seed,
        score: ScoreName = "max_mc",
        min_fill: float = 0.5,
        buffer: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(
            space,
            seed=seed,
            # New levels are only measured; the half that is replayed is trained on.
            cycle=Cycle(min_fill=min_fill, train_new=False, parallel=True),
            score=score,
            # What the user gives wins over minimax's numbers.
            buffer=buffer,
            paper={"temperature": 0.3, "staleness": 0.5},
        )
