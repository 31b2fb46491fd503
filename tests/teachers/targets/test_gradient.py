import numpy as np
import pytest
from frontiers import EASY, MASTERED, SPACE, TARGET, taught

from teacherstudent import teachers
from teacherstudent.contract.spaces import Parameters
from teacherstudent.contract.types import Outcomes
from teacherstudent.teachers.targets.gradient import Gradient
from teacherstudent.teachers.targets.transport import pairing

LINE = Parameters(x=(0, 1))


def make(space=LINE, **options):
    known = {"easy": [[0.1], [0.2]], "target": [[0.9], [0.7]], "mastered": 1.0}
    return Gradient(space, seed=0, **(known | {"stages": 4, "batch": 5, "particles": 40} | options))


def tell(teacher, asked, score):
    teacher.tell(Outcomes.of(asked, score=np.full(len(asked), score), cost=np.ones(len(asked))))


def particles(teacher):
    return np.sort(teacher.snapshot()["particles"], axis=0)


def test_a_stage_is_its_share_of_the_way_between_pairs():
    teacher = make(particles=2, easy=[[0.1]], target=[[0.9]])
    for stage, expected in enumerate([0.1, 0.3, 0.5, 0.7, 0.9]):
        assert teacher.metrics()["alpha"] == stage / 4
        assert teacher.metrics()["distance"] == pytest.approx(0.9 - expected)
        assert particles(teacher)[:, 0] == pytest.approx([expected] * 2)
        tell(teacher, teacher.ask(5), 1.0)
    assert particles(teacher)[:, 0].tolist() == [0.9, 0.9]


def test_the_plan_is_the_same_from_any_stage():
    """So that the barycentre of a stage and the target is the later stage, as in the authors' code."""
    teacher = make(SPACE, easy=EASY, target=None)
    state = teacher.state_dict()["algorithm"]
    for stage in (1, 2, 3):
        between = state["easy"] + stage / 4 * (state["wanted"] - state["easy"])
        assert pairing(between, state["wanted"]).tolist() == list(range(40))


def test_the_mean_of_a_batch_decides():
    teacher = make()
    asked = teacher.ask(20)
    tell(teacher, asked.select(np.arange(4)), 2.0)
    tell(teacher, asked.select([4]), -3.1)  # the mean is 0.98
    assert teacher.metrics()["alpha"] == 0
    tell(teacher, asked.select(np.arange(5, 10)), 1.0)
    assert teacher.metrics()["alpha"] == 0.25


def test_rows_of_an_earlier_stage_do_not_count_unless_paper():
    for variant, after in (("fixed", 0.25), ("paper", 0.75)):
        teacher = make(variant=variant)
        asked = teacher.ask(15)
        tell(teacher, asked, 1.0)
        assert teacher.metrics()["alpha"] == after
        unasked = Outcomes(ids=np.full(5, -1), tasks=asked.tasks[:5], score=np.ones(5), cost=np.ones(5))
        teacher.tell(unasked)
        assert teacher.metrics()["alpha"] == (0.25 if variant == "fixed" else 1.0)


def test_tasks_are_particles_and_in_the_end_the_target():
    teacher = make()
    assert set(teacher.ask(200).tasks[:, 0]) == {0.1, 0.2}
    for _ in range(4):
        tell(teacher, teacher.ask(5), 1.0)
    assert set(teacher.ask(200).tasks[:, 0]) == {0.9, 0.7}
    tell(teacher, teacher.ask(50), -1.0)
    assert teacher.metrics() == {"alpha": 1.0, "distance": 0.0}


def test_paper_pairs_in_raw_units():
    space = Parameters(x=(0, 100), y=(0, 1))
    easy = np.array([[0.0, 0.0], [1.0, 1.0]])
    target = np.array([[50.0, 1.0], [55.0, 0.0]])

    def partner(variant):
        options = {"easy": easy, "target": target, "variant": variant, "particles": 60}
        state = make(space, **options).state_dict()["algorithm"]
        return (state["easy"][:, 1] - state["wanted"][:, 1] != 0).mean()

    # In raw units x decides, and pairs 0 with 50 and 1 with 55, whose y are opposite.
    assert partner("paper") > 0.8
    assert partner("fixed") < 0.2


def test_without_a_target_it_is_uniform():
    teacher = make(SPACE, easy=EASY, target=None, stages=1, particles=400)
    tell(teacher, teacher.ask(5), 1.0)
    tasks = teacher.ask(2000).tasks
    np.testing.assert_allclose(tasks.mean(axis=0), [1.0, 0.0], atol=0.5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"easy": None}, "gradient: easy: expected tasks .* got none: give easy="),
        ({"mastered": None}, "gradient: mastered: expected a finite score"),
        ({"target": [[2.0]]}, "gradient: target: row 0: expected a task in"),
        ({"variant": "x"}, "gradient: variant: expected 'fixed' or 'paper', got 'x'"),
        ({"stages": 0}, "gradient: stages: expected a whole number of at least 1, got 0"),
        ({"batch": 0}, "gradient: batch: expected"),
        ({"particles": 5001}, "gradient: particles: expected a whole number of at most 5000, got 5001"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        make(**options)


def test_a_family_tells_it_what_it_needs_and_it_says_when_it_acts():
    wait = make().first_action()
    assert (wait.rows, wait.what) == (5, "leaving the easy tasks")


@pytest.mark.parametrize("seed", range(2))
def test_it_leads_a_student_to_a_target_that_random_tasks_do_not_reach(seed):
    facts = {"target": TARGET, "easy": EASY, "mastered": MASTERED}
    student = taught(teachers.make("gradient", SPACE, seed=seed, **facts), episodes=3000)
    assert student.mastery(TARGET) == 1.0
    assert taught(teachers.make("random", SPACE, seed=seed)).mastery(TARGET) == 0.0
