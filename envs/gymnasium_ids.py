"""The names under which `gymnasium.make` finds the environments of this package."""

from __future__ import annotations

import gymnasium as gym

_ENVIRONMENTS = {
    "teacherstudent/StumpTracks-v0": ("teacherstudent.envs.walkers.box2d.tracks:StumpTracksEnv", 2000),
    "teacherstudent/HexagonTracks-v0": ("teacherstudent.envs.walkers.box2d.tracks:HexagonTracksEnv", 2000),
    "teacherstudent/StumpSequence-v0": ("teacherstudent.envs.walkers.box2d.tracks:StumpSequenceEnv", 2000),
    "teacherstudent/CartPoleParameters-v0": (
        "teacherstudent.envs.cartpoles.family:CartPoleParametersEnv",
        500,
    ),
}


def register_environments() -> None:
    """Register the environments with gymnasium; nothing is imported until one is made. Safe to call twice."""
    # Registering a name twice makes gymnasium warn, and this runs at every import of the package.
    for name, (entry_point, max_episode_steps) in _ENVIRONMENTS.items():
        if name not in gym.registry:
            gym.register(name, entry_point=entry_point, max_episode_steps=max_episode_steps)
