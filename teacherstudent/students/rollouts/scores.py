"""What a slot that was bound to one task for a whole rollout has to report, from the rollout's tables."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import numpy as np
import torch
from torch import Tensor

from teacherstudent.contract.demand import Offers, Signal
from teacherstudent.contract.purposes import check_purposes
from teacherstudent.contract.types import Array, Assignment, Granularity, Outcomes
from teacherstudent.students.rollouts.signals import EPISODE_VALUES, SIGNALS

VALUE_SIGNALS = (*SIGNALS, "mean_value")
"""Signals that need the value function: averages of ``|A_t|``, ``max(A_t, 0)``, ``|delta_t|``, ``V(s_t)``."""

BOUND_OFFERS = {
    "episodes": Signal(unit="episodes"),
    "length": Signal(unit="steps"),
    "max_return": Signal(unit="return"),
    "cut": Signal(),
    **{name: Signal(unit="return", free=False) for name in SIGNALS},
    "mean_value": Signal(unit="return", free=False),
}
"""Every signal of a bound rollout but ``success``, which only families with a line for mastery have."""


def playing_offers(success: bool, *, values: bool = True, rollouts: bool = True) -> Offers:
    """Return what a student that plays environments offers.

    Args:
        success: whether the family has a line for mastery.
        values: whether the student has value signals of episodes.
        rollouts: whether its slots can be bound for rollouts.
    """
    known: dict[str, Signal] = {}
    if success:
        known["success"] = Signal()
    offers: dict[Granularity, dict[str, Signal]] = {"episode": known | {"length": Signal(unit="steps")}}
    if values:
        offers["episode"] |= EPISODE_VALUES
    if rollouts:
        offers["rollout"] = known | BOUND_OFFERS
    return offers


def rollout_scores(
    rewards: Tensor,
    ends: Tensor,
    advantages: Tensor,
    values: Tensor,
    *,
    discount: float,
    mastered: float | None = None,
    told: Tensor | None = None,
    tail: Tensor | None = None,
    wanted: Collection[str] = VALUE_SIGNALS,
) -> dict[str, Tensor]:
    """Return score and signals of each slot's rollout on its task.

    Only completed episodes count, and each counts the same: a number of an episode's steps is first averaged
    over the steps, then over the episodes.

    Deviation: dcd, minimax and jaxued score completed episodes alone. Here a slot that completed none reports
    the episode that the end of the rollout has cut. Its return is bootstrapped: the rewards so far, and
    ``tail``, what the value function expects of the rest. (Generalised advantages are bootstrapped there
    anyway.) It has not succeeded.

    Args:
        rewards: ``(steps, slots)``, as the environments gave them.
        ends: ``(steps, slots)`` bool: the step ended an episode.
        advantages: ``(steps, slots)``: generalised advantages, zero beyond an episode's end.
        values: ``(steps, slots)``: V of the observation before each step.
        discount: gamma x lambda of the advantages.
        mastered: an episode succeeds if its return is above this; None leaves ``success`` out.
        wanted: which of `VALUE_SIGNALS` are computed.
        told: ``(steps, slots)`` int8, read where an episode ended: 1 it succeeded, 0 not, -1 by the return.
        tail: ``(slots,)``: discounted value of where the rollout ended, in the units of the rewards
            (`tail_values`); None leaves cut episodes with their return so far, and ``cut`` at 0.

    Returns:
        ``(slots,)`` on the tables' device for each of

        - ``score``: the mean undiscounted return; ``max_return``: the highest;
        - ``episodes``: how many were completed; ``length``: their mean length;
        - ``cut``: 1 if none was, and the return of the one under way is bootstrapped, else 0;
        - ``success``: the share of them that succeeded, 0 if there was none;
        - those of `VALUE_SIGNALS` that are wanted: ``value_l1``, ``positive_value_loss``, ``td_error`` (as in
          `teacherstudent.students.rollouts.signals`) and ``mean_value``.
    """
    # Differences of long running totals would lose too many digits in float32.
    advantages = advantages.double()
    names = [name for name in VALUE_SIGNALS if name in wanted]
    known = value_terms(advantages, ends, discount) | {"mean_value": values.double}
    terms = [torch.ones_like(advantages), rewards.double()]
    terms += [known[name]() for name in names]
    # Sum over time: an episode's sum is the total at its end less the total before its start.
    total = torch.stack(terms).cumsum(1)
    sums = total - _before_episode(total, ends)
    # A slot that completed no episode reports the one it is in, as of the last step.
    cut = ~ends.any(0)
    counted = ends.clone()
    counted[-1] |= cut
    number = counted.sum(0)
    if tail is None:
        cut = torch.zeros_like(cut)
    else:
        # What the rest of a cut episode is expected to bring counts as if it came with the last step.
        sums[1, -1] += torch.where(cut, tail.double(), 0.0)

    def mean(of_episodes: Tensor) -> Tensor:
        return of_episodes.masked_fill(~counted, 0.0).sum(0) / number

    lengths = sums[0]
    returns = sums[1]
    scores = {
        "score": mean(returns),
        "episodes": ends.sum(0),
        "length": mean(lengths),
        "max_return": returns.masked_fill(~counted, -torch.inf).amax(0),
        "cut": cut,
    }
    if mastered is not None:
        succeeded = returns > mastered
        # The environment's own word wins wherever there is one.
        if told is not None:
            succeeded = torch.where(told >= 0, told > 0, succeeded)
        # An episode that only the rollout ended has not succeeded.
        scores["success"] = (succeeded & ends).sum(0) / number
    for name, of_steps in zip(names, sums[2:], strict=True):
        scores[name] = mean(of_steps / lengths)
    return scores


def tail_values(rewards: Tensor, advantages: Tensor, values: Tensor) -> Tensor:
    """Return ``(slots,)`` the discounted value of the observation after the last step of a rollout.

    The last generalised advantage holds it, as A = r + gamma V' - V there. It is 0 where the step ended an
    episode.

    Args:
        rewards: ``(steps, slots)``, as the advantages were made of them: scaled ones, say.
        advantages: ``(steps, slots)``.
        values: ``(steps, slots)``, in the same units as the others.
    """
    return advantages[-1] + values[-1] - rewards[-1]


def value_terms(advantages: Tensor, ends: Tensor, discount: float) -> dict[str, Callable[[], Tensor]]:
    """Return what computes the term of each of `SIGNALS` at every step, ``(steps, slots)``.

    They are functions, so that only the signals that are wanted are computed. Arguments are those of
    `one_step_errors`.
    """
    return {
        "value_l1": lambda: advantages.abs(),
        "positive_value_loss": lambda: advantages.clamp(min=0),
        "td_error": lambda: one_step_errors(advantages, ends, discount).abs(),
    }


def one_step_errors(advantages: Tensor, ends: Tensor, discount: float) -> Tensor:
    """Return the temporal-difference errors ``(steps, slots)`` that generalised advantages are sums of.

    Args:
        advantages: ``(steps, slots)`` float64, A_t = delta_t + discount A_(t+1) within an episode.
        ends: ``(steps, slots)`` bool: the step ended an episode.
        discount: gamma x lambda.
    """
    # The last step has no follower in this rollout, so its row stays 0.
    following = torch.zeros_like(advantages)
    following[:-1] = advantages[1:]
    return advantages - discount * following.masked_fill_(ends, 0.0)


def bound_outcomes(assignment: Assignment, scores: Mapping[str, Tensor], steps: int) -> Outcomes:
    """Return one outcome for each row of the assignment, in order; each has cost ``steps``.

    Waits for the device once.
    """
    # Join everything first, so that the host waits for the device only once.
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
    # Number the steps from 1, so that 0 can stand for no end so far; `cummax` then holds the latest end.
    numbers = torch.arange(1, steps + 1, device=total.device)[:, None]
    last = torch.where(ends, numbers, 0).cummax(0).values
    # Shift by one step: the step that ends an episode still belongs to it.
    last = torch.cat([torch.zeros_like(last[:1]), last[:-1]])
    # Column 0 is the total before the rollout.
    padded = torch.cat([torch.zeros_like(total[:, :1]), total], dim=1)
    return padded.gather(1, last.expand(len(total), steps, slots))
