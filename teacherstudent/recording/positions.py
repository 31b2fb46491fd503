"""Names of a run's columns, and how far its logs were at a checkpoint, which a resumed run goes back to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from teacherstudent.contract.checks import check_mapping, check_names, check_real, check_whole, is_number
from teacherstudent.contract.types import State

OWN_COLUMNS = frozenset(
    (
        "id",
        "task",
        "score",
        "cost",
        "purpose",
        "member",
        "learn",
        "spent",
        "time",
        "index",
        "task_index",
        "mastered",
    )
)
"""Columns that no signal may be called."""

START: State = {
    "episodes": {"parts": 0, "rows": 0, "means": {}},
    "tests": {"count": 0},
    "teacher": {"bytes": 0},
    "events": {"files": [], "bytes": 0},
    "failed": {"bytes": 0},
    "notes": {"ids": np.zeros(0, np.int64), "columns": None},
    "seconds": 0.0,
    "spent": 0.0,
    "test": None,
    "ledger": {},
}
"""The state of a run of which nothing is recorded: resumes a run that ended before its first checkpoint."""

_NAMES = ("episodes", "tests", "teacher", "events", "failed", "notes", "seconds", "spent", "test", "ledger")


def check_positions(state: Any) -> Mapping[str, Any]:
    """Return the state of a recorder.

    Raises:
        ValueError: if something is missing, or no number that a recorder could have written.
        TypeError: if names and values are expected and something else is there.
    """
    what = "recorder: state"
    given = check_mapping(what, state, optional=False)
    check_names(what, _NAMES, given)
    # A position is used to cut files: a wrong number would delete good rows.
    counts = {"episodes": ("parts", "rows"), "tests": ("count",), "teacher": ("bytes",), "failed": ("bytes",)}
    for log, names in {**counts, "events": ("bytes",)}.items():
        position = check_mapping(f"{what}: {log}", given[log], optional=False)
        for name in names:
            if name not in position:
                raise ValueError(f"{what}: {log}: expected an entry {name!r}, got {sorted(position)}")
            check_whole(f"{what}: {log}: {name}", position[name], 0)
    check_readings(f"{what}: means", given["episodes"].get("means"))
    files = given["events"].get("files")
    if not isinstance(files, list) or not all(isinstance(name, str) for name in files):
        raise ValueError(f"{what}: events: files: expected a list of names, got {files!r}")
    for name in ("seconds", "spent"):
        check_real(f"{what}: {name}", given[name], 0)
    check_readings(f"{what}: ledger", given["ledger"])
    check_mapping(f"{what}: test", given["test"])
    check_mapping(f"{what}: notes", given["notes"], optional=False)
    return given


def check_readings(what: str, values: Any) -> dict[str, float]:
    """Return numbers by name, NaN and infinities too, as floats.

    Raises:
        TypeError: if they are no mapping of names to numbers.
    """
    given = check_mapping(what, values, optional=False)
    # Numbers of NumPy's bool are readings too: a metric may say whether something holds.
    for name, value in given.items():
        if not (is_number(value) or isinstance(value, bool | np.bool_)):
            raise TypeError(f"{what}: {name}: expected a number, got {value!r}")
    return {name: float(value) for name, value in given.items()}
