"""Tasks in a list: named ones, and examples of a data set with what is known of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium.spaces import Discrete

from teacherstudent.contract.checks import check_mapping, check_whole
from teacherstudent.contract.stored.digests import digest_of
from teacherstudent.contract.types import Array


class Listed(Discrete):
    """Tasks with names, in order: curated ones, lengths, stages, prompts.

    Every teacher of a ``Discrete`` space works on it; a task is its number, from 0 on.

    Attributes:
        labels: the names.

    Args:
        labels: a name for each task, all different.

    Raises:
        ValueError: if there is no name, one is empty, or two are equal.
        TypeError: if they are no texts.
    """

    def __init__(self, labels: Sequence[str]) -> None:
        if isinstance(labels, str) or not isinstance(labels, Sequence):
            raise TypeError(f"Listed: labels: expected a list of names, got {labels!r}")
        for label in labels:
            if not isinstance(label, str):
                raise TypeError(f"Listed: labels: expected names, got {label!r}")
        if len(labels) == 0 or "" in labels or len(set(labels)) < len(labels):
            raise ValueError(f"Listed: labels: expected at least one name, all different, got {labels!r}")
        super().__init__(len(labels))
        self.labels = tuple(labels)

    def label(self, task: int) -> str:
        """Return the name of a task."""
        return self.labels[int(task)]

    def index(self, label: str) -> int:
        """Return the task of a name.

        Raises:
            ValueError: if there is none.
        """
        if label not in self.labels:
            raise ValueError(f"Listed: expected one of {list(self.labels)}, got {label!r}")
        return self.labels.index(label)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Listed) and other.labels == self.labels

    __hash__ = None  # type: ignore[assignment]  # as of Discrete, which can change

    def __repr__(self) -> str:
        return f"Listed({list(self.labels)})"


class Examples(Discrete):
    """The examples of a data set by their numbers, with columns of facts that teachers may read.

    A column holds what is known before training: a group, a length, somebody's guess of the difficulty. What
    a student is to find out, hidden labels above all, does not belong here.

    Args:
        n: number of examples.
        columns: facts by name.

    Raises:
        ValueError: if a column has no row for each example.
        TypeError: if a column holds anything but numbers.
    """

    def __init__(self, n: int, columns: Mapping[str, npt.ArrayLike] | None = None) -> None:
        super().__init__(check_whole("Examples: n", n, 1))
        found: dict[str, Array] = {}
        for name, values in check_mapping("Examples: columns", columns).items():
            column = np.array(values)
            if column.dtype.kind not in "biuf":
                raise TypeError(f"Examples: column {name!r}: expected numbers, got dtype {column.dtype}")
            if column.shape[:1] != (n,):
                raise ValueError(
                    f"Examples: column {name!r}: expected a row for each of {n} examples, got shape "
                    f"{column.shape}"
                )
            column.flags.writeable = False
            found[name] = column
        self._columns = found

    @property
    def columns(self) -> Mapping[str, Array]:
        """The facts by name, ``(n, ...)`` each; read-only."""
        return MappingProxyType(self._columns)

    def digests(self) -> dict[str, str]:
        """Return a digest of each column, by name: equal ones for equal values of one dtype and shape."""
        found = {}
        for name, column in self.columns.items():
            head = f"{column.dtype.str}{column.shape}".encode()
            found[name] = digest_of(head + np.ascontiguousarray(column).tobytes(), 16)
        return found

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Examples) and other.n == self.n and other.digests() == self.digests()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Examples({self.n}, columns={sorted(self.columns)})"


def described(space: Discrete) -> dict[str, Any]:
    """Return what tells a discrete space from others of its kind, as plain data."""
    facts: dict[str, Any] = {"n": int(space.n), "start": int(space.start)}
    if isinstance(space, Listed):
        facts["labels"] = list(space.labels)
    if isinstance(space, Examples):
        facts["columns"] = space.digests()
    return facts
