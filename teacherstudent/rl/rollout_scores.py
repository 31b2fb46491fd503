"""What a slot that was bound to one task for a whole rollout has to report, from the rollout's tables."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from teacherstudent.purposes import check_purposes
from teacherstudent.rl.rollout_signals import SIGNALS
from teacherstudent.types import Array, Assignment, Outcomes

VALUE_SIGNALS = (*SIGNALS, "mean_value")
"""Signals that need the value function: averages of ``|A_t|``, ``max(A_t, 0)``, ``|delta_t|``, ``V(s_t)``."""

BOUND_SIGNALS = frozenset({"episodes", "length", "max_return", *VALUE_SIGNALS})
"""Every signal of a bound rollout but ``success``, which only families with a line for mastery have."""


def rollout_scores(
    rewards: Tensor,
    ends: Tensor,
    advantages: Tensor,
    values: Tensor,
    *,
    discount: float,
    mastered: float | None = None,
    told: Tensor | None = None,
) -> dict[str, Tensor]:
    """Return score and signals of each slot's rollout on its task.

    Only completed episodes count, and each counts the same: a number of an episode's steps is first averaged
    over the steps, then over the episodes. A slot that completed none reports its episode so far.

    Args:
        rewards: ``(steps, slots)``, as the environments gave them.
        ends: ``(steps, slots)`` bool: the step ended an episode.
        advantages: ``(steps, slots)``: generalised advantages, zero beyond an episode's end.
        values: ``(steps, slots)``: V of the observation before each step.
        discount: gamma x lambda of the advantages.
        mastered: an episode succeeds if its return is above this; None leaves ``success`` out.
        told: ``(steps, slots)`` int8, read where an episode ended: 1 it succeeded, 0 not, -1 by the return.

    Returns:
        ``(slots,)`` on the tables' device for each of

        - ``score``: the mean undiscounted return; ``max_return``: the highest;
        - ``episodes``: how many were completed; ``length``: their mean length;
        - ``success``: the share of them that succeeded, 0 if there was none;
        - `VALUE_SIGNALS`: ``value_l1``, ``positive_value_loss``, ``td_error`` (as in
          `teacherstudent.rl.rollout_signals`) and ``mean_value``.
    """
    advantages = advantages.double()
    following = torch.zeros_like(advantages)
    following[:-1] = advantages[1:]
    delta = advantages - discount * following.masked_fill_(ends, 0.0)
    terms = [torch.ones_like(delta), rewards.double()]
    terms += [advantages.abs(), advantages.clamp(min=0), delta.abs(), values.double()]
    total = torch.stack(terms).cumsum(1)
    sums = total - _before_episode(total, ends)
    counted = ends.clone()
    counted[-1] |= ~ends.any(0)
    number = counted.sum(0)

    def mean(of_episodes: Tensor) -> Tensor:
        return of_episodes.masked_fill(~counted, 0.0).sum(0) / number

    lengths = sums[0]
    returns = sums[1]
    scores = {
        "score": mean(returns),
        "episodes": ends.sum(0),
        "length": mean(lengths),
        "max_return": returns.masked_fill(~counted, -torch.inf).amax(0),
    }
    if mastered is not None:
        succeeded = returns > mastered
        if told is not None:
            succeeded = torch.where(told >= 0, told > 0, succeeded)
        scores["success"] = (succeeded & ends).sum(0) / number
    for name, of_steps in zip(VALUE_SIGNALS, sums[2:], strict=True):
        scores[name] = mean(of_steps / lengths)
    return scores


def bound_outcomes(assignment: Assignment, scores: Mapping[str, Tensor], steps: int) -> Outcomes:
    """Return one outcome for each row of the assignment, in order; each has cost ``steps``.

    Waits for the device once.
    """
    table = torch.stack([values.double() for values in scores.values()]).cpu().numpy()
    columns: dict[str, Array] = dict(zip(scores, table, strict=True))
    columns["episodes"] = columns["episodes"].astype(np.int64)
    score = columns.pop("score")
    cost = np.full(len(assignment), float(steps))
    return Outcomes.of(assignment, score=score, cost=cost, signals=columns)


def check_rows(assignment: Assignment, slots: int, where: str) -> None:
    """Raise ValueError unless the assignment has one row for each slot, for purposes that are known."""
    check_purposes(assignment, where)
    if len(assignment) != slots:
        raise ValueError(
            f"{where}: bound for rollouts: expected {slots} tasks, one for each slot, got {len(assignment)}"
        )


def _before_episode(total: Tensor, ends: Tensor) -> Tensor:
    """Return the running totals, ``(k, steps, slots)``, at the last end before each step; 0 before any."""
    steps, slots = ends.shape
    numbers = torch.arange(1, steps + 1, device=total.device)[:, None]
    last = torch.where(ends, numbers, 0).cummax(0).values
    last = torch.cat([torch.zeros_like(last[:1]), last[:-1]])
    padded = torch.cat([torch.zeros_like(total[:, :1]), total], dim=1)
    return padded.gather(1, last.expand(len(total), steps, slots))
