import numpy as np
import pytest

from teacherstudent.teachers.generators.trials import TrialsByBytes, TrialsById
from teacherstudent.testing.sessions import difference


def begun(kind, rollouts=2):
    """Return trials of three goals, and their tasks."""
    trials = kind(1, rollouts)
    points = np.array([[0.1], [0.2], [0.3]])
    return trials, points, trials.begin(points, 10 * points)


def rows(trials, ids, tasks, success):
    points, mean = trials.tell(np.array(ids), np.array(tasks, float)[:, None], np.array(success, float))
    return list(zip(points[:, 0].tolist(), mean.tolist(), strict=True))


def test_by_id_outcomes_come_late_and_in_any_order():
    trials, _, numbers = begun(TrialsById)
    trials.hand_out(np.arange(5), np.append(np.repeat(numbers, 2)[:4], -1))
    trials.hand_out(np.arange(5, 7), numbers[[2, 2]])
    # Tasks play no role: rows 3 and 2 try the second goal, 0 and 1 the first, 4 none, 5 and 6 the third.
    assert rows(trials, [3, 0, 4, -1], [0, 0, 0, 0], [1, 1, 1, 1]) == []
    assert rows(trials, [6, 2, 5, 1], [0, 0, 0, 0], [0, 0, 0.5, 1]) == [(0.2, 0.5), (0.3, 0.25), (0.1, 1.0)]
    assert len(trials) == 0
    assert rows(trials, [6, 2], [0, 0], [1, 1]) == []


def test_by_id_a_goal_with_a_dropped_row_is_given_up():
    trials, _, numbers = begun(TrialsById)
    trials.hand_out(np.arange(4), np.repeat(numbers, 2)[:4])
    trials.drop(np.array([1]))
    assert len(trials) == 2
    # The rest of its rows, handed out before or after, counts for nothing.
    trials.hand_out(np.array([4]), numbers[[0]])
    assert rows(trials, [0, 4, 2, 3], [0, 0, 0, 0], [1, 1, 1, 1]) == [(0.2, 1.0)]


def test_by_bytes_equal_tasks_count_for_the_oldest_goal():
    trials = TrialsByBytes(1, 2)
    points = np.array([[0.1], [0.2], [0.1]])
    trials.begin(points, 10 * points)
    # Ids play no role, and what float32 cannot tell apart is equal.
    assert rows(trials, [-1, 8, 9], [1, 1 + 1e-9, 5], [1, 0, 1]) == [(0.1, 0.5)]
    assert rows(trials, [-1, 2, 3], [2, 1, 1], [1, 1, 1]) == [(0.1, 1.0)]
    trials.drop(np.array([1]))
    assert rows(trials, [4], [2], [0]) == [(0.2, 0.5)]
    assert len(trials) == 0


@pytest.mark.parametrize("kind", [TrialsById, TrialsByBytes])
def test_a_state_goes_on(kind):
    trials, points, numbers = begun(kind, rollouts=3)
    trials.hand_out(np.arange(9), np.repeat(numbers, 3))
    tasks = np.repeat(10 * points[:, 0], 3)
    assert rows(trials, [0, 4, 8], tasks[[0, 4, 8]], [1, 0, 1]) == []
    other = kind(1, 3)
    other.load("x", trials.state())
    rest = [1, 2, 3, 5, 6, 7]
    found = rows(trials, rest, tasks[rest], [0, 1, 1, 1, 0, 0])
    assert found == rows(other, rest, tasks[rest], [0, 1, 1, 1, 0, 0])
    assert found == [(0.1, 2 / 3), (0.2, 2 / 3), (0.3, 1 / 3)]
    assert difference(trials.state(), other.state()) is None


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        (TrialsById, {"numbers": np.array([0, 2, 1])}),
        (TrialsById, {"tries": np.full(6, 7)}),
        (TrialsById, {"told": np.array([2, 0, 0])}),
        (TrialsById, {"told": np.array([1, 0, 0])}),
        (TrialsById, {"sums": np.ones(3)}),
        (TrialsByBytes, {"sums": np.ones(3)}),
        (TrialsByBytes, {"told": np.array([2, 0, 0])}),
    ],
)
def test_a_damaged_state_is_refused(kind, change):
    trials, _, numbers = begun(kind)
    trials.hand_out(np.arange(6), np.repeat(numbers, 2))
    with pytest.raises(ValueError, match="x"):
        kind(1, 2).load("x", trials.state() | change)
