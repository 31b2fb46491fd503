"""Small students of memory tasks."""

import numpy as np

from teacherstudent.contract.purposes import purposes
from teacherstudent.contract.types import Assignment
from teacherstudent.envs.memory.parity import Parity
from teacherstudent.students.leaky_rnn.student import LeakyRNNStudent

FAMILY = Parity(largest=5, tests=60)
SMALL = {"units": 6, "batch": 8, "steps": 3, "probe": 2, "device": "cpu"}


def student(seed=0, family=FAMILY, **options):
    return LeakyRNNStudent(family, seed=seed, **SMALL | options)


def rows(tasks, learn=None, first=0):
    tasks = np.asarray(tasks, np.int64)
    return Assignment(
        ids=np.arange(first, first + len(tasks)),
        tasks=tasks,
        purpose=None if learn is None else purposes(learn),
    )


def weights(own):
    return {name: value.detach().clone() for name, value in own.trainer.network.named_parameters()}
