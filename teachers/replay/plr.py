"""PLR: prioritised level replay, trained on new and replayed levels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium as gym

from teacherstudent.contract.registry import TEACHERS
from teacherstudent.contract.types import Seed
from teacherstudent.teachers.replay.buffer.scores import ScoreName
from teacherstudent.teachers.replay.cycle import Cycle, LevelTeacher, Schedule


@TEACHERS.register("plr")
class PLR(LevelTeacher):
    """Trains on new levels and, from a buffer, on those that scored highest (prioritised level replay).

    Jiang, Grefenstette and Rocktäschel 2021, "Prioritized level replay", https://arxiv.org/abs/2010.03934,
    algorithm 1, with unbounded levels as in Jiang et al. 2021, "Replay-guided adversarial environment
    design", https://arxiv.org/abs/2110.02439, algorithm 1 with gradients on both streams. With probability
    ``replay`` an ask is drawn from the buffer by score and staleness (see `LevelBuffer`), otherwise it is
    generated, trained on, and offered to the buffer.

    The defaults are those of the second paper's mazes: MaxMC, rank with temperature 0.1, staleness 0.3,
    4 000 levels, half of them before the first replay.

    Deviations: in a run, capacity and temperature follow the run's length and slots unless they are given
    (`LevelTeacher`): ``buffer={"capacity": 4000, "temperature": 0.1}`` is the paper's. A level is bound for
    one rollout, episodes that end in it repeat the level (dcd takes another level from the buffer);
    ``schedule`` is ``"fixed"``, dcd's default is ``"proportionate"``; levels of equal score are replayed
    equally often (`LevelBuffer`, ``ties``). What depends on ``semantics`` is listed at `LevelBuffer` and
    `LevelTeacher`.

    Args:
        space: any box, discrete or level space.
        seed: an integer of at least 0 or a ``SeedSequence``.
        score: ``"max_mc"``, ``"value_l1"``, ``"positive_value_loss"``, ``"td_error"`` or ``"learnability"``;
            see `teacherstudent.teachers.replay.buffer.scores`. It decides which signals the student must
            provide.
        replay: probability of a replay.
        min_fill: share of the buffer that must be in use before.
        schedule: ``"fixed"``, or ``"proportionate"``: at most the share in use.
        buffer: options of `LevelBuffer`: ``priority``, ``staleness``...; ``capacity`` and ``temperature``
            follow the run where they are None (`LevelTeacher`).

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
        cycle = Cycle(replay=replay, min_fill=min_fill, schedule=schedule)
        super().__init__(space, seed=seed, cycle=cycle, score=score, buffer=buffer)
