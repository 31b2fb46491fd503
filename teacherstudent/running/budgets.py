"""Whether a budget pays for a round, and what whole rounds will cost: known before a run."""

from __future__ import annotations

import math
import warnings
from typing import Any

from teacherstudent.contract.accounts.plan import Plan
from teacherstudent.contract.checks import see
from teacherstudent.contract.student import HasRounds, Student
from teacherstudent.running.notes import MUCH_OVERSPENT


def check_budget(student: Student, plan: Plan) -> None:
    """Refuse a budget that pays for no round of the student, and warn if whole rounds pass it by far.

    Both with some tolerance: what passes a budget by less than a twentieth is taken for it. Students whose
    rounds have no known price (`HasRounds`) are taken as they are.

    Raises:
        ValueError: if the run may spend less than a round costs.
    """
    planned = plan_cost(student, plan)
    if not planned:
        return
    cost = planned["round_cost"]
    name = type(student).__name__
    # A budget that was computed may lie a little below the price of a round: the tolerance lets it pass.
    if MUCH_OVERSPENT * plan.own < cost:
        without = ""
        if plan.charged:
            without = f" without what it is charged with ({plan.charged:g})"
        raise ValueError(
            f"budget: expected at least {cost:g}, what a round of {name} costs, got {plan.own:g}{without}; "
            "give a larger budget, or smaller rounds by the student's options, n_envs times n_steps of PPO, "
            "batch_size in the training of supervised"
            f"{see('how-to/own-environment.md#budgets-and-broken-environments')}"
        )
    if planned["planned_cost"] > MUCH_OVERSPENT * plan.budget:
        warnings.warn(
            f"budget: {planned['planned_cost']:g} will be spent, not {plan.budget:g}: a round of {name} "
            f"costs {cost:g}, and the last one is whole",
            stacklevel=3,
        )


def plan_cost(student: Student, plan: Plan) -> dict[str, Any]:
    """Return what a round costs and what the run will cost at least; empty if that is not known.

    A student that cuts its last round to the budget says so by an attribute ``cuts_last_round``.
    """
    if not isinstance(student, HasRounds):
        return {}
    cost = student.round_cost()
    if not cost > 0:
        return {}
    # Rounding may put a whole number of rounds a hair above itself, which ceil would take for one more.
    rounds = max(1, math.ceil(plan.own / cost - 1e-9))
    total = plan.charged + rounds * cost
    if getattr(student, "cuts_last_round", False):
        total = plan.budget
    return {"round_cost": cost, "planned_cost": total}
