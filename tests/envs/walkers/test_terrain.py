"""Levels of terrain as a space: draws, edits, keys, features."""

from __future__ import annotations

import numpy as np
import pytest
from terrain_levels import LEVEL

from teacherstudent import spaces
from teacherstudent.contract.types import generator
from teacherstudent.envs.walkers.bipedal_levels import levels_of
from teacherstudent.envs.walkers.terrain import RANGES, SEEDS, TerrainLevels


def test_full_levels_fill_the_whole_ranges():
    space = TerrainLevels()
    drawn = space.draw(generator(0), 20000)
    assert drawn.shape == (20000, 9)
    assert space.contains_each(drawn).all()
    assert drawn[:, 0].mean() == pytest.approx(5, abs=0.1)
    for low, high, top in ((1, 2, 10), (3, 4, 5), (5, 6, 5)):  # smaller and larger of two uniform numbers
        assert drawn[:, low].mean() == pytest.approx(top / 3, rel=0.02)
        assert drawn[:, high].mean() == pytest.approx(2 * top / 3, rel=0.02)
    steps, counts = np.unique(drawn[:, 7], return_counts=True)
    assert steps.tolist() == list(range(1, 10))
    assert counts / 20000 == pytest.approx([1 / 16, *[1 / 8] * 7, 1 / 16], abs=0.01)  # rounded
    assert drawn[:, 8].min() >= 0
    assert drawn[:, 8].mean() == pytest.approx(SEEDS / 2, rel=0.02)
    assert np.array_equal(drawn[:, 8].astype(np.float32), drawn[:, 8])


def test_easy_levels_have_every_obstacle_and_no_size():
    space = TerrainLevels("easy")
    drawn = space.draw(generator(1), 1000)
    assert space.contains_each(drawn).all()
    assert (drawn[:, 1:8] == [0, 0.8, 0, 0.4, 0, 0.4, 1]).all()
    assert 0 <= drawn[:, 0].min() < 0.01
    assert 0.59 < drawn[:, 0].max() <= 0.6
    assert all((space.features(drawn)[name] == 1).all() for name in ("pits", "stumps", "stairs"))


def test_five_parameters_leave_the_stairs_out():
    for start in ("full", "easy"):
        space = TerrainLevels(start, 5)
        drawn = space.draw(generator(2), 500)
        changed = space.mutate(generator(3), drawn, edits=20)
        for tasks in (drawn, changed):
            assert (tasks[:, 5:8] == [0, 0, 1]).all()
            assert space.contains_each(tasks).all()
        assert (drawn[:, :5] != changed[:, :5]).any(axis=0).all()


class Given:
    """A generator whose draws are given: parameters, directions, seeds; and the size of rough moves."""

    def __init__(self, *integers, random):
        self.given, self.sizes = list(integers), random

    def integers(self, *bounds, size=None):
        return np.array(self.given.pop(0))

    def random(self, shape):
        return np.full(shape, self.sizes)


def test_edits_move_parameters_by_their_steps():
    space = TerrainLevels()

    def edited(columns, directions):
        rng = Given([[c] for c in columns], [[d] for d in directions], [5], random=0.5)
        return space.mutate(rng, LEVEL[None], edits=len(columns))[0]

    # roughness: half of 0.6 up; low pit: 0.2 + 0.4 = 0.6 passes the high one, 0.3; steps: one less
    assert edited([0, 1, 7], [1, 1, -1]) == pytest.approx([1.3, 0.3, 0.6, 0.4, 0.8, 1.0, 1.1, 2.0, 5.0])
    # stumps' high 0.2 down twice; stairs' low 0.2 up passes the high one, 1.1
    assert edited([4, 4, 5], [-1, -1, 1]) == pytest.approx([1.0, 0.2, 0.3, 0.4, 0.4, 1.1, 1.2, 3.0, 5.0])
    # nothing moves, the seed is new; and what leaves the range is clipped
    assert edited([2], [0])[:8] == pytest.approx(LEVEL[:8])
    assert edited([7, 7, 7, 1], [-1, -1, -1, -1])[[1, 7]] == pytest.approx([0, 1])


def test_edits_are_drawn_evenly():
    space, n = TerrainLevels(), 24000
    middle = np.tile([5, 2, 8, 1, 4, 1, 4, 5, 3.0], (n, 1))
    moves = space.mutate(generator(0), middle)[:, :8] - middle[:, :8]
    counts = (moves != 0).sum(axis=0) / n
    assert counts == pytest.approx([2 / 3 / 8] * 8, abs=0.01)  # a third of the edits goes nowhere
    assert (moves > 0).sum() == pytest.approx((moves < 0).sum(), rel=0.05)
    rough = np.abs(moves[moves[:, 0] != 0, 0])
    assert rough.max() < 0.6
    assert rough.mean() == pytest.approx(0.3, abs=0.01)
    for column, step in enumerate([0.4, 0.4, 0.2, 0.2, 0.2, 0.2, 1.0], 1):
        sizes = np.abs(moves[moves[:, column] != 0, column])
        assert sizes == pytest.approx(step)


def test_edits_stay_in_the_space_and_draw_new_seeds():
    space = TerrainLevels("easy")
    tasks = space.draw(generator(4), 300)
    before = tasks.copy()
    for edits in (1, 3, 20):
        children = space.mutate(generator(edits), tasks, edits)
        assert space.contains_each(children).all()
        assert (children[:, 8] != tasks[:, 8]).all()
        assert (space.key(children) != space.key(tasks)).all()
        assert np.array_equal(children, space.mutate(generator(edits), tasks, edits))
    assert np.array_equal(tasks, before)
    assert space.contains_each(space.mutate(generator(0), levels_of("BipedalWalkerHardcore-v3"))).all()
    assert space.mutate(generator(0), tasks[:0]).shape == (0, 9)
    with pytest.raises(ValueError, match="edits: expected at least 1, got 0"):
        space.mutate(generator(0), tasks, 0)


def test_keys_are_those_of_equal_levels():
    space = TerrainLevels()
    drawn = space.draw(generator(5), 5000)
    keys = space.key(drawn)
    assert keys.dtype == np.int64
    assert len(set(keys.tolist())) == 5000
    assert np.array_equal(space.key(drawn[::-1]), keys[::-1])
    for column in range(9):
        other = drawn[:100].copy()
        other[:, column] = np.nextafter(other[:, column], -1)
        assert (space.key(other) != keys[:100]).all()
    minus = drawn[:1].copy()
    minus[0, 0] = 0.0
    zero = space.key(minus)
    minus[0, 0] = -0.0
    assert np.array_equal(space.key(minus), zero)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        *((0, 10.1), (0, -0.1), (0, np.nan), (1, 0.31), (3, 0.9), (5, 1.2), (4, 5.5)),
        *((7, 3.5), (7, 0), (7, 10), (8, 0.5), (8, SEEDS), (8, -SEEDS), (8, np.inf)),
    ],
)
def test_what_is_no_level(column, value):
    space = TerrainLevels()
    bad = LEVEL.copy()
    bad[column] = value
    assert space.contains_each(np.stack([LEVEL, bad])).tolist() == [True, False]
    with pytest.raises(ValueError, match=r"row 1: expected a task in TerrainLevels\('full', param"):
        spaces.check_tasks(space, np.stack([LEVEL, bad]), "tasks")


def test_features_are_the_parameters_and_the_obstacles():
    rows = np.stack([LEVEL, LEVEL])
    rows[1, [2, 4, 6]] = 0.8, 0.4, 1.1
    rows[0, [3, 4, 5, 6]] = 0.1, 0.19, 0.1, 0.2
    found = TerrainLevels().features(rows)
    assert list(found) == [*RANGES, "pits", "stumps", "stairs"]
    for column, name in enumerate(RANGES):
        assert found[name].tolist() == rows[:, column].tolist()
    assert (found["pits"].tolist(), found["stumps"].tolist()) == ([0, 1], [0, 1])
    assert found["stairs"].tolist() == [1, 1]
