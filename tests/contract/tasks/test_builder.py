import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from teacherstudent import spaces
from teacherstudent.contract.spaces import Box, Discrete, Parameters
from teacherstudent.contract.tasks.builder import builder_of
from teacherstudent.envs.walkers.terrain import TerrainLevels


def built(space, actions):
    """Return the tasks that ``(n, steps)`` actions make."""
    builder, rng = builder_of(space), np.random.default_rng(0)
    partial = builder.empty(len(actions))
    for step, chosen in enumerate(np.asarray(actions, np.float64).T):
        partial = builder.apply(partial, step, chosen, rng)
    return builder.finish(partial)


def test_one_parameter_with_each_action():
    space = Parameters(height=(0, 3), spacing=(-2, 6))
    np.testing.assert_allclose(built(space, [[-1, 1], [0, -0.5]]), [[0, 6], [1.5, 0]])
    builder = builder_of(space)
    half = builder.apply(builder.empty(1), 0, np.array([0.25]), np.random.default_rng(0))
    np.testing.assert_array_equal(builder.observe(half), np.array([[0.25, 0]], np.float32))
    assert (builder.steps, builder.n_actions, builder.observation_shape) == (2, 0, (2,))


@given(
    arrays.arrays(np.float64, (4, 6), elements=st.floats(-1, 1)),
    st.sampled_from([Box(-3, 5, (3, 2), np.float32), Box(0, 9, (6,), np.int64)]),
)
@settings(deadline=None)
def test_every_sequence_of_actions_makes_a_task(actions, space):
    tasks = built(space, actions)
    assert (tasks.shape, tasks.dtype) == ((4, *space.shape), space.dtype)
    assert spaces.contains_each(space, tasks).all()


@given(arrays.arrays(np.float64, (4, 8), elements=st.floats(-1, 1)), st.sampled_from([5, 8]))
@settings(deadline=None)
def test_every_sequence_of_actions_makes_a_terrain(actions, parameters):
    space = TerrainLevels("easy", parameters)
    levels = built(space, actions[:, :parameters])
    assert spaces.contains_each(space, levels).all()
    np.testing.assert_allclose(levels[:, 0], 5 + 5 * actions[:, 0], atol=1e-12)


def test_a_terrain_by_hand():
    space = TerrainLevels("easy")
    (level,) = built(space, [[-1, 1, 0, -0.2, 1, -1, -1, 0.1]])
    np.testing.assert_allclose(level[:8], [0, 5, 10, 2, 5, 0, 0, 5])  # a pair is put in order
    seeds = built(space, np.zeros((500, 8)))[:, 8]
    assert len(np.unique(seeds)) == 500
    builder = builder_of(space)
    seen = builder.observe(builder.apply(builder.empty(1), 1, np.array([0.5]), np.random.default_rng(0)))
    np.testing.assert_array_equal(seen, np.array([[0, 0.5, 0, 0, 0, 0, 0, 0]], np.float32))


def test_what_cannot_be_built_is_refused():
    with pytest.raises(TypeError, match=r"expected a space of type Box or with a method builder\(\), got D"):
        builder_of(Discrete(3))
    with pytest.raises(TypeError, match=r"builder: expected no options for a box, got \['order'\]"):
        builder_of(Box(0, 1, (2,)), {"order": "goal-last"})
