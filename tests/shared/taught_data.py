"""A data set whose examples say who they are, and loops over it, for tests of samplers."""

import numpy as np
import torch
from torch.utils.data import DataLoader, TensorDataset

from teacherstudent import teachers
from teacherstudent.adapters.supervised.indexed import Indexed
from teacherstudent.adapters.supervised.samplers import TeacherBatchSampler, TeacherSampler
from teacherstudent.contract.spaces import Discrete
from teacherstudent.contract.teacher import Teacher
from teacherstudent.contract.types import Assignment

N = 23
"""Examples; example i holds the number i, and so does its loss."""


def data(n=N):
    return Indexed(TensorDataset(torch.arange(float(n))))


class Listening(Teacher):
    """Hands out examples in order, round and round, and remembers what it hears."""

    accepts = (Discrete,)

    def __init__(self, space, *, seed=0):
        super().__init__(space, seed=seed)
        self.next = 0
        self.asks = []
        self.told = []

    def _ask(self, ids, progress):
        self.asks.append((len(ids), progress))
        tasks = (self.next + np.arange(len(ids))) % int(self.space.n)
        self.next = int(tasks[-1] + 1) % int(self.space.n)
        return Assignment(ids=ids, tasks=tasks + int(self.space.start))

    def _tell(self, outcomes):
        rows = zip(outcomes.ids, outcomes.tasks - int(self.space.start), outcomes.score, strict=True)
        self.told += [(int(i), int(task), float(score)) for i, task, score in rows]

    def _state(self):
        return {"next": self.next}

    def _load(self, state):
        self.next = int(state["next"])


def listening(n=N, start=0):
    return Listening(Discrete(n, start=start))


def sampler(kind="batch", teacher="uniform", n=N, batch_size=5, **options):
    """Return a sampler, with a teacher by name or object."""
    if isinstance(teacher, str):
        teacher = teachers.make(teacher, Discrete(n), seed=0)
    made = TeacherBatchSampler if kind == "batch" else TeacherSampler
    return made(teacher, data(n), batch_size=batch_size, **options)


def flat(batches):
    """Return the examples of batches, one after the other."""
    return [index for batch in batches for index in batch]


def loader(sampler, kind=DataLoader, **options):
    """Return a loader over the sampler's data."""
    if isinstance(sampler, TeacherBatchSampler):
        return kind(data(sampler.examples), batch_sampler=sampler, **options)
    return kind(data(sampler.examples), sampler=sampler, batch_size=5, **options)


def one_pass(sampler, loader, steps=None):
    """Return the examples of a pass, told of after each batch; of its first steps where these are given."""
    seen = []
    batches = iter(loader)
    while steps is None or len(seen) < steps:
        found = next(batches, None)
        if found is None:
            break
        (numbers,), indices = found
        assert torch.equal(numbers, indices.float())
        sampler.tell(numbers + len(seen) / 100, indices)
        seen.append(indices.tolist())
    return seen
