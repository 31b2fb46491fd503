"""Several members in one student: copies that train apart, on the rows that are for them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from teacherstudent.contract.accounts.failures import Failures, Survives
from teacherstudent.contract.checks import check_names, check_whole
from teacherstudent.contract.demand import Demand, check_demand
from teacherstudent.contract.stored.settings import settings_of
from teacherstudent.contract.student import Compiles, HasRounds, Reports, SharesWeights, Student, row_cost
from teacherstudent.contract.types import Array, Assignment, IntArray, Outcomes, State

TRAIN = "train"


class Members:
    """Holds a student for each member, each with its own weights, optimiser, statistics and generators.

    A teacher that asks for k members says of each row which member it is for (`Assignment.member`): PAIRED's
    protagonist is member 0 and its antagonist member 1. Every member is given its own rows, and trains a
    round of its own. Where a row's `Assignment.origin` is another member, the member first takes over that
    one's weights, optimiser and statistics as they are before the round (`SharesWeights`); all rows of a
    member in one assignment must name the same origin.

    What the first member spends on training is booked as ``train``, what member k spends as ``train/k``.
    Tests play the first member.

    Attributes:
        members: the students.
        offers: what all of them offer.

    Args:
        members: students made alike for one family, with seeds of their own.

    Raises:
        ValueError: if there is no member.
        TypeError: if one is no student.
    """

    def __init__(self, members: Sequence[Student]) -> None:
        if not members:
            raise ValueError("Members: expected at least one student, got none")
        for member in members:
            if not isinstance(member, Student):
                raise TypeError(f"Members: expected students, got {member!r}")
        self.members = tuple(members)
        # The members are made alike, so the first one speaks for all.
        self.offers = self.members[0].offers
        # Members fail against one limit: a population must
        # not be allowed more failures than a single student.
        self.failures = Failures()
        for member in self.members:
            if isinstance(member, Survives):
                member.failures.join(self.failures)

    def bind(self, demand: Demand) -> None:
        """Bind every member so (raises as theirs, and ValueError if it is for another number of members)."""
        check_demand(demand, self.offers, "Members", members=len(self.members))
        if demand.granularity == "episode" and len(self.members) > 1:
            raise ValueError(
                "Members: expected rows for a rollout, a chunk or a step, got 'episode': where an episode "
                "ends in the midst of a round, a member's queue would go on with tasks of before"
            )
        for member in self.members:
            # To a member it is the only one, so its own demand is for a single member.
            member.bind(dataclasses.replace(demand, members=1))

    @property
    def budget(self) -> float:
        """What the members were told that they may spend, together.

        Raises:
            AttributeError: if one was told nothing.
        """
        told = [getattr(member, "budget", None) for member in self.members]
        if any(budget is None for budget in told):
            raise AttributeError("budget")
        return sum(float(budget) for budget in told if budget is not None)

    @property
    def cuts_last_round(self) -> bool:
        """Whether the last round ends with the budget: if it does for all members."""
        return all(getattr(member, "cuts_last_round", False) for member in self.members)

    def round_cost(self) -> float:
        """Return what a round of all costs; 0 if they don't say."""
        return sum(member.round_cost() for member in self.members if isinstance(member, HasRounds))

    def compile(self) -> None:
        """Let every member compile, if it does."""
        for member in self.members:
            if isinstance(member, Compiles):
                member.compile()

    def wants(self) -> int:
        """Return how many rows all of them can use."""
        return sum(member.wants() for member in self.members)

    @property
    def row_cost(self) -> float | None:
        """What each outcome costs, where that is known before."""
        return row_cost(self.members[0])

    @property
    def gains(self) -> bool:
        """Whether scores are progress already."""
        return bool(getattr(self.members[0], "gains", False))

    def train(self, assignment: Assignment) -> Outcomes:
        """Let each member train on its rows; return what has finished, member by member.

        Raises:
            ValueError: if a row is for a member that there is not, if rows of a member name several origins,
                or one that it cannot take weights from; and as the members'.
        """
        # Rows of a member that does not exist would be lost in silence by the selection below.
        strange = ~np.isin(assignment.member, np.arange(len(self.members)))
        if strange.any():
            raise ValueError(
                f"Members: row {int(strange.argmax())}: member: expected 0 to {len(self.members) - 1}, got "
                f"{assignment.member[strange][0]}"
            )
        parts = [assignment.select(assignment.member == k) for k in range(len(self.members))]
        # Weights are exchanged before any member trains: an
        # origin must not have learnt from this round already.
        self._exploit(parts)
        found = []
        for k, (member, part) in enumerate(zip(self.members, parts, strict=True)):
            outcomes = member.train(part)
            # A member knows nothing of its number, so its outcomes are given it here.
            found.append(dataclasses.replace(outcomes, member=np.full(len(outcomes), k)))
        return Outcomes.concatenate(found)

    def _exploit(self, parts: Sequence[Assignment]) -> None:
        """Let members take over the weights that their rows name; all are read before one is changed."""
        origins = [_origin(part, k) for k, part in enumerate(parts)]
        taken = {k: origin for k, origin in enumerate(origins) if origin != k}
        # Two members may take over each other's weights, so all are read before the first is changed.
        weights = {}
        for k, origin in taken.items():
            if not origin < len(self.members):
                raise ValueError(f"Members: origin: expected 0 to {len(self.members) - 1}, got {origin}")
            source = self.members[origin]
            if not isinstance(source, SharesWeights):
                raise ValueError(
                    f"Members: origin: expected {k} for rows of member {k}, got {origin}: "
                    f"{type(source).__name__} cannot hand over its weights"
                )
            weights[k] = source.weights()
        for k, state in weights.items():
            member = self.members[k]
            # A member that can hand over its weights can take them: all are of one kind.
            assert isinstance(member, SharesWeights)
            member.take_weights(state)

    def evaluate(self, tasks: Array, *, seed: int, member: int = 0) -> Outcomes:
        """Test a member (raises as its own, and ValueError if there is no such member)."""
        check_whole("Members.evaluate: member", member, 0, len(self.members) - 1)
        return self.members[member].evaluate(tasks, seed=seed)

    def spent(self) -> Mapping[str, float]:
        """Return what all have spent; training of member k from 1 on stands under ``train/k``."""
        total: dict[str, float] = {}
        for k, member in enumerate(self.members):
            for name, value in member.spent().items():
                # The first member's training keeps the plain name,
                # so that runs of one and of several members compare.
                own = name
                if k and name == TRAIN:
                    own = f"{name}/{k}"
                total[own] = total.get(own, 0.0) + value
        return total

    def holds(self) -> IntArray:
        """Return the ids that any of them holds."""
        return np.concatenate([member.holds() for member in self.members])

    def metrics(self) -> Mapping[str, float]:
        """Return the first member's numbers, and those of member k under ``member_k/``."""
        found = dict(self.members[0].metrics())
        # The first member's metrics keep their names, and the figures of a single student still find them.
        for k, member in enumerate(self.members[1:], 1):
            found |= {f"member_{k}/{name}": value for name, value in member.metrics().items()}
        return found

    def report(self) -> Mapping[str, Any]:
        """Return the number of members, bytes of one's state, and what the first reports."""
        first = self.members[0]
        said: dict[str, Any] = {}
        if isinstance(first, Reports):
            said |= first.report()
        return said | {
            "members": len(self.members),
            "bytes of each member's state": _bytes(first.state_dict()),
        }

    def settings(self) -> Mapping[str, Any]:
        """Return the settings of the members, by their number."""
        return {str(k): settings_of(member) for k, member in enumerate(self.members)}

    def state_dict(self) -> State:
        """Return the states of all."""
        return {"members": [member.state_dict() for member in self.members]}

    def load_state_dict(self, state: State) -> None:
        """Continue from `state_dict`.

        Raises:
            ValueError: if the state is of another number of members, or of another student.
        """
        check_names("Members: state", ("members",), state)
        states = state["members"]
        if not isinstance(states, list) or len(states) != len(self.members):
            raise ValueError(f"Members: state: expected {len(self.members)} members, got {states!r:.200}")
        for member, own in zip(self.members, states, strict=True):
            member.load_state_dict(own)

    def close(self) -> None:
        """Close all."""
        for member in self.members:
            member.close()


def _origin(part: Assignment, k: int) -> int:
    """Return from whose weights member k starts on its rows."""
    origins = np.unique(part.origin)
    # A member can start from one set of weights only.
    if len(origins) > 1:
        raise ValueError(f"Members: origin: expected one for all rows of member {k}, got {origins.tolist()}")
    if len(origins) == 0:
        return k
    return int(origins[0])


def _bytes(state: Any) -> int:
    """Return how many bytes the arrays of a state hold."""
    if isinstance(state, np.ndarray):
        return int(state.nbytes)
    if isinstance(state, Mapping):
        return sum(map(_bytes, state.values()))
    if isinstance(state, list):
        return sum(map(_bytes, state))
    return 0
