"""What is known of the single slots of a vector environment: their infos, attributes and methods."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv, VectorEnv

from teacherstudent.contract.family import Snapshot
from teacherstudent.contract.types import State

_ASKED_BY = {"action_masks": "MaskablePPO", "compute_reward": "HerReplayBuffer"}
"""Methods of single environments that algorithms call, and who does."""


def check_vector(envs: Any, where: str) -> None:
    """Raise unless slots of ``envs`` start only when they are told to, each on a task of its own.

    Raises:
        TypeError: if it is no gymnasium vector environment.
        ValueError: if it resets slots by itself, or hands every slot the tasks of all.
    """
    if not isinstance(envs, VectorEnv):
        raise TypeError(
            f"{where}: envs: expected a vector environment as family.make_vec(n) gives it, got {envs!r}"
        )
    # These hand one dictionary of options to all slots, so each would get the whole table of tasks.
    if isinstance(envs.unwrapped, SyncVectorEnv | AsyncVectorEnv):
        raise ValueError(
            f"{where}: envs: expected slots that take a task each, got {type(envs.unwrapped).__name__}, "
            "which hands every slot the tasks of all; family_from_gymnasium(...).make_vec(n) makes such slots"
        )
    mode = (envs.metadata or {}).get("autoreset_mode")
    if mode != AutoresetMode.DISABLED:
        raise ValueError(
            f"{where}: envs: expected metadata['autoreset_mode'] AutoresetMode.DISABLED, as of "
            f"family.make_vec(n), got {mode}: slots that start by themselves play no task of the teacher"
        )


def slot_info(infos: dict[str, Any], slot: int) -> dict[str, Any]:
    """Return what a vector environment's infos say of one slot, as that slot's own environment said it.

    Args:
        infos: columns ``(n, ...)`` by name; a column ``_name`` says of which slots ``name`` was said. What is
            nested stays so.
        slot: number of the slot.
    """
    own: dict[str, Any] = {}
    for name, column in infos.items():
        # A column ``_name`` is the mask of ``name`` and says nothing by itself.
        if name.startswith("_") and name[1:] in infos:
            continue
        said = infos.get(f"_{name}")
        if said is not None and not said[slot]:
            continue
        if isinstance(column, dict):
            own[name] = slot_info(column, slot)
            continue
        value = column[slot]
        # A single environment gives Python's own numbers, so stable-baselines3 expects them.
        own[name] = value.item() if isinstance(value, np.generic) else value
    return own


def state_of(envs: Any) -> State | None:
    """Return the exact state of environments that can be saved; None of others."""
    if isinstance(envs, Snapshot):
        return envs.get_state()
    return None


def slots_of(envs: VectorEnv[Any, Any, Any]) -> list[gym.Env[Any, Any]] | None:
    """Return the gymnasium environments behind the slots; None if they are not in this process."""
    single = getattr(envs, "envs", None)
    if isinstance(single, list | tuple) and all(isinstance(env, gym.Env) for env in single):
        return list(single)
    return None


def slot_attributes(envs: VectorEnv[Any, Any, Any], name: str, slots: list[int]) -> list[Any]:
    """Return an attribute of the given slots, or else of the vector environment, once for each of them.

    Raises:
        AttributeError: if they have none of that name.
        ValueError: if an algorithm needs it of single environments and these cannot be reached: it would read
            an AttributeError as "not there".
    """
    single = slots_of(envs)
    if single is not None:
        try:
            return [single[slot].get_wrapper_attr(name) for slot in slots]
        except AttributeError:
            # The vector environment itself may have what its single environments lack.
            if not hasattr(envs, name):
                raise
    elif name in _ASKED_BY and not hasattr(envs, name):
        raise ValueError(_unreachable(envs, f"get_attr({name!r})", name))
    return [getattr(envs, name)] * len(slots)


def slot_methods(envs: VectorEnv[Any, Any, Any], name: str, slots: list[int]) -> list[Callable[..., Any]]:
    """Return a method of each of the given slots.

    Raises:
        AttributeError: if the slots have no such method, or are no gymnasium environments of this process.
        ValueError: if they are none and an algorithm needs the method, which it then names.
    """
    single = slots_of(envs)
    if single is None:
        # stable-baselines3 reads an AttributeError as "not there", so another error must stop it.
        error = ValueError if name in _ASKED_BY else AttributeError
        raise error(_unreachable(envs, f"env_method({name!r})", name))
    methods = [single[slot].get_wrapper_attr(name) for slot in slots]
    for method in methods:
        if not callable(method):
            raise AttributeError(f"env_method({name!r}): expected a method, got {method!r}")
    return methods


def goals_out_of_reach(envs: VectorEnv[Any, Any, Any]) -> str | None:
    """Return why HerReplayBuffer cannot work on slots that have goals; None if it can, or there are none."""
    space = envs.single_observation_space
    names = {"observation", "achieved_goal", "desired_goal"}
    if not isinstance(space, gym.spaces.Dict) or set(space.spaces) != names or slots_of(envs) is not None:
        return None
    return _unreachable(envs, "observations with goals", "compute_reward")


def _unreachable(envs: VectorEnv[Any, Any, Any], what: str, name: str) -> str:
    who = ""
    if name in _ASKED_BY:
        who = f": {_ASKED_BY[name]} is not supported here"
    return (
        f"{what}: expected slots that are gymnasium environments of this process, as "
        "family_from_gymnasium(...).make_vec(n) makes them without processes, got "
        f"{type(envs.unwrapped).__name__}{who}"
    )
