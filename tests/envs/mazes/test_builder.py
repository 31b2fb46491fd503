import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from teacherstudent.contract.tasks.builder import Buildable, builder_of
from teacherstudent.envs.mazes.codes import AGENT, FREE, GOAL, OUTSIDE, WALL
from teacherstudent.envs.mazes.space import MazeLevels

ORDERS = ("goal-last", "goal-first")


def built(space, actions, rng, **options):
    """Return the levels that ``(n, steps)`` actions make."""
    builder = builder_of(space, options)
    partial = builder.empty(len(actions))
    for step, chosen in enumerate(np.asarray(actions).T):
        before = partial.copy()
        after = builder.apply(partial, step, chosen, rng)
        np.testing.assert_array_equal(partial, before)
        partial = after
    return builder.finish(partial)


@given(data=st.data(), order=st.sampled_from(ORDERS), seed=st.integers(0, 10))
@settings(max_examples=60, deadline=None)
def test_every_sequence_of_actions_makes_a_valid_level(data, order, seed):
    space = MazeLevels(extent=5, size=data.draw(st.integers(2, 4)), n_walls=2)
    cells = st.integers(0, space.size**2 - 1)
    rows = data.draw(st.lists(st.lists(cells, min_size=4, max_size=4), min_size=1, max_size=4))
    levels = built(space, rows, np.random.default_rng(seed), order=order)
    assert levels.shape == (len(rows), 5, 5)
    assert levels.dtype == np.uint8
    assert space.contains_each(levels).all()
    assert ((levels != OUTSIDE).sum(axis=(1, 2)) == space.size**2).all()
    assert ((levels == WALL).sum(axis=(1, 2)) <= 2).all()


def test_conflicts_are_settled_as_in_the_papers():
    space, rng = MazeLevels(size=3, extent=3, n_walls=3), np.random.default_rng(0)
    last = built(space, [[0, 0, 1, 0, 1]], rng)[0].ravel()  # a wall twice; goal and agent on walls
    assert (last[0], AGENT <= last[1] < AGENT + 4) == (GOAL, True)
    assert (last[2:] == FREE).all()
    first = built(space, [[0, 1, 0, 1, 2]], rng, order="goal-first")[0].ravel()  # walls on goal and agent
    assert (first[0], AGENT <= first[1] < AGENT + 4, first[2]) == (GOAL, True, WALL)
    assert (first[3:] == FREE).all()
    homeless = built(space, np.tile([0, 1, 2, 8, 8], (300, 1)), rng).reshape(300, 9)  # agent on the goal
    agents = (homeless >= AGENT) & (homeless < AGENT + 4)
    assert (agents.sum(axis=1) == 1).all()
    assert set(np.nonzero(agents)[1]) == {3, 4, 5, 6, 7}
    assert set(homeless[agents]) == {AGENT, AGENT + 1, AGENT + 2, AGENT + 3}


def test_what_the_adversary_sees():
    builder = MazeLevels(size=2, extent=4, n_walls=1).builder()
    assert (builder.steps, builder.n_actions, builder.observation_shape) == (3, 4, (3, 4, 4))
    seen = builder.observe(np.array([[WALL, GOAL, AGENT + 2, FREE]], np.uint8))
    assert seen.dtype == np.float32
    walls = np.ones((4, 4))
    walls[1:3, 1:3] = [[1, 0], [0, 0]]
    np.testing.assert_array_equal(seen[0, 0], walls)
    assert [tuple(np.argwhere(plane)[0]) for plane in seen[0, 1:]] == [(1, 2), (2, 1)]
    assert seen[0, 1:].sum() == 2


def test_a_maze_space_is_buildable_and_refuses_unknown_orders():
    space = MazeLevels()
    assert isinstance(space, Buildable)
    with pytest.raises(ValueError, match=r"order: expected one of .*, got 'sideways'"):
        builder_of(space, {"order": "sideways"})
