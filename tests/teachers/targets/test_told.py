import numpy as np
import pytest

from teacherstudent import teachers
from teacherstudent.contract.family import Family
from teacherstudent.contract.spaces import Box, Parameters, log
from teacherstudent.teachers.targets.told import Sample, Units, check_mastered, easy_sample

SPACE = Parameters(height=(0, 4), rate=log(0.01, 1))


def test_fixed_units_are_the_unit_cube_and_paper_units_the_tasks_own():
    tasks = np.array([[1.0, 0.1], [4.0, 1.0]])
    fixed = Units("t", SPACE)
    paper = Units("t", SPACE, "paper")
    np.testing.assert_allclose(fixed.points(tasks), [[0.25, 0.5], [1.0, 1.0]])
    assert np.array_equal(paper.points(tasks), tasks)
    assert fixed.size.tolist() == [1.0, 1.0]
    assert paper.size.tolist() == [4.0, 0.99]
    for units in (fixed, paper):
        np.testing.assert_allclose(units.tasks(units.points(tasks)), tasks)


def test_paper_units_of_whole_numbers_reach_half_a_unit_beyond():
    units = Units("t", Box(0, 3, (2, 1), np.int64), "paper")
    assert units.low.tolist() == [-0.5, -0.5]
    assert units.high.tolist() == [3.5, 3.5]
    assert units.tasks(np.array([[3.4, -0.4]])).tolist() == [[[3], [0]]]
    assert units.shown(np.array([[3.4, 1.2]])).tolist() == [[3, 1]]


def test_a_sample_draws_the_tasks_it_was_given_all_of_them():
    given = np.array([[1.0, 0.1], [2.0, 0.1], [3.0, 1.0]])
    units = Units("t", SPACE, "paper")
    sample = Sample("t: target", SPACE, units, given)
    drawn = sample.draw(300, np.random.default_rng(0))
    assert {tuple(row) for row in drawn} == {tuple(row) for row in given}
    assert np.unique(drawn[:, 0], return_counts=True)[1].min() > 70
    given[:] = 0.5  # the sample has a copy
    assert np.array_equal(sample.draw(5, np.random.default_rng(0)), drawn[:5])


def test_without_tasks_a_sample_is_uniform():
    drawn = Sample("t: target", SPACE, Units("t", SPACE, "paper"), None).draw(4000, np.random.default_rng(0))
    np.testing.assert_allclose(drawn.mean(axis=0), [2.0, 0.505], atol=0.05)
    assert (drawn.min(axis=0) > [0.0, 0.01]).all()
    assert (drawn.max(axis=0) > [3.9, 0.98]).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Units("t", SPACE, "papr"), "t: variant: expected 'fixed' or 'paper', got 'papr'"),
        (
            lambda: Units("t", Box(-1e300, 1e300, (1,), np.float64), "paper"),
            "expected a space within float32",
        ),
        (
            lambda: Sample("t: target", SPACE, Units("t", SPACE), [[5.0, 0.1]]),
            "t: target: row 0: expected a t",
        ),
        (
            lambda: Sample("t: target", SPACE, Units("t", SPACE), [1.0, 0.1]),
            "t: target: expected tasks of shape",
        ),
        (
            lambda: Sample("t: easy", SPACE, Units("t", SPACE), np.zeros((0, 2))),
            "at least one task, got none",
        ),
        (lambda: easy_sample("t", SPACE, Units("t", SPACE), None), r"easy: expected .*got none: give easy="),
        (lambda: check_mastered("t", None), "mastered: expected a finite score .* got None: give mastered="),
        (lambda: check_mastered("t", np.nan), "mastered: expected a finite score"),
    ],
)
def test_what_is_missing_or_wrong_is_refused_with_the_remedy(make, message):
    with pytest.raises(ValueError, match=message):
        make()


class Plain(Family):
    """A family that knows what mastery is."""

    space = SPACE
    test_set = "none"
    mastered = 0.8
    score_range = (0.0, 1.0)

    def test_tasks(self):
        return np.array([[1.0, 0.1]])


class Telling(Plain):
    """One that says besides which tasks are wanted, and which are easy."""

    def target(self, rng, n):
        return np.column_stack([rng.uniform(3, 4, n), rng.uniform(0.5, 1, n)])

    def easy(self, rng, n):
        return np.column_stack([rng.uniform(0, 1, n), rng.uniform(0.01, 0.02, n)])


@pytest.mark.parametrize("name", ["currot", "gradient", "spdl", "adr"])
def test_a_family_tells_its_teachers_where_to_begin(name):
    tasks = teachers.make(name, Telling(), seed=0).ask(50).tasks
    assert np.median(tasks[:, 0]) < 1.2
    assert np.median(tasks[:, 1]) < 0.05


@pytest.mark.parametrize("name", ["currot", "spdl"])
def test_without_easy_tasks_these_begin_all_over_the_space(name):
    tasks = teachers.make(name, Plain(), seed=0).ask(500).tasks
    assert np.median(tasks[:, 0]) == pytest.approx(2.0, abs=0.3)
    assert np.ptp(tasks[:, 0]) > 3


@pytest.mark.parametrize("name", ["gradient", "adr"])
def test_without_easy_tasks_these_say_what_to_give(name):
    with pytest.raises(ValueError, match=f"{name}: easy: expected .*got none: give easy="):
        teachers.make(name, Plain(), seed=0)
