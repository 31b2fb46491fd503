"""A vector environment whose slots are processes: a wrapper in each takes the task, one outside asks for it.

    python examples/rl/gymnasium_vector.py [--quick]

Lines that end in ``# teacher`` are what a teacher adds to the loop; those with ``# changed`` were there.
"""

import sys

import gymnasium as gym
import numpy as np
from _hills import Hill, act

from teacherstudent import Parameters, TaskReset, TeacherVectorEnv, teachers  # teacher


def make() -> gym.Env:
    """Return one environment."""
    return TaskReset(Hill())  # changed


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    envs = gym.vector.AsyncVectorEnv([make] * 4)
    teacher = teachers.make("riac", Parameters(steepness=(0, 1)), seed=0)  # teacher
    envs = TeacherVectorEnv(teacher, envs)  # teacher

    observations, _ = envs.reset(seed=0)
    for _ in range(100 if "--quick" in sys.argv else 5_000):
        observations, *_ = envs.step(act(observations, rng))

    envs.close()
    print(teacher.metrics())
