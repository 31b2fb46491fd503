import numpy as np
import pytest

from teacherstudent.simulation.kernels import jit, kernel
from teacherstudent.simulation.lanes import (
    WIDTH,
    any_lane,
    clamp,
    end_lane,
    first_lane,
    larger,
    load,
    root,
    select,
    size,
    smaller,
    store,
)

ZERO, HALF, TWO = np.float32(0), np.float32(0.5), np.float32(2)


@kernel
def arithmetic(rows, at):
    a, b = load(rows, 0, at), load(rows, 1, at)
    store(rows, 2, at, a + b * TWO)
    store(rows, 3, at, HALF - a)
    store(rows, 4, at, a / (size(b) + HALF))
    store(rows, 5, at, -a)
    store(rows, 6, at, root(size(a)))
    store(rows, 7, at, TWO)


@kernel
def choices(rows, at):
    a, b = load(rows, 0, at), load(rows, 1, at)
    store(rows, 2, at, select(a < b, a, b))
    store(rows, 3, at, select((a <= b) & (a >= ZERO), TWO, a))
    store(rows, 4, at, select((a > b) | (a == b), ZERO, b))
    store(rows, 5, at, smaller(a, b))
    store(rows, 6, at, larger(a, ZERO))
    store(rows, 7, at, clamp(a, -HALF, HALF))


@jit
def run_arithmetic(rows, lanes):
    arithmetic(rows, None)
    for lane in range(lanes):
        arithmetic(rows[8:], lane)


@jit
def run_choices(rows, lanes):
    choices(rows, None)
    for lane in range(lanes):
        choices(rows[8:], lane)


@jit
def lanes_of(at_lane):
    return first_lane(None), end_lane(None), first_lane(at_lane), end_lane(at_lane)


@kernel
def loops(rows, at):
    """Halve each lane until it is at most 1, each for itself."""
    value = load(rows, 0, at)
    active = value > TWO * HALF
    rounds = 0
    while any_lane(active):
        value = select(active, value * HALF, value)
        active = active & (value > TWO * HALF)
        rounds += 1
    store(rows, 1, at, value)
    return rounds


@jit
def run_loops(rows):
    return loops(rows, None)


def table(seed=0):
    """Two stacks of eight rows, the first two of each alike: for all lanes at once, and one by one."""
    rows = np.zeros((16, WIDTH), np.float32)
    rows[:2] = rows[8:10] = np.random.default_rng(seed).normal(size=(2, WIDTH))
    rows[1, 3] = rows[9, 3] = rows[0, 3]
    return rows


@pytest.mark.parametrize(("run", "plain"), [(run_arithmetic, arithmetic), (run_choices, choices)])
def test_all_lanes_at_once_are_each_lane_alone(run, plain):
    rows = table()
    expected = rows[:8].copy()
    run(rows, WIDTH)
    assert np.array_equal(rows[:8], rows[8:])
    plain.py_func(expected, None)  # in plain Python
    np.testing.assert_allclose(rows[:8], expected, rtol=1e-6, atol=1e-7)


def test_arithmetic_is_numpys():
    rows = table()
    a, b = rows[0].copy(), rows[1].copy()
    run_arithmetic(rows, 0)
    expected = [a + 2 * b, 0.5 - a, a / (abs(b) + 0.5), -a, np.sqrt(abs(a)), np.full(WIDTH, 2)]
    np.testing.assert_allclose(rows[2:8], expected, rtol=1e-6)


def test_choices_are_numpys():
    rows = table()
    a, b = rows[0].copy(), rows[1].copy()
    run_choices(rows, 0)
    expected = [
        np.minimum(a, b),
        np.where((a <= b) & (a >= 0), 2, a),
        np.where(a >= b, 0, b),
        np.minimum(a, b),
        np.maximum(a, 0),
        np.clip(a, -0.5, 0.5),
    ]
    assert np.array_equal(rows[2:8], np.float32(expected))


def test_what_is_not_finite_stays_in_its_lane():
    rows, clean = table(), table()
    rows[0, 2] = np.nan
    run_arithmetic(rows, 0)
    run_arithmetic(clean, 0)
    assert np.isnan(rows[2:7, 2]).all()
    others = np.arange(WIDTH) != 2
    assert np.array_equal(rows[:, others], clean[:, others])


def test_a_lane_does_not_depend_on_its_neighbours():
    rows = np.ones((2, WIDTH), np.float32)
    rows[0, 4] = 1000.0
    assert run_loops(rows) == 10
    assert rows[1, 4] == np.float32(1000 / 2**10)
    assert (rows[1, np.arange(WIDTH) != 4] == 1).all()


def test_lanes_of_a_group():
    assert lanes_of(3) == (0, WIDTH, 3, 4)
