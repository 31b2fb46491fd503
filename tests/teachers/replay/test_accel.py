"""ACCEL: what it edits, where it starts, how far edits lead, and a run with its lineage."""

import numpy as np
import pytest
from level_teachers import (
    SMALL,
    SOLVABLE,
    SPACE,
    Difficulty,
    RolloutStudent,
    cycle,
    make,
    played,
    tell_levels,
    toy,
)

from teacherstudent import envs, teachers
from teacherstudent.contract.accounts.plan import Plan
from teacherstudent.contract.purposes import Purpose
from teacherstudent.contract.spaces import Discrete, Parameters
from teacherstudent.recording.runs import Run
from teacherstudent.running.loop import run


def test_accel_edits_what_it_has_replayed():
    teacher = make("accel", replay=1.0, edits=1000)
    _, kinds = cycle(teacher)
    assert kinds.tolist() == [0] * 8
    replayed, kinds = cycle(teacher)
    assert kinds.tolist() == [1] * 8
    assert replayed.learn.all()
    children = teacher.ask(8)
    assert not children.learn.any()
    assert np.array_equal(children.tasks, replayed.tasks + 1000)
    outcomes = played(children, value_l1=1000.0)
    columns = children.notes
    assert columns["kind"].dtype == np.int8
    assert columns["kind"].tolist() == [2] * 8
    assert columns["parent"].tolist() == SPACE.key(replayed.tasks).tolist()
    assert columns["key"].tolist() == (columns["parent"] + 1000).tolist()
    teacher.tell(outcomes)
    slots = teacher.buffer.find(SPACE.key(children.tasks))
    assert np.array_equal(teacher.buffer.parents[slots], SPACE.key(replayed.tasks))
    assert (teacher.buffer.edits[slots] == 1000).all()
    again, kinds = cycle(teacher, value=1000.0)
    assert kinds.tolist() == [1] * 8  # children are not parents before they were replayed
    ages = teacher.buffer.edits[teacher.buffer.find(SPACE.key(again.tasks))]
    tell = played(teacher.ask(8), value_l1=2000.0)
    teacher.tell(tell)
    slots = teacher.buffer.find(SPACE.key(tell.tasks))
    assert np.array_equal(teacher.buffer.edits[slots], ages + 1000)
    assert ages.max() == 1000
    assert teacher.metrics()["edit_share"] == pytest.approx(16 / 40)


def test_accel_starts_from_simple_levels():
    class Simple(type(SPACE)):
        def draw_simple(self, rng, n):
            return np.zeros((n, *self.shape), self.dtype)

    space = Simple()
    for name in ("accel", "parallel-accel"):
        simple = teachers.make(name, space, seed=0).ask(8)
        assert (simple.tasks == 0).all()
        assert (teachers.make(name, space, seed=0, start="all").ask(8).tasks != 0).any()
        with pytest.raises(ValueError, match=r"start: expected one of .*, got 'none'"):
            teachers.make(name, space, seed=0, start="none")


def test_a_child_that_no_edit_changed_has_its_parents_key():
    teacher = make("accel", replay=1.0, edits=1)
    levels = np.arange(99_990, 100_000)  # edits stop at the last one
    tell_levels(teacher, levels, episodes=np.ones(10), value_l1=levels - 99_000)
    replayed, _ = cycle(teacher)
    children = teacher.ask(8)
    columns = children.notes
    same = (replayed.tasks == children.tasks)[:, 0]
    assert 0 < same.sum() < 8
    assert np.array_equal(columns["key"] == columns["parent"], same)


def test_easy_is_return_less_score():
    buffer = SMALL | {"staleness": 1.0}
    teacher = make("accel", replay=1.0, parents="easy", score="td_error", buffer=buffer)
    asked = teacher.ask(8)
    teacher.tell(played(asked, td_error=1.0))
    replayed = teacher.ask(5)
    assert len(np.unique(replayed.tasks)) == 5
    scores = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    teacher.tell(played(replayed, score=[0.0, 5.0, 4.0, 9.0, 1.0], td_error=scores))  # -1, 3, 1, 5, -4
    expected = replayed.tasks[[3, 1, 2, 0]] + 5
    assert np.array_equal(teacher.ask(4).tasks, expected)


def test_boxes_are_edited_by_steps_and_discrete_tasks_are_not():
    space = Parameters(height=(0, 10), spacing=(0, 1))
    options = {"replay": 1.0, "edits": 1, "step": {"law": "uniform", "size": 0.05}}
    teacher = make("accel", space, **options)
    cycle(teacher)
    replayed, _ = cycle(teacher)
    children, kinds = cycle(teacher)
    moved = np.abs(children.tasks - replayed.tasks)
    assert kinds.tolist() == [2] * 8
    assert ((moved > 0).sum(axis=1) == 1).all()
    assert (moved <= [0.5, 0.05]).all()
    with pytest.raises(ValueError, match="step: expected a size above 0"):
        make("accel", space, step={"size": -1.0})
    with pytest.raises(TypeError, match="expected a space of type Box or Levels"):
        make("accel", Discrete(5))
    for name in ("plr", "robust-plr", "parallel-plr"):
        teacher = make(name, Discrete(50, start=3), buffer={"capacity": 4000})
        assert teacher.buffer.capacity == 50
        kinds = [cycle(teacher)[1] for _ in range(30)]
        assert 1 in np.concatenate(kinds)


def test_editing_moves_the_frontier_beyond_what_is_generated():
    class Easy(Difficulty):
        def draw(self, rng, n):
            return rng.integers(0, 20, (n, 1), dtype=np.int32)

    options = {"score": "value_l1", "min_fill": 0.1, "buffer": {"capacity": 64, "temperature": 0.3}}
    accel, plain = make("accel", Easy(), edits=5, **options), make("robust-plr", Easy(), **options)
    rng = np.random.default_rng(0)
    assert np.median(toy(accel, 300, rng)) > 0.8 * SOLVABLE
    assert toy(plain, 100, rng).max() < 20


def test_a_run_logs_the_lineage_and_charges_edits_apart(tmp_path):
    family = envs.make("cartpole-parameters")
    options = {"score": "value_l1", "replay": 0.7, "buffer": {"capacity": 30}, "edits": 1}
    plan = Plan(budget=3600.0, test_every=1800.0)

    def start(folder, stop=lambda: False, resume=False):
        teacher = teachers.make("accel", family.space, seed=0, **options)
        return run(family, teacher, RolloutStudent(), tmp_path / folder, plan, stop=stop, resume=resume)

    ledger = start("whole")
    table = Run.load(tmp_path / "whole").episodes()
    kind = table["kind"]
    assert set(kind.tolist()) == {0, 1, 2}
    assert np.array_equal(table["purpose"], np.array([Purpose.MEASURE, Purpose.TRAIN, Purpose.EDIT])[kind])
    assert ((table["parent"] != 0) >= (kind == 2)).all()
    for name, k in (("measure", 0), ("train", 1), ("edit", 2)):
        assert ledger.costs[name] == 10.0 * (kind == k).sum()
    assert ledger.spent == 3600.0
    rounds = iter(range(100))
    start("parts", stop=lambda: next(rounds) == 21)
    resumed = start("parts", resume=True)
    assert resumed.costs == ledger.costs
    again = Run.load(tmp_path / "parts").episodes()
    parents = table["parent"][table["parent"] != 0]
    assert np.isin(parents, table["key"]).all()
    for name in ("kind", "key", "parent", "id"):
        assert np.array_equal(again[name], table[name])
