"""The spaces of the tracks' tasks: names and ranges as published."""

from teacherstudent.envs.walkers.ground.tasks import hexagon_space, sequence_space, stump_space


def test_stumps_have_a_height_and_a_spacing():
    space = stump_space(3.0)
    assert space.names == ("stump_height", "obstacle_spacing")
    assert (space.low.tolist(), space.high.tolist()) == ([0, 0], [3, 6])
    assert stump_space(3.0, -3.0).low.tolist() == [-3, 0]


def test_a_hexagon_has_an_offset_for_each_axis_of_each_corner():
    space = hexagon_space()
    assert space.names[:4] == ("right0", "up0", "right1", "up1")
    assert len(space.names) == 12
    assert (space.low.max(), space.high.min(), space.high.max()) == (0, 4, 4)


def test_a_flight_has_five_stumps():
    space = sequence_space()
    assert space.names[:3] == ("height0", "width0", "height1")
    assert len(space.names) == 10
    assert (space.low.max(), space.high.min(), space.high.max()) == (0, 6, 6)
