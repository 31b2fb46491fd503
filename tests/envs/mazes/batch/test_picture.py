"""Pictures of mazes."""

from __future__ import annotations

import numpy as np
import pytest
from maze_levels import level_of
from maze_slots import slots_of

from teacherstudent.envs.mazes.batch.picture import draw_agents, draw_episode, draw_levels, draw_sheet
from teacherstudent.envs.mazes.solver import FORWARD, LEFT, RIGHT, plan


def test_pictures():
    level = level_of("#.G", "..v", "@..")
    (picture,) = draw_levels(level[None], tile=5)
    assert picture.shape == (25, 25, 3)
    assert picture.dtype == np.uint8
    colour = lambda row, column, of=picture: of[5 * row + 7, 5 * column + 7].tolist()  # noqa: E731
    border = picture[2, 2].tolist()
    assert colour(0, 0) == border
    assert colour(0, 1) == colour(1, 0) == [245, 245, 245]
    assert len({tuple(colour(*at)) for at in ((0, 0), (0, 1), (0, 2), (1, 2), (2, 0))}) == 5
    frames = draw_episode(level, [*plan(level), FORWARD, FORWARD], tile=5)
    assert len(frames) == len(plan(level)) + 1  # nothing after the goal
    assert np.array_equal(frames[0], picture)
    assert colour(1, 2, frames[-1]) == [245, 245, 245]
    assert colour(0, 2, frames[-1]) == colour(1, 2)
    assert not np.array_equal(frames[1], frames[0])
    slots = slots_of([level] * 2)
    slots.step(np.array([LEFT, RIGHT]))
    one, two = slots.render()
    assert np.array_equal(one[::2, ::2].shape, two[::2, ::2].shape)
    assert np.array_equal(two, draw_agents(level[None], np.array([[1, 2, 2]]))[0])
    sheet = draw_sheet(np.stack([level] * 5), columns=3, tile=5)
    assert sheet.shape == (55, 85, 3)
    assert np.array_equal(sheet[:25, 30:55], picture)
    assert (sheet[30:, 60:] == 255).all()
    with pytest.raises(ValueError, match="tile"):
        draw_levels(level[None], tile=2)
    with pytest.raises(ValueError, match="levels and columns, got 0 and 3"):
        draw_sheet(np.empty((0, 3, 3), np.uint8), columns=3)
