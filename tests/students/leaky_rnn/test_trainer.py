"""Steps of the leaky network: costs, constraints, what stays as it is."""

import numpy as np
import pytest
import torch
from leaky_students import rows, student, weights


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
