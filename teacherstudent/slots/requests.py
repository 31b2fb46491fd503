"""What is asked of environment slots: seeds, masks and tasks of a reset, checked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import gymnasium as gym
import numpy as np

from teacherstudent.contract import spaces
from teacherstudent.contract.checks import is_whole
from teacherstudent.contract.types import (
    Array,
    BoolArray,
    IntArray,
)

MOST_STEPS = 100_000
"""Steps after which an episode of a test is cut, if its environment does not end it."""

Step = tuple[Any, Array, BoolArray, BoolArray, dict[str, Any]]
SlotSeeds = int | Sequence[int | None] | IntArray | None
"""Seeds of a reset: see `slot_seeds`."""
UNSEEDED: Final = -1
"""In an array of seeds: the slot's generator goes on as it is."""
_SEEDS = 2**63


class TaskError(RuntimeError):
    """An environment failed on a task; the message names the slot, the task and the cause."""


def slot_seeds(seed: SlotSeeds, n: int) -> IntArray:
    """Return one seed for each of ``n`` slots, ``(n,)`` int64; -1 leaves a slot's generator as it is.

    Args:
        seed: None for -1 everywhere; an integer s for s, s + 1, ... as gymnasium does; a list of integers and
            None; or an array of integers, returned as it is where it is int64: the form for many slots.
            Integers of 2**63 and above count modulo 2**63.
        n: number of slots.

    Raises:
        ValueError: if a list or array is of another length, or a seed is negative (in an array: below -1).
        TypeError: if a seed is neither an integer nor None.
    """
    if seed is None:
        return np.full(n, UNSEEDED, np.int64)
    # One integer spreads over the slots as in gymnasium.
    if is_whole(seed):
        seed = [int(seed) + i for i in range(n)]
    # The fast path for thousands of slots: no loop over them.
    if isinstance(seed, np.ndarray) and seed.dtype != object:
        return _seed_array(seed, n)
    if not isinstance(seed, Sequence | np.ndarray):
        raise TypeError(f"seed: expected None, an integer or a list or array of {n} seeds, got {seed!r}")
    seeds = list(seed)
    if len(seeds) != n:
        raise ValueError(f"seed: expected {n} seeds, one for each slot, got {len(seeds)}")
    found = np.full(n, UNSEEDED, np.int64)
    for i, one in enumerate(seeds):
        if one is None:
            continue
        if not is_whole(one):
            raise TypeError(f"seed: slot {i}: expected an integer or None, got {one!r}")
        if one < 0:
            raise ValueError(f"seed: slot {i}: expected at least 0, got {one}")
        # An int64 holds numbers below 2**63 only.
        found[i] = int(one) % _SEEDS
    return found


def _seed_array(seeds: Array, n: int) -> IntArray:
    """Return an array of seeds as int64, checked without a loop over slots."""
    if seeds.dtype.kind not in "iu":
        raise TypeError(f"seed: expected an array of integers, got dtype {seeds.dtype}")
    if seeds.shape != (n,):
        raise ValueError(f"seed: expected shape ({n},), one seed for each slot, got {seeds.shape}")
    # uint64 holds seeds that int64 cannot.
    if seeds.dtype == np.uint64:
        seeds = seeds % np.uint64(_SEEDS)
    if (seeds < UNSEEDED).any():
        slot = int(np.argmax(seeds < UNSEEDED))
        raise ValueError(f"seed: slot {slot}: expected at least 0, or -1 for none, got {seeds[slot]}")
    return seeds.astype(np.int64, copy=False)


def slot_mask(options: dict[str, Any], n: int) -> BoolArray:
    """Return which slots ``options["reset_mask"]`` starts, ``(n,)``: all, if there is no mask.

    Raises:
        ValueError: if the mask is of another shape or selects nothing.
        TypeError: if it is not boolean.
    """
    if "reset_mask" not in options:
        return np.ones(n, np.bool_)
    mask = np.asarray(options["reset_mask"])
    if mask.dtype != np.bool_:
        raise TypeError(f"reset_mask: expected booleans, got dtype {mask.dtype}")
    if mask.shape != (n,):
        raise ValueError(f"reset_mask: expected shape ({n},), one value for each slot, got {mask.shape}")
    if not mask.any():
        raise ValueError("reset_mask: expected at least one slot to start, got none")
    return mask


def slot_tasks(space: gym.Space[Any], options: dict[str, Any], mask: BoolArray) -> Array | None:
    """Return ``options["task"]`` as ``(n, *space.shape)``, rows of ``mask`` checked; None if not given.

    Raises:
        ValueError: if the shape is wrong, or a task that is to start lies outside the space.
    """
    if options.get("task") is None:
        return None
    tasks = np.asarray(options["task"])
    if tasks.shape != (len(mask), *(space.shape or ())):
        expected = ", ".join(map(str, (len(mask), *(space.shape or ()))))
        raise ValueError(f"task: expected shape ({expected}), one task for each slot, got {tasks.shape}")
    # Rows outside the mask are never started and may hold anything.
    rows = np.flatnonzero(mask)
    try:
        given = spaces.check_tasks(space, tasks[rows], "task")
    except ValueError as error:
        # The check only says that some task is wrong: find the slot to name.
        inside = tasks.dtype.kind in "biuf" and spaces.contains_each(space, tasks[rows])
        slots = rows if inside is False else rows[~inside]
        if not len(slots):
            # Every task lies inside, so the error is about something else.
            raise
        slot = int(slots[0])
        raise ValueError(
            f"task: slot {slot}: expected a task in {space}, got {tasks[slot].tolist()}"
        ) from error
    # Rows that were not checked must not reach an environment.
    checked = np.zeros(tasks.shape, space.dtype)
    checked[rows] = given
    return checked


def check_slots(n: int, processes: int) -> None:
    """Raise ValueError unless ``n`` slots can be spread over ``processes`` processes."""
    if n < 1:
        raise ValueError(f"n: expected at least 1 slot, got {n}")
    if not 1 <= processes <= n:
        raise ValueError(f"processes: expected 1 to n = {n}, got {processes}")


def check_live(done: BoolArray) -> None:
    """Raise RuntimeError if a slot that is to be stepped has no episode in flight."""
    if done.any():
        raise RuntimeError(
            f"step: slots {np.flatnonzero(done).tolist()} have no episode: reset them first (reset_mask)"
        )
