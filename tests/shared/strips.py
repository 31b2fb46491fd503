"""Learners whose frontier moves out as they practise: most tasks are out of reach for ever."""

import numpy as np

from teacherstudent.contract.spaces import Parameters, to_unit
from teacherstudent.contract.types import Outcomes

SPACE = Parameters(a=(-2, 2), b=(0, 10))
"""Goals of `Frontier`; another range in each dimension, so that units matter."""


class Frontier:
    """Walks along a strip of the square, ``b`` within a tenth of its middle, from the low end of ``a``.

    A goal in the strip is reached with a probability that falls from 1 to 0 around the frontier, over about
    a tenth of ``a``. Every row played within 0.15 of the frontier, in the strip, moves it on by ``step``.

    Attributes:
        frontier: how far it has come, 0 to 1.
        rng: decides what is reached.
    """

    def __init__(self, seed, step=0.002, start=0.1):
        self.rng = np.random.default_rng(seed)
        self.frontier, self.step = start, step

    def chance(self, tasks):
        """Return the probability to reach each of ``(n, 2)`` goals."""
        a, b = to_unit(SPACE, tasks).T
        return (np.abs(b - 0.5) < 0.1) / (1 + np.exp((a - self.frontier) / 0.02))

    def play(self, asked):
        """Return outcomes, and learn."""
        a, b = to_unit(SPACE, asked.tasks).T
        score = (self.rng.random(len(a)) < self.chance(asked.tasks)).astype(float)
        near = (np.abs(b - 0.5) < 0.1) & (np.abs(a - self.frontier) < 0.15)
        self.frontier = min(1.0, self.frontier + self.step * int(near.sum()))
        return Outcomes.of(asked, score=score, cost=np.ones(len(a)))

    def taught(self, teacher, rows, batch=16):
        """Play so many of a teacher's rows; return how far the frontier came."""
        for _ in range(rows // batch):
            teacher.tell(self.play(teacher.ask(batch)))
        return self.frontier


def unasked(tasks, score, signals=None):
    """Return rows that nobody asked for."""
    tasks = np.asarray(tasks)
    return Outcomes(
        ids=np.full(len(tasks), -1),
        tasks=tasks,
        score=np.asarray(score, float),
        cost=np.ones(len(tasks)),
        signals=signals or {},
    )
