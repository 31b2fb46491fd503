"""The family of memory tasks: its space, its fixed test sequences, bad input."""

import numpy as np
import pytest
import torch

from teacherstudent import envs
from teacherstudent.contract.spaces import Discrete
from teacherstudent.envs.memory.parity import Parity
from teacherstudent.testing import check_family


@pytest.mark.parametrize("kind", ["parity", "dms"])
def test_it_keeps_the_contract(kind):
    check_family(lambda: Parity(kind=kind, largest=4))


def test_tasks_are_the_numbers_of_bits():
    family = envs.make("parity", largest=6)
    assert family.space == Discrete(5, start=2)
    assert family.test_tasks().tolist() == [2, 3, 4, 5, 6]
    assert (family.mastered, family.cost_unit) == (0.98, "FLOPs")
    assert family.test_set == "parity-2to6-2000-seed4222"


@pytest.mark.parametrize("kind", ["parity", "dms"])
def test_answers_of_test_sequences_follow_from_their_bits(kind):
    test = Parity(kind=kind, tests=200).test_sequences(3)
    assert test.bits.shape == (13, 200)
    assert np.unique(test.lengths, return_counts=True)[0].tolist() == list(range(5, 14))
    for i, (length, answer) in enumerate(zip(test.lengths.tolist(), test.answers.tolist(), strict=True)):
        last = test.bits[length - 3 : length, i].tolist()
        assert answer == (sum(last) % 2 if kind == "parity" else last[0] == last[-1])


def test_every_length_comes_equally_often():
    counts = torch.bincount(Parity(tests=300).test_sequences(10).lengths)
    assert counts[12:].tolist() == [10] * 30
    assert counts[:12].sum() == 0


def test_test_sequences_are_fixed_whatever_the_largest():
    one, two = (Parity(largest=n, tests=50).test_sequences(4) for n in (5, 9))
    assert torch.equal(one.bits, two.bits)
    assert not torch.equal(one.bits[:4], Parity(tests=50).test_sequences(5).bits[:4])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "xor"}, "kind: expected one of .*'xor'"),
        ({"largest": 2}, "largest: expected at least 3, got 2"),
        ({"tests": 0}, "tests: expected at least 1"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        Parity(**options)
