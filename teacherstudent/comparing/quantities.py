"""What runs are compared at: their cost, or any other entry of the ledger that is recorded at each test."""

from __future__ import annotations

from dataclasses import dataclass

from teacherstudent.contract.checks import closest
from teacherstudent.contract.types import FloatArray
from teacherstudent.recording.runs import Curve

SPENT = "spent"
SECONDS = "seconds"
"""Seconds of the student and the teacher together: tests, logs and checkpoints are left out."""

FLOPS = "FLOPs"
"""The unit of computed costs: of supervised training, whose seconds say something else."""

_COST = "cost/"
_COUNTS = ("updates", "episodes", "dropped", "failed", SPENT, SECONDS)

TRAINING = ("seconds/student", "seconds/teacher")


@dataclass(frozen=True)
class Quantity:
    """Something that grows over a run.

    Attributes:
        name: ``"spent"``, what counts against the budget; a purpose of cost (``"train"``, ``"measure"``,
            ``"before"``...); ``"seconds"``, those of student and teacher; or any name in the ledger:
            ``"updates"``, ``"episodes"``, ``"seconds/total"``...
        cost_unit: the unit of cost.
    """

    name: str
    cost_unit: str

    @property
    def word(self) -> str:
        """What a sentence calls it: ``cost``, ``seconds``, ``updates``."""
        if self._is_cost:
            return f"{self.name} cost"
        if self.name == SPENT:
            return "cost"
        return self.name.replace("_", " ").replace("/", " ")

    @property
    def unit(self) -> str:
        """What follows a number: ``FLOPs``, ``FLOPs (measure)``, ``seconds``, ``updates``."""
        if self.name == SPENT:
            return self.cost_unit
        if self._is_cost:
            return f"{self.cost_unit} ({self.name})"
        return self.word

    @property
    def label(self) -> str:
        """What an axis is called."""
        if self.name == SECONDS:
            return "seconds of student and teacher"
        if self.name == SPENT or self._is_cost:
            return f"{self.word} ({self.cost_unit})"
        return self.word

    @property
    def _is_cost(self) -> bool:
        return _entry(self.name).startswith(_COST)

    @property
    def _entries(self) -> tuple[str, ...]:
        """The entries of the ledger that are added up."""
        if self.name == SECONDS:
            return TRAINING
        return (_entry(self.name),)

    def of(self, curve: Curve) -> FloatArray:
        """Return the quantity ``(k,)`` at each test.

        Raises:
            ValueError: if the ledger has no such entry; the message lists those that it has.
        """
        if self.name == SPENT:
            return curve.spent
        names = self._entries
        if any(name not in curve.ledger for name in names):
            # The message names what may be asked for, in the words of a user.
            short = [name.removeprefix(_COST) for name in curve.ledger]
            known = [SPENT]
            if {*TRAINING} <= curve.ledger.keys():
                known.append(SECONDS)
            raise ValueError(
                f"x: expected one of {known + short}, got {self.name!r}{closest(self.name, known + short)}"
            )
        # Starting from the first array, as `sum` would start from the number 0.
        total: FloatArray = sum((curve.ledger[name] for name in names[1:]), start=curve.ledger[names[0]])
        return total

    def known(self, curve: Curve) -> bool:
        """Return whether the curve has it."""
        return self.name == SPENT or {*self._entries} <= {*curve.ledger}


def _entry(name: str) -> str:
    """Return the name in the ledger; whatever it does not count beside costs is the name of a cost."""
    # Names of costs need no prefix, so whatever is nothing else is a cost.
    beside = name in _COUNTS or name.startswith("seconds/") or name.startswith(_COST)
    if beside:
        return name
    return f"{_COST}{name}"
