"""Who hears of every row that a teacher hands out and takes back: the record of a loop that users own."""

from __future__ import annotations

from typing import Protocol

from teacherstudent.contract.types import Assignment, IntArray, Outcomes


class Listener(Protocol):
    """Hears of the rows of one teacher (`teacherstudent.contract.teacher.Teacher.listener`).

    It is called while the teacher's lock is held, after the teacher has taken the rows. What it raises
    reaches whoever has called the teacher; the teacher has changed by then.
    """

    def asked(self, assignment: Assignment) -> None:
        """Hear of rows that the teacher has handed out."""

    def told(self, outcomes: Outcomes) -> None:
        """Hear of outcomes that the teacher has taken in; there is at least one."""

    def dropped(self, ids: IntArray) -> None:
        """Hear of rows whose outcomes will never come."""
