import numpy as np
import pytest
from strips import SPACE, Frontier, unasked

from teacherstudent import teachers
from teacherstudent.contract.spaces import Parameters, to_unit, whole
from teacherstudent.contract.types import Outcomes
from teacherstudent.teachers.goals.reverse import NEARBY, ReverseTeacher, nearby, reflected
from teacherstudent.testing.sessions import difference

LINE = Parameters(x=(0, 10))
EASY = np.array([[-1.8, 5.0], [-1.7, 4.8]])


def make(space=LINE, easy=((1.0,),), seed=0, **options):
    return ReverseTeacher(space, seed=seed, mastered=0.5, easy=easy, **options)


def answered(asked, solved):
    """Return outcomes of which rows are solved where ``solved`` says so of their tasks."""
    return Outcomes.of(asked, score=solved(asked.tasks).astype(float), cost=np.ones(len(asked)))


def test_reflection_by_hand():
    found = reflected(np.array([-0.2, 0.0, 0.3, 1.0, 1.25, 2.1, -1.9, 4.5]))
    np.testing.assert_allclose(found, [0.2, 0.0, 0.3, 1.0, 0.75, 0.1, 0.1, 0.5])


def test_walks_spread_by_the_square_root_of_their_steps():
    rng = np.random.default_rng(0)
    starts = np.array([[0.5, 0.25]])
    found = nearby(starts, np.array([0]), 0.1, 50, 9000, rng)
    # Dimensions that do not walk stay, and of the pool one point in 10 000 is the start itself.
    assert (found[:, 1] == 0.25).all()
    # A point of a walk is after 1 to 50 steps of variance 0.1^2 / 50: (1 + 50) / 2 steps on average.
    assert found[:, 0].std() == pytest.approx(0.1 * np.sqrt(25.5 / 50), rel=0.1)
    assert found[:, 0].mean() == pytest.approx(0.5, abs=0.01)
    # Starts as many as the pool are drawn as they are, but for one walk.
    many = rng.random((NEARBY, 1))
    found = nearby(many, np.array([0]), 0.1, 50, 2000, rng)
    assert np.isin(found, many).mean() > 0.98


def test_the_next_round_walks_from_what_was_solved_now_and_then():
    teacher = make(new=30, old=0, rollouts=2, noise=0.05)
    first = teacher.ask(30)
    again = teacher.ask(30)
    # The second turn of the round is of the same tasks.
    assert np.array_equal(first.tasks, again.tasks)
    near = np.abs(first.tasks - 1.0)
    assert near.max() < 2
    # Tasks above 1 are solved once of two times, the others always: so the former are good.
    teacher.tell(answered(first, lambda x: x[:, 0] > 0))
    assert teacher.metrics()["rounds"] == 0
    teacher.tell(answered(again, lambda x: x[:, 0] <= 1))
    good = first.tasks[first.tasks[:, 0] > 1]
    assert teacher.metrics()["rounds"] == 1
    assert teacher.metrics()["seeds"] == len(good)
    assert teacher.metrics()["far"] == pytest.approx((good - 1).mean() / 10)
    later = teacher.ask(300).tasks
    assert later.mean() == pytest.approx(good.mean(), abs=0.2)
    assert set(good[:, 0].tolist()) <= set(10 * teacher._olds[:, 0])


def test_old_tasks_are_part_of_every_round():
    teacher = make(new=10, old=40, easy=[[1.0], [9.0]])
    tasks = teacher.ask(50).tasks[:, 0]
    # The easy ones are old from the beginning, and exact; walks end there in one case of 10 000.
    assert np.isclose(tasks[:, None], [1, 9], atol=1e-12).any(axis=1).sum() == pytest.approx(40, abs=1)
    assert 8 < np.isclose(tasks, 1, atol=1e-12).sum() < 32


@pytest.mark.parametrize("score", [0.0, 1.0])
def test_without_good_tasks_it_goes_back_or_further(score):
    teacher = make(new=40, old=0, rollouts=1, noise=0.02)
    for _ in range(2):
        asked = teacher.ask(40)
        teacher.tell(answered(asked, lambda x: np.full(len(x), score)))
    spread = np.abs(teacher.ask(40).tasks - 1.0).mean()
    if score == 0:
        # All was too hard, so the walks still begin at the easy task.
        assert teacher.metrics()["far"] == 0
        assert spread < 0.3
    else:
        # Two rounds, each ten times as wide: the standard deviation of a whole walk is a fifth of the range.
        assert teacher.metrics()["far"] > 0.05
        assert spread > 1


def test_only_named_dimensions_walk():
    space = Parameters(start=(0, 10), goal=(0, 1), legs=whole(2, 6))
    teacher = make(space, easy=[[5, 0.25, 3], [6, 0.75, 4]], walk=("start",), noise=0.3)
    tasks = teacher.ask(150).tasks
    assert len(np.unique(tasks[:, 0])) > 90
    # The others are those of the easy task where the walk began.
    assert {tuple(row) for row in tasks[:, 1:].round(9).tolist()} == {(0.25, 3), (0.75, 4)}


def test_late_rows_and_rows_of_nobody_change_nothing():
    teacher = make(new=10, old=0, rollouts=1)
    asked = teacher.ask(25)
    before = teacher.state_dict()["algorithm"]
    teacher.tell(unasked(asked.tasks, np.ones(25)))
    assert difference(before, teacher.state_dict()["algorithm"]) is None
    # Ten rows end the round, so the other fifteen are late.
    teacher.tell(answered(asked.select(np.arange(10)), lambda x: x[:, 0] > 1))
    after = teacher.state_dict()["algorithm"]
    teacher.tell(answered(asked.select(np.arange(10, 20)), lambda x: x[:, 0] < 1))
    assert difference(after, teacher.state_dict()["algorithm"]) is None
    fresh = teacher.ask(10)
    teacher.tell(answered(asked.select(np.arange(20, 25)), lambda x: x[:, 0] < 1))
    assert np.isnan(teacher.snapshot()["success"]).all()
    teacher.tell(answered(fresh.select(np.array([3])), lambda x: np.ones(len(x))))
    assert np.flatnonzero(teacher.snapshot()["success"] == 1).tolist() == [3]


def test_lost_rows_are_made_up_for():
    teacher = make(new=10, old=0, rollouts=2)
    teacher.ask(10)
    for _ in range(3):
        assert teacher.metrics()["rounds"] == 0
        teacher.tell(answered(teacher.ask(7), lambda x: x[:, 0] > 1))
    assert teacher.metrics()["rounds"] == 1


def test_a_batch_is_told_like_its_rows():
    ends = []
    for cuts in ([], np.arange(1, 50), [7, 31]):
        teacher = make(new=10, old=5, rollouts=2)
        asked = teacher.ask(50)
        for part in np.split(np.arange(50), cuts):
            teacher.tell(answered(asked.select(part), lambda x: x[:, 0] > 1))
        teacher.ask(1)
        ends.append(teacher.state_dict())
    assert ends[0]["algorithm"]["rounds"] == 1
    assert difference(ends[0], ends[1]) is None
    assert difference(ends[0], ends[2]) is None


def test_the_frontier_moves_out_faster_than_with_uniform_tasks():
    for seed in range(4):
        teacher = teachers.make("reverse", SPACE, seed=seed, mastered=0.5, easy=EASY, noise=0.2)
        uniform = Frontier(seed).taught(teachers.make("random", SPACE, seed=seed), 1920)
        assert uniform < 0.5
        assert Frontier(seed).taught(teacher, 1920) > uniform + 0.3
        assert to_unit(SPACE, teacher.ask(99).tasks)[:, 0].max() > 0.5


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("mastered", None, r"expected a score"),
        ("easy", None, r"teachers.make\('reverse', family\)"),
        ("easy", np.zeros((0, 1)), "expected at least one task"),
        ("easy", [[11.0]], "row 0: expected a task in"),
        ("walk", ("y",), r"expected different names among \['x'\]"),
        ("walk", ("x", "x"), "expected different names"),
        ("walk", "x", "expected different names"),
        ("walk", (), "expected different names"),
        ("noise", 0, "expected a finite number above 0"),
        ("new", 0, "expected a whole number"),
        ("old", -1, "expected a whole number"),
        ("rollouts", 0, "expected a whole number"),
        ("band", (0.9, 0.1), "expected 0 <= least"),
    ],
)
def test_wrong_options_are_refused_by_name(option, value, message):
    options = {"mastered": 0.5, "easy": [[1.0]]} | {option: value}
    with pytest.raises(ValueError, match=f"reverse: {option}: .*{message}"):
        ReverseTeacher(LINE, seed=0, **options)
