"""Plays episodes in the slots of a vector environment, so that they can be compared slot by slot."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.spaces import Box
from gymnasium.spaces.utils import flatten
from gymnasium.vector import VectorEnv
from gymnasium.vector.utils import concatenate, create_empty_array, iterate

from teacherstudent.contract.types import Array, BoolArray
from teacherstudent.testing.sessions import ContractError

Vec = VectorEnv[Any, Any, Any]


@dataclass(frozen=True)
class Script:
    """What one slot plays: a task, the seed of its reset, and its actions in order."""

    task: Array
    seed: int
    actions: Sequence[Any]


@dataclass
class Episode:
    """What happened: flattened observations (one more than steps), rewards, and how it ended, if it did."""

    observations: list[Array]
    rewards: list[float]
    terminated: bool = False
    truncated: bool = False

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.terminated or self.truncated

    def same(self, other: Episode) -> bool:
        """Return whether both are equal to the bit."""
        return (
            len(self.observations) == len(other.observations)
            and all(np.array_equal(a, b) for a, b in zip(self.observations, other.observations, strict=True))
            and self.rewards == other.rewards
            and (self.terminated, self.truncated) == (other.terminated, other.truncated)
        )


def scripts(space: gym.Space[Any], tasks: Array, steps: int) -> list[Script]:
    """Return a script for each task: random actions, the same ones at every call."""
    # A copy, since seeding would change the generator of the environment's own space.
    actions = copy.deepcopy(space)
    made = []
    for i, task in enumerate(tasks):
        actions.seed(1000 + i)
        made.append(Script(task, 7 + i, [actions.sample() for _ in range(steps)]))
    return made


def start(vec: Vec, parts: Sequence[Script]) -> list[Episode]:
    """Reset every slot by its script and return the episodes begun."""
    observations, infos = vec.reset(
        seed=[p.seed for p in parts],  # type: ignore[arg-type]  # gymnasium's base class knows integers only
        options={"task": np.stack([p.task for p in parts])},
    )
    if not isinstance(infos, dict):
        raise ContractError(f"reset must return observations and a dict of infos, got {infos!r}")
    return [Episode([row], []) for row in rows(vec, observations, "reset")]


def play(
    vec: Vec, parts: Sequence[Script], steps: int, *, episodes: list[Episode] | None = None
) -> list[Episode]:
    """Play every slot's first episode for up to ``steps`` steps; slots done earlier idle on new ones.

    Args:
        vec: the environment.
        parts: a script for each slot.
        steps: most steps.
        episodes: episodes in flight to go on with; None starts them.
    """
    if episodes is None:
        episodes = start(vec, parts)
    tasks = np.stack([p.task for p in parts])
    for _ in range(steps):
        if all(episode.over for episode in episodes):
            break
        at = [len(episode.rewards) for episode in episodes]
        # A slot whose episode is over still has to act: it repeats its last action.
        actions = [p.actions[min(k, len(p.actions) - 1)] for p, k in zip(parts, at, strict=True)]
        observations, rewards, terminated, truncated, _ = vec.step(batch(vec, actions))
        check_step(vec, rewards, terminated, truncated)
        for i, row in enumerate(rows(vec, observations, "step")):
            # What a slot plays after its first episode is not compared.
            if not episodes[i].over:
                episodes[i].observations.append(row)
                episodes[i].rewards.append(float(rewards[i]))
                episodes[i].terminated = bool(terminated[i])
                episodes[i].truncated = bool(truncated[i])
        # Environments do not restart by themselves, so slots that have ended are started again.
        done = terminated | truncated
        if done.any():
            vec.reset(options={"reset_mask": done, "task": tasks})
    return episodes


def batch(vec: Vec, actions: Sequence[Any]) -> Any:
    """Return single actions as one batch."""
    empty: Any = create_empty_array(vec.single_action_space, n=len(actions))
    return concatenate(vec.single_action_space, actions, empty)


def rows(vec: Vec, observations: Any, where: str) -> list[Array]:
    """Return each slot's observation as a flat array, checked against the space."""
    space = vec.single_observation_space
    dtype = getattr(observations, "dtype", None)
    if isinstance(space, Box) and dtype != space.dtype:
        got = type(observations) if dtype is None else dtype
        raise ContractError(f"{where} must return observations of dtype {space.dtype}, got {got}")
    if not vec.observation_space.contains(observations):
        raise ContractError(
            f"{where} must return observations inside {vec.observation_space}, got {observations}"
        )
    # The rows may be views of a buffer that the next step overwrites.
    return [np.array(flatten(space, row)) for row in iterate(vec.observation_space, observations)]


def check_step(vec: Vec, rewards: Array, terminated: BoolArray, truncated: BoolArray) -> None:
    """Raise `ContractError` unless the columns of a step have the right shape, kind and values."""
    n = vec.num_envs
    if np.shape(rewards) != (n,) or not np.isfinite(np.asarray(rewards, np.float64)).all():
        raise ContractError(f"step must return {n} finite rewards, got {rewards!r}")
    for name, flags in (("terminated", terminated), ("truncated", truncated)):
        if not isinstance(flags, np.ndarray) or flags.dtype != np.bool_ or flags.shape != (n,):
            raise ContractError(f"step must return {name} as {n} booleans in an array, got {flags!r}")
