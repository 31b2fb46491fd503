"""Teachers with an adversary: small options, and students who know how difficult a task is."""

import numpy as np

from teacherstudent.contract.spaces import Levels, Parameters
from teacherstudent.contract.types import Outcomes

LINE = Parameters(difficulty=(0, 1))
FAST = {"lr": 0.01, "noise": 2, "hidden": (16,), "lam": 1.0}
SMALL = {"lr": 0.01, "noise": 2, "hidden": (8,)}


def best_of_four(p):
    return 1 - (1 - p) ** 4


def solving(d, member):
    """Return how probably a member solves tasks of difficulty d."""
    return np.where(member == 0, 1 - d, 1 / (1 + np.exp((d - 0.7) / 0.01)))


def simulated(teacher, assignment, *, score=0.0):
    """Return outcomes of students who know a task's difficulty d.

    The protagonist solves it with probability 1 - d, the antagonist whatever is easier than 0.7.
    """
    d = assignment.tasks[:, 0]
    solved = solving(d, assignment.member)
    signals = {
        "max_return": best_of_four(solved),
        "mean_value": np.full(len(d), -score),
        "episodes": np.full(len(d), 4),
    }
    wanted = {name: values for name, values in signals.items() if name in teacher.needs}
    return Outcomes.of(assignment, score=solved, cost=np.ones(len(d)), signals=wanted)


class Bits(Levels):
    """Levels of four bits that cannot be built."""

    def __init__(self):
        super().__init__((4,), np.uint8)

    def draw(self, rng, n):
        return rng.integers(0, 2, (n, 4), dtype=np.uint8)

    def mutate(self, rng, tasks, edits=1):
        return tasks

    def key(self, tasks):
        return tasks.astype(np.int64) @ (1 << np.arange(4))

    def contains_each(self, tasks):
        return (tasks <= 1).all(axis=1)
