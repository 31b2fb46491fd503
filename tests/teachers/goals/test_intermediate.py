import numpy as np
import pytest
from scipy.spatial.distance import cdist
from strips import SPACE, Frontier, unasked

from teacherstudent import teachers
from teacherstudent.contract.spaces import Box, Discrete, Parameters, to_unit, whole
from teacherstudent.teachers.goals.intermediate import IntermediateTeacher, nearest
from teacherstudent.testing.sessions import difference

LINE = Parameters(x=(0, 10))


def told(space, tasks, score, **options):
    teacher = IntermediateTeacher(
        space, seed=0, mastered=0.5, fit_rate=len(tasks), random_task_ratio=0.0, **options
    )
    teacher.tell(unasked(tasks, score))
    return teacher


def test_success_of_candidates_by_hand():
    # Successes up to 4, failures from 6 on, and one of each at 5: with three neighbours p is 1, 2/3, 1/3, 0.
    tasks = np.array([[0], [1], [2], [3], [4], [4.9], [5.1], [6], [7], [8], [9], [10]])
    score = np.array([1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0])
    teacher = told(LINE, tasks, score, neighbors=3, candidates=300)
    teacher.ask(1)
    shown = teacher.snapshot()
    for task, p, probability in zip(
        shown["tasks"][:, 0], shown["success"], shown["probability"], strict=True
    ):
        near = np.argsort(np.abs(tasks[:, 0] - task))[:3]
        assert p == pytest.approx(score[near].mean())
        assert (probability > 0) == (0 < p < 1)
    # Both intermediate values weigh 2/9.
    assert len(np.unique(shown["probability"].round(12))) == 2
    assert shown["probability"].sum() == pytest.approx(1)
    # 4.9 and 5.1 are in all neighbourhoods that hold both kinds: from (3 + 5.1) / 2 to (4.9 + 7) / 2.
    drawn = teacher.ask(2000).tasks
    assert drawn.min() >= 4.05
    assert drawn.max() <= 5.95


def test_candidates_are_uniform_and_near_successes():
    teacher = told(SPACE, [[-2.0, 5.0], [2.0, 5.0]], [1.0, 0.0], noise=0.01, candidates=400)
    teacher.ask(1)
    points = to_unit(SPACE, teacher.snapshot()["tasks"])
    assert len(points) == 800
    assert points[:400].mean(axis=0) == pytest.approx(0.5, abs=0.06)
    assert points[:400].std(axis=0) == pytest.approx(1 / np.sqrt(12), abs=0.03)
    # The success lies on the edge, so half of the moves along the first coordinate are clipped to it.
    assert (points[400:, 0] == 0).mean() == pytest.approx(0.5, abs=0.08)
    assert points[400:, 1].std() == pytest.approx(0.01, rel=0.15)
    assert points[400:, 1].mean() == pytest.approx(0.5, abs=0.002)


@pytest.mark.parametrize("d", [1, 3, 12])
def test_neighbours_are_those_of_a_plain_search(d):
    rng = np.random.default_rng(d)
    points, queries = rng.random((200, d)), rng.random((50, d))
    expected = np.argsort(cdist(queries, points), axis=1)
    for k in (1, 8):
        assert np.array_equal(np.sort(nearest(points, queries, k)), np.sort(expected[:, :k]))
    assert nearest(points[:3], queries, 8).shape == (50, 3)


def test_the_band_draws_equally_within_it():
    # Four tasks of p 0, 1/4, 1/2 and 1.
    tasks = np.repeat([3, 4, 5, 6], 4)
    score = np.array([0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 1, 0, 1, 1, 1, 1])
    shares = {}
    for band in (None, (0.25, 0.75), (0.3, 0.9), (0.0, 1.0)):
        teacher = told(Discrete(8, start=2), tasks, score, band=band)
        counts = np.bincount(teacher.ask(4000).tasks, minlength=10)
        shares[band] = (counts / 4000)[3:7]
        assert counts[[2, 7, 8, 9]].sum() == 0
    # The weights are 3/16 and 4/16.
    np.testing.assert_allclose(shares[None], [0, 3 / 7, 4 / 7, 0], atol=0.03)
    np.testing.assert_allclose(shares[0.25, 0.75], [0, 0.5, 0.5, 0], atol=0.03)
    np.testing.assert_allclose(shares[0.3, 0.9], [0, 0, 1, 0])
    np.testing.assert_allclose(shares[0.0, 1.0], 0.25, atol=0.03)


def test_an_arm_counts_its_own_newest_outcomes():
    # Arm 0 failed four times and then succeeded, failed, succeeded; arm 1 was told in between.
    teacher = told(Discrete(3), [0, 0, 0, 1, 0, 0, 1, 0, 0], [0, 0, 0, 1, 0, 1, 1, 0, 1], neighbors=3)
    teacher.ask(1)
    shown = teacher.snapshot()
    assert shown["tasks"].tolist() == [[0], [1]]
    np.testing.assert_allclose(shown["success"], [2 / 3, 1])
    assert shown["probability"].tolist() == [1, 0]


def test_the_window_forgets():
    tasks = np.zeros((40, 1)), np.full((40, 1), 10.0)
    score = np.tile([0.0, 1.0], 40)
    teacher = told(LINE, np.concatenate(tasks), score, window=40)
    assert teacher.metrics()["told"] == 80
    assert len(teacher.state_dict()["algorithm"]["newest"]["values"]) == 40
    teacher.ask(1)
    # All that is remembered lies at 10, so even far candidates have its success.
    assert set(teacher.snapshot()["success"]) == {0.5}


def test_a_share_is_uniform_and_all_of_it_before_the_first_choice():
    teacher = IntermediateTeacher(Discrete(10), seed=0, mastered=0.5, fit_rate=20, random_task_ratio=0.3)
    assert teacher.first_action().rows == 20
    np.testing.assert_allclose(np.bincount(teacher.ask(3000).tasks) / 3000, 0.1, atol=0.02)
    teacher.tell(unasked([4] * 20, [0, 1] * 10))
    shares = np.bincount(teacher.ask(3000).tasks, minlength=10) / 3000
    assert shares[4] == pytest.approx(0.73, abs=0.03)
    assert np.delete(shares, 4) == pytest.approx(0.03, abs=0.015)
    # Where nothing is intermediate, everything is uniform again.
    teacher.tell(unasked([4] * 40, [0] * 40))
    np.testing.assert_allclose(np.bincount(teacher.ask(3000).tasks) / 3000, 0.1, atol=0.02)


def test_the_signal_of_success_counts_before_the_line():
    success = np.array([1.0, 0.0, 0.25, np.nan, np.nan])
    teacher = IntermediateTeacher(LINE, seed=0, mastered=10.0)
    teacher.tell(unasked(np.zeros((5, 1)), [0, 11, 11, 11, 9], {"success": success}))
    assert teacher.state_dict()["algorithm"]["newest"]["values"].tolist() == [1, 0, 0.25, 1, 0]
    before = teacher.state_dict()
    with pytest.raises(ValueError, match=r"signal 'success': row 1: expected a share in \[0, 1\], got 1.5"):
        teacher.tell(unasked(np.zeros((2, 1)), [0, 0], {"success": np.array([np.nan, 1.5])}))
    assert difference(before, teacher.state_dict()) is None


def test_a_batch_is_told_like_its_rows():
    rng = np.random.default_rng(0)
    tasks, score = SPACE.low + rng.random((1100, 2)) * (SPACE.high - SPACE.low), rng.random(1100).round()
    ends = []
    for cuts in ([], np.arange(1, 1100), np.sort(rng.integers(1, 1100, 40))):
        teacher = IntermediateTeacher(SPACE, seed=0, mastered=0.5, fit_rate=100, window=300)
        for part in np.split(np.arange(1100), cuts):
            if part.size:
                teacher.tell(unasked(tasks[part], score[part]))
        teacher.ask(3)
        ends.append(teacher.state_dict()["algorithm"])
    assert difference(ends[0], ends[1]) is None
    assert difference(ends[0], ends[2]) is None


def test_whole_numbers_are_candidates_that_exist():
    space = Parameters(legs=whole(2, 6), length=(0, 1))
    teacher = told(space, [[2, 0.5], [6, 0.5]] * 10, [1, 0] * 10, candidates=50)
    teacher.ask(1)
    assert set(teacher.snapshot()["tasks"][:, 0]) <= {2, 3, 4, 5, 6}
    large = Box(-(2**63), 2**63 - 1, (1,), np.int64)
    teacher = told(large, np.array([[-(2**63)], [2**63 - 1]] * 10), [1, 0] * 10, candidates=50)
    teacher.tell(unasked(teacher.ask(50).tasks, np.tile([0, 1], 25)))
    other = IntermediateTeacher(
        large, seed=1, mastered=0.5, fit_rate=20, random_task_ratio=0.0, candidates=50
    )
    other.load_state_dict(teacher.state_dict())
    assert np.array_equal(other.ask(99).tasks, teacher.ask(99).tasks)


@pytest.mark.parametrize("options", [{}, {"band": (0.1, 0.9)}])
def test_the_frontier_moves_out_faster_than_with_uniform_tasks(options):
    for seed in range(4):
        teacher = teachers.make("intermediate", SPACE, seed=seed, mastered=0.5, **options)
        uniform = Frontier(seed).taught(teachers.make("random", SPACE, seed=seed), 1920)
        assert uniform < 0.5
        assert Frontier(seed).taught(teacher, 1920) > uniform + 0.25


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("mastered", None),
        ("mastered", np.inf),
        ("fit_rate", 0),
        ("window", 0),
        ("neighbors", 1.5),
        ("noise", -0.1),
        ("candidates", 0),
        ("random_task_ratio", 1.1),
        ("band", (0.9, 0.1)),
        ("band", 0.5),
        ("band", (0.1, np.nan)),
    ],
)
def test_wrong_options_are_refused_by_name(option, value):
    with pytest.raises(ValueError, match=f"intermediate: {option}: expected"):
        IntermediateTeacher(LINE, seed=0, **({"mastered": 0.5} | {option: value}))


def test_a_missing_line_comes_with_a_remedy():
    with pytest.raises(ValueError, match=r"teachers.make\('intermediate', family\)"):
        IntermediateTeacher(LINE, seed=0)
