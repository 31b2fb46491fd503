"""Domain randomisation over levels: every rollout on levels of the space's own distribution."""

from __future__ import annotations

from typing import Any

import gymnasium as gym

from teacherstudent.contract.registry import TEACHERS
from teacherstudent.contract.types import Seed
from teacherstudent.teachers.replay.cycle import Cycle, LevelTeacher


@TEACHERS.register("domain-randomization")
class DomainRandomization(LevelTeacher):
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

    needs: frozenset[str] = frozenset()

    def __init__(self, space: gym.Space[Any], *, seed: Seed) -> None:
        # Nothing is kept, so the smallest buffer will do.
        super().__init__(space, seed=seed, cycle=Cycle(replay=0.0), score=None, buffer={"capacity": 1})
