"""A space whose pieces have changed places: where tasks go, and that another teacher works behind it."""

import numpy as np
import pytest

from teacherstudent import envs, teachers
from teacherstudent.contract.spaces import Parameters, to_unit, whole
from teacherstudent.contract.stored.saved import difference
from teacherstudent.contract.stored.settings import settings_of
from teacherstudent.contract.types import Outcomes
from teacherstudent.teachers.rugged import RuggedTeacher
from teacherstudent.testing import check_teacher

SPACE = Parameters(x=(0, 4), y=(-2, 2))


def rugged(seed=0, **options):
    return RuggedTeacher(SPACE, seed=seed, **options)


def test_a_task_keeps_its_place_in_its_piece():
    teacher = rugged(pieces=4, shuffle=1)
    places = teacher._places
    assert not np.array_equal(places, np.tile(np.arange(4), (2, 1)))
    moved = teacher._moved(np.array([[0.25, -2.0], [2.5, 1.75]]), places)
    # x = 0.25 lies a quarter into piece 0, y = -2 at the start of piece 0; each piece is 1 long.
    assert moved[0].tolist() == pytest.approx([places[0, 0] + 0.25, places[1, 0] - 2])
    assert moved[1].tolist() == pytest.approx([places[0, 2] + 0.5, places[1, 3] - 2 + 0.75])


def test_the_way_back_is_the_way_there_reversed():
    teacher = rugged(pieces=5, shuffle=3)
    rng = np.random.default_rng(0)
    tasks = rng.uniform(SPACE.low, SPACE.high, (1_000, 2))
    # Both ends of every piece too, which clipped tasks lie on.
    ends = np.linspace(0, 1, 6)
    corners = SPACE.low + np.stack(np.meshgrid(ends, ends), -1).reshape(-1, 2) * (SPACE.high - SPACE.low)
    tasks = np.concatenate([tasks, corners])
    moved = teacher._moved(tasks, teacher._places)
    assert np.abs(teacher._moved(moved, teacher._back) - tasks).max() < 2e-6
    assert np.abs(moved - tasks).max() > 1
    # Every piece is taken once: a uniform task stays uniform.
    share = to_unit(SPACE, moved[:1_000])
    assert np.abs(share.mean(axis=0) - 0.5).max() < 0.04


def test_the_other_teacher_hears_of_its_own_tasks():
    teacher = rugged(teacher="riac")
    asked = teacher.ask(50)
    other = teacher._other
    assert np.array_equal(other.outstanding, asked.ids)
    seen = []
    tell = other.tell
    other.tell = lambda outcomes: (seen.append(outcomes.tasks), tell(outcomes))
    teacher.tell(Outcomes.of(asked, score=np.zeros(50), cost=np.ones(50)))
    assert np.abs(teacher._moved(seen[0], teacher._places) - asked.tasks).max() < 1e-5
    assert other.outstanding.size == 0
    asked = teacher.ask(3)
    teacher.drop(asked.ids)
    assert other.outstanding.size == 0


def test_facts_go_to_a_teacher_that_takes_them():
    family = envs.make("stump-tracks")
    teacher = teachers.make("rugged", family, seed=0, teacher="alp-gmm", options={"fit_rate": 60})
    assert settings_of(teacher._other)["score_range"] == list(family.score_range)
    assert teachers.make("rugged", family, seed=0, teacher="random").ask(2).tasks.shape == (2, 2)


def test_runs_with_one_shuffle_meet_the_same_landscape():
    first, second = rugged(0, shuffle=5), rugged(1, shuffle=5)
    assert np.array_equal(first._places, second._places)
    assert not np.array_equal(first.ask(4).tasks, second.ask(4).tasks)


def test_a_state_of_other_rows_is_refused():
    teacher = rugged()
    teacher.ask(3)
    state = teacher.state_dict()
    state["algorithm"]["other"]["ids"] = rugged().state_dict()["ids"]
    before = teacher.state_dict()
    with pytest.raises(ValueError, match="rugged: other: expected the same outstanding rows"):
        teacher.load_state_dict(state)
    assert difference(before, teacher.state_dict()) is None


@pytest.mark.parametrize("name", ["alp-gmm", "riac", "random"])
def test_it_keeps_the_contract_with_other_teachers(name):
    check_teacher(lambda seed: rugged(seed, teacher=name), episodes=400)


def test_bad_options_are_refused():
    with pytest.raises(ValueError, match="rugged: expected a space without whole numbers and choices"):
        RuggedTeacher(Parameters(x=whole(0, 3)), seed=0)
    with pytest.raises(ValueError, match=r"rugged: pieces: expected .*, got 0"):
        rugged(pieces=0)
    with pytest.raises(ValueError, match="unknown teacher 'alp-gm'"):
        rugged(teacher="alp-gm")
    with pytest.raises(TypeError, match="fit_rat"):
        rugged(options={"fit_rat": 3})
