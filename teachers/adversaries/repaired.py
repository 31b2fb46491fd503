"""REPAIRED: PAIRED with replay, a level buffer for each of the two students."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np

from teacherstudent.contract.checks import check_names
from teacherstudent.contract.purposes import Purpose
from teacherstudent.contract.registry import TEACHERS
from teacherstudent.contract.stored.saved import saved_array
from teacherstudent.contract.types import Assignment, BoolArray, IntArray, Outcomes, Seed, State, Wait
from teacherstudent.teachers.adversaries.ppo import AdversaryOptions
from teacherstudent.teachers.adversaries.regret import ANTAGONIST, PROTAGONIST
from teacherstudent.teachers.adversaries.teacher import PairTeacher
from teacherstudent.teachers.replay.buffer.levels import LevelBuffer
from teacherstudent.teachers.replay.buffer.offers import offer, scored
from teacherstudent.teachers.replay.buffer.picture import picture
from teacherstudent.teachers.replay.buffer.rows import NEW, REPLAY, Pending, Rows
from teacherstudent.teachers.replay.buffer.scores import CUT, ScoreName, score_of
from teacherstudent.teachers.replay.cycle import Cycle, given_options
from teacherstudent.teachers.replay.edits import count
from teacherstudent.teachers.replay.fitting import caution, chosen

_BUFFER = {"temperature": 0.1, "staleness": 0.3, "capacity": 4000}


@TEACHERS.register("repaired")
class REPAIRED(PairTeacher):
    """Measures an adversary's levels, keeps them for protagonist and antagonist apart, trains on replays.

    Jiang, Dennis, Parker-Holder, Foerster, Grefenstette and Rocktäschel 2021, "Replay-guided adversarial
    environment design", https://arxiv.org/abs/2110.02439, algorithm 3 (replay-enhanced PAIRED).

    The student has two members, as of `PAIRED`: of an odd number of rows the protagonist's are one more.
    Every ask is one cycle, by one decision for both, that of the protagonist's buffer. A replay draws each
    half from its member's own buffer and is trained on. Otherwise the adversary of `PAIRED` builds levels
    for both halves, which are only measured: each member's scores offer them to its buffer, and their
    regret is the adversary's reward. A row without a completed episode counts with its return so far in the
    regret; whether it is scored for the buffers depends on ``semantics``, as of `PLR`.

    The defaults are those of the paper's mazes: replay 0.95, highest return less value, rank with temperature
    0.1, staleness 0.3, 4 000 levels. On CarRacing: replay 0.5, proportional with temperature 1, staleness
    0.7, 8 000 levels, and of the adversary an entropy of 0.01, 8 epochs, 4 minibatches, normalised rewards.

    Deviations: the adversary learns in cycles that generate only; the authors' code updates it in replay
    cycles too, from an older rollout. Rows that nobody asked for are ignored, as it is unknown whose they
    are. Networks and noise as of `PAIRED`.

    Attributes:
        buffers: the levels kept for protagonist and antagonist.

    Args:
        space: a box, or levels with a method ``builder``.
        seed: an integer of at least 0 or a ``SeedSequence``.
        score: as of `PLR`; each member's own, so that replays of different levels by the two count too.
        replay: probability of a replay.
        min_fill: share of the protagonist's buffer that must be in use before.
        buffer: options of both `LevelBuffer`; ``capacity`` and ``temperature`` as of `PLR`.
        estimator, adversary, builder, device: as of `PAIRED`.

    Raises:
        TypeError: if nothing can be built in the space, there is no such option, or the seed is no integer.
        ValueError: if an option is out of range, or the space is empty or unbounded.
    """

    def __init__(
        self,
        space: gym.Space[Any],
        *,
        seed: Seed,
        score: ScoreName = "max_mc",
        replay: float = 0.95,
        min_fill: float = 0.5,
        buffer: Mapping[str, Any] | None = None,
        estimator: str = "paired",
        adversary: AdversaryOptions | Mapping[str, Any] | None = None,
        builder: Mapping[str, Any] | None = None,
        device: str = "cpu",
    ) -> None:
        super().__init__(
            space, seed=seed, estimator=estimator, adversary=adversary, builder=builder, device=device
        )
        self._score = score_of(score)
        self.needs = self._score.needs | {"max_return"}
        # Levels that the adversary has just built are only measured.
        self.measures = self.needs
        self.reads = frozenset({CUT})
        self._cycle = Cycle(replay=replay, min_fill=min_fill, train_new=False)
        # What the user gives wins over the paper's numbers.
        self._given, self._paper = given_options(buffer, _BUFFER)
        self.buffers = self._fresh({})
        # Rows of a member in the latest ask.
        self._slots = 0
        self._pending = tuple(Pending() for _ in range(2))
        # Rows handed out: new ones, and replayed ones.
        self._asked = np.zeros(2, np.int64)

    def _fresh(self, chosen: Mapping[str, Any]) -> tuple[LevelBuffer, LevelBuffer]:
        """Return empty buffers of protagonist and antagonist."""
        options = self._paper | self._given | dict(chosen)
        return LevelBuffer(self.space, **options), LevelBuffer(self.space, **options)

    def fit_to(self, rows: int, slots: int) -> dict[str, Any]:
        """Choose capacity and temperature of both buffers, each for half of the rows (`LevelTeacher`)."""
        found = chosen(
            self._given,
            rows=max(1, rows // 2),
            slots=max(1, slots // 2),
            min_fill=self._cycle.min_fill,
            paper=_BUFFER["temperature"],
            most=count(self.space),
        )
        self.buffers = self._fresh(found)
        return found

    def _ask(self, ids: IntArray, progress: float) -> Assignment:
        rows = self._halves(ids)
        self._slots = len(rows[0])
        # The protagonist's buffer decides, but the antagonist needs something to replay as well.
        probability = 0.0
        if len(self.buffers[1]):
            probability = self._cycle.probability(self.buffers[0])
        if probability > 0 and self.rng.random() < probability:
            halves = [
                self._replayed(buffer, len(own)) for buffer, own in zip(self.buffers, rows, strict=True)
            ]
        else:
            # The adversary builds for both halves at once; its tasks are cut where the second half begins.
            tasks = np.split(super()._ask(ids, progress).tasks, [len(rows[0])])
            halves = [
                Rows(tasks=half, kind=NEW, purpose=Purpose.MEASURE, numbers=buffer.meet(len(half)))
                for buffer, half in zip(self.buffers, tasks, strict=True)
            ]
        self._asked[halves[0].kind] += len(ids)
        parts = [
            pending.hand_out(self.space, own, [half])
            for pending, own, half in zip(self._pending, rows, halves, strict=True)
        ]
        member = np.repeat([PROTAGONIST, ANTAGONIST], [len(own) for own in rows])
        # Each member plays with its own weights.
        return dataclasses.replace(Assignment.concatenate(parts), member=member, origin=member)

    def _replayed(self, buffer: LevelBuffer, n: int) -> Rows:
        slots = buffer.sample(self.rng, n)
        return Rows(tasks=buffer.levels[slots], kind=REPLAY, purpose=Purpose.TRAIN)

    def _tell(self, outcomes: Outcomes) -> None:
        mean, best = self._returns(outcomes)
        both = tuple(zip(self.buffers, self._pending, strict=True))
        # Rows that nobody asked for are in neither part, as it is unknown whose they are.
        parts = [outcomes.select(pending.holds(outcomes.ids)) for pending in self._pending]
        # all rows are read, and refused if they must be, before anything changes
        read = [scored(buffer, self._score, own) for buffer, own in zip(self.buffers, parts, strict=True)]
        for (buffer, pending), rows in zip(both, read, strict=True):
            offer(buffer, rows, pending.look(rows.outcomes.ids))
            pending.close(rows.outcomes.ids)
        # Replayed rows form no pairs, so they bring the adversary nothing.
        self._reward(outcomes.ids, mean, best)

    def _drop(self, ids: IntArray) -> None:
        for pending in self._pending:
            pending.close(ids)
        super()._drop(ids)

    def first_action(self) -> Wait | None:
        """Return what replay waits for: half of the rows fill the protagonist's buffer."""
        return self._cycle.wait(self.buffers[0], rows=2)

    def decisions(self) -> int:
        """Return how many rows were replayed, and how often the adversary has learnt."""
        return int(self._asked[REPLAY]) + self._adversary.updates

    def steered(self, assignment: Assignment) -> BoolArray:
        """Return ``(n,)`` which rows are replayed, or built by an adversary that has learnt."""
        learnt = self._adversary.updates > 0
        return np.asarray((assignment.notes["kind"] == REPLAY) | learnt)

    def caution(self) -> str | None:
        """Return what to say of replays that are of fewer levels than a member has slots; None if not."""
        if self.first_action() is not None or self._cycle.probability(self.buffers[0]) == 0:
            return None
        return caution("REPAIRED", self.buffers[0], self._slots)

    def metrics(self) -> dict[str, float]:
        """Return the share of replays, what the buffers hold, and the adversary's numbers as of `PAIRED`."""
        found = {"replay_share": float(self._asked[REPLAY] / max(1, self._asked.sum()))}
        for who, buffer in zip(("protagonist", "antagonist"), self.buffers, strict=True):
            found |= {
                f"{who}_fill": buffer.fill,
                f"{who}_score": float(buffer.scores.mean()) if len(buffer) else 0.0,
                f"{who}_effective_size": buffer.effective_size(),
            }
        return found | super().metrics()

    def snapshot(self) -> dict[str, Any]:
        """Return a picture of the protagonist's buffer (`buffer.picture`)."""
        return picture(self.buffers[0])

    def _state(self) -> State:
        return {
            "buffers": [buffer.state_dict() for buffer in self.buffers],
            "pending": [pending.state() for pending in self._pending],
            **super()._state(),
            "asked": self._asked.copy(),
        }

    def _load(self, state: State) -> None:
        check_names("repaired: state", ("buffers", "pending", "adversary", "regret", "asked"), state)
        for buffer, kept in zip(self.buffers, state["buffers"], strict=True):
            buffer.load_state_dict(kept)
        for pending, kept in zip(self._pending, state["pending"], strict=True):
            pending.load(kept)
        super()._load({name: state[name] for name in ("adversary", "regret")})
        self._asked = saved_array("repaired: asked", state["asked"], np.int64, (2,), low=0)
