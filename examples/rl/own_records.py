"""A loop of one's own that writes run folders: `teacherstudent compare FOLDER` reads them beside others.

    python examples/rl/own_records.py [--quick]

It prints the folder. Lines that end in ``# teacher`` are what a teacher adds to the loop; those with
``# changed`` were there. Lines that end in ``# record`` write the run folders.
"""

import sys
import tempfile
from typing import Any

import numpy as np
from _hills import Hill, act

from teacherstudent import Parameters, Recorder, TeacherEnv, teachers  # teacher

TESTS = np.linspace(0, 1, 5)[:, None]
steps = 1_000 if "--quick" in sys.argv else 20_000


def play(env: Any, rng: np.random.Generator, task: Any = None) -> tuple[float, int]:
    """Play one episode; return its score and its steps."""
    observation, _ = env.reset(options=None if task is None else {"task": task})
    score, length, over = 0.0, 0, False
    while not over:
        observation, reward, terminated, truncated, _ = env.step(act([observation], rng)[0])
        score, length, over = score + reward, length + 1, terminated or truncated
    return score, length


def train(folder: str, name: str, seed: int) -> None:
    """Play what the teacher chooses; a learner would learn from it here."""
    rng = np.random.default_rng(seed)
    spent = 0
    teacher = teachers.make(name, Parameters(steepness=(0, 1)), seed=seed)  # teacher
    env = TeacherEnv(Hill(), teacher)  # changed
    about = {"family": "hills", "student": "pusher", "mastered": 0.5, "test_tasks": TESTS}
    with Recorder.for_loop(folder, teacher, seed=seed, budget=steps, **about) as record:  # record
        for end in range(0, steps + 1, steps // 10):
            while spent < end:
                spent += play(env, rng)[1]
            found = record.test([play(Hill(), rng, task)[0] for task in record.test_tasks])  # record
    print(f"{folder}: {found}")


out = tempfile.mkdtemp()
for seed in range(3):
    for name in ("random", "riac"):
        train(f"{out}/{name}/seed-{seed}", name, seed)
