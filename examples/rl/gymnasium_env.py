"""One environment of gymnasium: a wrapper asks the teacher at every reset, and tells it at every end.

    python examples/rl/gymnasium_env.py [--quick]

Lines that end in ``# teacher`` are what a teacher adds to the loop; those with ``# changed`` were there.
"""

import sys

import numpy as np
from _hills import Hill, act

from teacherstudent import Parameters, TeacherEnv, teachers  # teacher

rng = np.random.default_rng(0)
teacher = teachers.make("riac", Parameters(steepness=(0, 1)), seed=0)  # teacher
env = TeacherEnv(Hill(), teacher)  # changed

for _ in range(20 if "--quick" in sys.argv else 500):
    observation, _ = env.reset()
    over = False
    while not over:
        observation, _, terminated, truncated, _ = env.step(act([observation], rng)[0])
        over = terminated or truncated

print(teacher.metrics())
