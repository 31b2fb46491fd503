"""A vector environment made of single gymnasium environments, in which every slot plays its own task."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import gymnasium as gym
import numpy as np
from gymnasium.spaces import Box
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space, concatenate, create_empty_array, iterate

from teacherstudent.contract.types import Array, BoolArray, IntArray, generator
from teacherstudent.slots.failures import add_failures
from teacherstudent.slots.requests import (
    UNSEEDED,
    SlotSeeds,
    Step,
    TaskError,
    check_live,
    check_slots,
    slot_mask,
    slot_seeds,
    slot_tasks,
)

Env = gym.Env[Any, Any]

_MOST_SEED = 2**31


class TaskSlots(VectorEnv[Any, Any, Any]):
    """Steps ``n`` environments one after the other in this process; autoreset is disabled.

    ``reset(seed=..., options={"reset_mask": mask, "task": tasks})`` starts ``tasks[i]`` in every slot ``i``
    of the mask by ``env.reset(seed=..., options={"task": tasks[i]})``; other options are passed on. A slot
    that has had a seed gives its environment one in every reset, drawn from the last where there is none:
    so episodes follow from it, even those of an environment that is built anew in its reset.

    Implements `teacherstudent.slots.failures.Tolerant`. An environment that hangs in this process cannot be
    interrupted: `teacherstudent.slots.processes.slots.ProcessSlots` has a time limit.

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
        # What each slot draws seeds from where it is given none; None before its first one.
        self._seeds = [UNSEEDED] * n
        self._rngs: list[np.random.Generator | None] = [None] * n

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
                own_seed = self._seed(i, seeds[i])
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

    def _seed(self, i: int, given: int) -> int | None:
        """Return the seed of a slot's next episode; None if the slot has never had one."""
        if given != UNSEEDED:
            # Made when it is needed: students give a seed for every episode.
            self._rngs[i] = None
            self._seeds[i] = given
            return given
        if self._seeds[i] == UNSEEDED:
            return None
        rng = self._rngs[i]
        if rng is None:
            rng = self._rngs[i] = generator(self._seeds[i])
        return int(rng.integers(_MOST_SEED))

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
