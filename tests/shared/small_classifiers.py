"""Classifiers small enough to follow by hand."""

import numpy as np
import torch
from torch import nn

from teacherstudent.contract.purposes import purposes
from teacherstudent.contract.types import Assignment
from teacherstudent.envs.images.examples import DigitsExamples
from teacherstudent.envs.images.stages import DigitsStages
from teacherstudent.students.classifier.student import ClassifierStudent

STAGES, EXAMPLES = DigitsStages(), DigitsExamples()


class Tiny(nn.Module):
    """One convolution and a linear layer; small enough to follow by hand."""

    size_step, smallest = 2, 4

    def __init__(self, classes, channels, size):
        super().__init__()
        self.convolution = nn.Conv2d(channels, 4, 3, padding=1)
        self.head = nn.Linear(4, classes)

    def forward(self, x):
        return self.head(torch.relu(self.convolution(x)).mean((2, 3)))


class Linear(nn.Module):
    """A linear layer over pixels: no convolution, one layer, one size."""

    def __init__(self, classes, channels, size):
        super().__init__()
        self.head = nn.Linear(channels * size * size, classes)

    def forward(self, x):
        return self.head(x.flatten(1))


TINY, LINEAR = f"{__name__}:Tiny", f"{__name__}:Linear"


def student(family=STAGES, *, seed=0, backbone=TINY, **options):
    return ClassifierStudent(family, seed=seed, backbone=backbone, **options)


def rows(tasks, learn=None, first=0):
    tasks = np.asarray(tasks)
    return Assignment(
        ids=np.arange(first, first + len(tasks)),
        tasks=tasks,
        purpose=None if learn is None else purposes(learn),
    )


def stage(**knobs):
    return DigitsStages(stages=[knobs, {}])
