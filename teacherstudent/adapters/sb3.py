"""A teacher behind a VecEnv of stable-baselines3, for ``model.learn()``."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from typing import Any, Self, TypeVar

import gymnasium as gym
import numpy.typing as npt
from stable_baselines3.common.callbacks import BaseCallback, CheckpointCallback
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper

from teacherstudent.adapters.ordinary import OrdinaryVecEnv
from teacherstudent.adapters.playing.sources import FromList, FromTeacher
from teacherstudent.adapters.serving.client import TeacherClient
from teacherstudent.adapters.serving.server import reachable
from teacherstudent.adapters.vector import check_listed
from teacherstudent.adapters.watching import (
    AnyTeacher,
    TestsNoticed,
    asked,
    check_budget,
    check_fits,
    check_teacher,
    drop_open,
    home,
    let_travel,
    load,
    load_steps,
    save,
)
from teacherstudent.contract.checks import check_real, check_whole
from teacherstudent.contract.stored.saved import saved_generator
from teacherstudent.contract.teacher import Teacher
from teacherstudent.contract.types import Array, BoolArray, IntArray, Outcomes, Seed
from teacherstudent.slots.access import check_vector, goals_out_of_reach
from teacherstudent.slots.fixed_tasks import FixedTasks
from teacherstudent.students.sb3.vec_env import TaskVecEnv

Inner = TypeVar("Inner", bound=VecEnv)


class TeacherVecEnv(TaskVecEnv):
    """A stable-baselines3 VecEnv whose teacher chooses the task of every episode, for ``model.learn()``.

    The teacher stays in this process, wherever the environments are (``family.make_vec(n, processes=k)``).
    Every episode that ends is told, tests too: `evaluation` is for those.

    A VecEnv of stable-baselines3 is taken as it is, with all that its infos, methods and attributes offer: a
    ``DummyVecEnv``, or a ``SubprocVecEnv`` whose environments have a `TaskReset` inside. Its slots start by
    themselves within a step, so that a task is asked for an episode ahead.

    Args:
        teacher: or a `TeacherClient`; needs no signals but ``length`` and ``success``.
        envs: a vector environment as ``family.make_vec(n)`` gives it, or a VecEnv.
        apply: of a VecEnv in this process: sets a task on a single environment before its reset. None hands
            the task to the reset, in ``options["task"]``. Slots around which you have put a `TaskReset`
            yourself take none.
        mastered: see `TaskVecEnv`.
        budget: steps of all slots together over which the teacher's ``progress`` goes from 0 to 1; None
            leaves it at 0.
        seed: each episode's environment seed is drawn from it; a VecEnv keeps its own seeds.

    Raises:
        ValueError: if the teacher needs other signals, binds tasks for longer than an episode, or has tasks
            that the environments' ``task_space`` does not hold; if slots start by themselves and it is no
            VecEnv.
        TypeError: if ``teacher`` is no teacher or ``envs`` no vector environment; if nothing brings a task
            to its slots.
    """

    def __new__(cls, teacher: Any = None, envs: Any = None, **options: Any) -> Self:
        """Return one of the kind that the environments need; a pickle makes it without arguments."""
        if cls is TeacherVecEnv and isinstance(envs, VecEnv):
            return super().__new__(_TeacherOrdinary)  # type: ignore[return-value]  # a subclass
        return super().__new__(cls)

    def __init__(
        self,
        teacher: AnyTeacher,
        envs: gym.vector.VectorEnv[Any, Any, Any] | VecEnv,
        *,
        apply: Callable[[Any, Array], object] | None = None,
        mastered: float | None = None,
        budget: float | None = None,
        seed: Seed = 0,
    ) -> None:
        if apply is not None:
            raise TypeError(
                "TeacherVecEnv: apply: expected None, as these slots take each task in the options of their "
                f"reset, got {apply!r}"
            )
        teacher = reachable(teacher)
        check_teacher(teacher, mastered, "TeacherVecEnv")
        check_vector(envs, "TeacherVecEnv")
        assert isinstance(envs, gym.vector.VectorEnv)
        check_fits(teacher, getattr(envs, "task_space", None), "TeacherVecEnv")
        # Warn now: HerReplayBuffer would fail much later, deep inside stable-baselines3.
        reason = goals_out_of_reach(envs)
        if reason is not None:
            warnings.warn(f"TeacherVecEnv: {reason}", stacklevel=2)
        super().__init__(envs, self._ask, tell=teacher.tell, mastered=mastered, seed=seed)
        self.teacher: AnyTeacher = teacher
        self._budget = check_budget(budget)
        self._steps = 0
        self._tests = TestsNoticed("TeacherVecEnv")
        let_travel(teacher, lambda: (self._budget, self._steps))

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over what a copy or a pickle holds; episodes under way stay the original's: reset first."""
        vars(self).update(state)
        if isinstance(self.teacher, TeacherClient):
            self.ids[:] = -1
            self.tasks = None

    def step_wait(self) -> tuple[Any, Array, BoolArray, list[dict[str, Any]]]:
        """Step every slot; the teacher hears of the episodes that end before it is asked for the next."""
        # Count first, so that tasks which start within this step already see the new progress.
        self._steps += self.num_envs
        return super().step_wait()

    def _ask(self, n: int) -> tuple[IntArray, Array]:
        assignment = asked(self.teacher, n, min(1.0, self._steps / self._budget), "TeacherVecEnv")
        return assignment.ids, assignment.tasks

    def reset(self) -> Any:
        """Start a new task in every slot; episodes under way are dropped."""
        self._tests.look()
        # An id below 0 marks a slot that plays nothing yet: the teacher knows no such task.
        self.teacher.drop(self.ids[self.ids >= 0])
        return super().reset()

    @staticmethod
    def evaluation(
        envs: gym.vector.VectorEnv[Any, Any, Any] | VecEnv,
        tasks: npt.ArrayLike,
        *,
        apply: Callable[[Any, Array], object] | None = None,
        mastered: float | None = None,
        seed: Seed = 0,
    ) -> VecEnv:
        """Return a VecEnv over fixed tasks, for ``evaluate_policy`` and ``EvalCallback``; no teacher is told.

        With ``n_eval_episodes`` of the number of tasks each is played once; every reset begins again with the
        same tasks and environment seeds.

        Args:
            envs: environments of its own, not those that are trained on: ``family.make_vec(n)``.
            tasks: ``(m, *space.shape)``, such as ``family.test_tasks()``.
            apply: of a VecEnv; see `TeacherVecEnv`.
            mastered: see `TaskVecEnv`.
            seed: each task's environment seed is drawn from it; a VecEnv keeps its own seeds.

        Raises:
            ValueError: if there is no task, or one lies outside the environments' ``task_space``.
            TypeError: if ``envs`` is no vector environment.
        """
        if isinstance(envs, VecEnv):
            listed = FromList(check_listed(None, tasks), envs.num_envs)
            return OrdinaryVecEnv(envs, listed, apply=apply, mastered=mastered)
        check_vector(envs, "evaluation")
        if mastered is not None:
            check_real("evaluation: mastered", mastered)
        given = check_listed(getattr(envs, "task_space", None), tasks)
        fixed = FixedTasks(given, envs.num_envs, seed=seed)
        return TaskVecEnv(envs, fixed, seed=seed, tell=_forget, mastered=mastered)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the teacher, the count of steps and the generator of seeds to a file, which `load` reads.

        Raises:
            WriteError: if the file cannot be written; an older file of that name is untouched.
        """
        # Every episode's environment seed is drawn from this generator, so it is part of the state.
        seeds = dict(self._rng.bit_generator.state)
        save(self.teacher, path, "TeacherVecEnv", steps=self._steps, seeds=seeds)

    def load(self, path: str | os.PathLike[str]) -> int:
        """Go on from `save`; a reset must follow, as ``model.learn()`` does it.

        Returns:
            How many tasks were open when it was saved, one a slot: they are dropped.

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: if it is damaged, or of another teacher or space.
        """
        teacher = home(self.teacher, "TeacherVecEnv.load")
        state = load(path, "TeacherVecEnv", ("teacher", "steps", "seeds"))
        # Check everything before anything changes: a damaged file must leave this object as it is.
        steps = check_whole("TeacherVecEnv: steps", state["steps"], 0)
        seeds = saved_generator("TeacherVecEnv: seeds", state["seeds"])
        teacher.load_state_dict(state["teacher"])
        self._rng.bit_generator.state = seeds
        self._steps = steps
        # These values mark slots that have not started: the next reset must not drop old ids.
        self.ids[:] = -1
        self.tasks = None
        return drop_open(teacher)


class _TeacherOrdinary(OrdinaryVecEnv, TeacherVecEnv):  # type: ignore[override]  # ids, tasks: to be read
    """A `TeacherVecEnv` around a VecEnv of stable-baselines3."""

    def __init__(
        self,
        teacher: AnyTeacher,
        envs: VecEnv,
        *,
        apply: Callable[[Any, Array], object] | None = None,
        mastered: float | None = None,
        budget: float | None = None,
        seed: Seed = 0,
    ) -> None:
        self._source = FromTeacher(teacher, mastered=mastered, budget=budget, where="TeacherVecEnv")
        self.teacher = self._source.teacher
        self._tests = TestsNoticed("TeacherVecEnv")
        super().__init__(envs, self._source, apply=apply, mastered=mastered)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over what a copy or a pickle holds; episodes under way stay the original's: reset first."""
        super().__setstate__(state)
        if self._source.elsewhere:
            self._episodes.forget()

    def reset(self) -> Any:
        """Start a new task in every slot; episodes under way are dropped."""
        self._tests.look()
        return super().reset()

    def step_wait(self) -> tuple[Any, Array, BoolArray, list[dict[str, Any]]]:
        """Step every slot; the teacher hears of the episodes that end before it is asked for the next."""
        self._source.steps += self.num_envs
        return super().step_wait()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the teacher and the count of steps to a file (raises as `TeacherVecEnv.save`)."""
        save(self.teacher, path, "TeacherVecEnv", steps=self._source.steps)

    def load(self, path: str | os.PathLike[str]) -> int:
        """Go on from `save`; a reset must follow (returns and raises as `TeacherVecEnv.load`)."""
        self._source.steps, dropped = load_steps(self.teacher, path, "TeacherVecEnv")
        self._episodes.forget()
        return dropped


def _forget(outcomes: Outcomes) -> None:
    """Take test episodes, which stable-baselines3 reads from the infos."""


class TeacherCallback(BaseCallback):
    """Writes the teacher's metrics to stable-baselines3's own log (``teacher/...``), once a rollout.

    Raises:
        TypeError: if it is given no teacher.
    """

    def __init__(self, teacher: AnyTeacher) -> None:
        super().__init__()
        if not isinstance(teacher, Teacher | TeacherClient):
            raise TypeError(f"TeacherCallback: teacher: expected a Teacher or a client, got {teacher!r}")
        self.teacher = teacher

    def _on_step(self) -> bool:
        # stable-baselines3 stops training if this returns False.
        return True

    def _on_rollout_end(self) -> None:
        for name, value in self.teacher.metrics().items():
            self.logger.record(f"teacher/{name}", value)


class TeacherCheckpointCallback(CheckpointCallback):
    """Saves the teacher with the model: ``PREFIX_teacher_STEPS_steps.npz`` beside each checkpoint.

    ``vec.load(path)``, of the `TeacherVecEnv` that the loaded model is given, goes on from there. Arguments
    are those of stable-baselines3's ``CheckpointCallback``.

    Raises:
        TypeError: when training begins, if the model's environment holds no `TeacherVecEnv`.
    """

    def _init_callback(self) -> None:
        super()._init_callback()
        self._vec = vec_env_within(
            self.training_env, TeacherVecEnv, "TeacherCheckpointCallback", "TeacherVecEnv"
        )

    def _on_step(self) -> bool:
        if self.n_calls % self.save_freq == 0:
            self._vec.save(self._checkpoint_path("teacher_", extension="npz"))
        return super()._on_step()


def vec_env_within(envs: Any, kind: type[Inner], where: str, expected: str) -> Inner:
    """Return the one of a kind among the wrappers of a VecEnv.

    Args:
        envs: a model's.
        kind: which.
        where: starts the message.
        expected: what the environment should hold, for the message.

    Raises:
        TypeError: if there is none.
    """
    inner = envs
    while not isinstance(inner, kind):
        if not isinstance(inner, VecEnvWrapper):
            raise TypeError(f"{where}: expected the model's environment to hold a {expected}, got {envs}")
        inner = inner.venv
    return inner
