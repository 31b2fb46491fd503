"""A stable-baselines3 VecEnv in which every episode plays a task drawn from a source."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import gymnasium as gym
import numpy as np
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import VecEnv

from teacherstudent.contract.accounts.failures import Failures
from teacherstudent.contract.family import Snapshot
from teacherstudent.contract.stored.saved import saved_generator
from teacherstudent.contract.types import (
    Array,
    BoolArray,
    FloatArray,
    IntArray,
    Outcomes,
    Seed,
    State,
    generator,
)
from teacherstudent.slots.access import (
    check_vector,
    slot_attributes,
    slot_info,
    slot_methods,
    slots_of,
    state_of,
)
from teacherstudent.slots.failures import Failed, failed_slots, tolerate
from teacherstudent.slots.fixed_tasks import FixedTasks
from teacherstudent.students.rollouts.play import check_rewards, successes
from teacherstudent.students.sb3.queue import copied

Draw: TypeAlias = Callable[[int], tuple[IntArray, Array]]
"""Gives ids ``(n,)`` and tasks ``(n, *space.shape)`` for the next ``n`` episodes."""


class TaskVecEnv(VecEnv):
    """Plays tasks in a gymnasium vector environment whose autoreset is disabled.

    Every finished episode is a row of outcomes: id, task, undiscounted return as score, length as cost, and
    the signals ``length`` and ``success``.

    stable-baselines3 wants a dict of infos for each slot. That of a slot whose episode ended holds what the
    environment said in its last step, the ``task`` that was played and its ``task_id``, and what
    stable-baselines3 reads: ``episode``, ``terminal_observation``, ``TimeLimit.truncated``, ``is_success``.
    Slots whose episode goes on share one empty dict, made anew each step: write into the dicts of finished
    slots only. Nothing else here runs once per slot.

    Methods and attributes of single environments (``env_method``, ``get_attr``, ``has_attr``), as MaskablePPO
    and HerReplayBuffer call them, reach slots that are gymnasium environments of this process.

    Args:
        envs: a vector environment as `RLFamily.make_vec` gives it.
        draw: the source of tasks, called when episodes start; or tasks that each slot plays in turn.
        tell: takes finished episodes before the next ones start; None keeps them for `pop_finished`.
        mastered: ``success`` is an ``is_success`` reported by the environment, else return > mastered; if
            None the signal is left out.
        seed: each episode's environment seed is drawn from it (of `FixedTasks`, they say it).
        failures: where tasks are noted whose environment fails, if it allows any. Such an episode is no row
            of outcomes: it is cut before the step that failed, and the slot starts the next task.

    Raises:
        TypeError: if ``envs`` is no gymnasium vector environment.
        ValueError: if it resets slots by itself, or hands every slot the tasks of all.
    """

    def __init__(
        self,
        envs: gym.vector.VectorEnv[Any, Any, Any],
        draw: Draw | FixedTasks,
        *,
        seed: Seed,
        tell: Callable[[Outcomes], None] | None = None,
        mastered: float | None = None,
        failures: Failures | None = None,
    ) -> None:
        check_vector(envs, type(self).__name__)
        self.envs = envs
        self.failures = Failures() if failures is None else failures
        self._kept: list[BoolArray] = []
        self.environment_seconds = 0.0
        super().__init__(envs.num_envs, envs.single_observation_space, envs.single_action_space)
        self._draw = draw
        self._mastered = mastered
        self._rng = generator(seed)
        self.ids = np.full(self.num_envs, -1, np.int64)
        self.tasks: Array | None = None
        self._returns = np.zeros(self.num_envs)
        self._lengths = np.zeros(self.num_envs, np.int64)
        self._finished: list[Outcomes] = []
        # Without a listener finished episodes wait for `pop_finished`.
        self._tell = self._finished.append if tell is None else tell
        self._actions: Any = None

    def reset(self) -> Any:
        """Start a new task in every slot; episodes under way are given up without an outcome."""
        tolerate(self.envs, self.failures.allowed)
        # Every test begins with the first task, so that its results can be compared.
        if isinstance(self._draw, FixedTasks):
            self._draw.rewind()
        return self._start(np.ones(self.num_envs, np.bool_))

    def step_async(self, actions: Array) -> None:
        """Keep the actions for `step_wait`."""
        self._actions = actions

    def step_wait(self) -> tuple[Any, Array, BoolArray, list[dict[str, Any]]]:
        """Step every slot; slots that finish start their next task at once, as stable-baselines3 expects.

        Raises:
            EpisodeError: if a reward is not finite.
            RuntimeError: before the first reset.
        """
        if self.tasks is None:
            raise RuntimeError(f"{type(self).__name__}: expected a reset before the first step")
        start = time.perf_counter()
        obs, rewards, terminated, truncated, info = self.envs.step(self._actions)
        self.environment_seconds += time.perf_counter() - start
        rewards = np.asarray(rewards, np.float64)
        # Refuse before any sum is touched: a NaN would reach the teacher.
        check_rewards(rewards, self.tasks)
        done = np.asarray(terminated | truncated)
        self._record(rewards, done)
        # One empty dict for all that did not finish.
        infos: list[dict[str, Any]] = [{}] * self.num_envs
        failed = failed_slots(info)
        if failed is not None:
            self._fail(failed)
        if done.any():
            kept = done
            # The episode of a failed slot is over, but it is no row of outcomes.
            if failed is not None:
                kept = done & ~np.isin(np.arange(self.num_envs), failed.slots)
            # Told in the order of the episodes that ended, as `pop_kept` returns them.
            self._kept.append(kept[done])
            # Time limits alone are passed on: there stable-baselines3 bootstraps.
            obs = self._finish(done, kept, obs, truncated & ~terminated, info, infos)
        return obs, rewards.astype(np.float32), done, infos

    def pop_finished(self) -> Outcomes | None:
        """Return the episodes finished since the last call, in order of time, then of slot; None if none."""
        if not self._finished:
            return None
        finished = Outcomes.concatenate(self._finished)
        self._finished.clear()
        return finished

    def pop_kept(self) -> BoolArray:
        """Return, for each episode that ended since the last call, in the same order, whether it is a row.

        Those whose environment failed are none.
        """
        kept = np.concatenate([np.zeros(0, np.bool_), *self._kept])
        self._kept.clear()
        return kept

    def _fail(self, failed: Failed) -> None:
        """Note that the environments of slots have failed on their tasks."""
        assert self.tasks is not None
        failed.note(self.failures, self.ids, self.tasks)

    def _record(self, rewards: FloatArray, done: BoolArray) -> None:
        """Take in one step of every slot, ``(slots,)``."""
        self._returns += rewards
        self._lengths += 1

    def _finish(
        self,
        done: BoolArray,
        kept: BoolArray,
        obs: Any,
        cut: BoolArray,
        info: dict[str, Any],
        infos: list[dict[str, Any]],
    ) -> Any:
        """Report the episodes that are kept, fill in the infos of all that are done, start the next tasks."""
        slots = np.flatnonzero(done)
        returns = self._returns[slots]
        lengths = self._lengths[slots]
        success = self._success(slots, returns, info)
        # Report before new tasks start, which overwrite ids, tasks and sums.
        self._report(slots, returns, lengths, success, kept[slots])
        assert self.tasks is not None
        # Copies: the slots' next tasks take their place.
        tasks = self.tasks[slots]
        ids = self.ids[slots].tolist()
        last = _rows(obs, slots)
        columns = zip(slots.tolist(), cut[slots].tolist(), returns.tolist(), lengths.tolist(), strict=True)
        # stable-baselines3 wants one dict of plain numbers for each slot.
        for i, (slot, was_cut, r, length) in enumerate(columns):
            infos[slot] = slot_info(info, slot) | {
                "task": tasks[i],
                "task_id": ids[i],
                "terminal_observation": _rows(last, i),
                "TimeLimit.truncated": was_cut,
            }
            # A failed episode has no statistics and must not enter the algorithm's own log.
            if not kept[slot]:
                continue
            infos[slot]["episode"] = {"r": r, "l": length}
            if success is not None:
                infos[slot]["is_success"] = bool(success[i])
        return self._start(done)

    def _report(
        self, slots: IntArray, returns: Array, lengths: IntArray, success: BoolArray | None, kept: BoolArray
    ) -> None:
        """Tell of the finished episodes that are kept."""
        signals: dict[str, Array] = {"length": lengths[kept]}
        if success is not None:
            signals["success"] = success[kept]
        assert self.tasks is not None
        rows = slots[kept]
        if len(rows) == 0:
            return
        self._tell(
            Outcomes(
                ids=self.ids[rows],
                tasks=self.tasks[rows],
                score=returns[kept],
                cost=lengths[kept].astype(np.float64),
                signals=signals,
            )
        )

    def _success(self, slots: IntArray, returns: Array, info: dict[str, Any]) -> BoolArray | None:
        if self._mastered is None:
            return None
        return successes(slots, returns, info, self._mastered)

    def _start(self, mask: BoolArray) -> Any:
        """Start new tasks in the slots of the mask; where one fails to start, the next one."""
        while True:
            ids, tasks = self._next_tasks(np.flatnonzero(mask))
            # Only the first tasks tell shape and dtype.
            if self.tasks is None:
                self.tasks = np.zeros((self.num_envs, *tasks.shape[1:]), tasks.dtype)
            self.ids[mask] = ids
            self.tasks[mask] = tasks
            obs, failed = self._begin(mask)
            if failed is None:
                return obs
            # Raises some day if all fail.
            self._fail(failed)
            # Try again only where the start has failed.
            mask = np.isin(np.arange(self.num_envs), failed.slots)

    def _next_tasks(self, slots: IntArray) -> tuple[IntArray, Array]:
        draw = self._draw
        if isinstance(draw, FixedTasks):
            return draw.take(slots)
        return draw(len(slots))

    def _begin(self, mask: BoolArray) -> tuple[Any, Failed | None]:
        """Start the slots' tasks with new seeds; return all observations and the slots that have failed."""
        assert self.tasks is not None
        self._returns[mask] = 0.0
        self._lengths[mask] = 0
        # A seed of -1 leaves the slots outside the mask alone.
        return self.start(mask, self.tasks, np.where(mask, self._draw_seeds(mask), -1))

    def _draw_seeds(self, mask: BoolArray) -> IntArray:
        """Return ``(slots,)`` new environment seeds, of which those of ``mask`` are used."""
        seeds = np.full(self.num_envs, -1, np.int64)
        if isinstance(self._draw, FixedTasks):
            seeds[mask] = self._draw.seeds(self.ids[mask])
            return seeds
        seeds[mask] = self._rng.integers(2**31, size=int(mask.sum()))
        return seeds

    def start(self, mask: BoolArray, tasks: Array, seeds: IntArray) -> tuple[Any, Failed | None]:
        """Start the given tasks in the slots of ``mask``; return all observations and what has failed.

        ``seeds`` is ``(n,)`` int64, -1 in the other slots.
        """
        start = time.perf_counter()
        options = {"reset_mask": mask, "task": tasks}
        obs, info = self.envs.reset(seed=seeds, options=options)  # type: ignore[arg-type]  # arrays are legal
        self.environment_seconds += time.perf_counter() - start
        return obs, failed_slots(info)

    def state_dict(self) -> State:
        """Return slots, generator and, where the environments can be saved, their exact state."""
        return {
            "rng": dict(self._rng.bit_generator.state),
            "environment_seconds": self.environment_seconds,
            "ids": self.ids.copy(),
            "tasks": copied(self.tasks),
            "returns": self._returns.copy(),
            "lengths": self._lengths.copy(),
            "envs": state_of(self.envs),
        }

    def load_state_dict(self, state: State) -> bool:
        """Continue from `state_dict`; return False if episodes under way are lost and `reset` must follow."""
        self._rng.bit_generator.state = saved_generator("slots: rng", state["rng"])
        self.environment_seconds = state["environment_seconds"]
        self._finished.clear()
        self._kept.clear()
        tolerate(self.envs, self.failures.allowed)
        if not isinstance(self.envs, Snapshot) or state["envs"] is None or state["tasks"] is None:
            # No snapshot, so the episodes under way are lost and their ids mean nothing.
            self.ids[:] = -1
            return False
        self.ids = state["ids"].copy()
        self.tasks = state["tasks"].copy()
        self._returns = state["returns"].copy()
        self._lengths = state["lengths"].copy()
        self.envs.set_state(state["envs"])
        return True

    def close(self) -> None:
        """Close the environments."""
        self.envs.close()

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """Return an attribute of the slots asked for, or of the vector environment once for each of them.

        Raises:
            AttributeError: if they have none of that name.
            ValueError: if an algorithm needs it of single environments and these cannot be reached.
        """
        return slot_attributes(self.envs, attr_name, list(self._get_indices(indices)))

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Set an attribute of slots that are gymnasium environments of this process.

        Raises:
            AttributeError: of other slots, which are changed through their tasks alone.
        """
        single = slots_of(self.envs)
        if single is None:
            raise AttributeError(
                f"set_attr({attr_name!r}): these environments are set through their task, at reset"
            )
        for slot in self._get_indices(indices):
            single[slot].set_wrapper_attr(attr_name, value)

    def set_options(self, options: Any = None) -> None:
        """Refuse options of a reset: environments are changed through tasks alone.

        Raises:
            ValueError: if there are any.
        """
        if options:
            raise ValueError(
                f"set_options: expected none, as environments are set through their task, got {options}"
            )

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> list[Any]:
        """Call a method of the slots asked for and return what each gave.

        Raises:
            AttributeError: if slots have no such method, or are no gymnasium environments of this process.
            ValueError: if they are none and an algorithm needs the method, which it then names.
        """
        methods = slot_methods(self.envs, method_name, list(self._get_indices(indices)))
        return [method(*args, **kwargs) for method in methods]

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        """Return whether slots tell of episodes as that wrapper does, for each: ``Monitor`` alone is True."""
        # stable-baselines3 looks for its Monitor to decide whether to wrap the slots once more.
        return [wrapper_class is Monitor] * len(list(self._get_indices(indices)))

    def seed(self, seed: int | None = None) -> Sequence[int | None]:
        """Do nothing: each episode's seed comes from the constructor's."""
        return [None] * self.num_envs


def _rows(obs: Any, index: Any) -> Any:
    """Return rows, or one row, of an observation batch: an array, or a dict or tuple of arrays."""
    if isinstance(obs, dict):
        return {name: _rows(part, index) for name, part in obs.items()}
    if isinstance(obs, tuple):
        return tuple(_rows(part, index) for part in obs)
    return np.array(obs[index])
