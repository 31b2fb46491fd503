"""Open-loop teachers: paths of training knobs over the budget, and what they have in common."""

from __future__ import annotations

import contextlib
from abc import abstractmethod
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np

from teacherstudent.contract import spaces
from teacherstudent.contract.checks import check_mapping, check_names, check_numbers, is_number
from teacherstudent.contract.knobs import KNOBS, SIZES, proposal, words
from teacherstudent.contract.spaces import Parameters
from teacherstudent.contract.stored.saved import saved_number
from teacherstudent.contract.teacher import Teacher
from teacherstudent.contract.types import Array, Assignment, FloatArray, Granularity, Outcomes, Seed, State

EDGE = 1e-9
"""Shares of the budget that differ by less are equal: where a stage ends, the next one has begun."""


class OpenLoop(Teacher[Parameters]):
    """Base of teachers that move knobs along fixed paths, whatever the outcomes.

    A subclass says in its constructor which knobs it drives and how far, and writes `path`. Knobs of the
    space that it does not drive stay at ``values``, or are neutral where that names none; so a plain run, a
    curriculum and several of them together (`teacherstudent.teachers.stages.compose`) fit the same family.

    Attributes:
        moves: the knobs that it drives unless its options say otherwise; a family takes them up where nobody
            has chosen any.
        drives: knob -> (lowest, highest) value on the path.

    Args:
        space: named knobs.
        seed: an integer of at least 0 or a ``SeedSequence``; nothing is drawn from it.
        who: the teacher's name, for messages.
        drives: see above.
        values: values of other knobs of the space.

    Raises:
        TypeError: if the space has no names, or the seed is no integer.
        ValueError: if the space lacks a driven knob or does not reach as far as the path; if ``values`` names
            a driven or unknown knob or lies outside; if a knob that is not driven has no neutral value.
    """

    accepts: ClassVar[tuple[type[gym.Space[Any]], ...]] = (Parameters,)
    acts = False
    granularity: Granularity = "chunk"
    moves: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def usual_knobs(cls, options: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the knobs that a teacher with these options drives, whatever the space: `moves`."""
        del options
        return cls.moves

    def __init__(
        self,
        space: Parameters,
        *,
        seed: Seed,
        who: str,
        drives: Mapping[str, tuple[float, float]],
        values: Mapping[str, float] | None = None,
    ) -> None:
        with proposing(space, drives):
            spaces.as_parameters(space, who)
            for name, reach in drives.items():
                for value in reach:
                    check_reach(who, space, name, value)
        super().__init__(space, seed=seed)
        self.drives = dict(drives)
        values = check_mapping(f"{who}: values", values)
        for name in values:
            if name in drives:
                raise ValueError(f"{who}: values: expected knobs that it does not drive, got {name!r}")
        self._rest = resting(who, space, values, drives)
        self._progress = 0.0

    @abstractmethod
    def path(self, progress: float) -> Mapping[str, float]:
        """Return a value for each driven knob when a share ``progress`` of the budget is spent."""

    def point(self, progress: float) -> FloatArray:
        """Return ``(d,)`` the value of every knob of the space."""
        # The path comes last, so it wins for the knobs that it drives.
        values = {**self._rest, **self.path(progress)}
        return np.array([values[name] for name in self.space.names])

    def _ask(self, ids: Array, progress: float) -> Assignment:
        self._progress = progress
        return Assignment(
            ids=ids, tasks=spaces.from_flat(self.space, np.tile(self.point(progress), (len(ids), 1)))
        )

    def _tell(self, outcomes: Outcomes) -> None:
        """Learn nothing: the path is fixed."""

    def metrics(self) -> dict[str, float]:
        """Return the value of every knob at the last ask."""
        return dict(zip(self.space.names, self.point(self._progress).tolist(), strict=True))

    def _state(self) -> State:
        return {"progress": self._progress}

    def _load(self, state: State) -> None:
        who = type(self).__name__
        check_names(f"{who}: state", ("progress",), state)
        self._progress = saved_number(f"{who}: progress", state["progress"], 0, 1)


@contextlib.contextmanager
def proposing(
    space: gym.Space[Any], drives: Mapping[str, tuple[float, float]], also: Iterable[str] = ()
) -> Iterator[None]:
    """Add to a TypeError or ValueError of the block the options of a stage family with the knobs needed.

    Args:
        space: its knobs, if it has any, stay.
        drives: knob -> (lowest, highest) value.
        also: further knobs.
    """
    try:
        yield
    except (TypeError, ValueError) as error:
        # The proposal keeps the knobs that the space has already.
        option = words("knobs", proposal(spaces.ranges(space), drives, also))
        # The same type with a longer message, so callers notice no difference.
        raise type(error)(f"{error}; add {option} to a family of stages like digits-stages") from error


def check_reach(who: str, space: Parameters, name: str, value: float) -> None:
    """Raise ValueError unless the space has the knob and the value lies in its range."""
    if name not in space.names:
        raise ValueError(f"{who}: expected a space with the knob {name!r}, got {space}")
    k = space.names.index(name)
    if not is_number(value):
        raise ValueError(f"{who}: {name}: expected a number, got {value!r}")
    # The ends of a path are computed, so they may miss the range by rounding.
    if not space.low[k] - EDGE <= value <= space.high[k] + EDGE:
        raise ValueError(f"{who}: {name}: expected a range that contains {value:.4g}, got {space}")


def resting(
    who: str, space: Parameters, values: Mapping[str, float], drives: Container[str]
) -> dict[str, float]:
    """Return the value of every knob that is not driven: the given one, else the neutral one.

    Neutral is the full size for sizes, and for others the value of `teacherstudent.contract.knobs.KNOBS`, or
    what the space has closest to it.

    Raises:
        ValueError: if a given value lies outside the space, or there is neither a given nor a neutral one.
        TypeError: if the values are no mapping.
    """
    values = check_mapping(f"{who}: values", values)
    for name, value in values.items():
        check_reach(f"{who}: values", space, name, value)
    found = {}
    for name, low, high in zip(space.names, space.low.tolist(), space.high.tolist(), strict=True):
        if name in drives:
            continue
        if name in values:
            found[name] = float(values[name])
        elif name in SIZES:
            found[name] = high
        elif name in KNOBS:
            found[name] = min(max(KNOBS[name].neutral, low), high)
        else:
            raise ValueError(f"{who}: values: expected one for the knob {name!r}, got {dict(values)}")
    return found


def size_knob(who: str, space: Parameters, also: Iterable[str] = ()) -> tuple[str, float]:
    """Return the knob that sets the images' size in this space, and its value at full size.

    Args:
        who: the teacher's name, for messages.
        space: named knobs.
        also: what else the teacher drives, for messages.

    Raises:
        TypeError: if the space has no names.
        ValueError: if it has no such knob, or two.
    """
    with proposing(space, {}, ["bandwidth", *also]):
        spaces.as_parameters(space, who)
        found = [name for name in SIZES if name in space.names]
        if not found:
            raise ValueError(f"{who}: expected a space with one of the knobs {list(SIZES)}, got {space}")
    # Outside the block above: adding a knob does not help where there are two.
    if len(found) > 1:
        raise ValueError(f"{who}: expected a space with one of the knobs {list(SIZES)}, got {space}")
    return found[0], float(space.high[space.names.index(found[0])])


def check_shares(who: str, what: str, shares: Sequence[float]) -> FloatArray:
    """Return sizes as an array of shares of the full one.

    Raises:
        ValueError: if there is none, or one is not in (0, 1].
    """
    expected = "shares of the full size in (0, 1]"
    found = check_numbers(f"{who}: {what}", expected, shares)
    if found.ndim != 1 or found.size == 0 or not ((found > 0) & (found <= 1)).all():
        raise ValueError(f"{who}: {what}: expected {expected}, got {shares!r}")
    return found


def check_number(
    who: str, what: str, value: float, low: float, high: float, *, open_low: bool = False
) -> float:
    """Return a number; raise ValueError unless it is in [low, high], or (low, high] with ``open_low``."""
    if not (is_number(value) and low <= value <= high) or (open_low and value == low):
        bracket = "(" if open_low else "["
        raise ValueError(f"{who}: {what}: expected a number in {bracket}{low:g}, {high:g}], got {value!r}")
    return float(value)


def stage_at(ends: FloatArray, progress: float) -> int:
    """Return the number of the stage in which ``progress`` lies; ``ends (k,)`` are where stages end."""
    # The end of the last stage is left out, so that the end of the budget belongs to it.
    return int(np.searchsorted(ends[:-1], progress + EDGE, side="right"))
