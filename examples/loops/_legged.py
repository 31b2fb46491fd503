"""A stand-in for a legged-robot task of Isaac Lab, with its interface; nothing here knows of teachers.

What a loop sees has Isaac Lab's names: `num_envs`, `device`, `episode_length_buf`, a terrain with
`terrain_origins` (levels, types, 3), `terrain_levels`, `terrain_types`, `env_origins`, and a step that resets
what has ended by itself, after a call of the curriculum's term with their `env_ids`. All are tensors on the
device. The physics is a point that walks along x: rough levels slow it down.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

Term = Callable[["Legged", Tensor], Any]
TILE = 8.0
"""Metres of a tile of terrain."""


class Terrain:
    """Tiles in rows of levels, the hardest last, and columns of types."""

    def __init__(self, num_envs: int, levels: int, types: int, device: str) -> None:
        row, column = torch.meshgrid(torch.arange(levels), torch.arange(types), indexing="ij")
        self.terrain_origins = torch.stack([row * TILE, column * TILE, 0.0 * row], -1).to(device)
        self.terrain_types = torch.arange(num_envs, device=device) % types
        self.terrain_levels = torch.zeros(num_envs, dtype=torch.int64, device=device)
        self.env_origins = self.terrain_origins[self.terrain_levels, self.terrain_types]
        self.max_terrain_level = levels

    def place(self, env_ids: Tensor, levels: Tensor) -> None:
        """Put robots on tiles of these levels."""
        self.terrain_levels[env_ids] = levels
        self.env_origins[env_ids] = self.terrain_origins[levels, self.terrain_types[env_ids]]


class Legged:
    """Robots that are commanded to walk at a speed of their own for 4 seconds."""

    def __init__(self, num_envs: int, term: Term, *, device: str = "cpu", seed: int = 0) -> None:
        self.num_envs = num_envs
        self.device = torch.device(device)
        self.terrain = Terrain(num_envs, 10, 4, device)
        self.max_episode_length = 40
        self.step_dt = 0.1
        self.episode_length_buf = torch.zeros(num_envs, dtype=torch.int64, device=device)
        self.position = torch.zeros(num_envs, 3, device=device)
        self.command = torch.zeros(num_envs, device=device)
        self._term = term
        self._generator = torch.Generator(device).manual_seed(seed)

    def distance(self, env_ids: Tensor) -> Tensor:
        """Return how far robots have come from the origin of their tile."""
        return torch.linalg.norm(self.position[env_ids] - self.terrain.env_origins[env_ids], dim=-1)

    def reset(self) -> Tensor:
        """Reset all."""
        self._reset_idx(torch.arange(self.num_envs, device=self.device))
        return self._observations()

    def step(self, actions: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Walk as fast as the terrain lets; return observations, rewards, terminated and time-outs."""
        roughness = self.terrain.terrain_levels / self.terrain.max_terrain_level
        speed = actions.clamp(0.0, 3.0) * (1.0 - 0.8 * roughness)
        self.position[:, 0] += speed * self.step_dt
        self.episode_length_buf += 1
        rewards = torch.exp(-((speed - self.command) ** 2))
        # Who runs on rough ground falls.
        terminated = self._random() < 0.02 * roughness * actions.clamp(0.0, 3.0)
        time_outs = self.episode_length_buf >= self.max_episode_length
        env_ids = (terminated | time_outs).nonzero(as_tuple=False).squeeze(-1)
        if len(env_ids) > 0:
            self._reset_idx(env_ids)
        return self._observations(), rewards, terminated, time_outs

    def _reset_idx(self, env_ids: Tensor) -> None:
        # As in Isaac Lab: the term still sees where the robots have come and how long that took.
        self._term(self, env_ids)
        self.position[env_ids] = self.terrain.env_origins[env_ids]
        self.command[env_ids] = 0.5 + 1.5 * self._random()[env_ids]
        self.episode_length_buf[env_ids] = 0

    def _observations(self) -> Tensor:
        roughness = self.terrain.terrain_levels / self.terrain.max_terrain_level
        return torch.stack([self.command, roughness], -1)

    def _random(self) -> Tensor:
        return torch.rand(self.num_envs, generator=self._generator, device=self.device)
