"""What adapters check of a teacher and its environments, and what they notice while somebody plays."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable
from types import FrameType
from typing import Any, TypeAlias

import gymnasium as gym
import numpy as np

from teacherstudent.adapters.serving.client import TeacherClient, name_of
from teacherstudent.adapters.serving.server import share
from teacherstudent.contract import spaces
from teacherstudent.contract.checks import check_names, check_real, check_whole, is_number
from teacherstudent.contract.teacher import Teacher
from teacherstudent.contract.types import Assignment
from teacherstudent.recording.disk import checkpoint
from teacherstudent.recording.disk.files import check_file

_TESTS = (
    "play tests on environments of their own: TeacherVecEnv.evaluation(family.make_vec(n), "
    "family.test_tasks()) is a VecEnv over fixed tasks, for evaluate_policy and EvalCallback alike"
)

_LEVELS = "LevelRounds, or LevelVecEnv and LevelCallback, for teachers of levels"


AnyTeacher: TypeAlias = Teacher[Any] | TeacherClient
"""A teacher of this process, or a client of one in another."""


def check_teacher(teacher: Any, mastered: float | None, where: str) -> None:
    """Raise unless episodes alone serve the teacher."""
    if not isinstance(teacher, Teacher | TeacherClient):
        raise TypeError(f"{where}: teacher: expected a Teacher or a TeacherClient, got {teacher!r}")
    if mastered is not None:
        check_real(f"{where}: mastered", mastered)
    elsewhere = "run(family, teacher, student, folder, plan) with a student that gives them"
    # Without a threshold nothing promises a success signal: `is_success` is up to the environment.
    provides = {"length"}
    hint = ", with mastered=... success too"
    if mastered is not None:
        provides.add("success")
        hint = ""
    missing = sorted((teacher.needs | teacher.measures) - provides)
    if missing:
        raise ValueError(
            f"{where}: {name_of(teacher)} needs {missing}, which episodes alone do not give (they give "
            f"{sorted(provides)}{hint}); use {_LEVELS}, or {elsewhere}: 'sb3' or 'rsl-rl'"
        )
    if teacher.members != 1:
        raise ValueError(
            f"{where}: expected a teacher of one model, got {name_of(teacher)}, whose rows are for "
            f"{teacher.members} members; use {elsewhere}: Members([...])"
        )
    # This wrapper sees whole episodes only: it could never report a step or a rollout.
    if teacher.granularity != "episode":
        raise ValueError(
            f"{where}: expected a teacher of episodes, got granularity {teacher.granularity!r}; use "
            f"{_LEVELS}, or {elsewhere}: 'sb3', 'rsl-rl' ('classifier' for steps and chunks)"
        )


def check_fits(teacher: AnyTeacher, taken: Any, where: str) -> None:
    """Raise ValueError if the environments say which tasks they take, and those of the teacher are others."""
    # Environments that declare no space are trusted: they refuse a wrong task themselves.
    # A client that was made from an address does not know the space: its server checks what is told.
    if not isinstance(taken, gym.Space) or teacher.space is None:
        return
    if not spaces.holds(taken, teacher.space):
        raise ValueError(
            f"{where}: expected a teacher whose tasks lie in the environment's space {taken}, got one of "
            f"{teacher.space}"
        )


def check_budget(budget: float | None) -> float:
    """Return steps over which progress goes from 0 to 1, infinite for None; raise unless they are above 0."""
    if budget is None:
        return np.inf
    if not (is_number(budget) and budget > 0):
        raise ValueError(f"budget: expected steps above 0, got {budget!r}")
    return float(budget)


def load(path: str | os.PathLike[str], where: str, names: tuple[str, ...]) -> dict[str, Any]:
    """Return the state in a file; raise ValueError unless it has these entries."""
    state = checkpoint.load(check_file(where, path))
    check_names(f"{where} in {path}", names, state)
    return state


def save(teacher: AnyTeacher, path: str | os.PathLike[str], where: str, **own: Any) -> None:
    """Write the teacher of an adapter and the adapter's own state to a file, which `load` reads.

    Raises:
        WriteError: if the file cannot be written; an older file of that name is untouched.
        TypeError: if the teacher is in another process.
    """
    state = home(teacher, f"{where}.save").state_dict()
    checkpoint.save(check_file(where, path), {"teacher": state, **own})


def load_steps(teacher: AnyTeacher, path: str | os.PathLike[str], where: str) -> tuple[int, int]:
    """Let a teacher go on from a file of `save` with ``steps`` alone.

    Returns:
        The steps, and how many tasks were open when it was saved: they are dropped.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is damaged, or of another teacher or space.
        TypeError: if the teacher is in another process.
    """
    own = home(teacher, f"{where}.load")
    state = load(path, where, ("teacher", "steps"))
    steps = check_whole(f"{where}: steps", state["steps"], 0)
    # If the teacher refuses its state, nothing has changed.
    own.load_state_dict(state["teacher"])
    return steps, drop_open(own)


class TestsNoticed:
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


def let_travel(teacher: AnyTeacher, spent: Callable[[], tuple[float, float]]) -> None:
    """Let a pickle of the teacher hold a client; its server is started when the first one is made.

    Args:
        teacher: an adapter's.
        spent: returns the adapter's budget and the steps that are spent.
    """
    if isinstance(teacher, TeacherClient) or not teacher.at_home or teacher.elsewhere is not None:
        return

    def elsewhere() -> tuple[Any, ...]:
        budget, steps = spent()
        whole = None if np.isinf(budget) else budget
        return share(teacher, budget=whole, spent=steps).client().__reduce__()

    teacher.elsewhere = elsewhere


def home(teacher: AnyTeacher, where: str) -> Teacher[Any]:
    """Return a teacher of this process; raise TypeError if it is another's, which alone can save it."""
    if isinstance(teacher, TeacherClient):
        raise TypeError(
            f"{where}: expected a teacher of this process, got a client of {teacher.address}: save and load "
            "the teacher in the process that made it"
        )
    return teacher


def asked(teacher: AnyTeacher, n: int, progress: float, where: str) -> Assignment:
    """Return ``n`` tasks to train on.

    Raises:
        ValueError: if the teacher wants some measured only, or returns fewer: a loop that somebody else owns
            trains on whatever its slots play.
    """
    assignment = teacher.ask(n, progress=progress)
    if assignment.learn.all() and len(assignment) == n:
        return assignment
    # Nobody will play them, so the teacher must not wait for them.
    teacher.drop(assignment.ids)
    trained = int(assignment.learn.sum())
    raise ValueError(
        f"{where}: expected {n} tasks to train on, one for each slot that starts, got {trained}, and "
        f"{len(assignment) - trained} to be measured only, from {name_of(teacher)}: use "
        "run(family, teacher, student, folder, plan), whose students can measure"
    )


def drop_open(teacher: Teacher[Any]) -> int:
    """Drop the tasks that were under way when the teacher was saved; return how many."""
    # Their episodes are lost with the process that saved them, so no outcome will ever come.
    under_way = teacher.outstanding
    teacher.drop(under_way)
    return len(under_way)
