"""Small environments for tests of students, and assignments of their test tasks."""

import numpy as np
from gymnasium import Env
from gymnasium.spaces import Box

from teacherstudent.contract.purposes import purposes
from teacherstudent.contract.spaces import Parameters
from teacherstudent.contract.types import Assignment
from teacherstudent.slots.wrapping.family import family_from_gymnasium


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


class Steps(Env):
    """Pays the action's distance to a goal, with a draw at the start; no snapshots."""

    observation_space = Box(-10, 10, (2,), np.float32)
    action_space = Box(-1, 1, (1,), np.float32)
    task_space = Parameters(goal=(-1, 1))
    length, noise = 8, 0.0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.task, self.t = np.asarray(options["task"]), 0
        self.shift = self.noise * self.np_random.normal()
        return self._obs(), {"task": self.task}

    def _obs(self):
        return np.array([self.t / 8 + self.shift, self.task[0]], np.float32)

    def step(self, action):
        self.t += 1
        reward = -abs(float(action[0]) - self.task[0]) + self.shift
        return self._obs(), reward, False, self.t >= self.length, {}


def reach(**options):
    """Return the family of goals from -3 to 3, with 8 test tasks."""
    return family_from_gymnasium(Reach, test_tasks=8, **options)


def steps(kind=Steps):
    """Return the family of goals from -1 to 1, with 8 test tasks."""
    return family_from_gymnasium(kind, test_tasks=8)


def assign(student, family, *, first=0, learn=True):
    """Return as many test tasks as the student wants, by turns, with ids from ``first`` on."""
    n = max(student.wants(), 1)
    tasks = family.test_tasks()[np.arange(first, first + n) % len(family.test_tasks())]
    learn = np.broadcast_to(np.asarray(learn, bool), n)
    return Assignment(ids=np.arange(first, first + n), tasks=tasks, purpose=purposes(learn))
