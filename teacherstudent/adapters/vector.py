"""A teacher around any vector environment of gymnasium; needs neither torch nor stable-baselines3."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode, VectorEnv, VectorWrapper

from teacherstudent.adapters.playing.delivery import delivery
from teacherstudent.adapters.playing.episodes import Episodes
from teacherstudent.adapters.playing.sources import FromList, FromTeacher, Source
from teacherstudent.adapters.watching import AnyTeacher, check_fits, load_steps, save
from teacherstudent.contract import spaces
from teacherstudent.contract.checks import check_real
from teacherstudent.contract.types import Array, BoolArray, IntArray, Seed
from teacherstudent.slots.requests import slot_mask
from teacherstudent.students.rollouts.play import successes

Step = tuple[Any, Array, BoolArray, BoolArray, dict[str, Any]]


class TaskVectorEnv(VectorWrapper[Any, Any, Any, Any, Any]):
    """A vector environment in which every episode plays a task of a source; see `TeacherVectorEnv`."""

    def __init__(
        self,
        envs: VectorEnv[Any, Any, Any],
        source: Source,
        *,
        apply: Callable[[Any, Array], object] | None = None,
        mastered: float | None = None,
    ) -> None:
        where = type(self).__name__
        _check_vector(envs, where)
        super().__init__(envs)
        mode = (envs.metadata or {}).get("autoreset_mode")
        if not isinstance(mode, AutoresetMode):
            raise ValueError(
                f"{where}: envs: expected metadata['autoreset_mode'] to be an AutoresetMode, got {mode!r}: "
                "set it to what the environment does when an episode ends"
            )
        if mastered is not None:
            check_real(f"{where}: mastered", mastered)
        self._mode = mode
        self._mastered = mastered
        self._delivery = delivery(envs, apply, where)
        self._episodes = Episodes(source, envs.num_envs)
        # Slots that have ended and that nobody has started since.
        self._over = np.zeros(envs.num_envs, np.bool_)
        self._every = np.ones(envs.num_envs, np.bool_)

    @property
    def tasks(self) -> Array | None:
        """``(n, *space.shape)``: what each slot plays, or played last; None before the first reset."""
        return self._episodes.tasks

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Start the next task in every slot, or in those of ``options["reset_mask"]``.

        Episodes under way there are given up.

        Raises:
            ValueError: if the options hold a task, which is not the caller's to choose.
        """
        given = dict(options or {})
        if "task" in given:
            raise ValueError(
                f"{type(self).__name__}: options: expected no 'task', as the teacher chooses it, got "
                f"{given['task']!r}"
            )
        mask = slot_mask(dict(given), self.num_envs)
        episodes = self._episodes
        # Where slots are started one by one, a mask may hold all of them by chance.
        episodes.give_up(mask, anew="reset_mask" not in given)
        self._bring(mask)
        assert episodes.coming is not None
        handed = self._delivery.options(given, episodes.coming.copy(), mask)
        obs, info = self.env.reset(seed=seed, options=handed or None)  # type: ignore[arg-type]  # as above
        episodes.begin(mask)
        self._over = self._over & ~mask
        self._look_ahead(mask)
        return obs, self._told(info)

    def step(self, actions: Any) -> Step:
        """Step every slot and tell of the episodes that end.

        Raises:
            RuntimeError: before the first reset.
            EpisodeError: if a reward is not finite.
        """
        episodes = self._episodes
        if episodes.tasks is None:
            raise RuntimeError(f"{type(self).__name__}: expected a reset before the first step")
        starting = None
        if self._mode == AutoresetMode.NEXT_STEP and self._over.any():
            starting = self._over
            self._bring(starting)
        obs, rewards, terminated, truncated, info = self.env.step(actions)
        # Slots that start in this step have no episode open yet, so this reward is not theirs.
        episodes.add(np.asarray(rewards, np.float64))
        done = np.asarray(terminated | truncated, np.bool_) & episodes.open
        if starting is not None:
            episodes.begin(starting)
        self._over = done
        if done.any():
            info = self._end(done, info)
        return obs, rewards, terminated, truncated, self._told(info)

    def _bring(self, mask: BoolArray) -> None:
        """Take the next tasks of the slots of the mask and bring them there."""
        self._episodes.prepare(mask)
        assert self._episodes.coming is not None
        self._delivery.put(self._episodes.coming, mask)

    def _look_ahead(self, mask: BoolArray) -> None:
        """Where slots start by themselves within a step, bring the task after the one that they play."""
        if self._mode == AutoresetMode.SAME_STEP:
            self._bring(mask)

    def _end(self, done: BoolArray, info: dict[str, Any]) -> dict[str, Any]:
        """Tell of the episodes that have ended; return infos that say which tasks they played."""
        episodes = self._episodes
        slots = np.flatnonzero(done)
        said = info
        # A slot that has started already says what it ended with in an info of its own.
        if self._mode == AutoresetMode.SAME_STEP:
            said = info.get("final_info", {})
        success = _success(slots, episodes.returns(slots), said, self._mastered)
        episodes.finish(slots, success)
        if self._mode == AutoresetMode.SAME_STEP:
            ended = {"task": episodes.tasks, "task_id": episodes.ids, "_task": done, "_task_id": done}
            info = {**info, "final_info": {**said, **ended}}
            episodes.begin(done)
            self._look_ahead(done)
        return info

    def _told(self, info: dict[str, Any]) -> dict[str, Any]:
        """Return what the environments say, and the tasks."""
        every = self._every.copy()
        return {
            **info,
            "task": self._episodes.tasks,
            "task_id": self._episodes.ids,
            "_task": every,
            "_task_id": every,
        }


class TeacherVectorEnv(TaskVectorEnv):
    """Any gymnasium vector environment whose teacher chooses the task of every episode.

    It takes `gymnasium.vector.SyncVectorEnv`, ``AsyncVectorEnv``, environments in one piece and
    ``family.make_vec(n)``, in each autoreset mode:

    - ``NEXT_STEP``: the task is asked for in the step in which the slot starts.
    - ``SAME_STEP``: the slot starts within the step in which it ends, so the task is asked for an episode
      ahead; what ended is in ``info["final_info"]``.
    - ``DISABLED``: ``reset(options={"reset_mask": mask})`` asks for the slots of the mask.

    The infos hold all that the environments say, and ``task`` and ``task_id``, a row for each slot: of the
    episode that its observation belongs to. Episodes that are given up by a reset are dropped.

    Args:
        teacher: or a `TeacherClient`; needs no signals but ``length`` and ``success``.
        envs: the environments.
        apply: sets a task, before a slot is reset. Of single environments, it is given one and its task; of
            a vector environment in one piece, that and the table ``(n, *space.shape)`` of what each slot
            starts next. None hands the task to each reset, in ``options["task"]``. ``AsyncVectorEnv`` takes
            none: put it into a `TaskReset` in each process. Nor do slots around which you have put a
            `TaskReset` yourself.
        mastered: ``success`` is the environment's ``is_success`` if it reports one, else return > mastered,
            else (None) it is left out.
        budget: steps of all slots together over which the teacher's ``progress`` goes from 0 to 1; None
            leaves it at 0.

    Raises:
        ValueError: if the teacher needs other signals, binds tasks for longer than an episode, or has tasks
            that the environments' ``task_space`` does not hold; if the autoreset mode is not said.
        TypeError: if ``teacher`` is no teacher, ``envs`` no vector environment, or nothing brings a task to
            its slots.
    """

    def __init__(
        self,
        teacher: AnyTeacher,
        envs: VectorEnv[Any, Any, Any],
        *,
        apply: Callable[[Any, Array], object] | None = None,
        mastered: float | None = None,
        budget: float | None = None,
    ) -> None:
        self._source = FromTeacher(teacher, mastered=mastered, budget=budget, where="TeacherVectorEnv")
        _check_vector(envs, "TeacherVectorEnv")
        check_fits(self._source.teacher, getattr(envs.unwrapped, "task_space", None), "TeacherVectorEnv")
        super().__init__(envs, self._source, apply=apply, mastered=mastered)

    @property
    def teacher(self) -> AnyTeacher:
        """The teacher."""
        return self._source.teacher

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over what a copy or a pickle holds; episodes under way stay the original's: reset first."""
        vars(self).update(state)
        if self._source.elsewhere:
            self._episodes.forget()

    def step(self, actions: Any) -> Step:
        """Step every slot and tell the teacher of the episodes that end (raises as `TaskVectorEnv.step`)."""
        # Counted first, so that tasks which start within this step already see the new progress.
        self._source.steps += self.num_envs
        return super().step(actions)

    @staticmethod
    def evaluation(
        envs: VectorEnv[Any, Any, Any],
        tasks: npt.ArrayLike,
        *,
        apply: Callable[[Any, Array], object] | None = None,
        seed: Seed = 0,
    ) -> TaskVectorEnv:
        """Return a vector environment over fixed tasks, of which no teacher is told.

        Slot i plays a block of them in turn, and every reset without a mask begins again; ``info["task_id"]``
        says which task of the list is played.

        Args:
            envs: environments of its own, not those that are trained on.
            tasks: ``(m, *space.shape)``.
            apply: see `TeacherVectorEnv`.
            seed: of the environments that take one for each task.

        Raises:
            ValueError: if there is no task, or one lies outside the environments' ``task_space``.
            TypeError: as `TeacherVectorEnv`.
        """
        _check_vector(envs, "evaluation")
        checked = check_listed(getattr(envs.unwrapped, "task_space", None), tasks)
        return TaskVectorEnv(envs, FromList(checked, envs.num_envs, seed=seed), apply=apply)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the teacher and the count of steps to a file, which `load` reads.

        Raises:
            WriteError: if the file cannot be written; an older file of that name is untouched.
            TypeError: if the teacher is in another process.
        """
        save(self.teacher, path, "TeacherVectorEnv", steps=self._source.steps)

    def load(self, path: str | os.PathLike[str]) -> int:
        """Go on from `save`; a reset must follow.

        Returns:
            How many tasks were open when it was saved: they are dropped.

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: if it is damaged, or of another teacher or space.
            TypeError: if the teacher is in another process.
        """
        self._source.steps, dropped = load_steps(self.teacher, path, "TeacherVectorEnv")
        self._episodes.forget()
        return dropped


def check_listed(space: Any, tasks: npt.ArrayLike) -> Array:
    """Return tasks as an array; raise ValueError unless there is one, and each lies in the space."""
    # Without a declared space only the environments themselves can judge the tasks.
    given = np.asarray(tasks)
    if isinstance(space, gym.Space):
        given = spaces.check_tasks(space, tasks, "evaluation: tasks")
    if given.ndim == 0 or len(given) == 0:
        raise ValueError(f"evaluation: tasks: expected at least one task, got {tasks!r}")
    return given


def _check_vector(envs: Any, where: str) -> None:
    if not isinstance(envs, VectorEnv):
        raise TypeError(f"{where}: envs: expected a gymnasium vector environment, got {envs!r}")


def _success(
    slots: IntArray, returns: Array, said: dict[str, Any], mastered: float | None
) -> BoolArray | None:
    """Return which episodes succeeded: as environments say, else by their return; None if neither."""
    if mastered is not None:
        return successes(slots, returns, said, mastered)
    if "is_success" not in said:
        return None
    told = np.asarray(said.get("_is_success", np.ones(len(said["is_success"]))), np.bool_)[slots]
    # Said of some only, it is no column.
    if not told.all():
        return None
    return np.asarray(said["is_success"]).astype(np.bool_)[slots]
