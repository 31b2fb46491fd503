"""REPAIRED: what is measured, replayed and learnt from, for each of the two students."""

import numpy as np
import pytest
from adversaries import FAST, LINE, best_of_four, simulated, solving
from binding import bind_pair, pair

from teacherstudent import envs, teachers
from teacherstudent.contract.types import Outcomes


class TestREPAIRED:
    def make(self, **options):
        buffer = {"capacity": 8, "temperature": 1.0}
        return teachers.make("repaired", LINE, seed=0, adversary=FAST, buffer=buffer, **options)

    def generate(self, teacher):
        """Let both students be measured on four new levels each, of different scores."""
        assignment = teacher.ask(8)
        halves = [simulated(teacher, assignment.select(part), score=score) for part, score in HALVES]
        teacher.tell(Outcomes.concatenate(halves[::-1]))
        return assignment

    def test_new_levels_are_measured_scored_for_each_student_and_teach_the_adversary(self):
        teacher = self.make(replay=1.0)
        assignment = self.generate(teacher)
        assert not assignment.learn.any()
        for k, (buffer, (_, score)) in enumerate(zip(teacher.buffers, HALVES, strict=True)):
            best = best_of_four(solving(assignment.tasks[:4, 0], k))
            np.testing.assert_array_equal(buffer.levels, assignment.tasks[:4])
            np.testing.assert_allclose(buffer.scores, best + score)
        assert teacher.metrics()["adversary_updates"] == 1

    def test_replays_are_drawn_for_each_student_trained_on_and_teach_the_adversary_nothing(self):
        teacher = self.make(replay=1.0)
        self.generate(teacher)
        late = teacher.ask(8)  # the buffers are half full: a replay from here on
        assert late.learn.all()
        assert np.isin(late.tasks, teacher.buffers[0].levels).all()
        assert not np.array_equal(late.tasks[:4], late.tasks[4:])
        outcomes = simulated(teacher, late, score=5.0)
        assert (late.notes["kind"] == 1).all()
        keys = late.notes["key"]
        assert np.array_equal(np.isin(keys, teacher.buffers[1].keys), np.full(8, True))
        teacher.tell(outcomes)
        assert teacher.metrics()["adversary_updates"] == 1
        assert teacher.metrics()["replay_share"] == 0.5
        halves = late.tasks[:4], late.tasks[4:]
        for k, (buffer, tasks, (_, score)) in enumerate(zip(teacher.buffers, halves, HALVES, strict=True)):
            seen = np.isin(buffer.levels[:, 0], tasks)
            best = best_of_four(solving(buffer.levels[:, 0], k))
            np.testing.assert_allclose(buffer.scores, best + np.where(seen, 5.0, score))

    def test_without_replay_nobody_would_train(self):
        with pytest.raises(
            ValueError, match="replay: expected above 0, as only replayed levels are trained on"
        ):
            self.make(replay=0.0)


def test_replays_of_different_levels_overwrite_no_score_with_their_regret_of_0():
    family = envs.make("cartpole-parameters")
    sb3 = {"n_envs": 4, "options": {"n_steps": 64, "batch_size": 64, "n_epochs": 1}}
    student = bind_pair(pair("sb3", family, seed=1, **sb3))
    buffer = {"capacity": 4, "temperature": 1.0}
    teacher = teachers.make("repaired", family.space, seed=0, adversary=FAST, buffer=buffer, replay=1.0)
    teacher.tell(student.train(teacher.ask(8)))
    replayed = teacher.ask(8)
    different = (replayed.tasks[:4] != replayed.tasks[4:]).any(axis=1)
    assert different.any()
    best = [buffer.returns.copy() for buffer in teacher.buffers]
    outcomes = student.train(replayed)
    teacher.tell(outcomes)
    for buffer, returns, part in zip(teacher.buffers, best, (slice(0, 4), slice(4, 8)), strict=True):
        mine = outcomes.select(part)
        slots = (buffer.levels[:, None] == mine.tasks).all(axis=2).argmax(axis=0)
        np.maximum.at(returns, slots, mine.signals["max_return"])  # of all rows of a level
        scores = returns[slots] - mine.signals["mean_value"]
        for slot in np.unique(slots[different]):
            assert buffer.scores[slot] == pytest.approx(scores[slots == slot][-1])
            assert buffer.scores[slot] > 1
    student.close()


HALVES = ((slice(0, 4), 1.0), (slice(4, 8), 2.0))
"""Rows of protagonist and antagonist in an ask of eight, and what is added to their scores."""
