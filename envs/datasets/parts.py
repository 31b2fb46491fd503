"""The four parts of a data set that is read by row: who is in which, and the inputs and targets of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from teacherstudent.contract.checks import is_finite, is_whole
from teacherstudent.contract.types import Array, IntArray, generator
from teacherstudent.envs.datasets.answers import Answers
from teacherstudent.envs.datasets.rows import Rows
from teacherstudent.envs.images.data import stratify

NAMES = ("train", "probe", "validation", "test")


@dataclass(frozen=True, eq=False)
class Part:
    """Some examples of what is read by row.

    Attributes:
        source: where inputs are read.
        rows: ``(n,)`` which of its rows.
        labels: the targets of these: ``(n,)`` int64 of classes, else float32 ``(n,)`` or ``(n, k)``.
    """

    source: Rows
    rows: IntArray
    labels: Array

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one input."""
        return self.source.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """uint8 of images as bytes, else float32."""
        return self.source.dtype

    def read(self, rows: IntArray) -> Array:
        """Return inputs by their place in this part, ``(m, *shape)``."""
        return self.source.read(self.rows[rows])


@dataclass(frozen=True, eq=False)
class Parts:
    """The four parts of a data set; no example is in two of them, unless the user's own data say so.

    Attributes:
        train: what students train on; example i of a family is its row i.
        probe: teachers see losses on it.
        validation: looked at by every test before the last.
        test: looked at once, at the end of a run.
        classes: number of classes; 0 where the targets are no classes.
    """

    train: Part
    probe: Part
    validation: Part
    test: Part
    classes: int


@dataclass(frozen=True, eq=False)
class Whole:
    """A data set that is still to be split: inputs by row and a target for each.

    Attributes:
        source: where inputs are read.
        targets: ``(n,)`` or ``(n, k)``, as the user has them.
    """

    source: Rows
    targets: Array


def shares(train: int, sizes: dict[str, float], where: str, least: int = 1) -> dict[str, int]:
    """Return how many examples each split takes out of the training data.

    Args:
        train: examples that are there.
        sizes: split -> a whole number of examples, or a share of them in (0, 1).
        where: how messages call the data.
        least: examples of a split that is given as a share: one of each class, say.

    Raises:
        TypeError: if a size is no number.
        ValueError: if one is out of range, or nothing is left to train on.
    """
    found = {}
    for name, size in sizes.items():
        if is_whole(size) and size >= 1:
            found[name] = int(size)
        elif is_finite(size) and 0 < size < 1:
            found[name] = max(least, round(size * train))
        elif is_finite(size):
            raise ValueError(
                f"{where}: {name}: expected a share in (0, 1), or a number of examples, got {size!r}"
            )
        else:
            raise TypeError(f"{where}: {name}: expected data, a share or a number of examples, got {size!r}")
    if sum(found.values()) >= train:
        raise ValueError(
            f"{where}: expected fewer than the {train} examples in probe, validation and test together, got "
            f"{sum(found.values())}: give smaller ones"
        )
    return found


def drawn(labels: Array, sizes: dict[str, int], answers: Answers, seed: int) -> dict[str, IntArray]:
    """Return rows of the training data for each split, and for ``"train"`` what is left, in their order.

    Of classes every split holds all by their shares, an example at the least; else the rows are drawn evenly.

    Args:
        labels: `teacherstudent.envs.datasets.answers.encoded`.
        sizes: split -> examples.
        answers: what the labels are.
        seed: of the draw.

    Raises:
        ValueError: if a split is smaller than the number of classes, or a class has too few examples.
    """
    order = generator(seed).permutation(len(labels))
    if answers.kind == "classes" and sizes:
        counts = np.bincount(labels, minlength=answers.outputs)
        rarest = int(counts.argmin())
        if min(sizes.values()) < answers.outputs or counts[rarest] <= len(sizes):
            raise ValueError(
                f"splits: expected {', '.join(sizes)} of at least {answers.outputs} examples, one of each "
                f"class, and {len(sizes) + 1} examples of every class in all, got {sizes} and "
                f"{counts[rarest]} of class {answers.called(rarest)}"
            )
        order = stratify(order, labels, tuple(sizes.values()), answers.outputs)
    ends = np.cumsum(list(sizes.values()), dtype=np.int64)
    parts = np.split(order, ends)
    found = dict(zip(sizes, parts, strict=False))
    # Sorted, so that examples keep the order of the data.
    found["train"] = np.sort(parts[-1])
    return found
