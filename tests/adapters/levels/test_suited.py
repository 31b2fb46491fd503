"""Which teachers rounds of rollouts serve, and how long their buffers become."""

import warnings

import pytest
from adapted import Listener
from rollout_tables import SPACE, Rollouts

from teacherstudent import teachers
from teacherstudent.adapters.levels.suited import check_suited, fit, needed


def test_teachers_of_levels_are_served():
    names = ["plr", "robust-plr", "accel", "sfl", "parallel-plr", "parallel-accel", "domain-randomization"]
    for name in names:
        check_suited(teachers.make(name, SPACE, seed=0), None, "here")
    assert needed(teachers.make("plr", SPACE, seed=0, score="max_mc")) == {
        "episodes",
        "max_return",
        "mean_value",
    }
    check_suited(teachers.make("minimax", SPACE, seed=0), None, "here")


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: "plr", TypeError, "teacher: expected a Teacher or a TeacherClient, got 'plr'"),
        (lambda: Listener(SPACE), ValueError, "got Listener, of one episode: TeacherVectorEnv and"),
        (
            lambda: teachers.make("paired", SPACE, seed=0),
            ValueError,
            "got PAIRED, whose rows are for 2 members",
        ),
        (
            lambda: Rollouts(SPACE, needs=("probe_loss",)),
            ValueError,
            r"Rollouts needs \['probe_loss'\]; a roll",
        ),
        (
            lambda: teachers.make("plr", SPACE, seed=0, score="td_error"),
            ValueError,
            "discount: expected gamma x lambda of the advantages, as PLR needs td_error, got None",
        ),
    ],
)
def test_others_are_refused(make, error, words):
    with pytest.raises(error, match=words):
        check_suited(make(), None, "here")
    if "discount" in words:
        check_suited(make(), 0.9, "here")


def test_a_buffer_follows_the_budget_until_it_is_in_use():
    teacher = teachers.make("robust-plr", SPACE, seed=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(teacher, 6400.0, 64, 4, "here")
    # 100 rollouts of a slot: the buffer is filled to its half after 10 of them.
    assert teacher.buffer.capacity == 20
    teacher.ask(4)
    fit(teacher, 640_000.0, 64, 4, "here")
    assert teacher.buffer.capacity == 20


def test_a_budget_in_which_the_teacher_never_acts_is_worth_a_warning():
    teacher = teachers.make("robust-plr", SPACE, seed=0, buffer={"capacity": 500})
    with pytest.warns(
        UserWarning, match=r"here: RobustPLR: replay, .* after 250 rollouts .* holds 100 of 64"
    ):
        fit(teacher, 6400.0, 64, 4, "here")
