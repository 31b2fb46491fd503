"""Numbers on two scales, whole numbers and choices in one task, given to the environment's constructor.

python examples/environments/mixed_space.py [--quick]
"""

import sys

import gymnasium as gym
import numpy as np

from teacherstudent import Parameters, Plan, family_from_gymnasium, run, students, teachers
from teacherstudent.contract.spaces import choice, log, task_dict, whole

BUDGET = 1_024 if "--quick" in sys.argv else 50_000


class Corridor(gym.Env):
    """Walk to the end of a corridor over ground that lets one slip."""

    action_space = gym.spaces.Discrete(2)
    observation_space = gym.spaces.Box(0, 1, (3,), np.float32)

    def __init__(self, length=4, slip=0.1, ground="stone"):
        self.length, self.slip, self.ground = length, slip, ground

    def reset(self, *, seed=None, options=None):
        """Start at the beginning."""
        super().reset(seed=seed)
        self.place = 0
        return self._see(), {}

    def step(self, action):
        """Walk on (1) or back (0); on ice every slip leads back."""
        slipped = self.np_random.random() < self.slip
        if not slipped:
            self.place += 1 if action == 1 else -1
        elif self.ground == "ice":
            self.place -= 1
        self.place = max(self.place, 0)
        done = self.place >= self.length
        return self._see(), float(done), done, False, {"arrived": done}

    def _see(self):
        return np.array([self.place / self.length, self.slip, self.ground == "ice"], np.float32).clip(0, 1)


space = Parameters(length=whole(2, 12), slip=log(0.01, 0.5), ground=choice("stone", "ice"))
family = family_from_gymnasium(
    Corridor, space=space, apply="arguments", success="arrived", max_episode_steps=40, score_range=(0, 1)
)
options = {"n_steps": 128, "batch_size": 128}
for name in ("alp-gmm", "riac", "random"):
    teacher = teachers.make(name, family, seed=0)
    student = students.make("sb3", family, seed=0, n_envs=4, device="cpu", options=options)
    run(family, teacher, student, f"runs/mixed-{name}", Plan(budget=BUDGET, test_every=BUDGET // 2))
    print(name, task_dict(space, teacher.ask(1, progress=1.0).tasks[0]))
