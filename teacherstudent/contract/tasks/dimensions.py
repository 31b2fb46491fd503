"""Kinds of task parameters: real on a linear or a logarithmic scale, whole numbers, choices.

A parameter is a number in the task, on its raw scale, whatever its kind. Teachers that work in the unit cube
see it as a coordinate from 0 to 1: linear in the number, in its logarithm, or in intervals of equal length,
one for each whole number or choice, so that uniform coordinates give each its fair share, the ends too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from teacherstudent.contract.checks import is_number

RANGE = "high - low within float64 (narrow the range, or take its logarithm)"


@dataclass(frozen=True, slots=True)
class Dimension:
    """One parameter.

    Attributes:
        kind: ``"linear"``, ``"log"``, ``"whole"`` or ``"choice"``.
        low: the lowest number.
        high: the highest number.
        values: of a choice, what its numbers 0, 1, 2... stand for.
    """

    kind: str
    low: float
    high: float
    values: tuple[Any, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether the numbers are whole ones."""
        return self.kind in ("whole", "choice")

    def value(self, number: float) -> Any:
        """Return what a number stands for: a choice, an int, or a float."""
        if self.kind == "choice":
            return self.values[round(number)]
        if self.kind == "whole":
            return round(number)
        return float(number)

    def number(self, value: Any) -> float:
        """Return the number that stands for a value.

        Raises:
            ValueError: if a choice has no such value, or the number is none of the parameter's.
        """
        if self.kind == "choice":
            if value not in self.values:
                raise ValueError(f"expected one of {list(self.values)}, got {value!r}")
            return float(self.values.index(value))
        # NaN fails the comparison with the ends, so it needs no check of its own.
        if not is_number(value) or not self.low <= value <= self.high or (self.is_whole and value % 1):
            raise ValueError(f"expected {self}, got {value!r}")
        return float(value)

    def describe(self) -> Any:
        """Return the kind as plain data; of a choice with its values as texts."""
        if self.kind == "choice":
            return {"choice": [str(value) for value in self.values]}
        return self.kind

    def __str__(self) -> str:
        if self.kind == "choice":
            return f"choice({', '.join(map(repr, self.values))})"
        ends = f"({self.low:g}, {self.high:g})"
        if self.kind == "linear":
            return ends
        return f"{self.kind}{ends}"


def log(low: float, high: float) -> Dimension:
    """Return a real parameter on a logarithmic scale.

    Raises:
        TypeError: if an end is no number.
        ValueError: unless 0 < low < high, both finite.
    """
    first, last = _ends("log", low, high)
    if not first > 0:
        raise ValueError(f"log: expected low above 0, got {low!r}")
    return Dimension("log", first, last)


def whole(low: int, high: int) -> Dimension:
    """Return a parameter of whole numbers, both ends included.

    Raises:
        TypeError: if an end is no number.
        ValueError: unless low < high, both whole and within 2^53, beyond which float64 skips numbers.
    """
    first, last = _ends("whole", low, high)
    # Beyond 2^53 two whole numbers may be one float64, in which tasks are kept.
    if first % 1 or last % 1 or max(abs(first), abs(last)) > 2**53:
        raise ValueError(f"whole: expected whole numbers within 2^53, got ({low!r}, {high!r})")
    return Dimension("whole", first, last)


def choice(*values: Any) -> Dimension:
    """Return a parameter that is one of several values, in no order that matters.

    Raises:
        ValueError: unless there are at least two, all different, also as texts.
    """
    # Manifests hold the values as texts: two that look alike there could not be told apart.
    texts = [str(value) for value in values]
    if len(values) < 2 or len(set(texts)) < len(texts):
        raise ValueError(f"choice: expected at least two different values, got {list(values)}")
    return Dimension("choice", 0.0, float(len(values) - 1), tuple(values))


def dimension(name: str, given: Any) -> Dimension:
    """Return the kind of a parameter: as it is, or a linear one of a pair ``(low, high)``.

    Raises:
        TypeError: if it is neither.
        ValueError: if the pair is not finite with low < high.
    """
    if isinstance(given, Dimension):
        return given
    # A set has no order, and a text no numbers.
    ordered = isinstance(given, tuple | list | np.ndarray)
    parts: Sequence[Any] = list(given) if ordered and np.ndim(given) == 1 else []
    if len(parts) != 2 or not all(is_number(part) for part in parts):
        raise TypeError(
            f"Parameters: {name}: expected a pair (low, high), log(low, high), whole(low, high) or "
            f"choice(...), got {given!r}"
        )
    return Dimension("linear", *_ends(f"Parameters: {name}", *parts))


def _ends(where: str, low: Any, high: Any) -> tuple[float, float]:
    if not (is_number(low) and is_number(high)):
        raise TypeError(f"{where}: expected two numbers, got {low!r} and {high!r}")
    first = float(low)
    last = float(high)
    if not (np.isfinite(first) and np.isfinite(last) and first < last):
        raise ValueError(f"{where}: expected finite low < high, got ({first}, {last})")
    # Two finite ends may still be further apart than any float64: sampling needs their difference.
    if not np.isfinite(last - first):
        raise ValueError(f"{where}: expected {RANGE}, got ({first}, {last})")
    return first, last
