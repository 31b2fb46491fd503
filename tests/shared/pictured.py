"""Environments whose observations are images, alone or beside numbers, and whose actions are any."""

import gymnasium as gym
import numpy as np
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary, MultiDiscrete

from teacherstudent.contract.spaces import Parameters
from teacherstudent.slots.wrapping.family import family_from_gymnasium

BYTES = Box(0, 255, (7, 7, 3), np.uint8)
FLOATS = Box(0.0, 1.0, (1, 5, 6), np.float32)
LARGE = Box(0, 255, (40, 40, 3), np.uint8)
PARTS = Dict(
    camera=BYTES,
    place=Box(-1, 1, (2,), np.float64),
    room=Discrete(3),
    keys=MultiBinary(2),
)


class Pictured(gym.Env):
    """Shows draws; pays for the first number of an action; six steps long."""

    def __init__(self, observations=BYTES, actions=None):
        self.observation_space = observations
        self.action_space = Discrete(3) if actions is None else actions
        self.actions = []

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.goal = float(options["task"][0])
        self.steps = 0
        return self._see(), {}

    def step(self, action):
        assert self.action_space.contains(action), action
        self.actions.append(action)
        self.steps += 1
        reward = self.goal * float(np.ravel(action)[0])
        return self._see(), reward, self.steps == 6, False, {}

    def _see(self):
        return _drawn(self.observation_space, self.np_random)


def _drawn(space, rng):
    if isinstance(space, Dict):
        return {name: _drawn(part, rng) for name, part in space.spaces.items()}
    if isinstance(space, Box):
        return (rng.random(space.shape) * (space.high - space.low) + space.low).astype(space.dtype)
    if isinstance(space, Discrete):
        return np.int64(rng.integers(space.n) + space.start)
    assert isinstance(space, MultiBinary | MultiDiscrete)
    return rng.integers(2, size=space.shape).astype(space.dtype)


def pictured(observations=BYTES, actions=None):
    """Return the family of goals from 1 to 2, with 4 test tasks."""
    return family_from_gymnasium(
        Pictured,
        space=Parameters(goal=(1, 2)),
        env_options={"observations": observations, "actions": actions},
        test_tasks=4,
        max_episode_steps=9,
    )
