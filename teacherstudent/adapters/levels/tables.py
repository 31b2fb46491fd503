"""The tables of a rollout, as a loop of the user's own keeps them: checked, and scored slot by slot."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from teacherstudent.students.rollouts.scores import rollout_scores, tail_values
from teacherstudent.students.rollouts.signals import SIGNALS

_TABLE = "an array or tensor (steps, slots)"


@dataclass(frozen=True, kw_only=True)
class Tables:
    """A rollout, all tables ``(steps, slots)`` on one device.

    Attributes:
        rewards: as the environments gave them.
        ends: bool: the step ended an episode.
        values: V of the observation before each step; None if they were not given.
        advantages: generalised advantages; None likewise.
        told: int8, read where an episode ended: 1 it succeeded, 0 not, -1 nobody says; None if nobody ever
            does.
        learnt: rewards in the units of values and advantages; None if they have the units of ``rewards``.
        scale: what one of those units is in units of ``rewards``.
    """

    rewards: Tensor
    ends: Tensor
    values: Tensor | None
    advantages: Tensor | None
    told: Tensor | None
    learnt: Tensor | None = None
    scale: float = 1.0

    def scores(
        self, wanted: Collection[str], where: str, *, discount: float, mastered: float | None
    ) -> dict[str, Tensor]:
        """Return score and signals of each slot (`teacherstudent.students.rollouts.scores.rollout_scores`).

        Args:
            wanted: signals, of which those of the value function are computed.
            where: starts messages.
            discount: gamma x lambda of the advantages.
            mastered: the return above which an episode is a success, where nobody says it.

        Raises:
            ValueError: if a table is missing that is needed.
        """
        for name, table, uses in (
            ("advantages", self.advantages, sorted(set(SIGNALS) & set(wanted))),
            ("values", self.values, sorted({"mean_value"} & set(wanted))),
        ):
            if table is None and uses:
                raise ValueError(f"{where}: {name}: expected {_TABLE}, as the teacher needs {uses}, got none")
        # Where nobody asks for them, these tables are not looked at.
        none = torch.zeros_like(self.rewards)
        tail = None
        if self.values is None or self.advantages is None:
            self._check_complete(where)
        else:
            rewards = self.rewards if self.learnt is None else self.learnt
            tail = tail_values(rewards, self.advantages, self.values) * self.scale
        if self.told is not None and mastered is None:
            mastered = np.inf
        return rollout_scores(
            self.rewards,
            self.ends,
            none if self.advantages is None else self.advantages,
            none if self.values is None else self.values * self.scale,
            discount=discount,
            mastered=mastered,
            told=self.told,
            tail=tail,
            wanted=wanted,
        )

    def _check_complete(self, where: str) -> None:
        """Raise ValueError if a slot completed no episode, whose return only values could bootstrap."""
        cut = ~self.ends.any(0)
        if cut.any():
            slots = torch.nonzero(cut)[:, 0].tolist()
            raise ValueError(
                f"{where}: slots {slots} completed no episode in {len(self.ends)} steps: expected values and "
                "advantages, from which the rest of their returns is estimated, or rollouts as long as "
                "episodes, got neither"
            )


def read(
    slots: int,
    where: str,
    *,
    rewards: Any,
    dones: Any,
    values: Any = None,
    advantages: Any = None,
    success: Any = None,
) -> Tables:
    """Return the tables of a rollout, on the device of the rewards.

    Raises:
        TypeError: if one is no table of numbers.
        ValueError: if the shapes differ, a number is not finite, or ``dones`` or ``success`` holds anything
            but 0 and 1.
    """
    first = _table(f"{where}: rewards", rewards, slots)
    ends = _flags(f"{where}: dones", _like(f"{where}: dones", dones, first))
    told = None
    if success is not None:
        given = _like(f"{where}: success", success, first)
        # Only ends are read: elsewhere anything may stand.
        told = _flags(f"{where}: success", torch.where(ends, given, 0)).to(torch.int8)
    return Tables(
        rewards=_numbers(f"{where}: rewards", first),
        ends=ends,
        values=_optional(f"{where}: values", values, first),
        advantages=_optional(f"{where}: advantages", advantages, first),
        told=told,
    )


def _table(what: str, values: Any, slots: int, steps: int | None = None) -> Tensor:
    """Return values as a tensor ``(steps, slots)``."""
    table = values.detach() if isinstance(values, Tensor) else _from_numpy(what, values)
    right = table.ndim == 2 and table.shape[1] == slots and len(table) > 0
    if not right or steps not in (None, len(table)):
        rows = "steps" if steps is None else steps
        raise ValueError(f"{what}: expected shape ({rows}, {slots}), got {tuple(table.shape)}")
    return table


def _from_numpy(what: str, values: Any) -> Tensor:
    try:
        array = np.asarray(values)
    # NumPy makes no array of rows of different lengths.
    except ValueError as error:
        raise TypeError(f"{what}: expected {_TABLE}, got {values!r}: {error}") from error
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{what}: expected {_TABLE} of numbers, got {values!r}")
    # A copy, as torch takes no array that may not be written to.
    return torch.from_numpy(array.copy())


def _like(what: str, values: Any, first: Tensor) -> Tensor:
    """Return values as a tensor of the first one's shape, on its device."""
    return _table(what, values, first.shape[1], len(first)).to(first.device)


def _optional(what: str, values: Any, first: Tensor) -> Tensor | None:
    """Return a table of finite numbers like the first one, if it is given."""
    if values is None:
        return None
    return _numbers(what, _like(what, values, first))


def _numbers(what: str, table: Tensor) -> Tensor:
    """Return a table of finite numbers."""
    _check(what, table, table.isfinite(), "a finite number")
    return table.double()


def _flags(what: str, table: Tensor) -> Tensor:
    """Return a table of truth values."""
    if table.dtype == torch.bool:
        return table
    _check(what, table, (table == 0) | (table == 1), "True or False")
    return table != 0


def _check(what: str, table: Tensor, good: Tensor, expected: str) -> None:
    """Raise ValueError unless all of a table is good; it names the first place that is not."""
    if good.all():
        return
    step, slot = torch.nonzero(~good)[0].tolist()
    raise ValueError(f"{what}: step {step}, slot {slot}: expected {expected}, got {table[step, slot].item()}")
