"""Supervised training loops that a user owns: a teacher chooses the examples, or the stages.

Nothing but the root package imports from here.
"""

from teacherstudent.adapters.supervised.indexed import Indexed
from teacherstudent.adapters.supervised.samplers import TeacherBatchSampler, TeacherSampler
from teacherstudent.adapters.supervised.weighing import weights

__all__ = ["Indexed", "TeacherBatchSampler", "TeacherSampler", "weights"]
