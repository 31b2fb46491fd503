"""What tests tell bandits and read from them."""

import numpy as np

from teacherstudent.contract.types import Outcomes

NAN = np.nan


def tell(teacher, tasks, score, cost=None):
    cost = np.ones(len(tasks)) if cost is None else np.asarray(cost, float)
    ids = np.full(len(tasks), -1)
    teacher.tell(Outcomes(ids=ids, tasks=np.asarray(tasks), score=np.asarray(score, float), cost=cost))


def same(found, expected):
    np.testing.assert_array_equal(found, np.array(expected, float))


def value(teacher):
    return teacher.snapshot()["value"]


def probabilities(teacher):
    return teacher.snapshot()["probabilities"]
