import numpy as np
import pytest

from teacherstudent import teachers
from teacherstudent.contract.spaces import Discrete, Parameters
from teacherstudent.contract.teacher import Scales
from teacherstudent.contract.types import Outcomes
from teacherstudent.teachers.replay.buffer.levels import LevelBuffer
from teacherstudent.teachers.replay.fitting import chosen, temperature

SPACE = Parameters(a=(0, 1), b=(0, 1))
LEVEL_TEACHERS = ["plr", "robust-plr", "accel", "parallel-plr", "parallel-accel"]


def choose(given=None, *, rows, slots=8, min_fill=0.5, paper=0.1, most=np.inf):
    return chosen(given or {}, rows=rows, slots=slots, min_fill=min_fill, paper=paper, most=most)


def test_the_buffer_is_filled_to_its_line_after_a_tenth_of_the_rows():
    assert choose(rows=10_000)["capacity"] == 2000  # half of it: 1 000 rows
    assert choose(rows=10_000, min_fill=0.25)["capacity"] == 4000
    assert choose(rows=10**7)["capacity"] == 4000  # the papers'
    assert choose(rows=73)["capacity"] == 32  # half of it: two asks of 8
    assert choose(rows=10_000, most=7)["capacity"] == 7
    assert "capacity" not in choose({"capacity": 50}, rows=10_000)


@pytest.mark.parametrize(("levels", "slots"), [(16, 8), (2000, 64), (500, 128), (30, 2)])
def test_the_temperature_is_the_lowest_whose_effective_size_is_at_least_the_slots(levels, slots):
    def effective(t):
        p = np.arange(1, levels + 1) ** (-1 / t)
        p /= p.sum()
        return 1 / (p**2).sum()

    found = temperature(levels, slots)
    assert effective(found) >= slots > effective(found - 0.002)


def test_two_levels_by_hand():
    # p = 1 / (1 + x), x / (1 + x) with x = 2 ** (-1 / t): (1 + x)² / (1 + x²) = 1.6 for x = 1/3.
    x = 2 ** (-1 / temperature(2, 1.6))
    assert x == pytest.approx(1 / 3, abs=1e-3)
    assert temperature(8, 8) == np.inf
    assert temperature(4, 1) == 0.01


def test_the_paper_s_temperature_is_the_least():
    assert choose(rows=10**6, slots=1, paper=0.3)["temperature"] == 0.3
    assert choose({"temperature": 0.05}, rows=10**6).keys() == {"capacity"}
    assert choose({"priority": "proportional"}, rows=10**6).keys() == {"capacity"}


@pytest.mark.parametrize("name", LEVEL_TEACHERS)
@pytest.mark.parametrize("buffer", [None, {"temperature": None, "capacity": None}])
def test_level_teachers_follow_the_run(name, buffer):
    teacher = teachers.make(name, SPACE, seed=0, buffer=buffer)
    assert isinstance(teacher, Scales)
    assert teacher.buffer.capacity == 4000, "nobody has told it of a run"
    found = teacher.fit_to(1000, 16)
    assert teacher.buffer.capacity == found["capacity"] == 200
    assert teacher.first_action().rows == 100
    # With scores that all differ, the replay probabilities of a buffer at its line are of 16 levels or more.
    rng = np.random.default_rng(0)
    teacher.buffer.insert(rng.random((100, 2)), np.arange(100.0))
    assert teacher.buffer.effective_size() >= 16
    assert teacher.caution() is None


def test_what_the_user_gives_stays():
    teacher = teachers.make("plr", SPACE, seed=0, buffer={"capacity": 60, "temperature": 0.1})
    assert teacher.fit_to(10**6, 64) == {}
    assert teacher.buffer.capacity == 60


def test_a_spiky_buffer_is_told_of():
    teacher = teachers.make(
        "plr", SPACE, seed=0, score="value_l1", replay=1.0, buffer={"capacity": 40, "temperature": 0.1}
    )
    while teacher.first_action() is not None:
        asked = teacher.ask(16)
        n = len(asked)
        scores = teacher.rng.random(n)
        signals = {"episodes": np.ones(n), "value_l1": scores, "max_return": scores}
        teacher.tell(Outcomes.of(asked, score=scores, cost=np.ones(n), signals=signals))
    said = teacher.caution()
    assert said.startswith("PLR: replays are of ")
    assert "for 16 slots" in said
    assert "temperature" in said


def test_repaired_has_half_of_the_rows_and_slots_for_each_buffer():
    teacher = teachers.make("repaired", SPACE, seed=0)
    found = teacher.fit_to(2000, 32)
    assert [buffer.capacity for buffer in teacher.buffers] == [200, 200]
    assert found["temperature"] == choose(rows=1000, slots=16)["temperature"]
    assert teacher.first_action().rows == 200


def test_sfl_measures_a_twentieth_of_the_rows():
    teacher = teachers.make("sfl", SPACE, seed=0)
    assert teacher.first_action().rows == 5000
    assert teacher.fit_to(4000, 10) == {"candidates": 40, "refresh": 20, "keep": 4}
    assert teacher.first_action().rows == 200
    assert teachers.make("sfl", SPACE, seed=0).fit_to(10**6, 100) == {
        "candidates": 1000,
        "refresh": 50,
        "keep": 100,
    }
    own = teachers.make("sfl", SPACE, seed=0, candidates=30, keep=5, refresh=7)
    assert own.fit_to(4000, 10) == {}
    assert own.first_action().rows == 150
    assert teachers.make("sfl", SPACE, seed=0, keep=50).fit_to(400, 10)["candidates"] == 50


@pytest.mark.parametrize("name", ["alp-gmm", "covar-gmm"])
def test_fit_rates_follow_the_run(name):
    for rows, rate in ((100, 50), (2000, 100), (10**6, 250)):
        teacher = teachers.make(name, SPACE, seed=0)
        assert teacher.fit_to(rows, 8) == {"fit_rate": rate}
        assert teacher.first_action().rows == rate
        for _ in range(2):
            asked = teacher.ask(rate)
            ones = np.ones(rate)
            teacher.tell(Outcomes.of(asked, score=teacher.rng.random(rate), cost=ones))
        assert teacher.first_action() is None
        assert teacher.decisions() == 2
    assert teachers.make(name, SPACE, seed=0, fit_rate=70).fit_to(2000, 8) == {}
    paper = teachers.make(name, SPACE, seed=0, variant="paper")
    assert paper.fit_to(2000, 8) == {}
    assert paper.first_action().rows == 250


def test_region_sizes_follow_the_run():
    teacher = teachers.make("riac", SPACE, seed=0)
    assert teacher.fit_to(2000, 8) == {"region_size": 100}
    assert teacher.first_action().rows == 100
    assert teachers.make("riac", SPACE, seed=0, alp_window=150).fit_to(2000, 8) == {"region_size": 150}
    assert teachers.make("riac", SPACE, seed=0, region_size=40).fit_to(2000, 8) == {}
    asked = teacher.ask(150)
    teacher.tell(Outcomes.of(asked, score=teacher.rng.random(150), cost=np.ones(150)))
    assert teacher.first_action() is None


def test_replaying_nothing_and_training_on_nothing_else_is_refused():
    with pytest.raises(ValueError, match="replay: expected above 0, as only replayed levels are trained on"):
        teachers.make("robust-plr", SPACE, seed=0, replay=0.0)


def test_a_buffer_of_one_task_is_possible():
    assert LevelBuffer(Discrete(1), **choose(rows=50, most=1)).capacity == 1
