import numpy as np
import pytest

from teacherstudent.contract.spaces import Box, Parameters
from teacherstudent.contract.types import Outcomes
from teacherstudent.teachers.oracle import OracleTeacher

SPACE = Parameters(height=(0, 3), spacing=(0, 6))
STEP = (0.1, -0.2)


def make(**options):
    return OracleTeacher(SPACE, seed=0, difficulty_step=STEP, mastered=230.0, **options)


def tell(teacher, assignment, score):
    n = len(assignment)
    score = np.broadcast_to(np.asarray(score, float), (n,))
    teacher.tell(Outcomes(ids=assignment.ids, tasks=assignment.tasks, score=score, cost=np.ones(n)))


def window(teacher):
    snapshot = teacher.snapshot()
    return snapshot["low"][0].tolist(), snapshot["high"][0].tolist()


@pytest.mark.parametrize("variant", ["paper", "fixed"])
def test_the_window_starts_at_the_easy_end_and_covers_a_sixth(variant):
    teacher = make(variant=variant)
    assert window(teacher) == ([0.0, 5.0], [0.5, 6.0])
    tasks = teacher.ask(500).tasks
    assert (tasks >= [0.0, 5.0]).all()
    assert (tasks <= [0.5, 6.0]).all()
    assert (np.ptp(tasks, axis=0) > [0.48, 0.96]).all()


@pytest.mark.parametrize("variant", ["paper", "fixed"])
def test_fifty_scores_above_the_line_move_the_window_one_step(variant):
    teacher = make(variant=variant, rehearsal=0.0)
    tell(teacher, teacher.ask(49), 231.0)
    assert window(teacher)[0] == [0.0, 5.0]
    tell(teacher, teacher.ask(1), 231.0)
    assert window(teacher)[0] == pytest.approx([0.1, 4.8])


@pytest.mark.parametrize("variant", ["paper", "fixed"])
def test_a_mean_on_the_line_does_not_move_it_and_the_block_starts_again(variant):
    teacher = make(variant=variant, rehearsal=0.0)
    tell(teacher, teacher.ask(50), 230.0)
    assert window(teacher)[0] == [0.0, 5.0]
    tell(teacher, teacher.ask(49), 300.0)  # with the 50 above they would be over the line
    assert window(teacher)[0] == [0.0, 5.0]


@pytest.mark.parametrize("variant", ["paper", "fixed"])
def test_the_window_stops_at_the_hard_end(variant):
    teacher = make(variant=variant, rehearsal=0.0)
    for _ in range(40):
        tell(teacher, teacher.ask(50), 300.0)
    assert window(teacher)[0] == pytest.approx([2.5, 0.0])
    assert window(teacher)[1] == pytest.approx([3.0, 1.0])
    assert teacher.metrics()["progress"] == pytest.approx(1.0)


def test_paper_counts_late_outcomes_of_earlier_windows():
    teacher = make(variant="paper")
    early, late = teacher.ask(50), teacher.ask(50)
    tell(teacher, early, 300.0)
    tell(teacher, late, 300.0)
    assert window(teacher)[0] == pytest.approx([0.2, 4.6])


def test_fixed_does_not_count_late_outcomes_of_earlier_windows():
    teacher = make(rehearsal=0.0)
    early, late = teacher.ask(50), teacher.ask(500)
    tell(teacher, early, 300.0)
    tell(teacher, late, 300.0)
    assert window(teacher)[0] == pytest.approx([0.1, 4.8])
    tell(teacher, teacher.ask(50), 300.0)
    assert window(teacher)[0] == pytest.approx([0.2, 4.6])


@pytest.mark.parametrize("variant", ["paper", "fixed"])
def test_a_batch_told_at_once_gives_the_state_of_its_rows_told_singly(variant):
    at_once, singly = make(variant=variant), make(variant=variant)
    rng = np.random.default_rng(0)
    for _ in range(5):
        one, other = at_once.ask(170), singly.ask(170)
        score = rng.uniform(150, 330, 170)
        tell(at_once, one, score)
        for i in range(170):
            tell(singly, other.select([i]), score[i])
        assert window(at_once) == window(singly)
        assert at_once.state_dict()["algorithm"]["scores"].tolist() == (
            singly.state_dict()["algorithm"]["scores"].tolist()
        )
    assert window(at_once)[0][0] > 0


def test_fixed_rehearses_what_it_has_passed_and_does_not_count_it():
    teacher = make(rehearsal=0.5)
    for _ in range(40):
        assignment = teacher.ask(200)
        tell(teacher, assignment, 300.0)
    low, _ = window(teacher)
    tasks = teacher.ask(2000).tasks
    behind = (tasks < low).any(axis=1) | (tasks[:, 1] > 1.0)
    assert 0.4 < behind.mean() < 0.55
    assert tasks[:, 0].min() < 0.1
    before = teacher.state_dict()["algorithm"]["scores"]
    old = teacher.ask(300)
    rows = np.flatnonzero(old.tasks[:, 0] < 2.4)
    tell(teacher, old.select(rows), 0.0)
    assert np.array_equal(teacher.state_dict()["algorithm"]["scores"], before)


def test_paper_never_looks_back():
    teacher = make(variant="paper")
    for _ in range(40):
        tell(teacher, teacher.ask(50), 300.0)
    tasks = teacher.ask(1000).tasks
    assert (tasks >= [2.5, 0.0]).all()


def test_a_dimension_without_a_step_is_covered_wholly_when_fixed():
    options = {"seed": 0, "difficulty_step": (0.1, 0.0), "mastered": 0.0}
    assert window(OracleTeacher(SPACE, **options)) == ([0.0, 0.0], [0.5, 6.0])
    assert window(OracleTeacher(SPACE, variant="paper", **options)) == ([0.0, 5.0], [0.5, 6.0])


def test_rows_not_asked_for_count_if_they_lie_in_the_window():
    teacher = make(rehearsal=0.0)
    inside, outside = np.tile([0.2, 5.5], (50, 1)), np.tile([2.0, 1.0], (50, 1))
    ids = np.full(50, -1)
    teacher.tell(Outcomes(ids=ids, tasks=outside, score=np.full(50, 300.0), cost=np.ones(50)))
    assert window(teacher)[0] == [0.0, 5.0]
    teacher.tell(Outcomes(ids=ids, tasks=inside, score=np.full(50, 300.0), cost=np.ones(50)))
    assert window(teacher)[0] == pytest.approx([0.1, 4.8])


def test_integer_tasks_count_although_they_are_rounded():
    space = Box(0, 12, (1,), np.int64)
    teacher = OracleTeacher(space, seed=0, difficulty_step=(1.0,), mastered=0.5, rehearsal=0.0)
    tell(teacher, teacher.ask(50), 1.0)
    assert window(teacher)[0] == [0.5]  # 0 owns -0.5 to 0.5


@pytest.mark.parametrize("variant", ["paper", "fixed"])
def test_whole_numbers_have_their_fair_share_at_the_ends_of_the_window_too(variant):
    space = Box(0, 5, (1,), np.uint8)
    options = {"variant": variant, "difficulty_step": (1.0,), "mastered": 0.5, "rehearsal": 0.0}
    teacher = OracleTeacher(space, seed=0, window=0.5, **options)
    assert window(teacher) == ([0.0], [2.5])
    for first in range(4):
        counts = np.bincount(teacher.ask(3000).tasks[:, 0], minlength=6) / 3000
        np.testing.assert_allclose(counts[first : first + 3], 1 / 3, atol=0.05)
        assert counts.sum() == counts[first : first + 3].sum()
        tell(teacher, teacher.ask(50), 1.0)
    assert window(teacher) == ([2.5], [5.0])


@pytest.mark.parametrize(
    ("entry", "value", "message"),
    [
        ("low", np.array([0.1]), r"oracle: low: expected shape \(2\), got \(1,\)"),
        ("low", np.array([0.1, np.nan]), "oracle: low: expected finite numbers"),
        ("low", np.array([0.1, 7.0]), "oracle: low: expected .* to .*, got"),
        ("scores", np.zeros(50), "oracle: scores: expected fewer than 50, got 50"),
        ("scores", np.array([np.inf]), "oracle: scores: expected finite numbers"),
        ("next", -1, "oracle: next: expected a whole number"),
        ("since", 10**9, "oracle: since: expected a whole number from 0 to 60"),
    ],
)
def test_a_damaged_state_is_refused(entry, value, message):
    teacher = make()
    tell(teacher, teacher.ask(60), 250.0)
    state = teacher.state_dict()
    state["algorithm"][entry] = value
    with pytest.raises(ValueError, match=message):
        make().load_state_dict(state)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mastered": 1.0}, "difficulty_step: expected one signed step for each of .*height.*, got none"),
        ({"difficulty_step": STEP}, "mastered: expected a score .* got None"),
        ({"difficulty_step": STEP, "mastered": float("nan")}, "mastered: .* got nan"),
        ({"difficulty_step": (0.1,), "mastered": 1.0}, "difficulty_step: expected a finite step for each"),
        ({"difficulty_step": (0.1, float("inf")), "mastered": 1.0}, "difficulty_step: expected a finite"),
        ({"difficulty_step": (0.0, 0.0), "mastered": 1.0}, "expected a step other than 0"),
        ({"difficulty_step": STEP, "mastered": 1.0, "variant": "papr"}, "variant: expected .* got 'papr'"),
        ({"difficulty_step": STEP, "mastered": 1.0, "window": 0.0}, r"window: expected a share in \(0, 1\]"),
        (
            {"difficulty_step": STEP, "mastered": 1.0, "block": 0},
            "block: expected a whole number of at least 1, got 0",
        ),
        ({"difficulty_step": STEP, "mastered": 1.0, "rehearsal": 1.0}, "rehearsal: expected a share in"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        OracleTeacher(SPACE, seed=0, **options)
