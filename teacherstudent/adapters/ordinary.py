"""Tasks for any VecEnv of stable-baselines3, whose slots start by themselves: DummyVecEnv, SubprocVecEnv."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecEnvWrapper

from teacherstudent.adapters.playing.delivery import ByWrappers, wrapped
from teacherstudent.adapters.playing.episodes import Episodes
from teacherstudent.adapters.playing.sources import Source
from teacherstudent.contract.checks import check_real
from teacherstudent.contract.types import Array, BoolArray, IntArray

_METHOD = "set_next_task"


class OrdinaryVecEnv(VecEnvWrapper):
    """A VecEnv in which every episode plays a task of a source.

    Infos, methods and attributes are the environments' own; the infos of slots whose episode ended hold the
    ``task`` that was played and its ``task_id`` too, and ``is_success`` where ``mastered`` says it.

    Slots start by themselves within the step in which they end, so each task is taken one episode ahead.

    Args:
        envs: any VecEnv; wrappers of it stay.
        source: of tasks.
        apply: sets a task on a single environment before its reset, in this process.
        mastered: see `TeacherEnv`.

    Raises:
        TypeError: if nothing brings a task to the slots.
    """

    def __init__(
        self,
        envs: VecEnv,
        source: Source,
        *,
        apply: Callable[[Any, Array], object] | None = None,
        mastered: float | None = None,
    ) -> None:
        # As VecEnvWrapper does it, which would hand its arguments to the next class in the line instead.
        self.venv = envs
        VecEnv.__init__(self, envs.num_envs, envs.observation_space, envs.action_space)
        self.class_attributes = dict(inspect.getmembers(type(self)))
        if mastered is not None:
            check_real("TeacherVecEnv: mastered", mastered)
        self._mastered = mastered
        self._put = _putter(envs, apply)
        self._episodes = Episodes(source, envs.num_envs)

    def __getstate__(self) -> dict[str, Any]:
        """Return what a pickle holds: all but what the class says itself."""
        return {name: value for name, value in vars(self).items() if name != "class_attributes"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over what a copy or a pickle holds."""
        vars(self).update(state)
        self.class_attributes = dict(inspect.getmembers(type(self)))

    @property
    def ids(self) -> IntArray:
        """``(n,)``: ids of the tasks that are played."""
        return self._episodes.ids

    @property
    def tasks(self) -> Array | None:
        """``(n, *space.shape)``: what each slot plays; None before the first reset."""
        return self._episodes.tasks

    def reset(self) -> Any:
        """Start the next task in every slot; episodes under way are given up."""
        every = np.ones(self.num_envs, np.bool_)
        self._episodes.give_up(every, anew=True)
        self._bring(every)
        obs = self.venv.reset()
        # Wrappers of stable-baselines3 read what the resets said.
        self.reset_infos = self.venv.reset_infos
        self._episodes.begin(every)
        self._bring(every)
        return obs

    def step_wait(self) -> tuple[Any, Array, BoolArray, list[dict[str, Any]]]:
        """Step every slot and report the episodes that end.

        Raises:
            RuntimeError: before the first reset.
            EpisodeError: if a reward is not finite.
        """
        if self._episodes.tasks is None:
            raise RuntimeError("TeacherVecEnv: expected a reset before the first step")
        obs, rewards, dones, infos = self.venv.step_wait()
        self._episodes.add(np.asarray(rewards, np.float64))
        done = np.asarray(dones, np.bool_)
        if done.any():
            self._end(np.flatnonzero(done), infos)
            self._episodes.begin(done)
            self._bring(done)
        return obs, rewards, dones, infos

    def _bring(self, mask: BoolArray) -> None:
        """Take the next tasks of the slots of the mask and bring them there."""
        self._episodes.prepare(mask)
        assert self._episodes.coming is not None
        self._put(self._episodes.coming, mask)

    def _end(self, slots: IntArray, infos: list[dict[str, Any]]) -> None:
        """Report the episodes of these slots and write into their infos what was played."""
        episodes = self._episodes
        returns = episodes.returns(slots)
        said = [infos[slot].get("is_success") for slot in slots.tolist()]
        if self._mastered is not None:
            for i, slot in enumerate(slots.tolist()):
                if said[i] is None:
                    said[i] = infos[slot]["is_success"] = bool(returns[i] > self._mastered)
        success = None
        # Said of some only, it is no column.
        if None not in said:
            success = np.array(said, np.bool_)
        assert episodes.tasks is not None
        # Copies: one of them may be kept for long, and must not keep the tasks of all.
        for slot in slots.tolist():
            infos[slot]["task"] = episodes.tasks[slot].copy()
            infos[slot]["task_id"] = int(episodes.ids[slot])
        episodes.finish(slots, success)


def _putter(envs: VecEnv, apply: Callable[[Any, Array], object] | None) -> Callable[[Array, BoolArray], None]:
    """Return what lets the slots of a mask start their rows of a table when they are next reset."""
    if apply is not None and not callable(apply):
        raise TypeError(f"TeacherVecEnv: apply: expected a function, got {apply!r}")
    base = envs.unwrapped
    if isinstance(base, DummyVecEnv):
        return ByWrappers(wrapped(base.envs, apply, "TeacherVecEnv")).put
    if apply is None and envs.has_attr(_METHOD):
        return _Sender(envs).put
    raise TypeError(
        f"TeacherVecEnv: {type(base).__name__}: a task cannot be brought into its processes from here: put "
        "the wrapper there, SubprocVecEnv([lambda: TaskReset(make(), apply)] * n), and give no apply here"
    )


class _Sender:
    """Sends each task to the `TaskReset` in its slot, in whichever process."""

    def __init__(self, envs: VecEnv) -> None:
        self._envs = envs

    def put(self, tasks: Array, mask: BoolArray) -> None:
        for slot in np.flatnonzero(mask).tolist():
            self._envs.env_method(_METHOD, tasks[slot].copy(), indices=[slot])
