"""Parallel ACCEL: children beside the levels that they were edited from."""

import numpy as np
from level_teachers import SPACE, cycle, make


def test_children_of_the_replayed_levels_beside_them():
    teacher = make("parallel-accel", edits=7)
    for _ in range(3):
        cycle(teacher, 12)
    assignment = teacher.ask(12)
    columns = assignment.notes
    replayed, children = (assignment.tasks[columns["kind"] == k] for k in (1, 2))
    assert np.array_equal(children, replayed + 7)
    assert np.array_equal(columns["parent"][columns["kind"] == 2], SPACE.key(replayed))
