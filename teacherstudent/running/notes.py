"""What whoever reads a run's results should know: notes for its status, found while it goes on."""

from __future__ import annotations

import numpy as np

from teacherstudent.contract.accounts.ledger import Ledger
from teacherstudent.contract.accounts.plan import Plan
from teacherstudent.contract.student import Student
from teacherstudent.contract.types import Outcomes
from teacherstudent.recording.recorder import Recorder
from teacherstudent.running.acting.steering import Steering
from teacherstudent.slots.requests import MOST_STEPS

MANY_ROLLOUTS = 256
"""After so many it is clear whether they are long enough."""
MANY_REPEATED = 0.1
"""From this share of the episodes on, tasks that were not asked for are worth a note."""
MUCH_OVERSPENT = 1.05
"""From this multiple of the budget on, what was spent is worth a note."""

NOT_TRAINED = (
    "the student made no update: the teacher asked for measuring only, as one of level design does while its "
    "buffer is empty, for want of completed episodes say (its metric unfinished_share; n_steps of a rollout)"
)
"""The note on a run that ended without a gradient update."""

UNFINISHED = (
    "in {share:.0%} of the rollouts no episode was completed, so that the teacher judges them by parts of "
    "episodes, or not at all: rollouts as long as episodes are better (n_steps of the student)"
)
"""The note on a run whose rollouts are shorter than its episodes."""

NO_EPISODES = (
    "no episode of training was finished, so that the teacher heard of nothing: the environment's episodes "
    "may have no end (max_episode_steps), or the budget is shorter than one"
)
LONG_TESTS = (
    "{count} episodes of a test were cut at {steps} steps: the family's environments need a time limit"
)
REPEATED = (
    "{share:.0%} of the episodes were not asked for (id -1): the queue of tasks ran dry in the midst of "
    "rounds, so that tasks were played again"
)
OVERSPENT = "{spent:g} was spent, {more:.0%} more than the budget of {budget:g}: the last round is whole"
FAILED = "on {count} tasks the environment failed; failed.jsonl names them"


UNUSED = "prices without a cost of their name, which count nothing: {names}"
"""Prices of the family that had no effect."""


class RunNotes:
    """Looks at rounds and tests, and notes what is odd: each thing once.

    Args:
        recorder: where notes are written.
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        # Rollouts since this process began, and those of them without an episode.
        self._rollouts = np.zeros(2, np.int64)
        self._cut = False

    def round(self, outcomes: Outcomes) -> None:
        """Note that rollouts are too short, when most of many are."""
        # Only rollouts can end without an episode; and after enough of them the question is settled.
        if "episodes" not in outcomes.signals or self._rollouts[0] >= MANY_ROLLOUTS:
            return
        self._rollouts += len(outcomes), int((outcomes.signals["episodes"] == 0).sum())
        count, without = self._rollouts.tolist()
        # A majority of rollouts without an end leaves the teacher with few rows to learn from.
        if count >= MANY_ROLLOUTS and 2 * without > count:
            self._recorder.note(UNFINISHED.format(share=without / count))

    def test(self, outcomes: Outcomes) -> None:
        """Note that test episodes did not end by themselves."""
        lengths = outcomes.signals.get("length", np.zeros(0))
        # A note for every test would only repeat itself.
        if not self._cut and (cut := int((lengths >= MOST_STEPS).sum())):
            self._cut = True
            self._recorder.note(LONG_TESTS.format(count=cut, steps=MOST_STEPS))

    def end(self, student: Student, ledger: Ledger, plan: Plan, steering: Steering) -> None:
        """Note what a finished run has come to."""
        if student.spent().get("updates") == 0:
            self._recorder.note(NOT_TRAINED)
        if ledger.episodes == 0:
            self._recorder.note(NO_EPISODES)
        # Students that repeat tasks count them; all others have none.
        repeated = student.metrics().get("repeated_tasks", 0.0)
        if ledger.episodes and repeated > MANY_REPEATED * ledger.episodes:
            self._recorder.note(REPEATED.format(share=min(1.0, repeated / ledger.episodes)))
        if ledger.spent > MUCH_OVERSPENT * plan.budget:
            more = ledger.spent / plan.budget - 1
            self._recorder.note(OVERSPENT.format(spent=ledger.spent, more=more, budget=plan.budget))
        if (little := steering.note()) is not None:
            self._recorder.note(little)
        if unused := ledger.unused_prices():
            self._recorder.note(UNUSED.format(names=", ".join(unused)))
        if ledger.failed:
            self._recorder.note(FAILED.format(count=ledger.failed))
