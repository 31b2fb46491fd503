"""A teacher behind a gymnasium environment; needs neither torch nor stable-baselines3."""

from __future__ import annotations

import os
import warnings
from typing import Any, SupportsFloat

import gymnasium as gym
import numpy as np

from teacherstudent.adapters.serving.client import TeacherClient
from teacherstudent.adapters.serving.server import reachable
from teacherstudent.adapters.watching import (
    AnyTeacher,
    TestsNoticed,
    asked,
    check_budget,
    check_fits,
    check_teacher,
    let_travel,
    load_steps,
    save,
)
from teacherstudent.contract.types import Array, Outcomes
from teacherstudent.slots.wrapping.probe import WatchedOptions


class TeacherEnv(gym.Wrapper[Any, Any, Any, Any]):
    """A gymnasium environment whose teacher chooses the task of every episode.

    ``reset`` asks the teacher and passes ``options={"task": task}`` on; the step that ends an episode tells
    it the undiscounted return, with the signals ``length`` and ``success``. An episode that a reset gives up
    is dropped. The task and its id are in the reset's ``info["task"]`` and ``info["task_id"]``.

    Environments in one process, and in many, may share a teacher. A pickled one holds a client of the teacher
    (`teacherstudent.TeacherServer`, which the first pickle starts). Where worker processes make their own
    (``AsyncVectorEnv([lambda: TeacherEnv(make(), teacher)] * 8)``, ``SubprocVecEnv``), start the server
    before: ``teacher`` is a client there. Without a server a copy refuses to act.

    It warns if nothing looks at the task until the first episode ends, and if ``evaluate_policy`` plays here.

    Args:
        env: takes ``reset(options={"task": task})``.
        teacher: or a `TeacherClient`; of a space that fits ``env``; needs no signals but ``length`` and
            ``success``.
        mastered: ``success`` is the environment's ``is_success`` if it reports one, else return > mastered,
            else (None) it is left out.
        budget: steps over which the teacher's ``progress`` goes from 0 to 1; None leaves it at 0. Of many
            workers the server counts all steps (``TeacherServer(teacher, budget=...)``).

    Raises:
        ValueError: if the teacher needs other signals, binds tasks for longer than an episode, or has tasks
            that the environment's ``task_space`` does not hold.
        TypeError: if ``env`` is no gymnasium environment or ``teacher`` no teacher.
    """

    def __init__(
        self,
        env: gym.Env[Any, Any],
        teacher: AnyTeacher,
        *,
        mastered: float | None = None,
        budget: float | None = None,
    ) -> None:
        if not isinstance(env, gym.Env):
            raise TypeError(f"TeacherEnv: env: expected a gymnasium environment, got {env!r}")
        super().__init__(env)
        teacher = reachable(teacher)
        check_teacher(teacher, mastered, "TeacherEnv")
        check_fits(teacher, getattr(env.unwrapped, "task_space", None), "TeacherEnv")
        self.teacher: AnyTeacher = teacher
        self._mastered = mastered
        self._budget = check_budget(budget)
        self._steps = 0
        self._task_id: int | None = None
        self._task: Array | None = None
        self._return = 0.0
        self._length = 0
        # Options of the first episode, the only one that is watched.
        self._options: WatchedOptions | None = None
        # Whether an episode has shown if the environment looks at its task.
        self._looked = False
        self._tests = TestsNoticed("TeacherEnv")
        let_travel(teacher, lambda: (self._budget, self._steps))

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over what a copy or a pickle holds; an episode under way stays the original's."""
        vars(self).update(state)
        if isinstance(self.teacher, TeacherClient):
            self._task_id = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Start the teacher's next task.

        Raises:
            ValueError: if the options hold a task, which is the teacher's to choose; if the teacher wants its
                task measured and not trained on.
            RuntimeError: in another process than the one that made the teacher.
        """
        if options is not None and "task" in options:
            raise ValueError(
                f"TeacherEnv: options: expected no 'task', as the teacher chooses it, got {options['task']!r}"
            )
        self._tests.look()
        teacher = reachable(self.teacher)
        # A fork of the environment goes on as a client; the episode under way is the original's.
        if teacher is not self.teacher:
            self.teacher = teacher
            self._task_id = None
        # An episode that is given up was not played to its end, so there is no score to tell.
        if self._task_id is not None:
            given_up = self._task_id
            # Clear the id first: if `drop` raises, the next reset must not drop the same task again.
            self._task_id = None
            self.teacher.drop(np.array([given_up]))
        # Without a budget this divides by infinity, and the progress stays 0.
        assignment = asked(self.teacher, 1, min(1.0, self._steps / self._budget), "TeacherEnv")
        self._task_id = int(assignment.ids[0])
        self._task = assignment.tasks[0]
        self._return = 0.0
        self._length = 0
        handed = {**(options or {}), "task": self._task}
        # Watched options slow every access down, so they end with the first episode.
        if not self._looked:
            handed = self._options = WatchedOptions(handed)
        obs, info = self.env.reset(seed=seed, options=handed)
        return obs, {**info, "task": self._task, "task_id": self._task_id}

    def step(self, action: Any) -> tuple[Any, SupportsFloat, bool, bool, dict[str, Any]]:
        """Step; at the end of the episode tell the teacher."""
        obs, reward, terminated, truncated, info = self.env.step(action)
        self._return += float(reward)
        self._length += 1
        self._steps += 1
        if (terminated or truncated) and self._task_id is not None:
            assert self._task is not None
            signals: dict[str, Array] = {"length": np.array([self._length])}
            if "is_success" in info:
                signals["success"] = np.array([bool(info["is_success"])])
            elif self._mastered is not None:
                signals["success"] = np.array([self._return > self._mastered])
            ended = np.array([self._task_id])
            # Clear the id first: if `tell` raises, the episode must not be told or dropped later.
            self._task_id = None
            self.teacher.tell(
                Outcomes(
                    ids=ended,
                    tasks=self._task[None],
                    score=np.array([self._return]),
                    cost=np.array([float(self._length)]),
                    signals=signals,
                )
            )
            self._check_looked()
        return obs, reward, terminated, truncated, info

    def _check_looked(self) -> None:
        """Warn once if the first episode ended and nothing has looked at its task."""
        if self._options is not None and not self._options.seen:
            warnings.warn(
                f"TeacherEnv: expected {self.env} to start the task in the options['task'] of reset, but it "
                "never looked there in a whole episode: the teacher's choice of task changes nothing",
                stacklevel=3,
            )
        self._looked = True
        self._options = None

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the teacher and the count of steps to a file, which `load` reads.

        Raises:
            WriteError: if the file cannot be written; an older file of that name is untouched.
            TypeError: if the teacher is in another process.
        """
        save(self.teacher, path, "TeacherEnv", steps=self._steps)

    def load(self, path: str | os.PathLike[str]) -> int:
        """Go on from `save`; a reset must follow.

        Returns:
            How many tasks were open when it was saved (0 or 1 for each environment): they are dropped.

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: if it is damaged, or of another teacher or space.
            TypeError: if the teacher is in another process.
        """
        self._steps, dropped = load_steps(self.teacher, path, "TeacherEnv")
        self._task_id = None
        return dropped
