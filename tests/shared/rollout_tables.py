"""Two slots of four steps, small enough to be scored by hand, and a teacher that keeps what it hears."""

import numpy as np

from teacherstudent import Parameters
from teacherstudent.contract.purposes import Purpose
from teacherstudent.contract.spaces import Box, sample
from teacherstudent.contract.teacher import Teacher
from teacherstudent.contract.types import Assignment

SPACE = Parameters(steepness=(0, 1))
# The first slot ends two episodes, of returns 3 and 1; the second none, and its rewards are 2 + 0 + 1 + 1.
REWARDS = np.array([[1.0, 2], [2, 0], [0, 1], [1, 1]])
DONES = np.array([[0, 0], [1, 0], [0, 0], [1, 0]], bool)
VALUES = np.array([[1.0, 1], [3, 2], [0, 3], [2, 2]])
ADVANTAGES = np.array([[1.0, 2], [-1, -2], [2, 0], [-1, 4]])
# What the second slot's value function expects of the rest: 4 + 2 - 1.
TAIL = 5.0


class Rollouts(Teacher):
    """Random levels with the purposes that it is given, in turn; keeps what it is told."""

    accepts = (Box,)
    granularity = "rollout"

    def __init__(self, space, *, seed=0, needs=("episodes",), purposes=(Purpose.TRAIN,)):
        super().__init__(space, seed=seed)
        self.needs = frozenset(needs)
        self.purposes = list(purposes)
        self.told, self.paces = [], []

    def _ask(self, ids, progress):
        self.paces.append(progress)
        purpose = np.resize(self.purposes[len(self.paces) % len(self.purposes) - 1], len(ids))
        tasks = sample(self.space, self.rng, len(ids))
        return Assignment(ids=ids, tasks=tasks, purpose=purpose.astype(np.uint8))

    def _tell(self, outcomes):
        self.told.append(outcomes)

    def _state(self):
        return {}

    def _load(self, state):
        pass
