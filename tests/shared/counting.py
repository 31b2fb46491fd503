"""A batch of slots that count: for tests of what such batches share."""

import numpy as np
from gymnasium.spaces import Box, Discrete

from teacherstudent.contract.spaces import Parameters
from teacherstudent.contract.types import Array
from teacherstudent.slots.batch import BatchSlots


class Counts(BatchSlots):
    """Shows the task times the sum of the actions; an episode ends where the sum is 3."""

    what = "count"

    def __init__(self, n):
        space = Parameters(rate=(0, 1))
        box = Box(-np.inf, np.inf, (1,), np.float64)
        super().__init__(n, space=space, observations=box, actions=Discrete(2), render_modes=("human",))
        self._now["steps"] = np.zeros(n, np.int64)
        self.notes = np.zeros(n)
        self._restore()

    def step(self, actions):
        self._now["steps"] += np.asarray(actions)
        done = self._now["done"] = self._now["steps"] >= 3
        info = {"is_success": done.copy()}
        return self._seen(), np.ones(self.num_envs), done, np.zeros_like(done), info

    def _seen(self):
        return self._now["steps"][:, None] * self.doubled / 2

    def _start(self, slots):
        self._now["steps"][slots] = 0
        self._restore()
        return self._seen()

    def _draw(self, slots):
        return self._uniform(slots, np.arange(1))

    def _restore(self):
        self.doubled: Array = 2 * self._now["task"]

    def _further(self):
        return {"notes": self.notes}
