import numpy as np
import pytest
from gymnasium.spaces import Discrete

from teacherstudent import Parameters
from teacherstudent.cli.policies.chosen import chosen_tasks
from teacherstudent.contract.spaces import choice, whole


class Family:
    test_space = None

    def __init__(self, space, tests, names=None):
        self.space = space
        self.test_names = names
        self._tests = np.asarray(tests)

    def test_tasks(self):
        return self._tests


SPACE = Parameters(steepness=(0, 1), ground=choice("grass", "ice"), legs=whole(2, 6))
HILLS = Family(SPACE, np.eye(3), ("a", "b", "c"))
LEVELS = Family(Discrete(5, start=10), [11, 14])


def test_tests_come_by_number_and_name_and_tasks_by_their_values():
    assert chosen_tasks(HILLS, [], []).tolist() == [[1, 0, 0]]
    found = chosen_tasks(HILLS, ["2", "a"], [["legs=4", "steepness=.5", "ground=ice"]])
    assert found.tolist() == [[0, 0, 1], [1, 0, 0], [0.5, 1, 4]]
    assert chosen_tasks(LEVELS, ["1"], [["12"]]).tolist() == [14, 12]


@pytest.mark.parametrize(
    ("family", "tests", "values", "message"),
    [
        (HILLS, ["3"], [], r"--test: expected a number from 0 to 2 or one of \['a', 'b', 'c'\], got '3'"),
        (HILLS, ["-1"], [], "--test"),
        (LEVELS, ["a"], [], "--test: expected a number from 0 to 1, got 'a'"),
        (HILLS, [], [["legs=4"]], r"expected a value for each of \['steepness', 'ground', 'legs'\]"),
        (HILLS, [], [["legs=4", "steepness=x", "ground=ice"]], "steepness: expected a number, got 'x'"),
        (HILLS, [], [["legs=4", "steepness=0", "ground=icy"]], r"ground: expected choice\('grass', 'ice'\)"),
        (HILLS, [], [["legs=9", "steepness=0", "ground=ice"]], "--task"),
        (LEVELS, [], [["99"]], "--task"),
        (LEVELS, [], [["x"]], "expected a number, got 'x'"),
        (LEVELS, [], [["11", "12"]], "expected a space of parameters, or a list and one word"),
    ],
)
def test_what_is_no_task_is_refused(family, tests, values, message):
    with pytest.raises(ValueError, match=message):
        chosen_tasks(family, tests, values)
