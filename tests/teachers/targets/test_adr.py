import numpy as np
import pytest
from frontiers import EASY, MASTERED, SPACE, TARGET, taught

from teacherstudent import teachers
from teacherstudent.contract.spaces import Parameters
from teacherstudent.contract.types import Outcomes
from teacherstudent.teachers.targets.adr import ADR

UNIT = Parameters(a=(0, 1), b=(0, 1))
START = [[0.5, 0.25]]
LOW_A, LOW_B, HIGH_A, HIGH_B = range(4)


def make(space=UNIT, easy=START, **options):
    known = {"mastered": 1.0, "failed": 0.0, "queue": 3, "boundary_ratio": 1.0}
    return ADR(space, seed=0, easy=easy, **(known | options))


def bound_of(teacher, n):
    """Ask for ``n`` tasks, and return the assignment with the bound that each was drawn on, by its notes."""
    asked = teacher.ask(n)
    state = teacher.state_dict()["algorithm"]
    codes = dict(zip(state["ids"].tolist(), state["codes"].tolist(), strict=True))
    return asked, np.array([codes.get(i, -1) for i in asked.ids.tolist()])


def tell(teacher, asked, score):
    score = np.broadcast_to(np.asarray(score, float), (len(asked),))
    teacher.tell(Outcomes(ids=asked.ids, tasks=asked.tasks, score=score, cost=np.ones(len(asked))))


def box(teacher):
    shown = teacher.snapshot()
    return np.concatenate([shown["low"][0], shown["high"][0]])


def test_it_begins_at_the_easy_task_nearest_to_the_mean_or_at_the_mean():
    easy = [[0.1, 0.1], [0.2, 0.1], [0.9, 0.1]]
    assert box(make(easy=easy)) == pytest.approx([0.2, 0.1, 0.2, 0.1])
    assert box(make(easy=easy, variant="paper")) == pytest.approx([0.4, 0.1, 0.4, 0.1])


def test_a_full_buffer_of_mastered_scores_moves_that_bound_alone():
    teacher = make(step=0.1)
    asked, codes = bound_of(teacher, 60)
    rows = np.flatnonzero(codes == HIGH_A)
    tell(teacher, asked.select(rows[:2]), 1.0)
    assert box(teacher) == pytest.approx([0.5, 0.25, 0.5, 0.25])
    tell(teacher, asked.select(rows[2:3]), 1.0)
    assert box(teacher) == pytest.approx([0.5, 0.25, 0.6, 0.25])
    # Rows of where the bound was before do not count any more.
    tell(teacher, asked.select(rows[3:10]), 1.0)
    assert box(teacher) == pytest.approx([0.5, 0.25, 0.6, 0.25])
    rows = np.flatnonzero(codes == LOW_B)
    tell(teacher, asked.select(rows[:3]), 1.0)
    assert box(teacher) == pytest.approx([0.5, 0.15, 0.6, 0.25])


def test_the_mean_decides_and_the_buffer_begins_anew():
    teacher = make(step=0.1)
    asked, codes = bound_of(teacher, 90)
    rows = np.flatnonzero(codes == HIGH_A)
    tell(teacher, asked.select(rows[:3]), [2.0, 0.0, 0.9])  # 0.967: neither
    assert box(teacher)[HIGH_A] == 0.5
    tell(teacher, asked.select(rows[3:5]), [2.0, 1.0])
    assert box(teacher)[HIGH_A] == 0.5
    tell(teacher, asked.select(rows[5:6]), [0.0])  # 1 again
    assert box(teacher)[HIGH_A] == pytest.approx(0.6)


def test_a_failed_bound_moves_inwards_but_not_past_the_other():
    teacher = make(step=0.1)
    for expected, score in ((0.6, 1.0), (0.5, 0.0), (0.5, 0.0)):
        asked, codes = bound_of(teacher, 60)
        tell(teacher, asked.select(np.flatnonzero(codes == HIGH_A)[:3]), score)
        assert box(teacher)[HIGH_A] == pytest.approx(expected)


def test_steps_are_shares_of_the_range_or_absolute():
    space = Parameters(a=(0, 10), b=(0, 1))
    fixed = make(space, [[5.0, 0.5]], step=0.05)
    asked, codes = bound_of(fixed, 60)
    for code in (HIGH_A, HIGH_B):
        tell(fixed, asked.select(np.flatnonzero(codes == code)[:3]), 1.0)
    assert box(fixed)[2:] == pytest.approx([5.5, 0.55])
    paper = make(space, [[5.0, 0.5]], variant="paper")
    # All bounds are equal: each row counts for all four.
    tell(paper, paper.ask(3), 1.0)
    assert box(paper) == pytest.approx([4.9, 0.4, 5.1, 0.6])


def test_the_share_of_rows_on_a_bound_and_that_all_bounds_have_theirs():
    teacher = make(boundary_ratio=0.4)
    _, codes = bound_of(teacher, 10_000)
    counts = np.bincount(codes + 1, minlength=5) / 10_000
    np.testing.assert_allclose(counts, [0.6, 0.1, 0.1, 0.1, 0.1], atol=0.02)


def test_rows_are_on_their_bound_and_uniform_else():
    teacher = make(easy=[[0.5, 0.5]], step=0.5, boundary_ratio=0.5)
    for code in range(4):
        asked, codes = bound_of(teacher, 100)
        tell(teacher, asked.select(np.flatnonzero(codes == code)[:3]), 1.0)
    assert box(teacher).tolist() == [0, 0, 1, 1]
    assert teacher.metrics() == {"width": 1.0, "at_end_share": 1.0}
    # All bounds have reached their ends: nothing is left to widen, and no row lies on one.
    asked, codes = bound_of(teacher, 2000)
    assert (codes == -1).all()
    np.testing.assert_allclose(asked.tasks.mean(axis=0), 0.5, atol=0.03)
    assert not np.isin(asked.tasks, [0.0, 1.0]).any()


def test_a_bound_at_its_end_is_skipped_or_drawn_still():
    easy = [[0.0, 0.5]]
    _, codes = bound_of(make(easy=easy), 3000)
    assert set(codes.tolist()) == {LOW_B, HIGH_A, HIGH_B}
    paper = make(easy=easy, variant="paper", step=0.1)
    tell(paper, paper.ask(3), 1.0)
    tasks = paper.ask(3000).tasks
    # Half of the rows put the first coordinate on a bound, half of these on the one at its end.
    assert (tasks[:, 0] == 0.0).mean() == pytest.approx(0.25, abs=0.03)
    assert (tasks[:, 0] == np.float32(0.1)).mean() == pytest.approx(0.25, abs=0.03)


def test_paper_puts_no_row_on_a_bound_when_both_of_its_dimension_are_at_their_ends():
    paper = make(easy=[[0.5, 0.5]], variant="paper", step=1.0)
    tell(paper, paper.ask(3), 1.0)
    assert box(paper).tolist() == [0, 0, 1, 1]
    assert not np.isin(paper.ask(2000).tasks, [0.0, 1.0]).any()


def test_paper_repeats_its_uniform_tasks_after_every_change():
    paper = make(easy=[[0.5, 0.5]], variant="paper", boundary_ratio=1e-9, step=0.25)
    tell(paper, paper.ask(3), 1.0)
    first = paper.ask(5)
    # A row that nobody asked for and that equals a bound counts too.
    low = np.tile([0.25, 0.4], (3, 1))
    paper.tell(Outcomes(ids=np.full(3, -1), tasks=low, score=np.ones(3), cost=np.ones(3)))
    assert box(paper) == pytest.approx([0.0, 0.25, 0.75, 0.75])
    again = paper.ask(5)
    # The same numbers of the generator: the same second coordinates, whose bounds have not changed.
    assert np.array_equal(first.tasks[:, 1], again.tasks[:, 1])


def test_rows_that_nobody_asked_for_do_not_count_when_fixed():
    teacher = make(queue=1)
    tasks = np.tile(START, (20, 1))
    teacher.tell(Outcomes(ids=np.full(20, -1), tasks=tasks, score=np.ones(20), cost=np.ones(20)))
    assert box(teacher).tolist() == [0.5, 0.25, 0.5, 0.25]


def test_dropped_rows_are_forgotten():
    teacher = make()
    asked = teacher.ask(7)
    teacher.drop(asked.ids[:6])
    assert teacher.state_dict()["algorithm"]["ids"].tolist() == asked.ids[6:].tolist()


@pytest.mark.parametrize("variant", ["fixed", "paper"])
def test_a_batch_told_at_once_gives_the_state_of_its_rows_told_singly(variant):
    at_once, singly = (make(variant=variant, easy=[[0.5, 0.5]], step=0.07) for _ in range(2))
    rng = np.random.default_rng(0)
    for _ in range(8):
        one, other = at_once.ask(80), singly.ask(80)
        assert np.array_equal(one.tasks, other.tasks)
        order = rng.permutation(80)
        scores = rng.random(80) * 2 - 0.3
        tell(at_once, one.select(order), scores[order])
        for i in order:
            tell(singly, other.select([i]), scores[i])
        assert np.array_equal(box(at_once), box(singly))
    left, right = (each.state_dict()["algorithm"] for each in (at_once, singly))
    for name in ("sums", "counts", "ids", "codes"):
        assert np.array_equal(left[name], right[name])
    assert at_once.metrics()["width"] > 0


def test_failed_is_half_of_the_way_by_default():
    teacher = make(failed=None, score_range=(-1.0, 3.0), mastered=1.0)
    assert teacher._bounds._lines == (0.0, 1.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"easy": None}, "adr: easy: expected tasks .* got none: give easy="),
        ({"mastered": None}, "adr: mastered: expected a finite score .* got None"),
        ({"failed": None}, "adr: failed: expected a score .* got none: give failed=..., or score_range"),
        ({"failed": 1.0}, "adr: failed: expected a finite number of at least .* below 1, got 1.0"),
        ({"score_range": (1.0, 0.0)}, "adr: score_range: expected finite low < high"),
        ({"step": 0.0}, "adr: step: expected a finite number above 0"),
        ({"queue": 0}, "adr: queue: expected a whole number of at least 1, got 0"),
        ({"boundary_ratio": 0.0}, "adr: boundary_ratio: expected a finite number above 0"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        make(**options)


def test_it_says_when_it_first_acts():
    wait = make(queue=10, boundary_ratio=0.5).first_action()
    assert wait.rows == 80  # four bounds of ten rows each, on which every other row lies


@pytest.mark.parametrize("seed", range(2))
def test_it_leads_a_student_to_a_target_that_random_tasks_do_not_reach(seed):
    teacher = teachers.make("adr", SPACE, seed=seed, easy=EASY, mastered=MASTERED, failed=0.1)
    assert taught(teacher).mastery(TARGET) == 1.0
    assert taught(teachers.make("random", SPACE, seed=seed)).mastery(TARGET) == 0.0
