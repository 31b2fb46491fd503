"""JEST: from a large batch that is only measured, train on what is learnable and not yet learnt."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

import gymnasium as gym
import numpy as np

from teacherstudent.contract.checks import check_names, check_numbers, check_whole, is_number, is_one_of
from teacherstudent.contract.purposes import Purpose
from teacherstudent.contract.registry import TEACHERS
from teacherstudent.contract.spaces import Discrete
from teacherstudent.contract.stored.saved import saved_array, saved_number
from teacherstudent.contract.teacher import Teacher
from teacherstudent.contract.types import Array, Assignment, FloatArray, IntArray, Outcomes, Seed, State
from teacherstudent.recording.disk.arrays import read_npy
from teacherstudent.teachers.examples.choosing import Passes, joint_selection

Score = Literal["learnability", "easy-reference", "hard"]
Select = Literal["softmax", "top"]
REFERENCE = "reference_loss"


@TEACHERS.register("jest")
class JEST(Teacher[Discrete]):
    """Measures a super-batch and trains on the part with the highest learnability (JEST, RHO-loss).

    Evans et al. 2024, "Data curation via joint example selection further accelerates multimodal learning",
    https://arxiv.org/abs/2406.17711, algorithm 1. A super-batch of ``n / (1 - filter)`` examples is handed
    out with ``learn`` False; when its losses are told, n of them are handed out for training. The score of an
    example is its learnability, the learner's loss less that of a reference model.

    A classifier's loss is a sum over examples, so the matrix of scores is diagonal and an example is chosen
    for itself: that is reducible holdout loss (RHO-loss, Mindermann et al. 2022,
    https://arxiv.org/abs/2206.07137), which takes the n highest scores: ``select="top"``. JEST draws in
    chunks, the first uniformly, the others in proportion to the exponential of the score. For matrices of
    scores see `teacherstudent.teachers.examples.choosing.joint_selection`.

    A super-batch holds an example once, also where a pass over the data ends within it; so a trained batch
    holds as many different examples as it has rows. Where the data are too few for a super-batch of its size,
    it ends when the next rows could only be repeats, but with two batches at the least, or all examples.

    Deviations from the paper: scores are divided by ``temperature``; a round of the student may be a part of
    a super-batch, and its last rows may make it larger than its size.

    Args:
        space: the examples.
        seed: an integer of at least 0 or a ``SeedSequence``.
        reference: losses of a reference model on all examples, ``(n,)``, or the path of an npy file with
            them (`teacherstudent.reference.reference_losses` makes them). None: the student reports
            them as the signal ``reference_loss``. Not used for ``"hard"``.
        score: ``"learnability"``; ``"easy-reference"``, minus the reference's loss; ``"hard"``, the
            learner's loss.
        select: ``"softmax"`` as in JEST or ``"top"`` as in RHO-loss.
        filter: share of the super-batch that is not trained on, in [0, 1).
        chunks: draws of a batch, for ``"softmax"``.
        temperature: above 0.

    Raises:
        TypeError: if the space is not discrete, or the seed is no integer.
        ValueError: if an option is out of range, or the reference is of another length or not finite.
        FileNotFoundError: if its file is not there.
    """

    accepts: ClassVar[tuple[type[gym.Space[Any]], ...]] = (Discrete,)
    needs: frozenset[str] = frozenset({"loss"})

    def __init__(
        self,
        space: Discrete,
        *,
        seed: Seed,
        reference: str | Path | Sequence[float] | Array | None = None,
        score: Score = "learnability",
        select: Select = "softmax",
        filter: float = 0.8,
        chunks: int = 16,
        temperature: float = 1.0,
    ) -> None:
        super().__init__(space, seed=seed)
        for what, value, known in (("score", score, get_args(Score)), ("select", select, get_args(Select))):
            if not is_one_of(value, known):
                raise ValueError(f"jest: {what}: expected one of {known}, got {value!r}")
        if not (is_number(filter) and 0 <= filter < 1):
            raise ValueError(f"jest: filter: expected a share in [0, 1), got {filter!r}")
        check_whole("jest: chunks", chunks)
        if not (is_number(temperature) and 0 < temperature < np.inf):
            raise ValueError(f"jest: temperature: expected a number above 0, got {temperature!r}")
        n = int(space.n)
        # Every score is sign * loss - reference. A reference of 0 leaves the learner's loss ("hard"), a sign
        # of 0 the reference's ("easy-reference").
        self._reference = np.zeros(n) if score == "hard" else _read(reference, n)
        if self._reference is None:
            self.needs = frozenset({"loss", REFERENCE})
        # A super-batch is measured before a part of it is trained on.
        self.measures = self.needs
        self._sign = 0.0 if score == "easy-reference" else 1.0
        self._select: Select = select
        self._keep = 1 - filter
        self._chunks = chunks
        self._temperature = temperature
        self._passes = Passes(n)
        # Ids that are being measured, and their examples.
        self._waiting: IntArray = np.zeros((2, 0), np.int64)
        # Measured examples, each once, and their scores.
        self._pool = np.zeros((2, 0))
        # Mean score of the last selection less that of its super-batch.
        self._gain = 0.0

    def _ask(self, ids: IntArray, progress: float) -> Assignment:
        n = len(ids)
        if self._complete(n):
            chosen = self._choose(n)
            return Assignment(ids=ids, tasks=chosen + self.space.start)
        # A super-batch holds an example once, so those measured or under way are avoided.
        known = np.concatenate([self._pool[0].astype(np.int64), self._waiting[1]])
        examples = self._passes.take_others(self.rng, n, known)
        self._waiting = np.concatenate([self._waiting, [ids, examples]], axis=1)
        measured = np.full(n, Purpose.MEASURE, np.uint8)
        return Assignment(ids=ids, tasks=examples + self.space.start, purpose=measured)

    def _complete(self, n: int) -> bool:
        """Return whether ``n`` examples are to be chosen from what is measured."""
        measured = self._pool.shape[1]
        total = int(self.space.n)
        # The small number covers the rounding of 1 - filter.
        if measured * self._keep >= n - 1e-9 or measured == total:
            return True
        # Few examples are left: further rows could only be repeats,
        # and two batches are enough to choose from.
        others = total - measured - self._waiting.shape[1]
        return others < n and measured >= 2 * n

    def _choose(self, n: int) -> IntArray:
        """Return ``n`` examples of the super-batch, which ends; more than there are come again."""
        examples = self._pool[0].astype(np.int64)
        scores = self._pool[1]
        # More than there are: whole copies of the super-batch, then a choice of the rest.
        if n > len(examples):
            whole = np.tile(examples, n // len(examples))
            left = n - len(whole)
            if not left:
                return self._emptied(whole)
            return np.concatenate([whole, self._choose(left)])
        if self._select == "top":
            rows: IntArray = np.argsort(-scores, kind="stable")[:n]
        else:
            rows = joint_selection(self.rng, scores / self._temperature, n, chunks=self._chunks)
        self._gain = float(scores[rows].mean() - scores.mean())
        return self._emptied(examples[rows])

    def _emptied(self, chosen: IntArray) -> IntArray:
        self._pool = np.zeros((2, 0))
        return np.asarray(chosen)

    def _tell(self, outcomes: Outcomes) -> None:
        examples = outcomes.tasks - self.space.start
        losses = np.asarray(outcomes.signals["loss"], np.float64)
        known = outcomes.signals[REFERENCE] if self._reference is None else self._reference[examples]
        # Only rows that were measured belong into the pool; trained rows come back here too.
        measured = np.isin(outcomes.ids, self._waiting[0])
        examples = examples[measured]
        scores = (self._sign * losses - known)[measured]
        pool = np.concatenate([self._pool, [examples, scores]], axis=1)
        # unique finds first places: of the reversed rows they are each example's last score
        last = pool.shape[1] - 1 - np.unique(pool[0, ::-1], return_index=True)[1]
        # Sorted, so the pool keeps the order in which its examples were measured.
        self._pool = pool[:, np.sort(last)]
        self._drop(outcomes.ids)

    def _drop(self, ids: IntArray) -> None:
        self._waiting = self._waiting[:, ~np.isin(self._waiting[0], ids)]

    def metrics(self) -> dict[str, float]:
        """Return by how much the mean score of the last selection was above its super-batch's."""
        return {"score_gain": self._gain}

    def _state(self) -> State:
        return {
            "passes": self._passes.state(),
            "waiting": self._waiting.copy(),
            "pool": self._pool.copy(),
            "gain": self._gain,
        }

    def _load(self, state: State) -> None:
        check_names("jest: state", ("passes", "waiting", "pool", "gain"), state)
        self._passes.load(state["passes"])
        self._waiting = saved_array("jest: waiting", state["waiting"], np.int64, (2, None), low=0)
        pool = saved_array("jest: pool", state["pool"], np.float64, (2, None))
        examples = np.concatenate([pool[0], self._waiting[1]])
        if (examples % 1 != 0).any() or (examples < 0).any() or (examples >= self.space.n).any():
            raise ValueError(f"jest: pool: expected examples from 0 to {self.space.n - 1}, got {examples}")
        self._pool, self._gain = pool, saved_number("jest: gain", state["gain"])


def _read(reference: str | Path | Sequence[float] | Array | None, n: int) -> FloatArray | None:
    """Return a copy of the reference's losses ``(n,)``, None if there are none."""
    if reference is None:
        return None
    if isinstance(reference, str | Path):
        if not Path(reference).is_file():
            raise FileNotFoundError(f"jest: reference: expected a file of {n} losses, got {str(reference)!r}")
        reference = read_npy(reference)
    found = check_numbers("jest: reference", f"finite losses of shape ({n},)", reference)
    if found.shape != (n,):
        raise ValueError(f"jest: reference: expected finite losses of shape ({n},), got {found.shape}")
    return found
