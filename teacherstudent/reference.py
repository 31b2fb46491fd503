"""Reference models: losses on the training examples of a network that never saw them."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium.spaces import Discrete

from teacherstudent.contract.registry import STUDENTS
from teacherstudent.contract.types import Assignment, FloatArray, Seed, generator, seed_sequence
from teacherstudent.envs.images.family import ExampleFamily
from teacherstudent.teachers.examples.choosing import Passes


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """What a reference model found.

    Attributes:
        losses: ``(n,)`` its loss on every training example of the family.
        cost: what it cost to train it and to measure them, in the family's unit.
        accuracy: share of the training examples that it classifies as labelled.
        validation: the same of the validation split, whose labels are right; not part of the cost.
    """

    losses: FloatArray
    cost: float
    accuracy: float
    validation: float


def reference_losses(
    family: ExampleFamily,
    *,
    seed: Seed,
    budget: float,
    student: str = "classifier",
    student_options: Mapping[str, Any] | None = None,
) -> Reference:
    """Train a model on the family's probe split and measure its loss on every training example.

    The probe split is held out and its labels are clean, as RHO-loss wants it (Mindermann et al. 2022,
    https://arxiv.org/abs/2206.07137). For the teacher ``jest``.

    Args:
        family: whose training examples are measured.
        seed: of the model and of the order of examples.
        budget: cost of training it; measuring comes on top.
        student: a registered name; it must train on examples and report the signal ``loss``.
        student_options: its keywords.

    Raises:
        ValueError: as the student's constructor.
        TypeError: if the family's tasks are no examples; as the student's constructor.
    """
    if not isinstance(family, ExampleFamily):
        raise TypeError(f"reference: expected a family of examples, got {type(family).__name__}")
    order, weights = seed_sequence(seed).spawn(2)
    data = family.data
    # A copy of the family, in which the clean probe split is what is trained on.
    held_out = copy.copy(family)
    # The training images stand where validation is read, so that `measure` finds them there.
    moved: dict[str, Any] = {"train": data.probe, "probe": data.validation, "validation": data.train}
    moved["test"] = data.validation
    held_out._splits = dataclasses.replace(data, **moved)
    held_out.space = Discrete(len(data.probe))
    options = {"budget": budget, **(student_options or {})}
    model = STUDENTS.make(student, held_out, seed=weights, **options)
    passes = Passes(len(data.probe))
    rng = generator(order)
    first = 0
    # Train until the budget is spent; the last round may go beyond it.
    while sum(model.spent().get(kind, 0.0) for kind in ("train", "measure")) < budget:
        n = model.wants()
        # Ids go on counting, as no two tasks may share one.
        ids = np.arange(first, first + n, dtype=np.int64)
        model.train(Assignment(ids=ids, tasks=passes.take(rng, n)))
        first += n
    found, correct = model.trainer.measure("validation")
    losses = found.double().cpu().numpy()
    cost = float(model.spent()["train"]) + float(model.trainer.measure_cost(len(losses)))
    # The family's validation split.
    _, held_out_correct = model.trainer.measure("test")
    model.close()
    accuracies = [float(hits.double().mean()) for hits in (correct, held_out_correct)]
    return Reference(losses, cost, *accuracies)
