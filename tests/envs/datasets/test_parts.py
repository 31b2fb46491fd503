"""Splits: sizes, every class in each, and who is told that there is too little."""

import numpy as np
import pytest

from teacherstudent.envs.datasets.answers import answers_of
from teacherstudent.envs.datasets.parts import Part, drawn, shares
from teacherstudent.envs.datasets.rows import ArrayRows


def test_sizes_are_numbers_or_shares():
    assert shares(100, {"probe": 0.05, "validation": 7, "test": 0.1}, "x") == {
        "probe": 5,
        "validation": 7,
        "test": 10,
    }
    assert shares(100, {"probe": 0.05, "test": 7}, "x", 10) == {"probe": 10, "test": 7}


@pytest.mark.parametrize(
    ("size", "error", "message"),
    [
        (0, ValueError, r"x: probe: expected a share in \(0, 1\), or a number of examples, got 0"),
        (1.5, ValueError, "probe: expected a share"),
        (-0.1, ValueError, "probe: expected a share"),
        (True, TypeError, "probe: expected data, a share or a number of examples, got True"),
        (None, TypeError, "probe: expected data"),
        (10, ValueError, "expected fewer than the 10 examples .* got 10: give smaller ones"),
    ],
)
def test_wrong_sizes(size, error, message):
    with pytest.raises(error, match=message):
        shares(10, {"probe": size}, "x")


def test_each_split_holds_every_class_by_its_share():
    labels = np.repeat([0, 1, 2], [60, 30, 10])
    found = drawn(labels, {"probe": 10, "test": 20}, answers_of(labels, None, None), 0)
    assert np.bincount(labels[found["probe"]]).tolist() == [6, 3, 1]
    assert np.bincount(labels[found["test"]]).tolist() == [12, 6, 2]
    whole = np.concatenate(list(found.values()))
    assert np.array_equal(np.sort(whole), np.arange(100))
    assert np.array_equal(found["train"], np.sort(found["train"]))


def test_numbers_are_drawn_evenly_and_by_the_seed():
    targets = np.linspace(0, 1, 50)
    answers = answers_of(targets, None, None)
    one, again, other = (drawn(targets, {"test": 10}, answers, seed)["test"] for seed in (0, 0, 1))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_a_class_with_too_few_examples_is_named():
    labels = np.array(["a"] * 9 + ["rare"])
    answers = answers_of(labels, None, None)
    numbers = np.array([0] * 9 + [1])
    with pytest.raises(ValueError, match=r"2 examples of every class in all, got .* 1 of class 1 \(rare\)"):
        drawn(numbers, {"test": 2}, answers, 0)
    with pytest.raises(ValueError, match="of at least 2 examples, one of each class"):
        drawn(np.array([0, 1] * 5), {"test": 1}, answers, 0)


def test_a_part_reads_its_own_rows():
    source = ArrayRows(np.arange(10.0).reshape(5, 2), "train")
    part = Part(source, np.array([4, 1]), np.array([0, 1]))
    assert part.read(np.array([1, 0])).tolist() == [[2, 3], [8, 9]]
    assert (len(part), part.shape, part.dtype) == (2, (2,), np.float32)
