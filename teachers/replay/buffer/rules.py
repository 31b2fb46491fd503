"""The options of a level buffer, checked."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

from teacherstudent.contract.checks import check_whole, is_number
from teacherstudent.teachers.replay.buffer.kernels import Rule

Priority: TypeAlias = Literal["rank", "proportional", "topk"]
Evict: TypeAlias = Literal["replay", "score"]
Semantics: TypeAlias = Literal["dcd", "jaxued"]
Ties: TypeAlias = Literal["shared", "slot"]
RowRule: TypeAlias = Literal["last", "mean"]


MOST_LEVELS = 2 * 10**8
"""More levels than this take tens of gigabytes before the first is kept."""


def rule_of(
    *,
    priority: Priority,
    temperature: float,
    staleness: float,
    top_k: int | None,
    evict: Evict,
    semantics: Semantics,
    blend: float,
    ties: Ties,
    rows: RowRule,
) -> Rule:
    """Return the options of `teacherstudent.LevelBuffer` as the numbers that its kernels take.

    Raises:
        ValueError: if an option is out of range.
    """
    for name, value, known in (
        ("priority", priority, get_args(Priority)),
        ("evict", evict, get_args(Evict)),
        ("semantics", semantics, get_args(Semantics)),
        ("ties", ties, get_args(Ties)),
        ("rows", rows, get_args(RowRule)),
    ):
        if not (isinstance(value, str) and value in known):
            raise ValueError(f"level buffer: {name}: expected one of {known}, got {value!r}")
    if top_k is not None:
        check_whole("level buffer: top_k", top_k, 1, MOST_LEVELS)
        if priority != "topk":
            raise ValueError(f"level buffer: top_k: expected none with priority {priority!r}, got {top_k}")
    if not (is_number(temperature) and temperature > 0):
        raise ValueError(f"level buffer: temperature: expected a number above 0, got {temperature!r}")
    if not (is_number(staleness) and 0 <= staleness <= 1):
        raise ValueError(f"level buffer: staleness: expected a weight in [0, 1], got {staleness!r}")
    if not (is_number(blend) and 0 < blend <= 1):
        raise ValueError(f"level buffer: blend: expected a weight in (0, 1], got {blend!r}")
    return Rule(
        mode=get_args(Priority).index(priority),
        exponent=1.0 / float(temperature),
        # Without staleness a score of 0 would never be drawn again.
        epsilon=0.0 if staleness > 0 else 1e-3,
        staleness=float(staleness),
        top_k=int(top_k or 1),
        jaxued=semantics == "jaxued",
        shared=ties == "shared",
        by_score=evict == "score",
        blend=float(blend),
    )
