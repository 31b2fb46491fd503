import numpy as np
import pytest
from strips import SPACE, Frontier, unasked

from teacherstudent import teachers
from teacherstudent.contract.spaces import Parameters, log, to_unit
from teacherstudent.contract.types import Outcomes
from teacherstudent.teachers.generators.goal_gan import GoalGANTeacher
from teacherstudent.testing.sessions import difference

SMALL = {"pretrain": 5, "iterations": 5, "maker": (8,), "critic": (8,)}
LINE = Parameters(x=(0, 10))


def make(space=LINE, seed=0, **options):
    return GoalGANTeacher(space, seed=seed, **({"mastered": 0.5, "gan": SMALL} | options))


def answered(asked, score):
    return Outcomes.of(asked, score=np.asarray(score, float), cost=np.ones(len(asked)))


@pytest.mark.parametrize("batches", [[12], [1] * 12, [5, 4, 3]])
def test_a_goal_is_asked_for_in_successive_rows(batches):
    teacher = make(n_rollouts=3, update_size=100)
    tasks = np.concatenate([teacher.ask(n).tasks for n in batches])[:, 0]
    goals = tasks.reshape(4, 3)
    assert (goals == goals[:, :1]).all()
    assert len(set(goals[:, 0])) == 4
    assert teacher.metrics()["pending"] == 4


def test_labels_by_hand():
    teacher = make(update_size=4, p_old=0.0)
    asked = teacher.ask(8)
    before = teacher.state_dict()["algorithm"]["gan"]
    # Successes of the four goals: 0, 1, 2 and 1 of two.
    score = [0, 0, 1, 0, 1, 1, 0, 1]
    teacher.tell(answered(asked.select(np.arange(7)), score[:7]))
    assert teacher.metrics()["updates"] == 0
    assert teacher.metrics()["mastered"] == 1
    teacher.tell(answered(asked.select(np.arange(7, 8)), score[7:]))
    shown = teacher.snapshot()
    assert shown["success"].tolist() == [0, 0.5, 1, 0.5]
    np.testing.assert_allclose(shown["tasks"][:, 0], asked.tasks[::2, 0])
    assert teacher.metrics()["intermediate"] == 0.5
    assert teacher.metrics()["updates"] == 1
    assert difference(before, teacher.state_dict()["algorithm"]["gan"]) is not None


def test_without_a_good_goal_nothing_is_learnt():
    teacher = make(update_size=4, p_old=0.0)
    asked = teacher.ask(8)
    before = teacher.state_dict()["algorithm"]["gan"]
    teacher.tell(answered(asked, np.zeros(8)))
    assert difference(before, teacher.state_dict()["algorithm"]["gan"]) is None
    assert teacher.metrics()["intermediate"] == 0
    # The labels are used up all the same.
    assert len(teacher.state_dict()["algorithm"]["labelled"]) == 0


def test_mastered_goals_come_back_for_one_row():
    teacher = make(noise=0.0, p_old=1.0, update_size=1000)
    asked = teacher.ask(2)
    teacher.tell(answered(asked, [1, 1]))
    again = teacher.ask(5)
    assert (again.tasks == asked.tasks[0]).all()
    # Their outcomes are of no goal that is waited for.
    assert teacher.metrics()["pending"] == 0
    teacher.tell(answered(again, np.ones(5)))
    assert teacher.metrics()["mastered"] == 1


def test_variants_read_outcomes_by_id_or_by_task():
    counted = {}
    for variant in ("fixed", "paper"):
        teacher = make(variant=variant, update_size=1000, p_old=0.0)
        asked = teacher.ask(2)
        teacher.tell(unasked(asked.tasks, [1, 1]))
        counted[variant] = teacher.metrics()["mastered"]
        assert teacher.ask(1).tasks.dtype == np.float64
    assert counted == {"fixed": 0, "paper": 1}


def test_the_network_of_the_paper_fills_half_of_its_range():
    points = np.array([[0.0], [0.5], [1.0]])
    for variant, ends in (("fixed", 1.0), ("paper", 0.5)):
        cube = make(variant=variant)._cube
        np.testing.assert_allclose(cube.network(points)[:, 0], [-ends, 0, ends])
        np.testing.assert_allclose(cube.made(cube.network(points)), points)
    wide = make(variant="paper").snapshot()["made"]
    assert wide.min() >= 0
    assert wide.max() <= 10
    # Tasks of the paper are rounded to float32, and know no logarithms.
    space = Parameters(force=log(0.1, 10))
    tasks = make(space, variant="paper").ask(10).tasks
    assert (tasks == tasks.astype(np.float32)).all()
    middle = {v: make(space, variant=v)._cube.tasks(np.array([[0.5]]))[0, 0] for v in ("fixed", "paper")}
    assert middle == {"fixed": pytest.approx(1.0), "paper": pytest.approx(5.05)}


def test_distances_of_the_paper_are_in_raw_units():
    space = Parameters(a=(0, 1), b=(0, 100))
    close = np.array([[0.0, 0.5], [0.9, 0.5]])
    kept = {}
    for variant in ("fixed", "paper"):
        old = make(space, variant=variant)._old
        old.add(close)
        kept[variant] = len(old)
    # Nine tenths of the range of a are less than a hundredth of the diagonal in raw units.
    assert kept == {"fixed": 2, "paper": 1}


def test_the_first_goals_of_the_fixed_variant_are_spread():
    spread = {}
    for variant in ("fixed", "paper"):
        gan = {"maker": (32, 32), "critic": (32, 32)} | ({"pretrain": 300} if variant == "fixed" else {})
        teacher = make(SPACE, variant=variant, gan=gan, noise=0.0)
        spread[variant] = to_unit(SPACE, teacher.ask(400).tasks).std(axis=0).min()
    assert spread["fixed"] > 0.18
    assert make(SPACE, variant="paper", gan=None)._pretrain == 0
    assert make(SPACE, gan=None)._pretrain == 500


def test_a_dropped_row_gives_its_goal_up():
    teacher = make(update_size=2, p_old=0.0)
    asked = teacher.ask(6)
    teacher.drop(asked.ids[1:2])
    teacher.tell(answered(asked.select(np.array([0, 2, 3, 4, 5])), [1, 1, 0, 1, 0]))
    assert teacher.metrics()["updates"] == 1
    assert teacher.metrics()["pending"] == 0


@pytest.mark.parametrize("variant", ["fixed", "paper"])
def test_a_batch_is_told_like_its_rows(variant):
    ends = []
    for cuts in ([], np.arange(1, 60), [7, 31]):
        teacher = make(variant=variant, update_size=6)
        asked = teacher.ask(60)
        score = np.random.default_rng(1).integers(0, 2, 60)
        for part in np.split(np.arange(60), cuts):
            teacher.tell(answered(asked.select(part), score[part]))
        ends.append(teacher.state_dict())
    assert ends[0]["algorithm"]["updates"] >= 4
    assert difference(ends[0], ends[1]) is None
    assert difference(ends[0], ends[2]) is None


def test_the_frontier_moves_out_faster_than_with_uniform_tasks():
    gan = {"maker": (64, 64), "critic": (64, 64), "iterations": 200, "pretrain": 200}
    for seed in range(3):
        teacher = make(SPACE, seed=seed, update_size=50, gan=gan)
        uniform = Frontier(seed).taught(teachers.make("random", SPACE, seed=seed), 1920)
        assert Frontier(seed).taught(teacher, 1920) > uniform + 0.25


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("variant", "other"),
        ("mastered", None),
        ("update_size", 0),
        ("n_rollouts", 0),
        ("band", (1, 0)),
        ("p_old", 1.5),
        ("noise", -1),
    ],
)
def test_wrong_options_are_refused_by_name(option, value):
    with pytest.raises(ValueError, match=f"goal-gan: {option}: expected"):
        make(**{option: value})
    with pytest.raises(TypeError, match=r"goal-gan: gan: expected options among .*, got 'layers'"):
        make(gan={"layers": 3})
