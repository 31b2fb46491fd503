import numpy as np
import pytest
from frontiers import EASY, MASTERED, SPACE, TARGET, taught

from teacherstudent import teachers
from teacherstudent.contract.spaces import Parameters
from teacherstudent.contract.types import Outcomes
from teacherstudent.teachers.targets.currot import CurrOT

PLANE = Parameters(x=(0, 4), y=(0, 1))
FORMS = [
    {"form": form, "variant": variant} for form in ("assignment", "sliced") for variant in ("fixed", "paper")
]


def make(space=PLANE, **options):
    known = {"mastered": 1.0, "particles": 20, "batch": 10, "easy": [[0.2, 0.1]], "target": [[3.8, 0.9]]}
    return CurrOT(space, seed=0, **(known | options))


def tell(teacher, asked, score):
    score = np.broadcast_to(np.asarray(score, float), (len(asked),))
    teacher.tell(Outcomes.of(asked, score=score, cost=np.ones(len(asked))))


def particles(teacher):
    return teacher.snapshot()["particles"]


def test_it_begins_with_easy_tasks_or_uniformly_and_adds_a_little_noise():
    teacher = make()
    assert np.array_equal(particles(teacher), np.tile([0.2, 0.1], (20, 1)))
    away = teacher.ask(500).tasks - [0.2, 0.1]
    # A thousandth of the range to both sides.
    np.testing.assert_allclose(np.abs(away).max(axis=0), [0.004, 0.001], rtol=0.05)
    uniform = particles(make(easy=None, particles=2000))
    np.testing.assert_allclose(uniform.mean(axis=0), [2.0, 0.5], atol=0.1)


def test_the_radius_is_a_share_of_the_diagonal_or_raw_or_its_root():
    assert make(step=0.1)._radius == pytest.approx(0.1 * np.sqrt(2))
    assert make(step=0.1, form="sliced")._radius == pytest.approx(0.1 * np.sqrt(2))
    assert make(step=0.25, variant="paper")._radius == 0.25
    assert make(step=0.25, variant="paper", form="sliced")._radius == 0.5
    assert make(variant="paper")._radius == pytest.approx(0.05 * np.sqrt(17))


@pytest.mark.parametrize("options", FORMS)
def test_mastered_particles_move_a_radius_nearer_and_no_further(options):
    teacher = make(step=0.1, **options)
    before = particles(teacher)
    tell(teacher, teacher.ask(10), 2.0)
    assert teacher.metrics()["moving"] == 1.0
    assert teacher.metrics()["predicted"] == pytest.approx(2.0)
    moved = particles(teacher) - before
    if options["variant"] == "fixed":
        moved /= [4, 1]
    length = np.linalg.norm(moved, axis=1)
    assert length.max() <= teacher._radius * (1 + 1e-9)
    # Everywhere near is predicted to be mastered, so each takes a candidate well on the way.
    assert length.min() > 0.8 * teacher._radius
    assert (moved > -1e-12).all() or options["form"] == "sliced"


def test_a_goal_is_the_partner_or_a_step_of_sliced_transport():
    for form, share in (("assignment", 1.0), ("sliced", 0.5)):
        teacher = make(step=1.0, form=form)
        tell(teacher, teacher.ask(10), 2.0)
        # Nothing stops the particles: they arrive, or have half of the way, as the shadows in two dimensions.
        way = (particles(teacher) - [0.2, 0.1]) / [3.6, 0.8]
        np.testing.assert_allclose(way, share, atol=0.1)


@pytest.mark.parametrize("options", FORMS)
def test_particles_do_not_go_where_the_model_predicts_failure(options):
    """Beyond x = 1 everything fails: the particles come up to there and wait."""
    teacher = make(step=0.1, particles=40, batch=20, **options)
    for _ in range(40):
        asked = teacher.ask(20)
        tell(teacher, asked, np.where(asked.tasks[:, 0] < 1, 2.0, 0.0))
    x = particles(teacher)[:, 0]
    assert x.max() < 1.5
    assert np.median(x) > 0.7


def test_before_they_move_particles_are_draws_near_the_best_unless_sliced():
    assignment = make(easy=None)
    sliced = make(easy=None, form="sliced")
    for teacher in (assignment, sliced):
        asked = teacher.ask(10)
        tell(teacher, asked, np.arange(10) / 100)
    assert assignment.metrics()["moving"] == 0.0
    assert sliced.metrics()["moving"] == 1.0
    best = asked.tasks[5:]
    assert assignment.snapshot()["successes"].shape == (10, 2)
    # The worst of all scores is 0, so noise has nearly a quarter of the range around the better half.
    nearest = np.abs(particles(assignment)[:, None] - best).min(axis=1)
    assert (nearest < [3.0, 0.75]).all()


def test_the_latch_stays_and_failures_are_kept_from_then_on():
    teacher = make()
    tell(teacher, teacher.ask(10), 2.0)
    assert not len(teacher.state_dict()["algorithm"]["failed"])
    for _ in range(3):
        tell(teacher, teacher.ask(10), 0.0)
    assert teacher.metrics()["moving"] == 1.0
    state = teacher.state_dict()["algorithm"]
    assert len(state["failed"]) == 20  # as many as particles, the last ones
    assert (state["failed_scores"] == 0.0).all()


def test_a_particle_that_has_arrived_stays_and_nothing_is_divided_by_zero():
    teacher = make(easy=[[3.8, 0.9]], variant="paper")
    for _ in range(3):
        tell(teacher, teacher.ask(10), 2.0)
        assert np.array_equal(particles(teacher), np.tile([3.8, 0.9], (20, 1)))
    assert teacher.metrics()["distance"] == 0.0


def test_rows_that_nobody_asked_for_count():
    teacher = make()
    tasks = np.tile([0.2, 0.1], (10, 1))
    teacher.tell(Outcomes(ids=np.full(10, -1), tasks=tasks, score=np.full(10, 2.0), cost=np.ones(10)))
    assert teacher.metrics()["moving"] == 1.0


def test_a_batch_told_at_once_gives_the_state_of_its_rows_told_singly():
    at_once, singly = make(easy=None), make(easy=None)
    rng = np.random.default_rng(0)
    for _ in range(5):
        one, other = at_once.ask(33), singly.ask(33)
        scores = rng.random(33) * 2
        tell(at_once, one, scores)
        for i in range(33):
            tell(singly, other.select([i]), scores[i])
    assert np.array_equal(particles(at_once), particles(singly))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mastered": None}, "currot: mastered: expected a finite score"),
        ({"form": "x"}, r"currot: form: expected one of \['assignment', 'sliced'\], got 'x'"),
        ({"variant": "x"}, "currot: variant: expected 'fixed' or 'paper', got 'x'"),
        ({"particles": 1}, "currot: particles: expected a whole number of at least 2, got 1"),
        ({"batch": 20}, "currot: batch: expected a whole number of at most 19, got 20"),
        ({"step": 0}, "currot: step: expected a finite number of at least 1e-06"),
        ({"step": -1.0, "variant": "paper"}, "currot: step: expected a finite number above 0"),
        (
            {"step": 1e-9, "variant": "paper"},
            "currot: step: expected a radius of at least .*give a greater step",
        ),
        ({"target": [[9.0, 0.0]]}, "currot: target: row 0: expected a task in"),
        ({"easy": "x"}, "currot: easy: expected tasks of shape"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        make(**options)


def test_it_says_when_it_first_acts():
    assert make().first_action().rows == 10


@pytest.mark.parametrize("options", FORMS)
def test_it_leads_a_student_to_a_target_that_random_tasks_do_not_reach(options):
    facts = {"target": TARGET, "easy": EASY, "mastered": MASTERED}
    student = taught(teachers.make("currot", SPACE, seed=0, **facts, **options), episodes=3000)
    assert student.mastery(TARGET) == 1.0


def test_it_finds_the_way_from_uniform_particles_too():
    facts = {"target": TARGET, "mastered": MASTERED}
    assert taught(teachers.make("currot", SPACE, seed=0, **facts)).mastery(TARGET) == 1.0
    assert taught(teachers.make("random", SPACE, seed=0)).mastery(TARGET) == 0.0
