"""Training loops that a user owns: a teacher behind a gymnasium environment or a VecEnv."""

from __future__ import annotations

import os
import sys
import warnings
from types import FrameType
from typing import Any, SupportsFloat

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from stable_baselines3.common.callbacks import BaseCallback

from teacherstudent.contract import spaces
from teacherstudent.contract.checks import check_names, check_real, check_whole, is_number
from teacherstudent.contract.stored.saved import saved_generator
from teacherstudent.contract.teacher import Teacher
from teacherstudent.contract.types import Array, BoolArray, IntArray, Outcomes, Seed
from teacherstudent.recording.disk import checkpoint
from teacherstudent.recording.disk.files import check_file
from teacherstudent.slots.access import check_vector, goals_out_of_reach
from teacherstudent.slots.fixed_tasks import FixedTasks
from teacherstudent.slots.wrapping.probe import WatchedOptions
from teacherstudent.students.sb3.vec_env import TaskVecEnv

_TESTS = (
    "play tests on environments of their own: TeacherVecEnv.evaluation(family.make_vec(n), "
    "family.test_tasks()) is a VecEnv over fixed tasks, for evaluate_policy and EvalCallback alike"
)


def _check_teacher(teacher: Any, mastered: float | None, where: str) -> None:
    """Raise unless episodes alone serve the teacher, in this process."""
    if not isinstance(teacher, Teacher):
        raise TypeError(f"{where}: teacher: expected a Teacher, got {teacher!r}")
    if mastered is not None:
        check_real(f"{where}: mastered", mastered)
    elsewhere = "run(family, teacher, student, folder, plan) with a student that gives them"
    # Without a threshold nothing promises a success signal: `is_success` is up to the environment.
    provides = {"length"}
    hint = ", with mastered=... success too"
    if mastered is not None:
        provides.add("success")
        hint = ""
    missing = sorted(teacher.needs - provides)
    if missing:
        raise ValueError(
            f"{where}: {type(teacher).__name__} needs {missing}, which episodes alone do not give (they give "
            f"{sorted(provides)}{hint}); use "
            f"{elsewhere}: 'sb3' or 'rsl-rl', whose rollouts level teachers are made for"
        )
    # This wrapper sees whole episodes only: it could never report a step or a rollout.
    if teacher.granularity != "episode":
        raise ValueError(
            f"{where}: expected a teacher of episodes, got granularity {teacher.granularity!r}; use "
            f"{elsewhere}: 'sb3', 'rsl-rl' ('classifier' for steps and chunks)"
        )


def _check_fits(teacher: Teacher[Any], taken: Any, where: str) -> None:
    """Raise ValueError if the environments say which tasks they take, and those of the teacher are others."""
    # Environments that declare no space are trusted: they refuse a wrong task themselves.
    if isinstance(taken, gym.Space) and not spaces.holds(taken, teacher.space):
        raise ValueError(
            f"{where}: expected a teacher whose tasks lie in the environment's space {taken}, got one of "
            f"{teacher.space}"
        )


def _check_budget(budget: float | None) -> float:
    if budget is None:
        return np.inf
    if not (is_number(budget) and budget > 0):
        raise ValueError(f"budget: expected steps above 0, got {budget!r}")
    return float(budget)


def _load(path: str | os.PathLike[str], where: str, names: tuple[str, ...]) -> dict[str, Any]:
    state = checkpoint.load(check_file(where, path))
    check_names(f"{where} in {path}", names, state)
    return state


class _TestsNoticed:
    """Warns once if stable-baselines3's ``evaluate_policy`` plays on what tells a teacher."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._warned = False

    def look(self) -> None:
        """Warn if one of the calls under way is ``evaluate_policy`` (sb3's, sb3-contrib's)."""
        if self._warned:
            return
        # Frame 0 is this method, frame 1 the `reset` that called it, frame 2 whoever called that.
        frame: FrameType | None = sys._getframe(2)
        # Only the call stack tells a test from training: `evaluate_policy` resets like everybody else.
        while frame is not None:
            if frame.f_code.co_name == "evaluate_policy":
                self._warned = True
                warnings.warn(
                    f"{self._where}: evaluate_policy plays here, so that the teacher hears of test episodes "
                    f"as of training; {_TESTS}",
                    stacklevel=3,
                )
                return
            frame = frame.f_back


class TeacherEnv(gym.Wrapper[Any, Any, Any, Any]):
    """A gymnasium environment whose teacher chooses the task of every episode.

    ``reset`` asks the teacher and passes ``options={"task": task}`` on; the step that ends an episode tells
    it the undiscounted return, with the signals ``length`` and ``success``. An episode that a reset gives up
    is dropped. The task and its id are in the reset's ``info["task"]`` and ``info["task_id"]``.

    Use it in the process that made the teacher: several environments in one process may share a teacher, but
    `gymnasium.vector.AsyncVectorEnv` and ``SubprocVecEnv`` would give each worker a teacher that is alone,
    and are refused. `TeacherVecEnv` has one teacher for environments in many processes.

    It warns if nothing looks at the task until the first episode ends, and if ``evaluate_policy`` plays here.

    Args:
        env: takes ``reset(options={"task": task})``.
        teacher: of a space that fits ``env``; needs no signals but ``length`` and ``success``.
        mastered: ``success`` is the environment's ``is_success`` if it reports one, else return > mastered,
            else (None) it is left out.
        budget: steps over which the teacher's ``progress`` goes from 0 to 1; None leaves it at 0.

    Raises:
        ValueError: if the teacher needs other signals, binds tasks for longer than an episode, or has tasks
            that the environment's ``task_space`` does not hold.
        TypeError: if ``env`` is no gymnasium environment or ``teacher`` no teacher.
    """

    def __init__(
        self,
        env: gym.Env[Any, Any],
        teacher: Teacher[Any],
        *,
        mastered: float | None = None,
        budget: float | None = None,
    ) -> None:
        if not isinstance(env, gym.Env):
            raise TypeError(f"TeacherEnv: env: expected a gymnasium environment, got {env!r}")
        super().__init__(env)
        _check_teacher(teacher, mastered, "TeacherEnv")
        _check_fits(teacher, getattr(env.unwrapped, "task_space", None), "TeacherEnv")
        self.teacher = teacher
        self._mastered = mastered
        self._budget = _check_budget(budget)
        self._steps = 0
        self._task_id: int | None = None
        self._task: Array | None = None
        self._return = 0.0
        self._length = 0
        # Options of the first episode, the only one that is watched.
        self._options: WatchedOptions | None = None
        # Whether an episode has shown if the environment looks at its task.
        self._looked = False
        self._tests = _TestsNoticed("TeacherEnv")

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Start the teacher's next task.

        Raises:
            ValueError: if the options hold a task, which is the teacher's to choose.
            RuntimeError: in another process than the one that made the teacher.
        """
        if options is not None and "task" in options:
            raise ValueError(
                f"TeacherEnv: options: expected no 'task', as the teacher chooses it, got {options['task']!r}"
            )
        self._tests.look()
        # An episode that is given up was not played to its end, so there is no score to tell.
        if self._task_id is not None:
            given_up = self._task_id
            # Clear the id first: if `drop` raises, the next reset must not drop the same task again.
            self._task_id = None
            self.teacher.drop(np.array([given_up]))
        # Without a budget this divides by infinity, and the progress stays 0.
        assignment = self.teacher.ask(progress=min(1.0, self._steps / self._budget))
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
        """
        checkpoint.save(
            check_file("TeacherEnv", path), {"teacher": self.teacher.state_dict(), "steps": self._steps}
        )

    def load(self, path: str | os.PathLike[str]) -> int:
        """Go on from `save`; a reset must follow.

        Returns:
            How many tasks were open when it was saved (0 or 1 for each environment): they are dropped.

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: if it is damaged, or of another teacher or space.
        """
        state = _load(path, "TeacherEnv", ("teacher", "steps"))
        steps = check_whole("TeacherEnv: steps", state["steps"], 0)
        # The teacher goes first: if it refuses its state, nothing else has changed.
        self.teacher.load_state_dict(state["teacher"])
        self._steps = steps
        self._task_id = None
        return _drop_open(self.teacher)


def _drop_open(teacher: Teacher[Any]) -> int:
    """Drop the tasks that were under way when the teacher was saved; return how many."""
    # Their episodes are lost with the process that saved them, so no outcome will ever come.
    under_way = teacher.outstanding
    teacher.drop(under_way)
    return len(under_way)


class TeacherVecEnv(TaskVecEnv):
    """A stable-baselines3 VecEnv whose teacher chooses the task of every episode, for ``model.learn()``.

    The teacher stays in this process, wherever the environments are (``family.make_vec(n, processes=k)``).
    Every episode that ends is told, tests too: `evaluation` is for those.

    Args:
        teacher: needs no signals but ``length`` and ``success``.
        envs: a vector environment as ``family.make_vec(n)`` gives it.
        mastered: see `TaskVecEnv`.
        budget: steps of all slots together over which the teacher's ``progress`` goes from 0 to 1; None
            leaves it at 0.
        seed: each episode's environment seed is drawn from it.

    Raises:
        ValueError: if the teacher needs other signals, binds tasks for longer than an episode, or has tasks
            that the environments' ``task_space`` does not hold; if slots start by themselves.
        TypeError: if ``teacher`` is no teacher or ``envs`` no vector environment.
    """

    def __init__(
        self,
        teacher: Teacher[Any],
        envs: gym.vector.VectorEnv[Any, Any, Any],
        *,
        mastered: float | None = None,
        budget: float | None = None,
        seed: Seed = 0,
    ) -> None:
        _check_teacher(teacher, mastered, "TeacherVecEnv")
        check_vector(envs, "TeacherVecEnv")
        _check_fits(teacher, getattr(envs, "task_space", None), "TeacherVecEnv")
        # Warn now: HerReplayBuffer would fail much later, deep inside stable-baselines3.
        reason = goals_out_of_reach(envs)
        if reason is not None:
            warnings.warn(f"TeacherVecEnv: {reason}", stacklevel=2)
        super().__init__(envs, self._ask, tell=teacher.tell, mastered=mastered, seed=seed)
        self.teacher = teacher
        self._budget = _check_budget(budget)
        self._steps = 0
        self._tests = _TestsNoticed("TeacherVecEnv")

    def step_wait(self) -> tuple[Any, Array, BoolArray, list[dict[str, Any]]]:
        """Step every slot; the teacher hears of the episodes that end before it is asked for the next."""
        # Count first, so that tasks which start within this step already see the new progress.
        self._steps += self.num_envs
        return super().step_wait()

    def _ask(self, n: int) -> tuple[IntArray, Array]:
        assignment = self.teacher.ask(n, progress=min(1.0, self._steps / self._budget))
        return assignment.ids, assignment.tasks

    def reset(self) -> Any:
        """Start a new task in every slot; episodes under way are dropped."""
        self._tests.look()
        # An id below 0 marks a slot that plays nothing yet: the teacher knows no such task.
        self.teacher.drop(self.ids[self.ids >= 0])
        return super().reset()

    @staticmethod
    def evaluation(
        envs: gym.vector.VectorEnv[Any, Any, Any],
        tasks: npt.ArrayLike,
        *,
        mastered: float | None = None,
        seed: Seed = 0,
    ) -> TaskVecEnv:
        """Return a VecEnv over fixed tasks, for ``evaluate_policy`` and ``EvalCallback``; no teacher is told.

        With ``n_eval_episodes`` of the number of tasks each is played once; every reset begins again with the
        same tasks and environment seeds.

        Args:
            envs: environments of its own, not those that are trained on: ``family.make_vec(n)``.
            tasks: ``(m, *space.shape)``, such as ``family.test_tasks()``.
            mastered: see `TaskVecEnv`.
            seed: each task's environment seed is drawn from it.

        Raises:
            ValueError: if there is no task, or one lies outside the environments' ``task_space``.
            TypeError: if ``envs`` is no vector environment.
        """
        check_vector(envs, "evaluation")
        if mastered is not None:
            check_real("evaluation: mastered", mastered)
        # Without a declared space only the environments themselves can judge the tasks.
        space = getattr(envs, "task_space", None)
        given = np.asarray(tasks) if space is None else spaces.check_tasks(space, tasks, "evaluation: tasks")
        if given.ndim == 0 or len(given) == 0:
            raise ValueError(f"evaluation: tasks: expected at least one task, got {tasks!r}")
        fixed = FixedTasks(given, envs.num_envs, seed=seed)
        return TaskVecEnv(envs, fixed, seed=seed, tell=_forget, mastered=mastered)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the teacher, the count of steps and the generator of seeds to a file, which `load` reads.

        Raises:
            WriteError: if the file cannot be written; an older file of that name is untouched.
        """
        # Every episode's environment seed is drawn from this generator, so it is part of the state.
        seeds = dict(self._rng.bit_generator.state)
        state = {"teacher": self.teacher.state_dict(), "steps": self._steps, "seeds": seeds}
        checkpoint.save(check_file("TeacherVecEnv", path), state)

    def load(self, path: str | os.PathLike[str]) -> int:
        """Go on from `save`; a reset must follow, as ``model.learn()`` does it.

        Returns:
            How many tasks were open when it was saved, one a slot: they are dropped.

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: if it is damaged, or of another teacher or space.
        """
        state = _load(path, "TeacherVecEnv", ("teacher", "steps", "seeds"))
        # Check everything before anything changes: a damaged file must leave this object as it is.
        steps = check_whole("TeacherVecEnv: steps", state["steps"], 0)
        seeds = saved_generator("TeacherVecEnv: seeds", state["seeds"])
        self.teacher.load_state_dict(state["teacher"])
        self._rng.bit_generator.state = seeds
        self._steps = steps
        # These values mark slots that have not started: the next reset must not drop old ids.
        self.ids[:] = -1
        self.tasks = None
        return _drop_open(self.teacher)


def _forget(outcomes: Outcomes) -> None:
    """Take test episodes, which stable-baselines3 reads from the infos."""


class TeacherCallback(BaseCallback):
    """Writes the teacher's metrics to stable-baselines3's own log (``teacher/...``), once a rollout.

    Raises:
        TypeError: if it is given no teacher.
    """

    def __init__(self, teacher: Teacher[Any]) -> None:
        super().__init__()
        if not isinstance(teacher, Teacher):
            raise TypeError(f"TeacherCallback: teacher: expected a Teacher, got {teacher!r}")
        self.teacher = teacher

    def _on_step(self) -> bool:
        # stable-baselines3 stops training if this returns False.
        return True

    def _on_rollout_end(self) -> None:
        for name, value in self.teacher.metrics().items():
            self.logger.record(f"teacher/{name}", value)
