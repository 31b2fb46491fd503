"""Worker processes that each play an environment of their own: one teacher serves them all.

    python examples/rl/many_processes.py [--quick]

Lines that end in ``# teacher`` are what a teacher adds to the loop; those with ``# changed`` were there.
"""

import multiprocessing
import sys
from typing import Any

import numpy as np
from _hills import Hill, act

from teacherstudent import Parameters, TeacherEnv, TeacherServer, teachers  # teacher


def work(number: int, episodes: int, teacher: Any) -> None:
    """Play episodes; `teacher` is a client here."""
    rng = np.random.default_rng(number)
    env = TeacherEnv(Hill(), teacher)  # changed
    for _ in range(episodes):
        observation, _ = env.reset()
        over = False
        while not over:
            observation, _, terminated, truncated, _ = env.step(act([observation], rng)[0])
            over = terminated or truncated


if __name__ == "__main__":
    episodes = 20 if "--quick" in sys.argv else 500
    teacher = teachers.make("riac", Parameters(steepness=(0, 1)), seed=0)  # teacher
    server = TeacherServer(teacher)  # teacher
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=work, args=(i, episodes, teacher)) for i in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()

    server.close()
    print(server.counts)
