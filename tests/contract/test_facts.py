import numpy as np

from teacherstudent import envs, teachers
from teacherstudent.contract.facts import TOLD
from teacherstudent.contract.family import Family
from teacherstudent.contract.spaces import Parameters
from teacherstudent.contract.stored.saved import difference
from teacherstudent.contract.stored.settings import settings_of
from teacherstudent.teachers.progress.riac import RIAC
from teacherstudent.teachers.random import UniformTeacher


def test_a_teacher_of_a_family_takes_its_facts():
    family = envs.make("cartpole-parameters")
    oracle = teachers.make("oracle", family, seed=0)
    assert oracle.space is family.space
    other = teachers.make(
        "oracle", family.space, seed=0, difficulty_step=family.difficulty_step, mastered=family.mastered
    )
    assert difference(oracle.state_dict(), other.state_dict()) is None
    assert np.array_equal(oracle.ask(9).tasks, other.ask(9).tasks)
    riac = teachers.make("riac", family, seed=0)
    assert settings_of(riac)["score_range"] == list(family.score_range)
    own = teachers.make("riac", family, seed=0, score_range=(0, 1))
    assert settings_of(own)["score_range"] == [0, 1]
    assert teachers.make("random", family, seed=0).space is family.space
    assert type(oracle).from_family(family, seed=0).space is family.space


class Told(UniformTeacher):
    def __init__(self, space, *, seed, target=None, easy=None):
        super().__init__(space, seed=seed)
        self.told = (target, easy)


class Plain(Family):
    test_set = "ends"
    space = Parameters(x=(0, 1))

    def test_tasks(self):
        return np.full((1, 1), 0.5)


class Ends(Plain):
    """Knows where its line is to lead, and where it begins."""

    def target(self, rng, n):
        return rng.uniform(0.9, 1.0, (n, 1))

    def easy(self, rng, n):
        return rng.uniform(0.0, 0.1, (n, 1))


def test_a_teacher_is_told_the_target_and_the_easy_tasks_of_a_family():
    target, easy = Told.from_family(Ends(), seed=0).told
    assert target.shape == easy.shape == (TOLD, 1)
    assert target.min() >= 0.9
    assert easy.max() <= 0.1
    # Always the same tasks, so that a run which is resumed is told the same.
    assert np.array_equal(target, Told.from_family(Ends(), seed=7).told[0])
    assert Told.from_family(Plain(), seed=0).told == (None, None)
    assert Told.from_family(Ends(), seed=0, target=3).told[0] == 3


def test_a_subclass_that_hands_options_on_takes_the_facts_of_its_base():
    class Mine(RIAC):
        def __init__(self, space, *, seed, **options):
            super().__init__(space, seed=seed, **options)

    family = envs.make("cartpole-parameters")
    assert settings_of(Mine.from_family(family, seed=0))["score_range"] == list(family.score_range)
