"""SFL: candidates measured, the best kept, and training on them; by hand and on an analytic toy."""

import numpy as np
import pytest
from level_teachers import Difficulty, Numbers, make, played, toy

from teacherstudent.contract.spaces import Discrete


def test_sfl_measures_then_trains():
    teacher = make("sfl", refresh=2, candidates=6, attempts=2, keep=2, rho=0.5)
    tasks = []
    # rows are candidates 0 to 5 and again 0 to 5
    rounds = (
        ([1 / 3, 0.0, 0.0, 1.0], [3.0, 1, 1, 1]),
        ([1.0, 0.0, 1.0, 0.0], [3.0, 0, 1, 1]),
        ([1.0, 1.0, 1.0, 1.0], [3.0, 1, 1, 1]),
    )
    for success, episodes in rounds:
        assignment = teacher.ask(4)
        assert not assignment.learn.any()
        tasks.append(assignment.tasks)
        teacher.tell(played(assignment, episodes=episodes, success=success))
    tasks = np.concatenate(tasks)
    assert np.array_equal(tasks[:6], tasks[6:])
    training = teacher.ask(4)
    # candidate 2: 1 failure and 3 successes are one rollout each; 5: its first rollout completed nothing
    p = np.array([(1 / 3 + 1) / 2, 0, (0 + 1) / 2, (1 + 1) / 2, (1 + 1) / 2, 1])
    best = np.argsort(-p * (1 - p), kind="stable")[:2]
    assert best.tolist() == [2, 0]
    np.testing.assert_allclose(teacher.buffer.scores, [0.25, 2 / 9])
    assert np.array_equal(teacher.buffer.levels, tasks[best])
    assert training.learn.all()
    assert training.notes["kind"].tolist() == [1, 1, 0, 0]
    assert np.isin(training.tasks[:2], tasks[best]).all()
    assert teacher.ask(4).learn.all()
    assert not teacher.ask(4).learn.any(), "the next refresh"


def test_a_rollout_shorter_than_its_episode_is_a_failure():
    teacher = make("sfl", InOrder(), refresh=2, candidates=4, attempts=2, keep=1)
    for success, cut in ([1.0, 0, 0, 1], [0.0, 1, 1, 0]), ([0.0, 0, 0, 1], [1.0, 1, 0, 0]):
        episodes = 1 - np.array(cut)
        teacher.tell(played(teacher.ask(4), episodes=episodes, cut=cut, success=success))
    teacher.ask(4)
    # Level 0 was solved once, and once its rollout ended before; the others always fail, or never.
    assert teacher.buffer.levels.tolist() == [[0]]
    assert teacher.buffer.scores.tolist() == [0.25]


def test_sfl_measures_equal_candidates_once():
    space = Discrete(5)
    teacher = make("sfl", space, refresh=3, candidates=40, attempts=2, keep=3)
    measured = []
    while not (asked := teacher.ask(4)).learn.any():
        measured.append(asked.tasks)
        teacher.tell(played(asked, success=asked.tasks / 10))
    measured.append(asked.tasks[~asked.learn])
    assert np.bincount(np.concatenate(measured)).tolist() == [2] * 5
    teacher.tell(played(asked, success=asked.tasks / 10))
    teacher.ask(4)
    assert len(np.unique(teacher.buffer.levels)) == 3


class InOrder(Numbers):
    """Levels that are drawn in order: their place among the candidates says which they are."""

    def draw(self, rng, n):
        return np.arange(n, dtype=np.int32)[:, None]


def test_sfl_keeps_any_of_equal_candidates():
    kept = []
    for seed in range(200):
        teacher = make("sfl", InOrder(), seed=seed, refresh=1, candidates=10, attempts=1, keep=5)
        asked = teacher.ask(10)
        teacher.tell(played(asked, success=np.where(asked.tasks[:, 0] == 7, 0.5, 0.0)))
        teacher.ask(1)
        kept.append(teacher.buffer.levels[:, 0].copy())
    counts = np.bincount(np.concatenate(kept), minlength=10)
    assert counts[7] == 200
    assert np.delete(counts, 7).min() > 60  # 4 / 9 of 200 are 89


def test_sfl_with_odd_asks_and_outcomes_that_do_not_come():
    teacher = make("sfl", refresh=3, candidates=10, attempts=1, keep=4, rho=0.25)
    late, learnt = [], []
    for i in range(120):
        assignment = teacher.ask(7)
        learnt.append(assignment.learn.sum())
        outcomes = played(assignment, success=(assignment.ids % 3) / 2, episodes=assignment.ids % 5 > 0)
        if i % 4 == 0:
            late.append(outcomes)
        else:
            teacher.tell(outcomes)
        if i % 8 == 7:
            teacher.tell(late.pop(0))
    assert sum(learnt) / 7 == pytest.approx(120 * (3 + 4 / 7) / 5, rel=0.05)
    shares = teacher.metrics()
    assert shares["replay_share"] == pytest.approx(0.25 * sum(learnt) / 840, abs=0.02)


def test_learnability_finds_the_levels_that_are_solved_half_of_the_time():
    teacher = make("sfl", Difficulty(), refresh=20, candidates=320, attempts=5, keep=20, rho=1.0)
    levels = toy(teacher, 160, np.random.default_rng(0))
    assert abs(np.median(levels) - 150) < 15
    assert (abs(levels - 150) < 60).mean() > 0.97
    plr = make("robust-plr", Difficulty(), score="learnability", buffer={"capacity": 64})
    levels = toy(plr, 200, np.random.default_rng(0))
    assert abs(np.median(levels) - 150) < 25
