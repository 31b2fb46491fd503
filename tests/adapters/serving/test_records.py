"""Assignments and outcomes survive a message."""

import dataclasses

import numpy as np

from teacherstudent import Assignment, Outcomes
from teacherstudent.adapters.serving.messages import Inbox, encode
from teacherstudent.adapters.serving.records import (
    assignment_arrays,
    outcomes_arrays,
    read_assignment,
    read_outcomes,
)


def through(arrays):
    inbox = Inbox()
    inbox.feed(encode("rows", arrays))
    return inbox.next()


def same(one, other):
    for each in dataclasses.fields(one):
        a, b = getattr(one, each.name), getattr(other, each.name)
        if isinstance(a, dict):
            assert a.keys() == b.keys()
            for name in a:
                np.testing.assert_array_equal(a[name], b[name])
        else:
            np.testing.assert_array_equal(a, b)
            assert a.dtype == b.dtype


def test_assignments_survive():
    tasks = np.random.default_rng(0).random((4, 2), np.float32)
    ids = np.arange(4)
    plain = Assignment(ids=ids, tasks=tasks)
    assert assignment_arrays(plain).keys() == {"ids", "tasks"}
    full = Assignment(
        ids=ids, tasks=tasks, purpose=ids, member=ids, origin=ids[::-1], notes={"propensity": ids / 4}
    )
    for assignment in (plain, full, plain.select(slice(0, 0))):
        same(assignment, read_assignment(through(assignment_arrays(assignment))))


def test_outcomes_survive():
    ids = np.arange(3)
    plain = Outcomes(ids=ids, tasks=ids, score=ids, cost=ids)
    full = dataclasses.replace(
        plain, purpose=ids, member=ids, signals={"length": ids, "flags": ids[:, None] > 0}
    )
    for outcomes in (plain, full):
        same(outcomes, read_outcomes(through(outcomes_arrays(outcomes))))
