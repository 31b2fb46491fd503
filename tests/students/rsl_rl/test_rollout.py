"""Rollouts of tasks one after another."""

import numpy as np
from lines import SMALL

from reaching import assign, reach
from teacherstudent.contract.purposes import purposes
from teacherstudent.contract.types import Assignment
from teacherstudent.students.rsl_rl.student import RslRlStudent


def test_queue_runs_dry_and_repeats_are_marked(line):
    student = RslRlStudent(line, seed=0, n_envs=4, n_steps=40, device="cpu", policy=SMALL["policy"])
    outcomes = student.train(assign(student, line))  # 8 tasks, but at least 20 episodes fit into the round
    assert len(outcomes) >= 20
    assert sorted(outcomes.ids[outcomes.ids >= 0]) == list(range(8))
    assert student.metrics()["repeated_tasks"] == len(outcomes) - 8 + 4
    assert len(student.holds()) == 0
    assert student.wants() >= 1.2 * len(outcomes)


def test_measured_tasks_are_not_trained_on_and_are_charged(cartpole):
    student = RslRlStudent(cartpole, seed=0, **SMALL)
    student.train(assign(student, cartpole))
    trained = student.spent()["train"]
    mixed = Assignment(
        ids=np.arange(50, 55),
        tasks=cartpole.test_tasks()[:5],
        purpose=purposes(np.array([0, 0, 1, 0, 1], bool)),
    )
    outcomes = student.train(mixed)
    measured = np.isin(outcomes.ids, [50, 51, 53])
    assert measured.sum() == 3
    assert student.spent()["measure"] == outcomes.cost[measured].sum() > 0
    assert student.spent()["train"] == trained + 6 * 12
    assert np.isnan(outcomes.signals["value_l1"][measured]).all()
    only = student.train(assign(student, cartpole, first=100, learn=False))
    assert student.spent()["train"] == trained + 6 * 12
    assert only.ids.tolist() == list(range(100, 100 + len(only)))


def test_without_snapshots_a_resumed_student_starts_new_episodes():
    family = reach()
    student, resumed = (RslRlStudent(family, seed=seed, **SMALL) for seed in (0, 5))
    student.train(assign(student, family))
    assert len(student.holds()) > len(student._rollout.queue)
    resumed.load_state_dict(student.state_dict())
    assert resumed.holds().tolist() == student._rollout.queue.ids.tolist()  # what was in the slots is lost
    assert student.ppo._discounted.any()
    assert not resumed.ppo._discounted.any()  # sums of rewards of those episodes
    lengths = resumed.train(assign(resumed, family, first=100)).signals["length"]
    assert lengths.max() <= 12


def test_the_environment_s_own_word_on_success():
    student = RslRlStudent(reach(mastered=1e9), seed=0, **SMALL)
    found = student.evaluate(np.array([[0.1], [3.0]]), seed=0)
    assert found.signals["success"].tolist() == (found.signals["length"] < 15).tolist()
    trained = student.train(assign(student, student._family))
    assert trained.signals["success"].tolist() == (trained.signals["length"] < 15).tolist()
