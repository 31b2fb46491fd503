"""A small environment for tests of students: reach a goal on a line."""

import numpy as np
from gymnasium import Env
from gymnasium.spaces import Box

from teacherstudent.rl.gymnasium_family import family_from_gymnasium
from teacherstudent.spaces import Parameters
from teacherstudent.types import Assignment


class Reach(Env):
    """Reach a goal on a line; no snapshots, continuous actions."""

    observation_space = Box(-10, 10, (2,), np.float32)
    action_space = Box(-1, 1, (1,), np.float32)
    task_space = Parameters(goal=(-3, 3))

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.task = np.asarray(options["task"])
        self.x, self.t = 0.0, 0
        return self._obs(), {"task": self.task}

    def _obs(self):
        return np.array([self.x, self.task[0]], np.float32)

    def step(self, action):
        self.x = float(np.clip(self.x + action[0], -5, 5))
        self.t += 1
        distance = abs(self.x - self.task[0])
        return self._obs(), -distance, distance < 0.3, self.t >= 15, {"is_success": distance < 0.3}


def reach(**options):
    """Return the family of goals from -3 to 3, with 8 test tasks."""
    return family_from_gymnasium(Reach, test_tasks=8, **options)


def assign(student, family, *, first=0, learn=True):
    """Return as many test tasks as the student wants, with ids from ``first`` on."""
    n = max(student.wants(), 1)
    tasks = family.test_tasks()[np.arange(n) % len(family.test_tasks())]
    return Assignment(ids=np.arange(first, first + n), tasks=tasks, learn=np.full(n, learn))
