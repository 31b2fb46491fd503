"""Teacher-student curriculum learning: teachers choose tasks, students learn them, runs are compared."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from teacherstudent.contract import spaces, types
from teacherstudent.contract.family import Family, RLFamily
from teacherstudent.contract.purposes import Purpose
from teacherstudent.contract.spaces import Discrete, Levels, Parameters
from teacherstudent.contract.student import Student
from teacherstudent.contract.teacher import Teacher
from teacherstudent.contract.types import Assignment, Outcomes
from teacherstudent.envs.gymnasium_ids import register_environments
from teacherstudent.recording.disk import saved_teachers  # noqa: F401  # Teacher.save writes by it
from teacherstudent.slots.wrapping.family import family_from_gymnasium

if TYPE_CHECKING:
    from teacherstudent.adapters.gymnasium import TeacherEnv
    from teacherstudent.adapters.levels.callback import LevelCallback
    from teacherstudent.adapters.levels.rounds import LevelRounds
    from teacherstudent.adapters.levels.vec_env import LevelVecEnv
    from teacherstudent.adapters.loops.tensors import TeacherSlots
    from teacherstudent.adapters.sb3 import TeacherCallback, TeacherCheckpointCallback, TeacherVecEnv
    from teacherstudent.adapters.serving.client import TeacherClient
    from teacherstudent.adapters.serving.on_ray import RayTeacher
    from teacherstudent.adapters.serving.server import TeacherServer
    from teacherstudent.adapters.supervised.indexed import Indexed
    from teacherstudent.adapters.supervised.samplers import TeacherBatchSampler, TeacherSampler
    from teacherstudent.adapters.supervised.stages.controller import StageController
    from teacherstudent.adapters.vector import TeacherVectorEnv
    from teacherstudent.contract.accounts.plan import Plan
    from teacherstudent.envs.datasets.making import family_from_dataset
    from teacherstudent.recording.recorder import Recorder
    from teacherstudent.running.engines.on_ray import RayEngine
    from teacherstudent.running.experiment import Experiment
    from teacherstudent.running.loop import run
    from teacherstudent.running.members import Members
    from teacherstudent.running.study import Entry, Study
    from teacherstudent.slots.wrapping.task_reset import TaskReset
    from teacherstudent.teachers.replay.buffer.levels import LevelBuffer

__version__ = "0.2.0"

# These import torch, numba or matplotlib, so they load when first used.
_LAZY = {
    "Experiment": "teacherstudent.running.experiment",
    "family_from_dataset": "teacherstudent.envs.datasets.making",
    "Indexed": "teacherstudent.adapters.supervised.indexed",
    "LevelCallback": "teacherstudent.adapters.levels.callback",
    "LevelRounds": "teacherstudent.adapters.levels.rounds",
    "LevelVecEnv": "teacherstudent.adapters.levels.vec_env",
    "LevelBuffer": "teacherstudent.teachers.replay.buffer.levels",
    "Members": "teacherstudent.running.members",
    "Recorder": "teacherstudent.recording.recorder",
    "RayEngine": "teacherstudent.running.engines.on_ray",
    "RayTeacher": "teacherstudent.adapters.serving.on_ray",
    "Plan": "teacherstudent.contract.accounts.plan",
    "run": "teacherstudent.running.loop",
    "Entry": "teacherstudent.running.study",
    "Study": "teacherstudent.running.study",
    "TaskReset": "teacherstudent.slots.wrapping.task_reset",
    "TeacherCallback": "teacherstudent.adapters.sb3",
    "TeacherCheckpointCallback": "teacherstudent.adapters.sb3",
    "TeacherClient": "teacherstudent.adapters.serving.client",
    "StageController": "teacherstudent.adapters.supervised.stages.controller",
    "TeacherBatchSampler": "teacherstudent.adapters.supervised.samplers",
    "TeacherSampler": "teacherstudent.adapters.supervised.samplers",
    "TeacherEnv": "teacherstudent.adapters.gymnasium",
    # This one and TeacherTransform need libraries that are extras, so __all__ has neither.
    "TeacherRLlibCallback": "teacherstudent.adapters.loops.rllib",
    "TeacherServer": "teacherstudent.adapters.serving.server",
    "TeacherSlots": "teacherstudent.adapters.loops.tensors",
    "TeacherTransform": "teacherstudent.adapters.loops.torchrl",
    "TeacherVecEnv": "teacherstudent.adapters.sb3",
    "TeacherVectorEnv": "teacherstudent.adapters.vector",
}

__all__ = [
    "Assignment",
    "Discrete",
    "Entry",
    "Experiment",
    "Family",
    "Indexed",
    "LevelBuffer",
    "LevelCallback",
    "LevelRounds",
    "LevelVecEnv",
    "Levels",
    "Members",
    "Outcomes",
    "Parameters",
    "Plan",
    "Purpose",
    "RLFamily",
    "RayEngine",
    "RayTeacher",
    "Recorder",
    "StageController",
    "Student",
    "Study",
    "TaskReset",
    "Teacher",
    "TeacherBatchSampler",
    "TeacherCallback",
    "TeacherCheckpointCallback",
    "TeacherClient",
    "TeacherEnv",
    "TeacherSampler",
    "TeacherServer",
    "TeacherSlots",
    "TeacherVecEnv",
    "TeacherVectorEnv",
    "family_from_dataset",
    "family_from_gymnasium",
    "run",
    "spaces",
    "types",
]

register_environments()


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
