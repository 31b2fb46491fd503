"""A network by its name, with the same values every time."""

import torch

from teacherstudent.students.classifier.networks import backbones

CPU = torch.device("cpu")


def network(name, size=28, **options):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return backbones.make(name, classes=10, channels=1, size=size, options=options)
