"""Pictures of points in mazes: what colour is where."""

from __future__ import annotations

import numpy as np

from teacherstudent.envs.goals.picture import PIXELS, draw_points

FREE = np.array([[1, 0], [1, 1]])
COLOURS = {
    (205, 205, 205): "outside",
    (70, 70, 70): "wall",
    (245, 245, 245): "free",
    (60, 170, 90): "goal",
    (200, 150, 60): "never",
    (200, 50, 45): "point",
}


def at(frame, x, y):
    """Return what is drawn at a place of a box from -1 to 3, y upwards."""
    row, column = int((3 - y) * PIXELS), int((x + 1) * PIXELS)
    return COLOURS[tuple(frame[row, column].tolist())]


def frames(goals):
    places = np.tile([0.5, 1.5], (len(goals), 1))
    return draw_points(FREE, [-1.0, -1.0], [3.0, 3.0], places, np.array(goals))


def test_a_picture_has_the_box_and_y_goes_up():
    (frame,) = frames([[2.5, 2.5, 0.5]])
    assert frame.shape == (4 * PIXELS, 4 * PIXELS, 3)
    assert (at(frame, 0.1, 0.1), at(frame, 1.1, 0.1), at(frame, 1.1, 1.9)) == ("free", "wall", "free")
    assert (at(frame, -0.5, 0.5), at(frame, 0.5, -0.5), at(frame, 2.1, 0.5)) == ("outside",) * 3
    assert (at(frame, 0.5, 1.5), at(frame, 2.5, 2.5), at(frame, 2.5, 2.1)) == ("point", "goal", "goal")


def test_goals_out_of_reach_have_a_colour_of_their_own():
    first, second = frames([[1.5, 0.5, 0.0], [1.5, 1.5, 0.4]])
    assert (at(first, 1.5, 0.5), at(first, 1.5, 1.5)) == ("never", "free")
    assert (at(second, 1.5, 0.5), at(second, 1.5, 1.5)) == ("wall", "goal")
    assert at(first, 1.5, 0.8) == "wall"
