"""Cart and pole: steps worked by hand, and those of gymnasium."""

from __future__ import annotations

import numpy as np
import pytest
from balancing import upright
from gymnasium.envs.classic_control.cartpole import CartPoleEnv

from teacherstudent.envs.cartpoles.physics import CARTPOLE_V1, advance, failed, push

V1 = np.array([list(CARTPOLE_V1.values())])


def test_one_step_by_hand():
    # 10 N on 1.1 kg: thrust 9.0909; the pole turns at -9.0909 / (0.5 (4/3 - 0.1/1.1)) = -14.6341 rad/s^2;
    # the cart gains 9.0909 + 0.1 * 0.5 * 14.6341 / 1.1 = 9.7561 m/s^2; both over 0.02 s
    state = advance(np.zeros((1, 4)), np.array([True]), V1)
    assert state == pytest.approx(np.array([[0, 0.195122, 0, -0.292683]]), abs=1e-6)
    state = advance(np.zeros((1, 4)), np.array([False]), V1)
    assert state == pytest.approx(np.array([[0, -0.195122, 0, 0.292683]]), abs=1e-6)


def test_a_push_by_hand():
    # the tip of a 2 m pole gains 3 m/s: 1.5 rad/s
    physics = np.array([[2.0, 10.0, 9.8, 3.0]] * 2)
    pushed = push(np.zeros((2, 4)), np.array([True, False]), physics)
    assert pushed.tolist() == [[0, 0, 0, 1.5], [0, 0, 0, -1.5]]


@pytest.mark.parametrize("seed", range(3))
def test_dynamics_are_those_of_gymnasium_at_its_parameters(seed):
    theirs = CartPoleEnv()
    theirs.reset(seed=seed)
    state = theirs.state[None].copy()
    rng = np.random.default_rng(seed)
    for _ in range(200):
        action = rng.integers(2) if rng.random() < 0.2 else upright(state)[0]
        _, reward, terminated, _, _ = theirs.step(int(action))
        state = advance(state, np.array([action == 1]), V1)
        assert state[0] == pytest.approx(theirs.state, rel=1e-12, abs=1e-14)
        assert bool(failed(state)[0]) == terminated
        assert reward == 1.0
        if terminated:
            break
