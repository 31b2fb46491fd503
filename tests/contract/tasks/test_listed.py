import copy
import pickle

import numpy as np
import pytest

from teacherstudent import spaces, teachers
from teacherstudent.contract.spaces import Discrete, Examples, Listed, describe, task_dict
from teacherstudent.testing import check_teacher

MAZES = Listed(["corridor", "rooms", "spiral"])


def test_named_tasks_are_discrete_ones():
    assert (int(MAZES.n), int(MAZES.start)) == (3, 0)
    assert isinstance(MAZES, Discrete)
    assert MAZES.index("rooms") == 1
    assert task_dict(MAZES, 2) == {"task": "spiral"}
    with pytest.raises(ValueError, match=r"expected one of .*got 'maze'"):
        MAZES.index("maze")
    check_teacher(lambda seed: teachers.make("exp3s", MAZES, seed=seed))


def test_spaces_of_other_names_are_other_spaces():
    other = Listed(["corridor", "rooms", "snake"])
    assert MAZES == Listed(["corridor", "rooms", "spiral"]) != other
    assert describe(MAZES)["labels"] == ["corridor", "rooms", "spiral"]
    assert describe(MAZES) != describe(other) != describe(Discrete(3))
    teacher = teachers.make("exp3s", MAZES, seed=0)
    with pytest.raises(ValueError, match="teacher state: expected space"):
        teachers.make("exp3s", other, seed=0).load_state_dict(teacher.state_dict())


def test_examples_have_columns_that_cannot_be_written():
    length = np.array([3, 1, 2])
    space = Examples(3, {"length": length, "embedding": np.ones((3, 2))})
    length[0] = 7
    assert space.columns["length"].tolist() == [3, 1, 2]
    with pytest.raises(ValueError, match="read-only"):
        space.columns["length"][0] = 7
    assert describe(space) == describe(Examples(3, {"length": [3, 1, 2], "embedding": np.ones((3, 2))}))
    assert describe(space) != describe(Examples(3, {"length": [3, 1, 1], "embedding": np.ones((3, 2))}))
    assert space != Examples(3)
    assert spaces.contains_each(space, np.array([0, 2])).all()
    check_teacher(lambda seed: teachers.make("self-paced", space, seed=seed))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Listed([]), ValueError, "at least one name"),
        (lambda: Listed(["a", "a"]), ValueError, "all different"),
        (lambda: Listed(["a", ""]), ValueError, "at least one name"),
        (lambda: Listed("ab"), TypeError, "expected a list of names, got 'ab'"),
        (lambda: Listed(["a", 3]), TypeError, "expected names, got 3"),
        (lambda: Examples(0), ValueError, "Examples: n: expected a whole number of at least 1"),
        (
            lambda: Examples(3, {"length": [1, 2]}),
            ValueError,
            "'length': expected a row for each of 3 examples",
        ),
        (lambda: Examples(2, {"text": ["a", "b"]}), TypeError, "'text': expected numbers"),
        (lambda: Examples(2, [1, 2]), TypeError, "columns: expected a mapping"),
    ],
)
def test_bad_arguments(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_examples_can_be_copied_and_pickled():
    space = Examples(3, {"length": [3, 1, 2]})
    assert copy.deepcopy(space) == pickle.loads(pickle.dumps(space)) == space
    teacher = copy.deepcopy(teachers.make("uniform", space, seed=0))
    assert teacher.space.columns["length"].tolist() == [3, 1, 2]
