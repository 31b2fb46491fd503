import json
import warnings

import pytest

from teacherstudent import envs, students
from teacherstudent.contract.accounts.plan import Plan
from teacherstudent.running.budgets import check_budget, plan_cost
from teacherstudent.running.experiment import Experiment

SB3 = {"n_envs": 2, "options": {"n_steps": 8, "batch_size": 16, "n_epochs": 1}}
RSL = {"n_envs": 2, "n_steps": 8, "device": "cpu"}
SMALL = {"backbone": "cnn", "backbone_options": {"width": 4}}
CASES = {
    "competence": ("toy-grid", "competence", {"batch": 7}, 7),
    "PPO": ("cartpole-parameters", "sb3", SB3, 16),
    "off-policy": (
        "cartpole-parameters",
        "sb3",
        {"algorithm": "DQN", "n_envs": 2, "options": {"train_freq": 4, "buffer_size": 100}},
        8,
    ),
    "rsl-rl": ("cartpole-parameters", "rsl-rl", RSL, 16),
    "examples": ("digits-examples", "classifier", SMALL, None),
    "stages": ("digits-stages", "classifier", SMALL, None),
    "leaky-rnn": ("parity", "leaky-rnn", {"steps": 2, "batch": 4, "probe": 1, "units": 8}, None),
}


@pytest.mark.parametrize("name", CASES)
def test_a_budget_below_a_round_is_refused(name):
    family, student, options, expected = CASES[name]
    made = students.make(student, envs.make(family), seed=0, **options)
    cost = made.round_cost()
    assert expected in (None, cost)
    assert cost > 0
    check_budget(made, Plan(budget=cost))
    with pytest.raises(
        ValueError, match=rf"budget: expected at least .*, what a round of {type(made).__name__}"
    ):
        check_budget(made, Plan(budget=cost / 2))
    with pytest.raises(ValueError, match=r"got .* without what it is charged with"):
        check_budget(made, Plan(budget=cost, charged=cost / 2))
    made.close()


@pytest.mark.parametrize(("name", "share"), [("stages", 1.06), ("examples", 1.01)])
def test_the_cost_of_a_round_is_what_the_least_budget_costs(name, share, tmp_path):
    family, student, options, _ = CASES[name]
    made = students.make(student, envs.make(family), seed=0, **options)
    cost = made.round_cost()
    teacher = {"examples": "uniform"}.get(name, "random")
    ledger = Experiment(
        teacher=teacher, family=family, student=student, student_options=options, plan=Plan(budget=cost)
    ).run(tmp_path)
    assert cost <= ledger.spent <= share * cost
    assert ledger.updates >= 1


def experiment(budget):
    return Experiment(
        teacher="random",
        family="toy-grid",
        student="competence",
        student_options={"batch": 70},
        plan=Plan(budget=budget, test_every=1000),
    )


def test_what_whole_rounds_cost_is_said_before_the_run_and_noted_after_it(tmp_path):
    with pytest.warns(
        UserWarning, match="budget: 140 will be spent, not 100: a round of CompetenceStudent costs 70"
    ):
        experiment(100).check()
    with pytest.warns(UserWarning, match="140 will be spent"):
        ledger = experiment(100).run(tmp_path / "run")
    assert ledger.spent == 140
    status = json.loads((tmp_path / "run" / "status.json").read_text())
    assert "140 was spent, 40% more than the budget of 100" in status["note"]
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert (manifest["round_cost"], manifest["planned_cost"]) == (70, 140)


@pytest.mark.parametrize("budget", [70, 140, 1399, 1400])
def test_a_budget_of_whole_rounds_is_taken_without_a_word(budget, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        experiment(budget).run(tmp_path)
    assert json.loads((tmp_path / "status.json").read_text())["note"] is None


def test_nothing_is_started_on_a_budget_that_is_too_small(tmp_path):
    with pytest.raises(
        ValueError, match="expected at least 70, what a round of CompetenceStudent costs, got 50"
    ):
        experiment(50).run(tmp_path / "run")
    assert not (tmp_path / "run").exists()
    with pytest.raises(ValueError, match="expected at least 70"):
        experiment(50).check()


def test_a_student_without_a_known_price_is_taken_as_it_is():
    class Unknown:
        pass

    assert plan_cost(Unknown(), Plan(budget=1)) == {}
