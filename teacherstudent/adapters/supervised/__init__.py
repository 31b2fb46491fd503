"""Supervised training loops that a user owns: a teacher chooses the examples, or the stages.

Nothing but the root package imports from here.
"""

from teacherstudent.adapters.supervised.indexed import Indexed
from teacherstudent.adapters.supervised.samplers import TeacherBatchSampler, TeacherSampler
from teacherstudent.adapters.supervised.stages import apply
from teacherstudent.adapters.supervised.stages.controller import StageController
from teacherstudent.adapters.supervised.stages.shares import ShareBatchSampler
from teacherstudent.adapters.supervised.weighing import weights

__all__ = [
    "Indexed",
    "ShareBatchSampler",
    "StageController",
    "TeacherBatchSampler",
    "TeacherSampler",
    "apply",
    "weights",
]
