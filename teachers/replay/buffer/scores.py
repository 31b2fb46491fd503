"""Scores of levels by name: what a student's signals say about how much there is to learn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from teacherstudent.contract.checks import is_one_of
from teacherstudent.contract.types import Array, BoolArray, FloatArray, Outcomes
from teacherstudent.teachers.signals import share, signal

ScoreName: TypeAlias = Literal["value_l1", "positive_value_loss", "max_mc", "td_error", "learnability"]

EPISODES = "episodes"
"""The signal that says how many episodes a rollout completed."""

CUT = "cut"
"""The signal that says of a rollout that completed no episode whether it is judged by the part of one that it
holds, whose return is bootstrapped."""

SHARES = frozenset({"success"})
"""Signals that are shares of episodes."""


@dataclass(frozen=True)
class Score:
    """A score of levels.

    Attributes:
        signals: what it is made of, beside `EPISODES`.
        compute: from the signals and the highest return ever on each level ``(n,)``; see `buffer.offers`.
        grounded: it means nothing before an episode is complete.
    """

    signals: frozenset[str]
    compute: Callable[[Mapping[str, Array], FloatArray], Array]
    grounded: bool = False

    @property
    def needs(self) -> frozenset[str]:
        """The signals that a student must provide."""
        return self.signals | {EPISODES}


def _signal(name: str) -> Score:
    return Score(frozenset({name}), lambda signals, best: signals[name])


SCORES: dict[str, Score] = {
    "value_l1": _signal("value_l1"),
    "positive_value_loss": _signal("positive_value_loss"),
    "td_error": _signal("td_error"),
    "learnability": Score(
        frozenset({"success"}), lambda signals, best: signals["success"] * (1.0 - signals["success"])
    ),
    "max_mc": Score(
        frozenset({"max_return", "mean_value"}), lambda signals, best: best - signals["mean_value"], True
    ),
}
"""``value_l1``: mean absolute advantage (PLR). ``positive_value_loss``: mean positive part of the advantage
(ACCEL). ``td_error``: mean absolute one-step error. ``max_mc``: highest return ever on the level less the
mean value (REPAIRED). ``learnability``: p (1 - p) with p the share of successes (SFL).

Each is of one row alone. The signal ``regret`` is none of them: it compares two students on one level, and is
0 where their rows hold different ones, as they do under every teacher that replays."""


def score_of(name: str) -> Score:
    """Return the score of a name.

    Raises:
        ValueError: if there is none; if it is the regret of a pair of students.
    """
    # A likely mistake deserves a message that explains it.
    if isinstance(name, str) and name == "regret":
        raise ValueError(
            f"level score: expected one of {sorted(SCORES)}, which a student has alone, got 'regret', which "
            "is 0 unless protagonist and antagonist play the same levels: only the teachers 'paired' and "
            "'repaired' see to that, and give it to their adversary"
        )
    if not is_one_of(name, SCORES):
        raise ValueError(f"level score: expected one of {sorted(SCORES)}, got {name!r}")
    return SCORES[name]


def judged(outcomes: Outcomes) -> BoolArray:
    """Return ``(n,)`` which rows completed an episode, or are scored by the part of one (`CUT`).

    Raises:
        ValueError: if a signal is not one number a row.
    """
    complete: BoolArray = signal(outcomes, EPISODES) > 0
    if CUT not in outcomes.signals:
        return complete
    return complete | (signal(outcomes, CUT) > 0)


def evaluate(score: Score, outcomes: Outcomes, best: FloatArray) -> FloatArray:
    """Return ``(n,)`` the scores of rows; those of rows that a grounded score cannot judge may be infinite.

    Raises:
        ValueError: if a signal is not one number a row, or a share of successes not in [0, 1].
    """
    signals = {name: (share if name in SHARES else signal)(outcomes, name) for name in score.signals}
    # A score may be infinite here: whoever takes it looks whether it is finite.
    with np.errstate(over="ignore"):
        return np.asarray(score.compute(signals, best), np.float64)
