"""The plan before a run: what it says, which runs are refused, what follows the budget, and what is kept."""

import json
import logging

import numpy as np
import pytest

from teacherstudent import Experiment, Plan, envs, run, students, teachers
from teacherstudent.contract.purposes import purposes
from teacherstudent.contract.types import Assignment
from teacherstudent.recording.runs import Run
from teacherstudent.running.acting.outline import fit, outline
from teacherstudent.teachers.random import UniformTeacher

PPO = {"n_envs": 4, "options": {"n_steps": 64, "batch_size": 64, "n_epochs": 1}}
BUFFER = {"capacity": 100, "temperature": 1.0}


class Costs:
    """A student of which only the cost of a row and the slots matter."""

    def __init__(self, row_cost=None):
        self.row_cost = row_cost

    def wants(self):
        return 4


def planned(teacher, student, budget, *, family=None, **options):
    family = family or envs.make("toy-grid")
    made = teachers.make(teacher, family.space, seed=0, **options)
    plan = Plan(budget=budget)
    return outline(family, made, student, plan, fit(family, made, student, plan))


def test_a_budget_that_ends_before_the_teacher_acts_is_refused():
    found = planned("alp-gmm", Costs(10.0), 700, fit_rate=70)
    with pytest.raises(ValueError, match="fitting begins after 70 outcomes at least") as error:
        found.check(Plan(budget=700))
    said = str(error.value)
    assert "the budget of 700 holds 70 of 10 each: it never will" in said
    assert "Expected a budget above 700, or a smaller fit_rate, here 70" in said
    assert "--may-never-act" in said
    found.check(Plan(budget=700, may_never_act=True))
    assert planned("alp-gmm", Costs(10.0), 710, fit_rate=70).refusal() is None
    assert planned("alp-gmm", Costs(), 1, fit_rate=70).refusal() is None, "nobody knows"
    assert planned("random", Costs(10.0), 1).refusal() is None


def test_where_only_the_longest_episode_is_known_the_best_case_counts():
    family = envs.make("cartpole-parameters")
    assert planned("alp-gmm", Costs(), 71, family=family, fit_rate=70).refusal() is None
    said = planned("alp-gmm", Costs(), 70, family=family, fit_rate=70).refusal()
    assert "the budget of 70 holds 70 of 1 each at least: it never will" in said
    found = planned("alp-gmm", Costs(), 100_000, family=family, fit_rate=70)
    assert found.rows == 200
    assert found.first_cost == 35_000


def test_a_teacher_that_acts_late_is_told_of():
    assert (
        planned("alp-gmm", Costs(10.0), 1000, fit_rate=70)
        .late()
        .startswith(
            "ALPGMM: fitting begins after 70 outcomes at least, when 70% of the budget are spent; a smaller"
        )
    )
    assert planned("alp-gmm", Costs(10.0), 1400, fit_rate=70).late() is None


def test_the_plan_in_plain_words():
    family = envs.make("cartpole-parameters")
    student = students.make("sb3", family, seed=0, **PPO)
    teacher = teachers.make("plr", family.space, seed=0)
    student.bind(demand_of(teacher))
    plan = Plan(budget=10_000, test_every=5_000)
    text = outline(family, teacher, student, plan, fit(family, teacher, student, plan)).text()
    student.close()
    assert text.splitlines() == [
        "PLR teaches SB3Student",
        "  budget        10,000 environment steps; 10,240 in 40 whole rounds of 256",
        "  tests         3 times 50 tasks, beside the budget: at most 75,000 environment steps, 750% of it",
        "  rows          156 of 64 environment steps each",
        "  tasks a round 4",
        "  first action  replay after 16 rows, by 1,024 environment steps, 10% of the budget (chosen by the "
        "budget: capacity=32, temperature=0.693)",
    ]


def demand_of(teacher):
    from teacherstudent.contract.demand import Demand

    return Demand(granularity=teacher.granularity, signals=teacher.needs)


def test_a_refused_run_leaves_no_trace_and_an_allowed_one_says_so_at_once(tmp_path, caplog):
    family = envs.make("cartpole-parameters")
    heard = []

    def stop():
        heard.append([record.getMessage() for record in caplog.records])
        return False

    def go(folder, **more):
        teacher = teachers.make("robust-plr", family.space, seed=0, buffer=BUFFER)
        student = students.make("sb3", family, seed=0, **PPO)
        plan = Plan(budget=2560.0, test_every=2560.0, **more)
        with caplog.at_level(logging.WARNING):
            run(family, teacher, student, folder, plan, stop=stop)
        student.close()

    with pytest.raises(ValueError, match="RobustPLR: replay, without which nothing is trained on, begins"):
        go(tmp_path / "refused")
    assert not (tmp_path / "refused").exists()
    go(tmp_path / "allowed", may_never_act=True)
    (early,) = heard[0]
    assert "the budget of 2560 holds 40 of 64 each" in early
    assert "Expected a budget above 3.2e+03, or a smaller buffer={'capacity': ...}, here 100" in early
    found = Run.load(tmp_path / "allowed")
    assert "begins after 50 outcomes" in found.status()["note"]
    assert "the student made no update" in found.status()["note"], "what is said at the end stands beside it"
    assert "RobustPLR never acted on what it was told" in found.status()["note"]
    assert found.manifest["may_never_act"] is True
    assert found.manifest["plan_text"].startswith("RobustPLR teaches SB3Student")
    assert found.manifest["outline"]["first_action"]["rows"] == 50
    assert found.manifest["fitted"]["options"] == {}


@pytest.mark.parametrize("name", ["plr", "robust-plr"])
def test_open_options_follow_the_budget_so_that_short_runs_replay(name, tmp_path):
    experiment = Experiment(
        teacher=name,
        family="cartpole-parameters",
        plan=Plan(budget=20 * 256, test_every=20 * 256),
        student_options=PPO,
    )
    assert experiment.check().fitted.keys() == {"capacity", "temperature"}
    experiment.run(tmp_path)
    record = Run.load(tmp_path).records()[-1]
    assert record["metrics"]["replay_share"] > 0
    assert 0 < record["acting"]["steered_share"] < 1
    assert record["ledger"]["updates"] > 0


def test_a_prolonged_run_keeps_what_was_chosen(tmp_path):
    def experiment(rounds):
        plan = Plan(budget=rounds * 256, test_every=20 * 256)
        return Experiment(teacher="plr", family="cartpole-parameters", plan=plan, student_options=PPO)

    experiment(20).run(tmp_path)
    chosen = Run.load(tmp_path).manifest["fitted"]
    experiment(200).run(tmp_path, resume=True, stop=lambda: True)
    assert Run.load(tmp_path).manifest["fitted"] == chosen


def test_an_older_run_that_chose_nothing_chooses_nothing_when_it_is_resumed():
    family = envs.make("cartpole-parameters")
    teacher = teachers.make("plr", family.space, seed=0)
    assert fit(family, teacher, Costs(64.0), Plan(budget=6400), manifest={}) is None
    assert teacher.buffer.capacity == 4000


class Measures(UniformTeacher):
    """Wants every second row measured."""

    def _ask(self, ids, progress):
        plain = super()._ask(ids, progress)
        return Assignment(ids=ids, tasks=plain.tasks, purpose=purposes(ids % 2 == 0))


class MeasuresFirst(UniformTeacher):
    """Wants rows 40 to 99 measured and nothing else before they are."""

    def _ask(self, ids, progress):
        plain = super()._ask(ids, progress)
        return Assignment(ids=ids, tasks=plain.tasks, purpose=purposes((ids < 40) | (ids >= 100)))


@pytest.mark.parametrize("student", ["sb3", "rsl-rl"])
def test_rows_to_be_measured_that_are_asked_for_in_the_midst_of_a_round_are_measured_in_the_next(
    student, tmp_path
):
    family = envs.make("cartpole-parameters")
    options = PPO if student == "sb3" else {"n_envs": 4, "n_steps": 64}
    made = students.make(student, family, seed=0, **options)
    teacher = Measures(family.space, seed=0)
    run(family, teacher, made, tmp_path, Plan(budget=3000, test_every=3000))
    table = Run.load(tmp_path).episodes()
    asked = teacher._ids._next
    there = np.unique(table["id"][table["purpose"] == 1])
    # All but those of the last round, which are still kept, have come back.
    waiting = teacher.outstanding[teacher.outstanding % 2 == 1]
    assert len(there) > 20
    assert len(there) + len(waiting) == asked // 2
    assert made.metrics()["repeated_tasks"] == 0
    made.close()


def test_a_teacher_that_measures_first_is_waited_for(tmp_path):
    family = envs.make("cartpole-parameters")
    student = students.make("sb3", family, seed=0, **PPO)
    teacher = MeasuresFirst(family.space, seed=0)
    run(family, teacher, student, tmp_path, Plan(budget=6000, test_every=6000))
    table = Run.load(tmp_path).episodes()
    measured = table["id"][table["purpose"] == 1]
    assert np.sort(measured).tolist() == list(range(40, 100))
    assert table["id"].max() > 150, "and training has gone on"
    student.close()


def test_kept_rows_and_steering_survive_a_resume(tmp_path):
    family = envs.make("cartpole-parameters")

    def go(folder, rounds, **how):
        student = students.make("sb3", family, seed=0, **PPO)
        left = [rounds]

        def stop():
            left[0] -= 1
            return left[0] <= 0

        plan = Plan(budget=3000, test_every=3000, record_every=600)
        run(family, Measures(family.space, seed=0), student, folder, plan, stop=stop, **how)
        student.close()
        found = Run.load(folder)
        episodes = {name: column for name, column in found.episodes().items() if name != "time"}
        return episodes, [json.dumps(record["acting"]) for record in found.records()]

    whole, acting = go(tmp_path / "whole", 99)
    go(tmp_path / "cut", 3)
    go(tmp_path / "cut", 2, resume=True)
    again, resumed = go(tmp_path / "cut", 99, resume=True)
    assert whole.keys() == again.keys()
    for name, column in whole.items():
        np.testing.assert_array_equal(column, again[name], err_msg=name)
    assert acting == resumed
    assert "lag" in acting[-1]


@pytest.mark.parametrize("student", ["sb3", "rsl-rl"])
def test_a_task_is_chosen_at_most_a_round_late(student, tmp_path):
    family = envs.make("cartpole-parameters")
    options = {"n_envs": 16, "options": {"n_steps": 64, "n_epochs": 1, "batch_size": 256}}
    if student == "rsl-rl":
        options = {"n_envs": 16, "n_steps": 64}
    made = students.make(student, family, seed=0, **options)
    run(
        family,
        teachers.make("random", family.space, seed=0),
        made,
        tmp_path,
        Plan(budget=8 * 1024, test_every=8 * 1024),
    )
    table = Run.load(tmp_path).episodes()
    assert (table["id"] >= 0).all(), "no task is played again"
    rounds = np.unique(table["spent"], return_counts=True)[1]
    record = Run.load(tmp_path).records()[-1]
    assert record["acting"]["lag"] <= rounds.max()
    made.close()


def test_a_student_that_asks_when_a_slot_is_free_wants_a_task_for_each_slot_first():
    family = envs.make("cartpole-parameters")
    student = students.make(
        "sb3", family, seed=0, n_envs=4, options={"n_steps": 8, "batch_size": 32, "n_epochs": 1}
    )
    teacher = teachers.make("random", family, seed=0)
    assert outline(family, teacher, student, Plan(budget=1000)).slots == 4
    student.close()
