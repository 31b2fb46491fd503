"""A space of training knobs, and where a teacher stands in it."""

import numpy as np

from teacherstudent import teachers
from teacherstudent.contract.spaces import Parameters

SPACE = Parameters(
    bandwidth=(96, 224),
    magnitude=(0, 1),
    lr_spread=(0, 5),
    smoothing=(0, 1),
    data_fraction=(0.1, 1),
    self_distillation=(0, 1),
    lr_scale=(1e-4, 1),
)


def make(name, space=SPACE, **options):
    return teachers.make(name, space, seed=0, **options)


def value(teacher, knob, progress):
    """Return the knob's value in the task that is asked for at ``progress``."""
    tasks = teacher.ask(2, progress=progress).tasks
    assert np.array_equal(tasks[0], tasks[1])
    assert teacher.metrics()[knob] == tasks[0, SPACE.names.index(knob)]
    return float(tasks[0, SPACE.names.index(knob)])
