"""Environments whose slots start their own level again."""

import numpy as np
from bound_sb3 import Noisy, bound

from reaching import assign, steps
from teacherstudent.contract.types import Assignment
from teacherstudent.students.sb3.vec_env import TaskVecEnv


def test_a_slot_starts_its_own_level_again(cartpole, monkeypatch):
    student = bound(cartpole)
    started = []
    start = TaskVecEnv.start

    def spy(self, mask, tasks, seeds):
        started.append((mask.copy(), tasks.copy(), seeds[mask]))
        return start(self, mask, tasks, seeds)

    monkeypatch.setattr(TaskVecEnv, "start", spy)
    rounds = [assign(student, cartpole, first=4 * k) for k in range(2)]
    found = [student.train(assignment) for assignment in rounds]
    first, second = (k for k, (mask, _, _) in enumerate(started) if mask.all())
    for k, (_, tasks, _) in enumerate(started):
        np.testing.assert_array_equal(tasks, rounds[int(k >= second)].tasks)
    seeds = np.concatenate([seeds for _, _, seeds in started])
    assert len(set(seeds.tolist())) == len(seeds) > 8
    begun = sum(int(mask.sum()) for mask, _, _ in started[first:second])
    assert found[0].signals["episodes"].sum() == begun - 4 > 0


def test_seeds_of_a_slot_do_not_depend_on_the_others():
    """Slot 1 plays the same whether or not the other slots' episodes end."""

    class Endless(Noisy):
        @property
        def length(self):
            return 11 if self.task[0] > 0 else 10**6

    family = steps(Endless)
    found = []
    for others in (0.5, -0.5):
        student, seeds = bound(family), []
        start = student._bound.envs.start
        student._bound.envs.start = lambda mask, tasks, given, start=start, seeds=seeds: (
            seeds.append((mask[1], given[1])),
            start(mask, tasks, given),
        )[1]
        for first in (0, 4):
            tasks = np.array([[others], [0.5], [others], [others]])
            student.train(Assignment(ids=np.arange(first, first + 4), tasks=tasks))
        found.append([int(seed) for started, seed in seeds if started])
    assert found[0] == found[1]
    assert len(set(found[0])) == 6
