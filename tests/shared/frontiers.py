"""A student that learns a task only beside those that it masters, and a narrow target far away from them."""

from __future__ import annotations

import numpy as np

from teacherstudent.contract.spaces import Parameters, to_unit
from teacherstudent.contract.types import Outcomes

SPACE = Parameters(length=(0, 2), weight=(-10, 10))
"""Of very different ranges, so that raw units matter."""
MASTERED = 0.5
CELLS = 20
VISITS = 4
"""Cells of each dimension, and visits that a cell needs."""


class Frontier:
    """Cells in the unit square, of which the corner is mastered; others are learnt beside mastered ones.

    A visit to a cell counts if the cell or one of its eight neighbours is mastered. The score is the
    competence of the cell, the share of `VISITS` that it has had; above `MASTERED` it is mastered.
    """

    def __init__(self):
        self.visits = np.zeros((CELLS, CELLS), int)
        self.visits[:2, :2] = VISITS
        self.cost = 0

    def competence(self):
        return self.visits / VISITS

    def train(self, assignment):
        """Return the outcomes of an assignment, row by row as the student learns."""
        cells = np.minimum((to_unit(SPACE, assignment.tasks) * CELLS).astype(int), CELLS - 1)
        scores = np.empty(len(cells))
        for row, (x, y) in enumerate(cells):
            beside = self.visits[max(x - 1, 0) : x + 2, max(y - 1, 0) : y + 2]
            if (beside > MASTERED * VISITS).any():
                self.visits[x, y] = min(self.visits[x, y] + 1, VISITS)
            scores[row] = self.visits[x, y] / VISITS
        self.cost += len(cells)
        return Outcomes.of(assignment, score=scores, cost=np.ones(len(cells)))

    def mastery(self, tasks):
        """Return the share of tasks that are mastered."""
        cells = np.minimum((to_unit(SPACE, tasks) * CELLS).astype(int), CELLS - 1)
        return float((self.competence()[cells[:, 0], cells[:, 1]] > MASTERED).mean())


def near(middle, n=200, seed=0):
    """Return ``n`` tasks in a narrow square around a point of the unit square."""
    rng = np.random.default_rng(seed)
    unit = np.array(middle) + 0.02 * rng.uniform(-1, 1, (n, 2))
    return SPACE.low + unit * (SPACE.high - SPACE.low)


EASY = near((0.05, 0.05))
TARGET = near((0.93, 0.83), seed=1)


def taught(teacher, episodes=6000, batch=16):
    """Return the student after so many episodes of a teacher, with some tasks under way all the time."""
    student = Frontier()
    waiting = [teacher.ask(batch), teacher.ask(batch)]
    while student.cost < episodes:
        # The oldest rows come back first, two asks late.
        teacher.tell(student.train(waiting.pop(0)))
        waiting.append(teacher.ask(batch))
    return student
