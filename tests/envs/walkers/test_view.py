"""What a picture shows of a walker, as its slots tell it."""

import numpy as np

from teacherstudent import envs
from teacherstudent.envs.walkers.view import WalkerView


def test_slots_show_a_walker_on_its_track():
    slots = envs.make("stump-tracks").make_vec(1)
    slots.reset(seed=0, options={"task": [[2.0, 3.0]]})
    view = slots.view(0)
    assert isinstance(view, WalkerView)
    # A hull and two parts for each of two legs.
    assert view.poses.shape == (5, 3)
    assert (np.diff(view.ground[:, 0]) > 0).all()
    assert len(view.obstacles) > 3
    assert all(len(corners) >= 3 for corners in view.obstacles)
    assert view.rays.shape == (10,)
    assert ((view.rays >= 0) & (view.rays <= 1)).all()
