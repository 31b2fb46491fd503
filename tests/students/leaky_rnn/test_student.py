"""The student of memory tasks: contract, learning, evaluation, resuming, bad input."""

import numpy as np
import pytest
import torch
from leaky_students import FAMILY, SMALL, rows, student, weights

from teacherstudent import students
from teacherstudent.contract.accounts.plan import Plan
from teacherstudent.envs.memory.parity import Parity
from teacherstudent.envs.toy_grid import ToyGrid
from teacherstudent.recording.disk.checkpoint import load, save
from teacherstudent.recording.runs import Run
from teacherstudent.running.experiment import Experiment
from teacherstudent.students.leaky_rnn.student import LeakyRNNStudent
from teacherstudent.testing.students import check_student


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
