"""Fixed tasks, dealt to slots."""

import numpy as np
import pytest

from teacherstudent.slots.fixed_tasks import FixedTasks


@pytest.mark.parametrize(("tasks", "slots"), [(1, 1), (7, 3), (7, 7), (3, 5), (50, 8)])
def test_fixed_tasks_are_dealt_in_blocks_of_as_many_episodes_as_sb3_counts(tasks, slots):
    fixed = FixedTasks(np.arange(tasks)[:, None], slots, seed=0)
    targets = [(tasks + i) // slots for i in range(slots)]  # of evaluate_policy
    for _ in range(2):
        played = [fixed.take(np.array([slot]))[0][0] for slot in range(slots) for _ in range(targets[slot])]
        assert sorted(played) == list(range(tasks))
        fixed.rewind()
    places, found = fixed.take(np.arange(slots))
    assert found[:, 0].tolist() == places.tolist()
    assert len(np.unique(fixed.seeds(np.arange(tasks)))) == tasks
