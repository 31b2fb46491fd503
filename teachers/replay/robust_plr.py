"""Robust PLR: prioritised level replay that trains on replayed levels only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium as gym

from teacherstudent.contract.registry import TEACHERS
from teacherstudent.contract.types import Seed
from teacherstudent.teachers.replay.buffer.scores import ScoreName
from teacherstudent.teachers.replay.cycle import Cycle, LevelTeacher, Schedule


@TEACHERS.register("robust-plr")
class RobustPLR(LevelTeacher):
    """Measures new levels, keeps those that score highest, and trains on these only (robust PLR).

    Jiang, Dennis, Parker-Holder, Foerster, Grefenstette and Rocktäschel 2021, "Replay-guided adversarial
    environment design", https://arxiv.org/abs/2110.02439, algorithm 1: no gradient from levels that nobody
    has curated, so that at equilibrium the student minimises regret. New levels are handed out with ``learn``
    False and charged as ``measure``.

    Defaults and deviations as of `PLR`. In dcd, statistics of values and returns take in untrained rollouts;
    here they do not.

    Args:
        space: any box, discrete or level space.
        seed: an integer of at least 0 or a ``SeedSequence``.
        score, replay, min_fill, schedule: as of `PLR`.
        buffer: as of `PLR`.

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
        replay: float = 0.5,
        min_fill: float = 0.5,
        schedule: Schedule = "fixed",
        buffer: Mapping[str, Any] | None = None,
    ) -> None:
        # This is the whole difference to PLR: new levels are measured and never trained on.
        cycle = Cycle(replay=replay, min_fill=min_fill, schedule=schedule, train_new=False)
        super().__init__(space, seed=seed, cycle=cycle, score=score, buffer=buffer)
