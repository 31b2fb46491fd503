"""A vector environment made of single gymnasium environments, in which every slot plays its own task."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import gymnasium as gym
import numpy as np
from gymnasium.spaces import Box
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space, concatenate, create_empty_array, iterate

from teacherstudent import spaces
from teacherstudent.rl.slot_failures import add_failures
from teacherstudent.types import Array, BoolArray, IntArray, is_whole

Env = gym.Env[Any, Any]
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


class TaskSlots(VectorEnv[Any, Any, Any]):
    """Steps ``n`` environments one after the other in this process; autoreset is disabled.

    ``reset(seed=..., options={"reset_mask": mask, "task": tasks})`` starts ``tasks[i]`` in every slot ``i``
    of the mask by ``env.reset(seed=..., options={"task": tasks[i]})``; other options are passed on.

    Implements `teacherstudent.rl.slot_failures.Tolerant`. An environment that hangs in this process cannot be
    interrupted: `teacherstudent.rl.process_slots.ProcessSlots` has a time limit.

    Attributes:
        tolerant: whether a failing environment raises nothing.
        current: if it is an array ``(1,)``, the slot whose environment is being called is written there.

    Args:
        make: returns one environment.
        n: number of slots.
        space: the task space; tasks outside are refused.
        first_slot: number of the first slot in messages, for a group that is a part of more.

    Raises:
        TaskError: from `reset` and `step`, if an environment raises or returns something not finite, unless
            it is tolerant.
    """

    tolerant = False
    current: IntArray | None = None

    def __init__(
        self, make: Callable[[], Env], n: int, *, space: gym.Space[Any], first_slot: int = 0
    ) -> None:
        check_slots(n, 1)
        self.num_envs = n
        self.envs: list[Env] = [make() for _ in range(n)]
        self.task_space: Final = space
        self.single_observation_space = self.envs[0].observation_space
        self.single_action_space = self.envs[0].action_space
        self.observation_space = batch_space(self.single_observation_space, n)
        self.action_space = batch_space(self.single_action_space, n)
        self.metadata = dict(self.envs[0].metadata) | {"autoreset_mode": AutoresetMode.DISABLED}
        self.render_mode = self.envs[0].render_mode
        self._first = first_slot
        self._tasks: list[Any] = [None] * n
        self._done = np.ones(n, np.bool_)
        self._parked = np.zeros(n, np.bool_)
        self._batch = _Batch(self.single_observation_space, n)

    def park(self) -> None:
        """Leave all slots out of the steps until they are reset."""
        self._parked[:] = True

    def reset(
        self, *, seed: SlotSeeds = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Start an episode in every slot of the mask (all without one), each on its own task."""
        options = dict(options or {})
        seeds = slot_seeds(seed, self.num_envs).tolist()
        mask = slot_mask(options, self.num_envs)
        tasks = slot_tasks(self.task_space, options, mask)
        shared = {name: value for name, value in options.items() if name not in ("reset_mask", "task")}
        infos: dict[str, Any] = {}
        faults: dict[int, str] = {}
        for i in np.flatnonzero(mask).tolist():
            own = shared
            self._tasks[i] = None
            if tasks is not None:
                # A copy, as an environment may write into its task.
                own = shared | {"task": tasks[i].copy()}
                self._tasks[i] = tasks[i]
            # The slot counts as done until its reset has succeeded.
            self._done[i] = True
            self._parked[i] = False
            self._enter(i)
            try:
                own_seed = None if seeds[i] == UNSEEDED else seeds[i]
                observation, info = self.envs[i].reset(seed=own_seed, options=own or None)
                self._batch.put(i, observation)
                infos = self._add_info(infos, info, i)
            except Exception as error:
                faults[i] = self._fault(i, "reset", error)
                continue
            self._done[i] = False
        # An error that was raised wins: it is the cause of a bad observation.
        self._park(self._not_finite("reset", mask) | faults, infos)
        return self._batch.get(), infos

    def step(self, actions: Any) -> Step:
        """Step every slot; every slot must have an episode in flight, or be parked."""
        check_live(self._done & ~self._parked)
        rewards = np.zeros(self.num_envs)
        terminated, truncated = np.zeros((2, self.num_envs), np.bool_)
        infos: dict[str, Any] = {}
        faults: dict[int, str] = {}
        for i, action in enumerate(iterate(self.action_space, actions)):
            if self._parked[i]:
                continue
            self._enter(i)
            try:
                observation, rewards[i], terminated[i], truncated[i], info = self.envs[i].step(action)
                self._batch.put(i, observation)
                if info:
                    infos = self._add_info(infos, info, i)
            except Exception as error:
                faults[i] = self._fault(i, "step", error)
        # An error that was raised wins: it is the cause of what is not finite.
        faults = self._not_finite("step", ~self._parked, rewards) | faults
        # A failed slot shows a truncated step without a reward: its episode has no score.
        for i in faults:
            rewards[i] = 0.0
            terminated[i] = False
            truncated[i] = True
        self._park(faults, infos)
        self._done = terminated | truncated | self._parked
        return self._batch.get(), rewards, terminated, truncated, infos

    def render(self) -> tuple[Any, ...]:
        """Return one frame for each slot."""
        return tuple(env.render() for env in self.envs)

    def close_extras(self, **kwargs: Any) -> None:
        """Close the environments."""
        for env in self.envs:
            env.close()

    def _enter(self, i: int) -> None:
        """Say whose environment is called: should it never return, another process can name it."""
        if self.current is not None:
            self.current[0] = i

    def _park(self, faults: dict[int, str], infos: dict[str, Any]) -> None:
        """Leave the slots that have failed out of the steps, and say so."""
        for i in faults:
            self._done[i] = self._parked[i] = True
            # Show again what the slot showed last: the newest observation may be broken.
            self._batch.restore(i)
        add_failures(infos, faults, self.num_envs)

    def _not_finite(self, where: str, slots: BoolArray, rewards: Array | None = None) -> dict[int, str]:
        """Return what is not finite, by slot; raises TaskError unless tolerant."""
        faults: dict[int, str] = {}
        good = self._batch.finite() | ~slots
        if not good.all():
            for i in np.flatnonzero(~good).tolist():
                faults[i] = f"{where}: expected a finite observation, got {self._batch.row(i)}"
        if rewards is not None and not np.isfinite(rewards).all():
            for i in np.flatnonzero(~np.isfinite(rewards)).tolist():
                faults[i] = f"{where}: expected a finite reward, got {rewards[i]}"
        named = {i: f"{self._name(i)}: {fault}" for i, fault in faults.items()}
        if named and not self.tolerant:
            raise TaskError(next(iter(named.values())))
        return named

    def _fault(self, i: int, where: str, error: Exception) -> str:
        """Return what happened, with the slot and its task; raises it as a TaskError unless tolerant."""
        text = f"{self._name(i)}: {where} raised {type(error).__name__}: {error}"
        if not self.tolerant:
            raise TaskError(text) from error
        return text

    def _name(self, i: int) -> str:
        task = self._tasks[i]
        if task is None:
            return f"slot {self._first + i}, task (its own)"
        return f"slot {self._first + i}, task {task.tolist()}"


class _Batch:
    """Collects one observation for each slot; arrays are written in place, others joined on `get`."""

    def __init__(self, space: gym.Space[Any], n: int) -> None:
        self._space = space
        self._out: Any = create_empty_array(space, n=n, fn=np.zeros)
        # Plain arrays are written in place; nested or ragged observations are joined in `get`.
        self._in_place = isinstance(self._out, np.ndarray) and space.shape == self._out.shape[1:]
        self._rows: list[Any] = []
        self._floats = isinstance(space, Box) and np.issubdtype(space.dtype, np.floating)
        self._n = n
        # Kept for slots that fail in the next call.
        self._before: Any
        if self._in_place:
            self._before = np.array(self._out)
        else:
            self._rows = list(iterate(batch_space(space, n), self._out))
            self._before = list(self._rows)

    def put(self, i: int, observation: Any) -> None:
        if not self._in_place:
            self._rows[i] = observation
        elif np.shape(observation) != self._space.shape:
            raise ValueError(
                f"expected an observation of shape {self._space.shape}, got {np.shape(observation)}"
            )
        else:
            self._out[i] = observation

    def restore(self, i: int) -> None:
        """Put back what the slot showed when `get` was last called."""
        if self._in_place:
            self._out[i] = self._before[i]
        else:
            self._rows[i] = self._before[i]

    def get(self) -> Any:
        if self._in_place:
            # A copy, as the caller may keep it while `put` goes on writing.
            self._before = self._out.copy()
            return self._before
        self._before = list(self._rows)
        empty: Any = create_empty_array(self._space, n=self._n, fn=np.zeros)
        return concatenate(self._space, self._rows, empty)

    def row(self, i: int) -> Any:
        if self._in_place:
            return self._out[i].tolist()
        return self._rows[i]

    def finite(self) -> BoolArray:
        """Return ``(n,)``: which slots' observations are finite, however nested."""
        if self._in_place:
            # Whole numbers are always finite.
            if not self._floats:
                return np.ones(self._n, np.bool_)
            return np.asarray(np.isfinite(self._out.reshape(self._n, -1)).all(axis=1))
        return np.array([_finite(row) for row in self._rows], np.bool_)


def _finite(observation: Any) -> bool:
    if isinstance(observation, dict):
        return all(_finite(part) for part in observation.values())
    if isinstance(observation, tuple | list):
        return all(_finite(part) for part in observation)
    values = np.asarray(observation)
    return values.dtype.kind != "f" or bool(np.isfinite(values).all())
