import numpy as np
import pytest

from teacherstudent.teachers.targets.successes import SuccessBuffer

LINE = 10.0


def make(size=4, noise=0.0):
    return SuccessBuffer(size, LINE, np.zeros(1), np.full(1, 100.0), noise=noise)


def update(buffer, scores, points=None, wanted=None):
    """Tell scores of points that equal them, and return which have not joined."""
    scores = np.array(scores, float)
    points = scores if points is None else np.array(points, float)
    wanted = np.zeros(4) if wanted is None else np.array(wanted, float)
    return buffer.update(points[:, None], scores, wanted[:, None]).tolist()


def test_the_first_batch_is_the_buffer_in_the_order_of_scores():
    buffer = make()
    assert update(buffer, [3, 1, 2]) == [False, False, False]
    assert buffer.scores.tolist() == [1, 2, 3]
    assert buffer.points[:, 0].tolist() == [1, 2, 3]


def test_rows_at_the_median_or_better_push_the_worst_out():
    buffer = make()
    update(buffer, [1, 2, 3])
    # The median is 2. Two join, the two worst leave.
    assert update(buffer, [2, 1.9, 5]) == [False, True, False]
    assert buffer.scores.tolist() == [2, 3, 5]
    # The median is 3. Three join, two leave (it never drops more than the worse half), and all fit.
    assert update(buffer, [3, 4, 6]) == [False, False, False]
    assert buffer.scores.tolist() == [3, 4, 5, 6]
    # The median is 5: three join, three leave.
    assert update(buffer, [5, 5, 7]) == [False, False, False]
    assert buffer.scores.tolist() == [5, 5, 6, 7]


def test_what_does_not_fit_has_not_joined():
    buffer = make()
    update(buffer, [1, 2, 3])
    update(buffer, [3, 4, 5])
    assert buffer.scores.tolist() == [3, 3, 4, 5]
    # The median is 4: three leave, four join, and the lowest of the five is one of the new ones.
    assert update(buffer, [4, 6, 7, 8]) == [True, False, False, False]
    assert buffer.scores.tolist() == [5, 6, 7, 8]


def test_delta_is_reached_by_the_median_of_the_buffer_before():
    buffer = make()
    update(buffer, [8, 9, 11])
    update(buffer, [12, 13])
    assert not buffer.reached  # the median was 9
    assert buffer.scores.tolist() == [11, 12, 13]
    update(buffer, [1])
    assert buffer.reached


def reached(scores, points=None):
    buffer = make()
    update(buffer, [20, 20, 20])
    update(buffer, [20, 20, 20])
    assert buffer.reached
    buffer.scores = np.array(scores, float)
    buffer.points = np.array(scores if points is None else points, float)[:, None]
    return buffer


def test_afterwards_successes_take_the_place_of_the_lowest_that_are_none():
    buffer = reached([5, 12, 3, 8])
    assert update(buffer, [11, 2, 15]) == [False, True, False]
    assert buffer.scores.tolist() == [11, 15, 12, 8]  # 3 and 5 have left
    assert update(buffer, [13, 14]) == [False, False]
    assert buffer.scores.tolist() == [13, 14, 11, 15]  # only one was left to replace, and the last is cut off


def test_a_buffer_that_is_not_full_grows():
    buffer = reached([12, 13])
    update(buffer, [14])
    assert buffer.scores.tolist() == [14, 12, 13]


def test_a_full_buffer_of_successes_keeps_what_lies_nearest_to_the_target():
    buffer = reached([11, 12, 13, 14], points=[1, 2, 3, 4])
    # Wanted: 3, 4, 9, 9. Of 1, 2, 3, 4 and the new 8, 0 the nearest set is 3, 4, 8 and one of the others: 2.
    assert update(buffer, [20, 5, 21], points=[8, 50, 0], wanted=[9, 4, 3, 9]) == [False, True, True]
    assert buffer.points[:, 0].tolist() == [2, 3, 4, 8]
    assert buffer.scores.tolist() == [12, 13, 14, 20]


def test_without_new_successes_nothing_changes():
    buffer = reached([5, 12, 3, 8])
    assert update(buffer, [9, 9.9]) == [True, True]
    assert buffer.scores.tolist() == [5, 12, 3, 8]


def test_before_delta_draws_are_of_the_better_half_by_how_much_better_they_are():
    buffer = SuccessBuffer(4000, LINE, np.zeros(1), np.full(1, 100.0), noise=0.0)
    scores = np.array([0.0, 2.0, 3.0, 6.0])
    buffer.update(scores[:, None] + 50, scores, np.zeros((4000, 1)))
    # The better half is 3 and 6; they are 1 and 4 better than 2. Noise: 7/10 and 4/10 of a quarter of 100.
    near = buffer.draw(np.random.default_rng(0))[:, 0]
    rng = np.random.default_rng(0)
    rows = 2 + rng.choice(2, size=4000, p=[0.2, 0.8])
    assert (rows == 3).mean() == pytest.approx(0.8, abs=0.02)
    assert near.std() == pytest.approx(np.sqrt(0.2 * 17.5**2 + 0.8 * 10**2), rel=0.05)
    assert near.min() >= 0


def test_rows_that_are_mastered_are_drawn_with_the_least_noise():
    buffer = SuccessBuffer(50, LINE, np.zeros(1), np.full(1, 100.0), noise=0.25)
    buffer.update(np.full((20, 1), 40.0), np.full(20, 20.0), np.zeros((50, 1)))
    buffer.update(np.full((20, 1), 40.0), np.full(20, 20.0), np.zeros((50, 1)))
    assert buffer.reached
    drawn = buffer.draw(np.random.default_rng(0))
    assert drawn.shape == (50, 1)
    assert drawn.std() == pytest.approx(0.25, rel=0.3)


def test_draws_stay_in_the_space():
    buffer = SuccessBuffer(500, LINE, np.zeros(1), np.full(1, 100.0), noise=0.0)
    buffer.update(np.array([[0.0], [100.0]]), np.array([0.0, 0.0]), np.zeros((500, 1)))
    drawn = buffer.draw(np.random.default_rng(0))
    assert drawn.min() >= 0
    assert drawn.max() <= 100
    # Tried again: half of the draws would be clipped to an end else.
    assert ((drawn == 0) | (drawn == 100)).mean() < 0.05


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"points": np.full((3, 1), 101.0)}, "expected up to 4 in the space"),
        ({"scores": np.array([3.0, 2.0, 1.0])}, "expected ascending ones"),
        ({"points": np.zeros((0, 1)), "scores": np.zeros(0), "reached": True}, "expected rows, got none"),
        ({"lowest": np.inf}, "lowest: expected a finite number"),
    ],
)
def test_a_damaged_state_is_refused(change, message):
    buffer = make()
    update(buffer, [1, 2, 3])
    with pytest.raises(ValueError, match=message):
        make().load(buffer.state() | change)
