import numpy as np
import pytest
from frontiers import EASY, MASTERED, SPACE, TARGET, taught

from teacherstudent import teachers
from teacherstudent.contract.spaces import Parameters
from teacherstudent.contract.types import Outcomes
from teacherstudent.teachers.targets.spdl import SPDL

PLANE = Parameters(x=(0, 4), y=(0, 1))


def make(space=PLANE, **options):
    rng = np.random.default_rng(0)
    easy = np.array([0.8, 0.2]) + [0.4, 0.1] * rng.uniform(-1, 1, (200, 2))
    target = np.array([3.2, 0.8]) + [0.2, 0.05] * rng.uniform(-1, 1, (200, 2))
    known = {"mastered": 1.0, "batch": 40, "easy": easy, "target": target}
    return SPDL(space, seed=0, **(known | options))


def tell(teacher, asked, score):
    score = np.broadcast_to(np.asarray(score, float), (len(asked),))
    teacher.tell(Outcomes.of(asked, score=score, cost=np.ones(len(asked))))


def step(teacher, score):
    """Tell a batch, and return the Gaussian before and after in the unit cube."""
    before = teacher._gaussian
    asked = teacher.ask(40)
    tell(teacher, asked, score(asked.tasks) if callable(score) else score)
    return before, teacher._gaussian


def test_it_begins_with_the_gaussian_of_the_easy_tasks_or_one_over_the_space():
    shown = make().snapshot()
    np.testing.assert_allclose(shown["means"], [[0.8, 0.2]], atol=0.05)
    # Uniform to +-0.4 of a range of 4: a variance of 0.16 / 3, and (4 * 0.025)^2 as the least.
    np.testing.assert_allclose(shown["covariances"][0, 0, 0], 0.16 / 3 + 0.01, rtol=0.1)
    wide = make(easy=None, target=None).snapshot()
    assert wide["means"].tolist() == [[2.0, 0.5]]
    np.testing.assert_allclose(wide["covariances"][0], np.diag([1.0, 0.0625]))


def test_tasks_are_draws_and_lie_in_the_space():
    teacher = make(easy=None)
    tasks = teacher.ask(20_000).tasks
    assert tasks.min() >= 0
    # A Gaussian cut at two deviations has 0.7737 of the variance.
    np.testing.assert_allclose(tasks.var(axis=0), [0.7737, 0.7737 * 0.0625], rtol=0.05)


def test_while_mastered_the_gaussian_comes_nearer_to_the_target_by_the_bound():
    teacher = make(max_kl=0.3)
    for _ in range(5):
        before, after = step(teacher, 2.0)
        assert before.kl(after) == pytest.approx(0.3, abs=1e-3)
        assert after.kl(teacher._target) < before.kl(teacher._target)
    for _ in range(20):
        step(teacher, 2.0)
    assert teacher.metrics()["kl"] == pytest.approx(0.0, abs=1e-3)
    np.testing.assert_allclose(teacher.ask(2000).tasks.mean(axis=0), [3.2, 0.8], atol=0.02)


def test_before_mastery_it_goes_where_scores_are_high():
    teacher = make(mastered=10.0)
    for _ in range(6):
        _, after = step(teacher, lambda tasks: -tasks[:, 1])
    assert teacher.metrics()["reached"] == 0.0
    assert after.mean[1] < 0.1
    assert abs(after.mean[0] - 0.2) < 0.15


def test_the_step_is_no_further_than_keeps_mastery():
    """Scores fall with x: at mastered = 2 the mean score allows a mean of x up to 2 in raw units."""
    teacher = make(mastered=2.0, batch=200)
    for _ in range(25):
        asked = teacher.ask(200)
        tell(teacher, asked, 4 - asked.tasks[:, 0])
    # y is free, x waits.
    assert teacher._gaussian.mean[1] == pytest.approx(0.8, abs=0.05)
    assert 4 * teacher._gaussian.mean[0] == pytest.approx(2.0, abs=0.2)


def test_a_gaussian_that_has_lost_mastery_goes_back():
    teacher = make(mastered=2.0)
    step(teacher, 3.0)
    assert teacher.metrics()["reached"] == 1.0
    # Now only small x pay, and no step within the bound reaches 2 again.
    before, after = step(teacher, lambda tasks: -tasks[:, 0])
    assert after.mean[0] < before.mean[0]
    assert before.kl(after) <= 0.25 + 1e-5


def test_the_floor_holds_while_the_target_is_far():
    far = make(floor=(0.1, 1.0))
    near = make(floor=(0.1, 1e6))
    for _ in range(4):
        step(far, 2.0)
        step(near, 2.0)
    assert np.diag(far._gaussian.root).min() > np.diag(near._gaussian.root).min()
    assert np.diag(far._gaussian.root).min() >= min(0.1, np.diag(make()._gaussian.root).min()) - 1e-9


def test_alpha_of_the_penalised_form_by_hand():
    teacher = make(form="penalised", alpha=(1, 0.5))
    assert teacher._alpha(3.0) == 0.0  # the first update
    step(teacher, 2.0)
    away = teacher.metrics()["kl"]
    assert teacher._alpha(3.0) == pytest.approx(1.5 / away)
    assert teacher._alpha(-3.0) == 0.0
    assert teacher._alpha(1e30) == 1e5


def test_the_penalised_form_weighs_scores_against_the_target():
    still, moving = (make(form="penalised", alpha=(0, zeta)) for zeta in (0.0, 1.0))
    for teacher in (still, moving):
        for _ in range(4):
            step(teacher, 2.0)
    assert still.metrics()["kl"] == make().metrics()["kl"]
    assert moving.metrics()["kl"] < 0.5 * still.metrics()["kl"]


def test_late_rows_count_less_and_unasked_ones_not_at_all():
    teacher = make()
    asked = teacher.ask(1000)
    tell(teacher, asked, 2.0)
    # Without weights there would be 25 steps on rows of the first Gaussian.
    assert 2 < teacher.metrics()["updates"] < 15
    before = teacher.metrics()
    teacher.tell(Outcomes(ids=np.full(80, -1), tasks=asked.tasks[:80], score=np.ones(80), cost=np.ones(80)))
    assert teacher.metrics() == before


@pytest.mark.parametrize("form", ["constrained", "penalised", "interpolated"])
def test_scores_of_any_size_and_sign_do_no_harm(form):
    rng = np.random.default_rng(0)
    for scale in (1e100, -1e100, 1e-200, 1e50):
        teacher = make(form=form)
        for _ in range(4):
            _, after = step(teacher, scale * rng.random(40))
            assert after.sane
        assert np.isfinite(list(teacher.metrics().values())).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mastered": None}, "spdl: mastered: expected a finite score"),
        ({"form": "x"}, "spdl: form: expected one of .*'constrained'.*, got 'x'"),
        ({"batch": 1}, "spdl: batch: expected a whole number of at least 2, got 1"),
        ({"max_kl": 0.0}, "spdl: max_kl: expected a finite number of at least 0.0001"),
        ({"max_kl": 11}, "spdl: max_kl: expected a finite number .* at most 10, got 11"),
        ({"floor": (0.0, 1.0)}, "spdl: floor: share: expected a finite number above 0"),
        ({"floor": 0.1}, "spdl: floor: expected a share of the range and a divergence, or None, got 0.1"),
        ({"alpha": (0.5, 1)}, "spdl: alpha: updates: expected a whole number of at least 0, got 0.5"),
        ({"alpha": (1, -1)}, "spdl: alpha: zeta: expected a finite number of at least 0"),
        ({"easy": [[9.0, 0.0]]}, "spdl: easy: row 0: expected a task in"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        make(**options)


def test_the_penalised_form_does_without_mastery_and_it_says_when_it_acts():
    assert make(form="penalised", mastered=None).first_action().rows == 40


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"easy": None},
        {"form": "penalised", "alpha": (5, 2.0)},
        {"form": "interpolated", "max_kl": 1.0},
    ],
)
def test_it_leads_a_student_to_a_target_that_random_tasks_do_not_reach(options):
    facts = {"target": TARGET, "easy": EASY, "mastered": MASTERED} | options
    assert taught(teachers.make("spdl", SPACE, seed=0, **facts)).mastery(TARGET) == 1.0
    assert taught(teachers.make("random", SPACE, seed=0)).mastery(TARGET) == 0.0


def test_many_tasks_under_way_do_not_stop_it():
    facts = {"target": TARGET, "easy": EASY, "mastered": MASTERED}
    student = taught(teachers.make("spdl", SPACE, seed=0, **facts), batch=128)
    assert student.mastery(TARGET) == 1.0
