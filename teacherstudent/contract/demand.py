"""What a student can report, and what a run asks of it: signals, how long a task binds it, members."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, get_args

from teacherstudent.contract.checks import check_whole
from teacherstudent.contract.types import Granularity


@dataclass(frozen=True, kw_only=True)
class Signal:
    """Something that a student can report of a row beside its score and cost.

    Attributes:
        shape: of one row's value; ``()`` is a number.
        unit: what it is counted in; empty for a plain number.
        free: whether every row carries it, asked for or not, since the round brings it anyway. Others are
            computed only where a teacher or a plan asks for them.
        logged: whether a run logs it. A value of more than one number is logged only where the plan names it.
        measured: whether rows that are only measured carry it too, finite. Of rows that are played outside of
            a rollout some students cannot tell the value signals; such rows have NaN there, or no column.
    """

    shape: tuple[int, ...] = ()
    unit: str = ""
    free: bool = True
    logged: bool = True
    measured: bool = True


Offers: TypeAlias = Mapping[Granularity, Mapping[str, Signal]]
"""By how long a task binds the student: the signals that it can report then, by name."""


@dataclass(frozen=True, kw_only=True)
class Demand:
    """What a run asks of a student, once, before the first round.

    Attributes:
        granularity: how long a task binds the student.
        signals: what rows must carry beside what is free.
        members: how many copies of itself the student must hold, each with weights of its own.

    Raises:
        ValueError: if ``members`` is no whole number of at least 1.
    """

    granularity: Granularity = "episode"
    signals: frozenset[str] = frozenset()
    members: int = 1

    def __post_init__(self) -> None:
        check_whole("Demand: members", self.members, 1)
        # The dataclass is frozen; any collection of names is taken, and kept as one that cannot change.
        object.__setattr__(self, "signals", frozenset(self.signals))


def everything(offers: Offers, granularity: Granularity | None = None) -> Demand:
    """Return a demand for all that is offered at a granularity, the first one if none is named."""
    chosen = next(iter(offers)) if granularity is None else granularity
    return Demand(granularity=chosen, signals=frozenset(offers[chosen]))


def check_demand(demand: Demand, offers: Offers, who: str, *, members: int = 1) -> frozenset[str]:
    """Return the names of what rows will carry: what is asked for, and what is free.

    Args:
        demand: what is asked for.
        offers: what there is.
        who: the student; starts the message.
        members: how many members the student holds.

    Raises:
        ValueError: if something is asked for that is not offered; the message names it.
        TypeError: if it is given no demand.
    """
    if not isinstance(demand, Demand):
        raise TypeError(f"{who}: bind: expected a Demand, got {demand!r}")
    if demand.granularity not in offers:
        raise ValueError(f"{who}: can be bound for {sorted(offers)}, got {demand.granularity!r}")
    there = offers[demand.granularity]
    unknown = sorted(demand.signals - there.keys())
    if unknown:
        raise ValueError(
            f"{who}: expected signals among {sorted(there)}, which it offers for one {demand.granularity}, "
            f"got {unknown}"
        )
    if demand.members != members:
        raise ValueError(
            f"{who}: expected a demand for {_members(members)}, which it holds, got one for "
            f"{demand.members}: teacherstudent.running.members.Members([...]) holds a student for each"
        )
    return demand.signals | free(there)


def check_offers(offers: Any, who: str) -> None:
    """Raise TypeError unless a student's offers map granularities to signals by name."""
    expected = f"{who}: offers: expected a mapping of granularities to mappings of names to Signal"
    if not isinstance(offers, Mapping) or not offers:
        raise TypeError(f"{expected}, got {offers!r}")
    for granularity, signals in offers.items():
        right = isinstance(signals, Mapping) and all(isinstance(each, Signal) for each in signals.values())
        if granularity not in get_args(Granularity) or not right:
            raise TypeError(f"{expected}, got {granularity!r}: {signals!r}")


def free(signals: Mapping[str, Signal]) -> frozenset[str]:
    """Return the names of the signals that every row carries anyway."""
    return frozenset(name for name, signal in signals.items() if signal.free)


def logged(signals: Mapping[str, Signal], named: Iterable[str]) -> frozenset[str]:
    # Columns of more than one number a row make logs large, so they are logged only where they are named.
    """Return the names of the signals that a run logs: single numbers unless they say no, and those named."""
    always = (name for name, signal in signals.items() if signal.logged and signal.shape == ())
    return frozenset(always) | frozenset(named)


def _members(n: int) -> str:
    return "1 member" if n == 1 else f"{n} members"
