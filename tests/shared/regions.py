"""Rows for RIAC, and its tree as plain data."""

import numpy as np

from teacherstudent.contract.spaces import Parameters
from teacherstudent.contract.types import Outcomes

SPACE = Parameters(a=(0, 2), b=(-3, 3))


VARIANTS = ("paper", "fixed")


def rows(tasks, score, ids=None):
    tasks, score = np.asarray(tasks, float), np.asarray(score, float)
    ids = np.full(len(tasks), -1) if ids is None else ids
    return Outcomes(ids=ids, tasks=tasks, score=score, cost=np.ones(len(tasks)))


def stream(n, seed=0):
    """Tasks and scores of a student that learns faster where ``a`` is small."""
    rng = np.random.default_rng(seed)
    tasks = rng.uniform([0, -3], [2, 3], (n, 2))
    speed = 1 + 3 * (tasks[:, 0] < 0.5)
    return tasks, np.clip(speed * np.arange(n) / n - 0.2 * tasks[:, 0], 0, 1) + 0.05 * rng.standard_normal(n)


def nodes(teacher):
    return teacher.state_dict()["algorithm"]
