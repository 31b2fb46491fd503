"""Teachers that choose examples: how they are made, told, asked for weights, and run on digits."""

import numpy as np
import torch

from teacherstudent import teachers
from teacherstudent.contract.accounts.plan import Plan
from teacherstudent.contract.spaces import Discrete
from teacherstudent.contract.types import Outcomes
from teacherstudent.contract.weigher import Batch
from teacherstudent.running.experiment import Experiment


def make(name, n=20, **options):
    return teachers.make(name, Discrete(n, start=3), seed=0, **options)


def tell(teacher, assignment, losses):
    """Tell of the assignment's rows; ``losses`` are of all examples."""
    own = np.asarray(losses, float)[assignment.tasks - 3]
    n = len(assignment)
    teacher.tell(
        Outcomes(
            ids=assignment.ids, tasks=assignment.tasks, score=-own, cost=np.ones(n), signals={"loss": own}
        )
    )


def weigh(teacher, losses, progress=0.0):
    """Return the weights of a batch with these losses."""
    losses = torch.as_tensor(losses, dtype=torch.float64)
    whole = torch.arange(len(losses))
    logits = torch.zeros(len(losses), 4)
    return teacher.weigh(Batch(losses=losses, indices=whole, labels=whole, logits=logits, progress=progress))


RUNS = {
    "uniform": ("uniform", {}),
    "superloss": ("superloss", {}),
    "self-paced": ("self-paced", {}),
    "self-paced-weights": ("self-paced", {"by": "weights", "law": "linear"}),
    "loss-proportional": ("loss-proportional", {}),
    "jest": ("jest", {"score": "hard"}),
}


def experiment(label, budget=1e9):
    name, options = RUNS[label]
    return Experiment(
        teacher=name,
        teacher_options=options,
        family="digits-examples",
        family_options={"label_noise": 0.2},
        student="classifier",
        student_options={
            "backbone": "resnet",
            "backbone_options": {"widths": (4, 8)},
            "training": {"batch_size": 64, "renorm": 64},
            "machine": {"device": "cpu"},
        },
        plan=Plan(budget=budget, test_every=5e8),
    )
