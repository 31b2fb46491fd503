"""The picture of a point before its gate."""

import numpy as np

from teacherstudent.envs.point_mass.family import PointMass
from teacherstudent.envs.point_mass.picture import SIZE, draw


def pixel(picture, x, y):
    column = int((x + 4) / 8 * SIZE)
    return tuple(picture[SIZE - 1 - int((y + 4) / 8 * SIZE), column].tolist())


def test_wall_gate_goal_and_point_lie_where_they_are():
    picture = draw(np.array([1.0, 0.0, 2.0, 0.0]), np.array([-2.0, 1.0]))
    white = pixel(picture, 3.0, 3.0)
    assert pixel(picture, -2.0, 0.0) == white  # the gate
    assert pixel(picture, -1.4, 0.0) == pixel(picture, 3.0, 0.0) != white  # the wall
    assert pixel(picture, 0.0, -3.0) not in (white, pixel(picture, 3.0, 0.0))  # the goal
    assert pixel(picture, 1.0, 2.0) not in (white, pixel(picture, 0.0, -3.0))  # the point


def test_an_environment_draws_itself():
    env = PointMass().make_env(render_mode="rgb_array")
    env.reset(seed=0, options={"task": [0.0, 8.0]})
    before = env.render()
    env.step([1.0, 1.0])
    after = env.render()
    assert before.shape == (SIZE, SIZE, 3)
    assert before.dtype == np.uint8
    assert (before != after).any()
