"""Estimates of success: averages and probabilities by hand, blocks whatever the batches, interest, damage."""

import numpy as np
import pytest

from teacherstudent.teachers.lessons.estimates import Estimates, Interest, probabilities, reweighted


def estimates(tasks=3, attempts=2, rate=0.5, baseline=None, measured=False):
    if baseline is None and not measured:
        baseline = np.zeros(tasks)
    return Estimates("x", tasks, attempts, rate=rate, theta=0.1, baseline=baseline)


def count(made, task, success):
    return made.count(np.asarray(task, np.int64), np.asarray(success, np.float64))


def test_reweighting_stretches_small_rates():
    found = reweighted(np.array([0.0, 0.1, 0.5, 1.0]), 0.1)
    np.testing.assert_allclose(found, [0, 0.5, 0.9, 1])
    np.testing.assert_allclose(reweighted(np.array([0.2, 0.7]), 0.5), [0.2, 0.7])  # stretches nothing


def test_averages_by_hand():
    made = estimates()
    assert not count(made, [0], [1.0])  # half a block
    assert count(made, [0], [0.0])
    state = made.state()
    assert state["fast"][0] == state["slow"][0] == state["last"][0] == 0.5
    assert made.progress()[0] == 0
    count(made, [0, 0], [1.0, 1.0])
    # fast 0.5 + 0.5 (1 - 0.5) = 0.75; slow 0.5 + 0.5 (0.75 - 0.5) = 0.625
    assert made.state()["fast"][0] == 0.75
    assert made.state()["slow"][0] == 0.625
    f_fast = 0.75 * 0.9 / (0.75 + 0.1 * (1 - 1.5))
    f_slow = 0.625 * 0.9 / (0.625 + 0.1 * (1 - 1.25))
    np.testing.assert_allclose(made.progress(), [f_fast - f_slow, 0, 0])
    assert made.success().tolist() == [1, 0, 0]
    assert made.known.tolist() == [True, False, False]
    count(made, [0, 0], [0.0, 0.0])  # forgetting is learning progress too
    assert made.state()["fast"][0] == 0.375
    assert made.state()["slow"][0] == 0.5
    assert made.progress()[0] > 0


def test_baselines_are_taken_off():
    made = estimates(baseline=np.array([0.5, 0.9, 0.0]))
    count(made, [0, 0, 1, 1, 2, 2], [1, 0.5, 1, 0.8, 1, 1])
    # (0.75 - 0.5) / 0.5; a baseline of 0.9 counts as 0.75: (0.9 - 0.75) / 0.25
    np.testing.assert_allclose(made.state()["fast"], [0.5, 0.6, 1])
    first = estimates(measured=True)
    count(first, [0, 0, 1, 1], [1, 0.5, 1, 1])
    np.testing.assert_allclose(first.state()["baseline"], [0.75, 0.75, np.nan])
    np.testing.assert_allclose(first.state()["fast"], [0, 1, np.nan])
    count(first, [0, 0, 1, 1], [1, 1, 0, 0])
    np.testing.assert_allclose(first.state()["fast"], [0.5, 0.5, np.nan])


@pytest.mark.parametrize("size", [1, 3, 17, 400])
def test_batches_make_no_difference(size):
    rng = np.random.default_rng(0)
    task, success = rng.integers(0, 3, 400), rng.random(400)
    one = estimates(attempts=7)
    for start in range(0, 400, size):
        count(one, task[start : start + size], success[start : start + size])
    expected = estimates(attempts=7)
    for t, s in zip(task, success, strict=True):
        count(expected, [t], [s])
    for name, value in expected.state().items():
        np.testing.assert_array_equal(one.state()[name], value, err_msg=name)
    # The same by a plain loop, to within rounding.
    block, fast = [], None
    for s in success[task == 1]:
        block.append(s)
        if len(block) == 7:
            p = np.mean(block)
            fast = p if fast is None else fast + 0.5 * (p - fast)
            block = []
    np.testing.assert_allclose(one.state()["fast"][1], fast)
    assert one.state()["count"][1] == len(block)


def test_probabilities_by_hand():
    # Support: the first by progress, the second by success. Z-scores 1 and -1.
    chance = probabilities(np.array([0.4, 0.0, 0.0]), np.array([0.0, 0.5, 0.0]))
    high, low = 1 / (1 + np.exp(-1)), 1 / (1 + np.exp(1))
    np.testing.assert_allclose(chance, [high / (high + low), low / (high + low), 0])
    np.testing.assert_allclose(probabilities(np.zeros(4), np.zeros(4)), 0.25)
    np.testing.assert_allclose(probabilities(np.zeros(3), np.array([0.1, 0.9, 0])), [0.5, 0.5, 0])


def test_tasks_are_boring_beside_better_ones():
    # Beside task 1 (the best), 0 is boring; 2 is not; beside 2, 3 is boring and 1 would be.
    table = np.array([[1, 1, 0, 1], [0, 1, 1, 1], [1, 0, 1, 0], [1, 1, 1, 1]])
    made = Interest("x", table, 4)
    success = np.array([0.2, 0.9, 0.5, 0.1])
    assert made.weights(success).tolist() == [0.001, 1, 1, 0.001]
    assert made.metrics(success) == {"interesting": 0.5}
    np.testing.assert_allclose(made.weigh(np.full(4, 0.25), success), np.array([1, 1000, 1000, 1]) / 2002)
    # Of equals the first one comes first: 0 makes 2 boring, which then says nothing.
    assert made.weights(np.zeros(4)).tolist() == [1, 1, 0.001, 1]
    assert Interest("x", [[True]], 1).weights(np.zeros(1)).tolist() == [1]


def test_weights_multiply_probabilities():
    made = Interest("x", (2.0, 1.0, 0.0), 3)
    np.testing.assert_allclose(made.weigh(np.array([0.2, 0.4, 0.4]), np.zeros(3)), [0.5, 0.5, 0])
    np.testing.assert_allclose(made.weigh(np.array([0, 0, 1.0]), np.zeros(3)), [2 / 3, 1 / 3, 0])
    assert made.metrics(np.zeros(3)) == {}
    huge = Interest("x", (1e308, 1e308, 0), 3)
    np.testing.assert_allclose(huge.weigh(np.full(3, 1 / 3), np.zeros(3)), [0.5, 0.5, 0])


@pytest.mark.parametrize(
    "given", [[1.0, 2.0], [-1.0, 1, 1], [0, 0, 0], [np.nan, 1, 1], np.full((3, 3), 2), "abc", [[1], [1, 2]]]
)
def test_wrong_interests_are_refused(given):
    with pytest.raises(ValueError, match=r"interesting: expected a table \(3, 3\) of True and False, or"):
        Interest("x", given, 3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fast": np.array([0.5, np.nan, 0.5])}, "fast: expected NaN where there is no last success"),
        ({"slow": np.array([1.5, np.nan, np.nan])}, "slow: expected numbers from 0 to 1"),
        ({"baseline": np.full(3, 0.8)}, "baseline: expected at most 0.75"),
        ({"count": np.array([2, 0, 0])}, "count: expected numbers from 0 to 1"),
        ({"sum": np.array([0.0, 0.5, 0])}, "sum: expected at most as many successes"),
    ],
)
def test_damaged_states_are_refused(change, message):
    made = estimates()
    count(made, [0, 0], [1, 0])
    with pytest.raises(ValueError, match=message):
        estimates().load(made.state() | change)
