"""A data set whose examples come with their indices."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor
from torch.utils.data import Dataset, IterableDataset

from teacherstudent.contract.checks import check_whole, is_whole
from teacherstudent.contract.types import IntArray


class Indexed(Dataset[Any]):
    """Gives ``(example, index)`` for every index, so that a loader gives ``batch, indices``.

    Args:
        data: a map-style data set: ``len(data)`` and ``data[index]``.

    Raises:
        TypeError: if it has no length or gives no example by its index, as data sets that are only iterated.
    """

    def __init__(self, data: Any) -> None:
        check_data("Indexed", data)
        self.data = data

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        return self.data[index], index

    def __getitems__(self, indices: list[int]) -> list[tuple[Any, int]]:
        """Return several examples; at once where the data set can."""
        many = getattr(self.data, "__getitems__", None)
        if many is None:
            return [self[index] for index in indices]
        return list(zip(many(indices), indices, strict=True))


def check_data(where: str, data: Any) -> int:
    """Return the number of examples of a data set.

    Raises:
        TypeError: if it is not map-style.
    """
    # Iterable data sets of torch inherit the method of map-style ones, but cannot do it.
    mapped = hasattr(data, "__len__") and hasattr(data, "__getitem__")
    if isinstance(data, IterableDataset) or not mapped:
        raise TypeError(
            f"{where}: expected a data set with len(data) and data[index], got {type(data).__name__}: a "
            "teacher chooses examples by their indices"
        )
    return len(data)


def count(who: str, data: Any) -> int:
    """Return the number of examples of a data set, or the number itself (raises as `check_data`)."""
    if is_whole(data):
        return check_whole(f"{who}: data", data)
    return check_data(who, data)


def check_indices(where: str, indices: Any) -> IntArray:
    """Return examples as an array ``(n,)``.

    Raises:
        ValueError: if they are no whole numbers of this shape.
    """
    rows = np.asarray(indices.cpu() if isinstance(indices, Tensor) else indices)
    if rows.ndim != 1 or (rows.size and rows.dtype.kind not in "iu"):
        raise ValueError(f"{where}: indices: expected whole numbers of shape (n,), got {indices!r}")
    return rows
