"""Levels of mazes as a space: draws, draws by seed, simple levels, options."""

from __future__ import annotations

import numpy as np
import pytest
from maze_levels import rng

from teacherstudent.envs.mazes.codes import WALL
from teacherstudent.envs.mazes.space import MazeLevels


def test_as_many_walls_as_fit():
    space = MazeLevels(size=3, extent=3, n_walls=7, generator="walls-without-replacement")
    levels = space.draw(rng(), 50)
    assert space.contains_each(levels).all()
    assert (np.count_nonzero(levels == WALL, axis=(1, 2)) == 7).all()


def test_only_solvable_levels_if_asked(monkeypatch):
    space = MazeLevels(n_walls=100, solvable=True)
    levels = space.draw(rng(), 300)
    assert (space.features(levels)["solvable"] == 1).all()
    assert (MazeLevels(n_walls=100).features(MazeLevels(n_walls=100).draw(rng(), 300))["solvable"] == 0).any()
    hopeless = MazeLevels(size=13, n_walls=167, generator="walls-without-replacement", solvable=True)
    monkeypatch.setattr("teacherstudent.envs.mazes.space._ATTEMPTS", 3)
    with pytest.raises(RuntimeError, match="draw: expected solvable levels, got none in 3 draws"):
        hopeless.draw(rng(), 50)


def test_draws_by_seed_do_not_depend_on_the_batch():
    space = MazeLevels(n_walls=80, solvable=True)
    seeds, episodes = np.array([5, 5, 6, 2**62]), np.array([0, 1, 0, 3])
    levels = space.draw_by_seeds(seeds, episodes)
    assert len(np.unique(space.key(levels))) == 4
    for i in range(4):
        assert np.array_equal(space.draw_by_seeds(seeds[i : i + 1], episodes[i : i + 1])[0], levels[i])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 14}, "size: expected 2 to extent = 13, got 14"),
        ({"size": 1}, "size: expected 2"),
        ({"n_walls": 168}, "n_walls: expected 0 to 167, all cells but two, got 168"),
        ({"n_walls": -1}, "n_walls"),
        ({"n_walls": 25.5}, "n_walls: expected a whole number of at least 0, got 25.5"),
        ({"size": 9.0}, "size: expected a whole number of at least 0, got 9.0"),
        ({"extent": 15.0}, "extent: expected a whole number of at least 0, got 15.0"),
        ({"generator": "holes"}, "generator: expected one of .*'empty'.* got 'holes'"),
        ({"edits": "none"}, "edits: expected one of .*'dcd'.* got 'none'"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        MazeLevels(**options)


def test_simple_levels_have_no_walls():
    space = MazeLevels(extent=19, size=13, n_walls=60)
    levels = space.draw_simple(np.random.default_rng(0), 50)
    assert levels.shape == (50, 19, 19)
    assert space.contains_each(levels).all()
    assert (space.features(levels)["walls"] == 0).all()
    assert len(np.unique(space.key(levels))) > 40
