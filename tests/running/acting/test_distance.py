import numpy as np
import pytest
from scipy import stats

from teacherstudent.contract import spaces
from teacherstudent.contract.spaces import Discrete, Parameters
from teacherstudent.contract.tasks.dimensions import log, whole
from teacherstudent.envs.mazes.space import MazeLevels
from teacherstudent.running.acting.distance import distances, kolmogorov


def test_dimensions_are_compared_with_uniform_as_scipy_does():
    space = Parameters(a=(0, 1), b=log(0.1, 10))
    rng = np.random.default_rng(0)
    first = rng.random(40) ** 2
    second = rng.random(40)
    tasks = np.column_stack([first, 10 ** (2 * second - 1)])
    expected = [stats.kstest(values, "uniform").statistic for values in (first, second)]
    assert kolmogorov(space, tasks) == pytest.approx(expected)
    found = distances(space, tasks)
    assert found["distance"] == pytest.approx(max(expected))
    assert found["distance_mean"] == pytest.approx(np.mean(expected))


def test_whole_numbers_are_compared_with_equal_shares():
    space = Parameters(a=whole(0, 3))
    # Shares .5, .25, 0, .25 against .25 each: sums .5, .75, .75, 1 against .25, .5, .75, 1.
    assert kolmogorov(space, np.array([[0.0], [0.0], [1.0], [3.0]])) == pytest.approx([0.25])
    # Sums 0, 0, 0, 1: the greatest difference, .75, is where no task is.
    assert kolmogorov(space, np.array([[3.0], [3.0]])) == pytest.approx([0.75])
    assert kolmogorov(space, np.arange(4.0)[:, None]) == pytest.approx([0.0])


def test_discrete_tasks_are_compared_by_half_the_sum_of_differences():
    # Shares .75, .25, 0, 0 against .25: half of .5 + 0 + .25 + .25.
    found = distances(Discrete(4), np.array([0, 0, 0, 1]))
    assert found["distance"] == found["distance_mean"] == pytest.approx(0.5)


@pytest.mark.parametrize("space", [Parameters(a=(0, 1), b=(0, 1), c=(0, 1)), Discrete(10), Discrete(1)])
def test_uniform_tasks_are_as_far_as_they_are_by_chance(space):
    rng = np.random.default_rng(0)
    found = [distances(space, spaces.sample(space, rng, 60)) for _ in range(500)]
    mean = np.mean([one["distance"] for one in found])
    assert mean == pytest.approx(found[0]["distance_by_chance"], abs=0.01)


def test_levels_have_no_distance_nor_has_nothing():
    space = MazeLevels()
    assert distances(space, space.draw(np.random.default_rng(0), 3)) == {}
    assert distances(Discrete(3), np.zeros(0, np.int64)) == {}
