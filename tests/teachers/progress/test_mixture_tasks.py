"""What the mixture's teachers share: windows by hand, units, and draws in proportion to utility."""

import numpy as np
import pytest

from teacherstudent.contract.spaces import Parameters
from teacherstudent.teachers.progress.expectation import Mixture
from teacherstudent.teachers.progress.mixture_tasks import Draws, Options, Window, gaussian

SPACE = Parameters(a=(0, 2), b=(-3, 3))


def options(variant="fixed", **changes):
    given = {
        "fit_rate": 20,
        "random_task_ratio": 0.0,
        "n_components": (2, 4),
        "criterion": "aic",
        "initial": None,
    }
    return Options(space=SPACE, seed=0, variant=variant, **(given | changes))


def test_a_window_is_handed_on_whenever_it_is_full():
    window = Window(3, 1)
    assert window.wait().rows == 3
    found = []
    for tasks in ([1, 2], [3, 4, 5, 6, 7], [8], [9]):
        rows = np.array(tasks, float)
        found += [(t.ravel().tolist(), s.tolist()) for t, s in window.fill(rows[:, None], 10 * rows)]
    expected = [([k, k + 1, k + 2], [10 * k, 10 * k + 10, 10 * k + 20]) for k in (1, 4, 7)]
    assert found == expected
    assert window.told == 9
    assert window.fits == 3
    assert window.wait() is None


def test_a_window_goes_on_with_the_rows_since_the_last_full_one():
    window, resumed = Window(3, 1), Window(3, 1)
    list(window.fill(np.arange(5.0)[:, None], np.arange(5.0)))
    state = window.state()
    assert (state["told"], state["tasks"].tolist(), state["scores"].tolist()) == (5, [[3.0], [4.0]], [3, 4])
    resumed.load(state)
    ((tasks, scores),) = resumed.fill(np.array([[9.0]]), np.array([0.5]))
    assert tasks.ravel().tolist() == [3.0, 4.0, 9.0]
    assert scores.tolist() == [3.0, 4.0, 0.5]
    with pytest.raises(ValueError, match=r"window: scores: expected shape \(2\), got \(1,\)"):
        resumed.load(state | {"scores": np.zeros(1)})


def test_mixtures_go_back_to_raw_units_by_hand():
    # The middle of the unit square is (1, 0); variances are multiplied by 2^2 and 6^2, covariances by 12.
    covariance = np.array([[[0.25, 0.1, 0.0], [0.1, 0.25, 0.0], [0.0, 0.0, 0.5]]])
    mixture = Mixture(np.ones(1), np.array([[0.5, 0.5, 7.0]]), covariance)
    raw = options().raw(mixture)
    assert raw.means.tolist() == [[1.0, 0.0, 7.0]]
    np.testing.assert_allclose(raw.covariances[0], [[1, 1.2, 0], [1.2, 9, 0], [0, 0, 0.5]])
    assert options("paper").raw(mixture) is mixture
    assert options().points(np.array([[2.0, 0.0]])).tolist() == [[1.0, 0.5]]
    assert options("paper").points(np.array([[2.0, 0.0]])).tolist() == [[2.0, 0.0]]


@pytest.mark.parametrize("variant", ["fixed", "paper"])
def test_components_are_drawn_by_utility_and_uniform_tasks_by_their_ratio(variant):
    # Two narrow components at a = 0.5 and a = 1.5, the second of three times the utility of the first.
    low, high = ([0.5, 0.0], [1.5, 0.0]) if variant == "paper" else ([0.25, 0.5], [0.75, 0.5])
    mixture = Mixture(np.full(2, 0.5), np.array([low, high]), np.array([1e-8 * np.eye(2)] * 2))
    rng, n = np.random.default_rng(0), 4000
    draws = Draws(options(variant, random_task_ratio=0.2))
    draws.use(mixture, np.array([1.0, 3.0]))
    tasks = draws.take(n, rng)
    near = np.abs(tasks[:, 1]) < 0.01
    assert near.mean() == pytest.approx(0.8, abs=0.03)
    assert (tasks[near, 0] > 1).mean() == pytest.approx(0.75, abs=0.03)
    draws.use(mixture, np.zeros(2))  # no progress anywhere: either will do
    tasks = draws.take(n, rng)
    assert (tasks[np.abs(tasks[:, 1]) < 0.01, 0] > 1).mean() == pytest.approx(0.5, abs=0.04)


def test_tasks_left_of_a_block_come_first():
    whole, parts = Draws(options()), Draws(options())
    expected = whole.take(64, np.random.default_rng(0))
    rng = np.random.default_rng(0)
    found = [parts.take(10, rng)]
    resumed = Draws(options())
    resumed.load(parts.state())
    found.append(resumed.take(54, rng))
    assert np.array_equal(np.concatenate(found), expected)
    resumed.reset()
    assert len(resumed.state()) == 0


def test_variances_and_covariances_before_the_first_fit():
    mean, covariance = gaussian(([1.0, 0.0], [0.5, 2.0]), SPACE)
    assert mean.tolist() == [1.0, 0.0]
    assert covariance.tolist() == [[0.5, 0.0], [0.0, 2.0]]
    assert gaussian(([1.0, 0.0], [[1.0, 0.5], [0.5, 1.0]]), SPACE)[1].tolist() == [[1.0, 0.5], [0.5, 1.0]]
    for spread in ([[1.0, 2.0], [2.0, 1.0]], [[1.0, 0.5], [0.0, 1.0]]):
        with pytest.raises(ValueError, match="initial: expected variances of at least 0"):
            gaussian(([1.0, 0.0], spread), SPACE)
