"""A loop without gymnasium, whose teacher is saved and loaded: ask, play, tell.

    python examples/rl/own_protocol.py [--quick]

Lines that end in ``# teacher`` are what a teacher adds to the loop; those with ``# changed`` were there.
"""

import sys
import tempfile

import numpy as np

from teacherstudent import Outcomes, Parameters, teachers  # teacher


def simulate(steepness: float, rng: np.random.Generator) -> float:
    """Return what a simulator of one's own scores on a hill."""
    return float(rng.random() < 1.2 - steepness)


rng = np.random.default_rng(0)
rounds = 20 if "--quick" in sys.argv else 500
teacher = teachers.make("alp-gmm", Parameters(steepness=(0, 1)), seed=0, score_range=(0, 1))  # teacher

for _ in range(rounds):
    tasks = teacher.ask(8)  # teacher
    scores = [simulate(task[0], rng) for task in tasks.tasks]
    teacher.tell(Outcomes.of(tasks, score=scores, cost=np.ones(8)))  # teacher

with tempfile.TemporaryDirectory() as folder:
    teacher.save(f"{folder}/teacher.npz")  # teacher
    print(teachers.load(f"{folder}/teacher.npz").metrics())
