import numpy as np
import pytest
from adversaries import FAST, LINE
from binding import pair

from teacherstudent import Plan, envs, run, teachers
from teacherstudent.testing.sessions import difference


@pytest.mark.parametrize("name", ["paired", "repaired"])
@pytest.mark.parametrize(("rows", "first"), [(6, 3), (7, 4), (2, 1)])
def test_both_students_get_the_same_new_levels(name, rows, first):
    assignment = teachers.make(name, LINE, seed=0).ask(rows)
    np.testing.assert_array_equal(assignment.tasks[first:], assignment.tasks[: rows - first])
    assert len(np.unique(assignment.tasks)) == first
    assert (assignment.learn == (name == "paired")).all()


def test_noise_makes_tasks_differ_before_anything_is_learnt():
    first = teachers.make("paired", LINE, seed=0).ask(200).tasks[:100, 0]
    assert np.median(first) == pytest.approx(0.5, abs=0.1)
    assert first.std() > 0.2


ROUND = 2 * 3 * 32


@pytest.mark.parametrize("name", ["paired", "repaired"])
def test_a_run_that_is_stopped_goes_on_bit_for_bit(name, tmp_path):
    family = envs.make("cartpole-parameters")
    sb3 = {"n_envs": 3, "options": {"n_steps": 32, "batch_size": 32, "n_epochs": 1}}
    options = {"adversary": FAST} | ({"buffer": {"capacity": 6}, "replay": 0.5} if name == "repaired" else {})
    plan = Plan(budget=5 * ROUND, test_every=5 * ROUND, checkpoint_every=ROUND)

    def go(folder, **how):
        teacher = teachers.make(name, family.space, seed=0, **options)
        student = pair("sb3", family, seed=1, **sb3)
        return teacher, run(family, teacher, student, tmp_path / folder, plan, **how)

    whole, ledger = go("whole")
    assert ledger.spent == 5 * ROUND
    trained = 5 if name == "paired" else 5 - ledger.costs["measure"] / ROUND
    assert ledger.costs["train"] == ledger.costs["train/1"] == trained * ROUND / 2
    assert trained > 1
    assert whole.metrics()["adversary_updates"] == (5 if name == "paired" else 5 - trained)
    assert ledger.costs["adversary"] == whole.metrics()["adversary_steps"] > 0
    part, _ = go("parts", stop=lambda: True)
    assert part.metrics()["adversary_updates"] == 1
    resumed, continued = go("parts", resume=True)
    assert difference(whole.state_dict(), resumed.state_dict()) is None
    assert continued.costs == ledger.costs
