"""Domain randomisation over levels: every rollout on levels of the space's own distribution."""

from __future__ import annotations

from typing import Any, ClassVar

import gymnasium as gym
import numpy as np

from teacherstudent.contract import spaces
from teacherstudent.contract.purposes import Purpose
from teacherstudent.contract.registry import TEACHERS
from teacherstudent.contract.spaces import Box, Discrete, Levels
from teacherstudent.contract.teacher import Teacher
from teacherstudent.contract.types import Assignment, Granularity, IntArray, Outcomes, Seed, State
from teacherstudent.teachers.replay.buffer.rows import NEW, Rows, notes_of
from teacherstudent.teachers.replay.buffer.scores import EPISODES
from teacherstudent.teachers.replay.counts import Counts


@TEACHERS.register("domain-randomization")
class DomainRandomization(Teacher[gym.Space[Any]]):
    """Draws a new level for every rollout and trains on it: the baseline of level design.

    Tobin et al. 2017, "Domain randomization for transferring deep neural networks from simulation to the real
    world", https://arxiv.org/abs/1703.06907; "DR" of Jiang et al. 2021, https://arxiv.org/abs/2110.02439. It
    is `PLR` that never replays, and asks for the tasks of `random` under the same seed; but a level is kept
    for one rollout, as by the other teachers of levels, and not for one episode.

    Deviation: dcd's pure domain randomisation takes a new level at every episode's end, what it calls "DR" in
    its experiments does not; this is the latter.

    Args:
        space: any box, discrete or level space.
        seed: an integer of at least 0 or a ``SeedSequence``.

    Raises:
        TypeError: if the space is of another kind, or the seed is no integer.
        ValueError: if the space is empty or unbounded.
    """

    accepts: ClassVar[tuple[type[gym.Space[Any]], ...]] = (Box, Discrete, Levels)
    reads: frozenset[str] = frozenset({EPISODES})
    granularity: Granularity = "rollout"
    acts = False

    def __init__(self, space: gym.Space[Any], *, seed: Seed) -> None:
        super().__init__(space, seed=seed)
        self._counts = Counts()

    def _ask(self, ids: IntArray, progress: float) -> Assignment:
        tasks = spaces.sample(self.space, self.rng, len(ids))
        self._counts.hand_out([Rows(tasks=tasks, kind=NEW, purpose=Purpose.TRAIN)])
        # Noted as by the teachers that replay, so that their logs can be read alike.
        none = np.zeros(len(ids), np.int64)
        return Assignment(ids=ids, tasks=tasks, notes=notes_of(self.space, tasks, none + NEW, none))

    def _tell(self, outcomes: Outcomes) -> None:
        self._counts.tell(outcomes)

    def metrics(self) -> dict[str, float]:
        """Return the shares of rows (`Counts.metrics`): all are new."""
        return self._counts.metrics()

    def _state(self) -> State:
        return self._counts.state()

    def _load(self, state: State) -> None:
        self._counts.load(state)
