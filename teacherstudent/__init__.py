"""Teacher-student curriculum learning: teachers choose tasks, students learn them, runs are compared."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from teacherstudent.family import Family, RLFamily
from teacherstudent.gymnasium_ids import register_environments
from teacherstudent.rl.gymnasium_family import family_from_gymnasium
from teacherstudent.spaces import Levels, Parameters
from teacherstudent.student import Student
from teacherstudent.teacher import Teacher
from teacherstudent.types import Assignment, Outcomes

if TYPE_CHECKING:
    from teacherstudent.experiment import Experiment
    from teacherstudent.fitting.level_buffer import LevelBuffer
    from teacherstudent.loop import run
    from teacherstudent.plan import Plan
    from teacherstudent.rl.adapters import TeacherCallback, TeacherEnv, TeacherVecEnv
    from teacherstudent.study import Entry, Study

__version__ = "0.1.0"

# These import torch, numba or matplotlib, so they load when first used.
_LAZY = {
    "Experiment": "teacherstudent.experiment",
    "LevelBuffer": "teacherstudent.fitting.level_buffer",
    "Plan": "teacherstudent.plan",
    "run": "teacherstudent.loop",
    "Entry": "teacherstudent.study",
    "Study": "teacherstudent.study",
    "TeacherCallback": "teacherstudent.rl.adapters",
    "TeacherEnv": "teacherstudent.rl.adapters",
    "TeacherVecEnv": "teacherstudent.rl.adapters",
}

__all__ = [
    "Assignment",
    "Entry",
    "Experiment",
    "Family",
    "LevelBuffer",
    "Levels",
    "Outcomes",
    "Parameters",
    "Plan",
    "RLFamily",
    "Student",
    "Study",
    "Teacher",
    "TeacherCallback",
    "TeacherEnv",
    "TeacherVecEnv",
    "family_from_gymnasium",
    "run",
]

register_environments()


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
