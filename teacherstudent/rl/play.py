"""Playing a given list of tasks once each, for tests and for measuring without training."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Sequence
from typing import Any

import gymnasium as gym
import numpy as np

from teacherstudent.types import UNASKED, Array, BoolArray, FloatArray, IntArray, Outcomes

Act = Callable[[Any, BoolArray], Array]
"""Gives actions ``(slots, ...)`` for observations; the flags say which slots start an episode."""


def play(
    envs: gym.vector.VectorEnv[Any, Any, Any],
    act: Act,
    tasks: Array,
    seeds: Sequence[int] | IntArray,
    *,
    mastered: float | None,
) -> Outcomes:
    """Play each task once and return its outcome, in the order given.

    Slots that run out of tasks play the first one again, unseen, until the last slot has finished.

    Args:
        envs: a vector environment as `RLFamily.make_vec` gives it.
        act: the policy.
        tasks: ``(n, *space.shape)``, n at least 1.
        seeds: one environment seed for each task, so that an outcome does not depend on the slot.
        mastered: the return above which an episode is a success, unless the environment says ``is_success``.

    Raises:
        EpisodeError: if a reward is not finite.
    """
    n, slots = len(tasks), envs.num_envs
    numbers = np.asarray(seeds, np.int64)
    returns, lengths, success = np.zeros(n), np.zeros(n, np.int64), np.zeros(n, np.bool_)
    playing = np.where(np.arange(slots) < n, np.arange(slots), -1)
    following, left = min(slots, n), n
    first = np.ones(slots, np.bool_)
    obs = _start(envs, first, tasks, numbers, playing)
    while left:
        obs, rewards, terminated, truncated, info = envs.step(act(obs, first))
        live = playing >= 0
        check_rewards(rewards, tasks[np.maximum(playing, 0)])
        returns[playing[live]] += rewards[live]
        lengths[playing[live]] += 1
        first = np.asarray(terminated | truncated)
        if not first.any():
            continue
        ended = playing[first & live]
        left -= len(ended)
        if mastered is not None:
            success[ended] = successes(np.flatnonzero(first & live), returns[ended], info, mastered)
        fresh = np.arange(following, following + int(first.sum()))
        playing[first] = np.where(fresh < n, fresh, -1)
        following = min(n, following + len(fresh))
        if left:
            obs = _start(envs, first, tasks, numbers, playing)
    signals = {"length": lengths} | ({"success": success} if mastered is not None else {})
    return Outcomes(
        ids=np.full(n, UNASKED), tasks=tasks, score=returns, cost=lengths.astype(np.float64), signals=signals
    )


def slots_for(tasks: int, most: int) -> int:
    """Return in how many slots to play tasks: a power of two that holds them, at most ``most``.

    It follows from the number of tasks alone, so that as many actions are drawn after a resume; slots without
    a task idle at the full price of a step, so that thousands of slots for 50 test tasks would be a waste.
    """
    return min(1 << (tasks - 1).bit_length(), most)


def as_measured(played: Outcomes, ids: IntArray, provides: Collection[str]) -> Outcomes:
    """Return the outcomes under the ids of what was asked for; signals that play does not give are NaN."""
    missing = {name: np.full(len(played), np.nan) for name in provides if name not in played.signals}
    return dataclasses.replace(played, ids=ids, signals={**played.signals, **missing})


class EpisodeError(RuntimeError):
    """An environment returned what is no reward; the message names slot and task."""


def check_rewards(rewards: Array, tasks: Array | None) -> None:
    """Raise EpisodeError unless all rewards ``(slots,)`` are finite."""
    finite = np.isfinite(rewards)
    if not finite.all():
        slot = int(np.flatnonzero(~finite)[0])
        task = None if tasks is None else tasks[slot].tolist()
        raise EpisodeError(f"slot {slot}, task {task}: expected a finite reward, got {rewards[slot]}")


def successes(slots: IntArray, returns: FloatArray, info: dict[str, Any], mastered: float) -> BoolArray:
    """Return which slots' episodes succeeded: ``is_success`` where it is said, else return > mastered."""
    reached = np.asarray(returns > mastered)
    if "is_success" not in info:
        return reached
    value = np.asarray(info["is_success"]).astype(np.bool_)
    told = np.asarray(info.get("_is_success", np.ones(len(value))), np.bool_)
    return np.where(told[slots], value[slots], reached)


def _start(
    envs: gym.vector.VectorEnv[Any, Any, Any],
    mask: BoolArray,
    tasks: Array,
    seeds: IntArray,
    playing: IntArray,
) -> Any:
    """Start in the masked slots the tasks that ``playing`` names; -1 starts the first one."""
    which = np.maximum(playing, 0)
    numbers = np.where(mask, seeds[which], -1)
    options = {"reset_mask": mask, "task": tasks[which]}
    return envs.reset(seed=numbers, options=options)[0]  # type: ignore[arg-type]  # arrays are legal
