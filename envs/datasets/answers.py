"""What is to be learnt: classes, several labels at once, or numbers; and how it is lost and scored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from teacherstudent.contract.types import Array, IntArray
from teacherstudent.envs.images.data import classes_of

Kind: TypeAlias = Literal["classes", "labels", "numbers"]

LOSSES: dict[str, Kind] = {
    "cross_entropy": "classes",
    "binary_cross_entropy": "labels",
    "mse": "numbers",
    "l1": "numbers",
    "huber": "numbers",
}
"""Losses by name, and what they are of."""
METRICS: dict[str, Kind] = {
    "accuracy": "classes",
    "label_accuracy": "labels",
    "exact_match": "labels",
    "r2": "numbers",
    "negative_mae": "numbers",
}
"""Scores of tests by name, higher is better, and what they are of."""
USUAL: dict[Kind, tuple[str, str]] = {
    "classes": ("cross_entropy", "accuracy"),
    "labels": ("binary_cross_entropy", "label_accuracy"),
    "numbers": ("mse", "r2"),
}
"""Loss and metric where none is given."""
_SHOWN = 5
"""Classes that a message names."""


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What the targets of a family are.

    Attributes:
        kind: ``"classes"``: one of several; ``"labels"``: any of several, 0 or 1 each; ``"numbers"``.
        outputs: numbers that a network returns for an example.
        loss: a name of `LOSSES`, or a callable from outputs and targets to a loss for each example ``(n,)``.
        metric: a name of `METRICS`, or a callable from all outputs and targets to a number; higher is better.
        names: of classes, in the order of their numbers; empty where they have none.
    """

    kind: Kind
    outputs: int
    loss: str | Callable[..., Any]
    metric: str | Callable[..., Any]
    names: tuple[str, ...] = ()

    @property
    def metric_name(self) -> str:
        """What the score of a test is called."""
        if isinstance(self.metric, str):
            return self.metric
        return str(getattr(self.metric, "__name__", type(self.metric).__name__))

    def called(self, number: int) -> str:
        """Return how messages call a class: by its number, and its name where it has one."""
        if self.names and str(number) != self.names[number]:
            return f"{number} ({self.names[number]})"
        return str(number)


def answers_of(
    targets: Array, loss: str | Callable[..., Any] | None, metric: str | Callable[..., Any] | None
) -> Answers:
    """Return what the training targets are: whole numbers and texts are classes, rows of 0 and 1 labels.

    Args:
        targets: ``(n,)`` or ``(n, k)``.
        loss: as `Answers`; None for the usual one of this kind. A name decides what the targets are.
        metric: as `Answers`; None for the usual one.

    Raises:
        TypeError: if loss or metric is neither a name nor callable, or the targets are no numbers or texts.
        ValueError: if there is none of that name, it is for another kind of targets, or the targets have a
            shape that no kind has.
    """
    _check_name("loss", loss, LOSSES)
    _check_name("metric", metric, METRICS)
    kind = _kind(targets)
    # A name says what the user wants; whole numbers may be meant as numbers: counts, say.
    if isinstance(loss, str) and LOSSES[loss] != kind:
        wanted = LOSSES[loss]
        allowed = {"numbers": targets.dtype.kind in "biuf", "labels": targets.ndim == 2, "classes": False}
        if not allowed[wanted]:
            raise ValueError(
                f"loss: {loss} is for {wanted}, got targets that are {kind}: {targets.dtype} of shape "
                f"{targets.shape}"
            )
        kind = wanted
    if isinstance(metric, str) and METRICS[metric] != kind:
        fitting = [name for name, own in METRICS.items() if own == kind]
        raise ValueError(f"metric: expected one of {fitting} or a callable for {kind}, got {metric!r}")
    names: tuple[str, ...] = ()
    if kind == "classes":
        if targets.dtype.kind in "US":
            names = tuple(map(str, np.unique(targets)))
            outputs = len(names)
        else:
            outputs = _count(targets)
        if outputs < 2:
            raise ValueError(f"targets: expected at least two classes, got {outputs}")
    else:
        outputs = 1 if targets.ndim == 1 else int(targets.shape[1])
    usual_loss, usual_metric = USUAL[kind]
    return Answers(
        kind=kind, outputs=outputs, loss=loss or usual_loss, metric=metric or usual_metric, names=names
    )


def encoded(targets: Array, answers: Answers, where: str) -> Array:
    """Return targets as students take them: int64 ``(n,)`` of classes, else float32 of their own shape.

    Raises:
        ValueError: if a class does not occur in the training data, a label is not between 0 and 1, a number
            is not finite, or the shape is another one than in training.
    """
    if answers.kind == "classes":
        return _numbered(targets, answers, where)
    if targets.dtype.kind not in "biuf":
        raise TypeError(f"{where}: targets: expected numbers, got {targets.dtype}")
    width = 1 if targets.ndim == 1 else int(targets.shape[1])
    if targets.ndim > 2 or width != answers.outputs:
        raise ValueError(
            f"{where}: targets: expected {answers.outputs} an example as in train, got shape {targets.shape}"
        )
    found = targets.astype(np.float32)
    rows = found.reshape(len(found), -1)
    right = np.isfinite(rows).all(axis=1)
    if answers.kind == "labels":
        right &= ((rows >= 0) & (rows <= 1)).all(axis=1)
    if not right.all():
        row = int(right.argmin())
        expected = "labels from 0 to 1" if answers.kind == "labels" else "finite numbers"
        raise ValueError(f"{where}: targets: expected {expected}, got {targets[row]} in example {row}")
    return found


def lacking(labels: IntArray, answers: Answers) -> str:
    """Return which classes do not occur among labels, in words; empty if all do."""
    missing = np.setdiff1d(np.arange(answers.outputs), labels)
    shown = ", ".join(answers.called(number) for number in missing[:_SHOWN].tolist())
    return shown + ", ..." * (len(missing) > _SHOWN)


def _check_name(what: str, given: Any, known: dict[str, Kind]) -> None:
    if given is None or callable(given):
        return
    if not isinstance(given, str):
        raise TypeError(f"{what}: expected a name or a callable, got {given!r}")
    if given not in known:
        raise ValueError(f"{what}: expected one of {list(known)} or a callable, got {given!r}")


def _kind(targets: Array) -> Kind:
    """Return what targets are if nobody says it."""
    if targets.ndim not in (1, 2):
        raise ValueError(f"targets: expected shape (n,) or (n, k), got {targets.shape}")
    if targets.dtype.kind not in "biufUS":
        raise TypeError(f"targets: expected whole numbers, numbers or texts, got {targets.dtype}")
    if targets.dtype.kind == "f":
        return "numbers"
    if targets.ndim == 1:
        return "classes"
    if targets.dtype.kind in "US" or not np.isin(targets, (0, 1)).all():
        raise ValueError(
            "targets: expected one class an example (n,), labels of 0 and 1 (n, k) or floating-point numbers "
            f"(n, k), got {targets.dtype} of shape {targets.shape} with other values"
        )
    return "labels"


def _count(targets: Array) -> int:
    """Return the number of classes; raise ValueError unless every number up to the highest occurs."""
    whole = targets.astype(np.int64)
    if whole.min() < 0:
        raise ValueError(
            f"targets: expected classes from 0, got {whole.min()} in example {int(whole.argmin())}"
        )
    count, missing, absent = classes_of(whole)
    if missing:
        raise ValueError(
            f"targets: expected every class from 0 to the highest, {count - 1}, in the training data; got no "
            f"example of {missing} of them: {absent}"
            " (counts and other numbers take loss='mse')"
        )
    return count


def _numbered(targets: Array, answers: Answers, where: str) -> IntArray:
    if targets.ndim != 1:
        raise ValueError(
            f"{where}: targets: expected a class an example as in train, got shape {targets.shape}"
        )
    if answers.names:
        names = np.array(answers.names)
        found: IntArray = np.searchsorted(names, targets.astype(names.dtype)).clip(max=len(names) - 1)
        # Cut to the width of the known names, another one could look alike: compare the whole texts.
        known = names[found] == targets.astype(str)
    else:
        if targets.dtype.kind not in "biu":
            raise TypeError(f"{where}: targets: expected classes as whole numbers, got {targets.dtype}")
        found = targets.astype(np.int64)
        known = (found >= 0) & (found < answers.outputs)
    if not known.all():
        row = int(known.argmin())
        raise ValueError(
            f"{where}: targets: expected one of the {answers.outputs} classes of the training data, got "
            f"{targets[row].item()!r} in example {row}"
        )
    return found.astype(np.int64)
