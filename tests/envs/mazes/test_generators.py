"""How mazes are drawn: counts of walls, a level by hand."""

from __future__ import annotations

import numpy as np
import pytest
from maze_levels import rng

from teacherstudent.envs.mazes.codes import AGENT, GOAL, OUTSIDE, WALL
from teacherstudent.envs.mazes.generators import GENERATORS, build, pick
from teacherstudent.envs.mazes.space import MazeLevels


def test_uniform_levels_have_the_published_statistics():
    """25 draws with replacement: 23.30 walls, .9955 solvable, shortest path 9.13, deviation 4.42, most 24."""
    found = MazeLevels(n_walls=25).features(MazeLevels(n_walls=25).draw(rng(), 12_000))
    solvable = found["solvable"] == 1
    assert found["walls"].mean() == pytest.approx(23.30, abs=0.03)
    assert solvable.mean() == pytest.approx(0.9955, abs=0.002)
    assert found["path"][solvable].mean() == pytest.approx(9.13, abs=0.1)
    assert found["path"][solvable].std() == pytest.approx(4.42, abs=0.1)
    assert found["path"].max() <= 26
    assert (found["path"][~solvable] == 0).all()
    assert (found["steps"] >= found["path"]).all()
    assert found["steps"][solvable].mean() > 11


def test_generators():
    draw = lambda generator, n=4000: MazeLevels(generator=generator, n_walls=25, size=9).draw(rng(), n)  # noqa: E731
    counts = {name: np.count_nonzero(draw(name) == WALL, axis=(1, 2)) for name in GENERATORS}
    assert (counts["empty"] == 0).all()
    assert (counts["walls-without-replacement"] == 25).all()
    assert counts["walls-with-replacement"].mean() == pytest.approx(81 * (1 - (80 / 81) ** 25), abs=0.05)
    drawn = np.arange(26)
    assert counts["uniform-count"].mean() == pytest.approx((81 * (1 - (80 / 81) ** drawn)).mean(), abs=0.3)
    assert counts["uniform-count"].min() == 0
    levels = draw("walls-with-replacement")
    assert (levels[:, 9:] == OUTSIDE).all()
    assert (levels[:, :, 9:] == OUTSIDE).all()
    assert (levels[:, :9, :9] != OUTSIDE).all()
    for code in (WALL, GOAL, AGENT, AGENT + 1, AGENT + 2, AGENT + 3):  # everywhere, equally often
        share = (levels[:, :9, :9] == code).mean(axis=0)
        assert share.max() < 2 * share.mean() + 0.01
    headings = np.bincount(levels[(levels >= AGENT) & (levels < OUTSIDE)])[AGENT:]
    assert headings == pytest.approx(np.full(4, 1000), abs=120)


def test_a_level_by_hand():
    numbers = np.array([[0.1, 0.1, 0.99, 0.0, 0.99, 0.6]])  # walls in cells 0, 0 and 8; goal; agent; heading
    codes = build("walls-with-replacement", 3, 9, numbers)
    assert codes.tolist() == [[WALL, GOAL, 0, 0, 0, 0, 0, AGENT + 2, WALL]]
    without = build("walls-without-replacement", 2, 4, np.array([[0.3, 0.9, 0.1, 0.5, 0.0, 0.0, 0.0]]))
    assert without.tolist() == [[WALL, GOAL, WALL, AGENT]]
    assert pick(
        np.array([[0, 1, 1, 0], [0, 0, 0, 0], [1, 1, 1, 1]], bool), np.array([0.5, 0.2, 0.0])
    ).tolist() == ([2, -1, 0])
