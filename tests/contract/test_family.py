import numpy as np
import pytest

from teacherstudent import envs
from teacherstudent.contract.family import Family, RLFamily, Snapshot
from teacherstudent.contract.spaces import Parameters
from teacherstudent.contract.stored.settings import settings_of


class Own(Family):
    """A family of two test tasks."""

    space = Parameters(a=(0, 1))
    test_set = "two"

    def __init__(self, high=1.0, *, labels=()):
        self.high, self.labels = high, [*labels, "more"]

    def test_tasks(self):
        return np.array([[0.0], [self.high]])


def test_a_family_says_with_which_arguments_it_was_made():
    own = Own(0.5, labels=["x"])
    own.high = 0.7
    assert settings_of(own) == {"high": 0.5, "labels": ["x"]}
    assert own.test_tasks().tolist() == [[0.0], [0.7]]


def test_what_a_family_does_not_say_is_unknown():
    own = Own()
    assert (own.test_space, own.score_range, own.mastered, own.difficulty_step) == (None,) * 4
    assert (own.cost_unit, own.score_name, dict(own.prices)) == ("environment steps", "return", {})
    assert own.advice("riac") == ""
    with pytest.raises(TypeError):
        own.prices["train"] = 2.0


def test_test_tasks_and_environments_are_what_a_family_must_have():
    with pytest.raises(TypeError, match=r"abstract.*test_tasks"):
        type("Without", (Family,), {})()
    with pytest.raises(TypeError, match=r"abstract.*make_env.*make_vec"):
        type("Without", (RLFamily,), {"test_tasks": Own.test_tasks})()


def test_environments_with_a_state_are_known_by_their_methods():
    vec = envs.make("cartpole-parameters").make_vec(1)
    assert isinstance(vec, Snapshot)
    assert not isinstance(Own(), Snapshot)
    vec.close()
