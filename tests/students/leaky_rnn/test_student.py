"""The student of memory tasks: contract, tasks learnt together, costs, what stays, resuming, bad input."""

import numpy as np
import pytest
import torch

from teacherstudent import students
from teacherstudent.contract.accounts.plan import Plan
from teacherstudent.contract.purposes import purposes
from teacherstudent.contract.types import Assignment
from teacherstudent.envs.memory.parity import Parity
from teacherstudent.envs.toy_grid import ToyGrid
from teacherstudent.recording.disk.checkpoint import load, save
from teacherstudent.recording.runs import Run
from teacherstudent.running.experiment import Experiment
from teacherstudent.students.leaky_rnn.student import LeakyRNNStudent
from teacherstudent.testing.students import check_student

FAMILY = Parity(largest=5, tests=60)
SMALL = {"units": 6, "batch": 8, "steps": 3, "probe": 2, "device": "cpu"}


def student(seed=0, family=FAMILY, **options):
    return LeakyRNNStudent(family, seed=seed, **SMALL | options)


def rows(tasks, learn=None, first=0):
    tasks = np.asarray(tasks, np.int64)
    return Assignment(
        ids=np.arange(first, first + len(tasks)),
        tasks=tasks,
        purpose=None if learn is None else purposes(learn),
    )


def weights(own):
    return {name: value.detach().clone() for name, value in own.trainer.network.named_parameters()}


def test_it_is_registered():
    assert students.get("leaky-rnn") is LeakyRNNStudent
    assert student().wants() == 4


@pytest.mark.parametrize("kind", ["parity", "dms"])
def test_it_keeps_the_contract(kind):
    family = Parity(kind=kind, largest=5, tests=60)
    check_student(lambda seed: student(seed, family), family)


def test_torch_generators_are_left_alone():
    before = torch.get_rng_state()
    own = student()
    own.train(rows([2, 3]))
    own.evaluate(FAMILY.test_tasks(), seed=0)
    assert torch.equal(torch.get_rng_state(), before)


def test_tasks_of_a_round_are_learnt_together_and_repeats_count_once():
    one, two = student(), student()
    found = one.train(rows([4, 2, 4, 2]))
    other = two.train(rows([2, 4]))
    np.testing.assert_array_equal(found.score, other.score[[1, 0, 1, 0]])
    assert found.cost.sum() == other.cost.sum()
    for name, value in weights(one).items():
        assert torch.equal(value, weights(two)[name]), name
    assert one.spent()["updates"] == 3
    np.testing.assert_array_equal(found.signals["accuracy"], found.score)
    assert found.signals["newest"].tolist() == [found.score[0]] * 4


def test_only_the_readouts_of_the_round_change():
    own = student()
    before = weights(own)
    own.train(rows([2, 4]))
    own.train(rows([4]))
    after = weights(own)
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"recurrent", "input", "bias", "tau"} | {
        f"readouts.{i}.{part}" for i in (0, 2) for part in ("weight", "bias")
    }


def test_costs_by_hand():
    own = student(steps=1, probe=1)
    found = own.train(rows([2]))
    # lengths 4 to 9, 8 sequences: a step costs 3 * 8 * 2 (36 length + 12), measuring a third of that
    trained = {3 * 8 * 2 * (36 * length + 12) for length in range(4, 10)}
    assert own.spent()["train"] in trained
    assert own.spent()["measure"] * 3 in trained
    assert found.cost.tolist() == [own.spent()["train"] + own.spent()["measure"]]
    # the test sequences of N = 2 are padded to 9 bits
    assert own.evaluate([2], seed=0).cost.tolist() == [60 * 2 * (36 * 9 + 12)]
    assert own.spent()["train"] in trained


def test_costs_of_rows_add_up_exactly():
    own = student()
    total = sum(own.train(rows([2, 5, 3][: k + 1])).cost.sum() for k in range(3))
    assert total == own.spent()["train"] + own.spent()["measure"]


def test_rows_that_are_not_learnt_are_measured_only():
    own = student()
    before = weights(own)
    found = own.train(rows([2, 5], learn=np.zeros(2, np.bool_)))
    assert all(torch.equal(before[name], value) for name, value in weights(own).items())
    assert own.spent()["train"] == 0
    assert own.spent()["measure"] == found.cost.sum() > 0
    assert np.isnan(found.signals["train_loss"]).all()
    mixed = own.train(rows([2, 5, 3], learn=np.array([False, True, True])))
    assert np.isnan(mixed.signals["train_loss"]).tolist() == [True, False, False]
    assert torch.equal(before["readouts.0.weight"], weights(own)["readouts.0.weight"])
    assert len(own.train(rows([]))) == 0


def test_constraints_hold_through_training():
    own = student(units=64, lr=0.5, steps=40)
    for first in range(3):
        own.train(rows([2, 3], first=2 * first))
    network = own.trainer.network
    assert torch.diag(network.recurrent).tolist() == [0.0] * 64
    assert network.tau.min() == 1.0  # some would have fallen below
    assert own.metrics()["tau_max"] == pytest.approx(float(network.tau.detach().max()))


def test_it_learns_two_bits_and_forgets_them_under_another_task():
    own = student(1, Parity(largest=3), units=48, batch=32, steps=300)
    tests = [own.evaluate([2], seed=0).score[0]]
    for first, task in enumerate((2, 2, 3, 3)):
        own.train(rows([task], first=first))
        tests.append(own.evaluate([2], seed=0).score[0])
    assert tests[0] < 0.8
    assert tests[2] > 0.99
    assert tests[4] < 0.98


def test_evaluation_depends_on_first_states_and_sequences_only():
    own = student()
    one, two, other = (own.evaluate([3, 5, 3], seed=seed) for seed in (0, 0, 1))
    assert np.array_equal(one.signals["loss"], two.signals["loss"])
    assert not np.array_equal(one.signals["loss"], other.signals["loss"])
    assert one.signals["loss"][0] == one.signals["loss"][2] != one.signals["loss"][1]


def test_a_saved_student_goes_on_bit_for_bit(tmp_path):
    own, other = student(), student(9)
    own.train(rows([2, 3]))
    save(tmp_path / "state.npz", own.state_dict())
    other.load_state_dict(load(tmp_path / "state.npz"))
    for k in range(3):
        one, two = (s.train(rows([2, 3 + k], first=2 + 2 * k)) for s in (own, other))
        assert np.array_equal(one.signals["loss"], two.signals["loss"])
    for name, value in weights(own).items():
        assert torch.equal(value, weights(other)[name]), name
    assert own.spent() == other.spent()


@pytest.mark.parametrize("teacher", ["mastery", "exp3s", "tscl-online", "progress-thompson"])
def test_a_run_stopped_and_resumed_is_the_same_run(teacher, tmp_path):
    experiment = Experiment(
        teacher=teacher,
        family="parity",
        family_options={"largest": 4, "tests": 30},
        student="leaky-rnn",
        student_options=SMALL,
        plan=Plan(budget=3e6, test_every=5e5),
    )
    experiment.run(tmp_path / "whole")
    polls = iter(range(100))
    experiment.run(tmp_path / "cut", stop=lambda: next(polls) >= 4)
    assert Run.load(tmp_path / "cut").status()["status"] == "interrupted"
    experiment.run(tmp_path / "cut", resume=True)
    whole, cut = (Run.load(tmp_path / name) for name in ("whole", "cut"))
    for table in ("episodes", "tests"):
        one, two = getattr(whole, table)(), getattr(cut, table)()
        for name in ("task", "score", "cost", "loss"):
            assert np.array_equal(one[name], two[name]), (table, name)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"units": 0}, "units: expected a whole number of at least 1, got 0"),
        ({"batch": 1.5}, "batch: expected a whole number"),
        ({"steps": 0}, "steps: expected"),
        ({"probe": 0}, "probe: expected"),
        ({"lr": 0.0}, "lr: expected a number above 0"),
        ({"clip": np.inf}, "clip: expected a number above 0"),
        ({"momentum": 0.0}, "momentum: expected a number in"),
        ({"device": "tpu9"}, "device: expected one that is there"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        student(**options)


def test_bad_input():
    with pytest.raises(TypeError, match="expected the family parity, got ToyGrid"):
        LeakyRNNStudent(ToyGrid(), seed=0)
    own = student()
    with pytest.raises(ValueError, match=r"leaky-rnn.train: row 1: expected a task in"):
        own.train(rows([2, 6]))
    with pytest.raises(ValueError, match=r"leaky-rnn.evaluate: row 0"):
        own.evaluate([1], seed=0)
    state = own.state_dict()
    del state["loss"]
    with pytest.raises(ValueError, match="leaky-rnn: state: expected"):
        own.load_state_dict(state)


def test_a_loss_that_is_not_finite_is_an_error():
    own = student()
    with torch.no_grad():
        own.trainer.network.input.fill_(np.nan)
    with pytest.raises(FloatingPointError, match=r"got \[nan, nan\] for N = \[2, 3\] in step 0"):
        own.train(rows([2, 3]))
