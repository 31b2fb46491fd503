"""Choosing examples: passes in random order, draws without replacement, joint selection in chunks."""

from __future__ import annotations

import numpy as np

from teacherstudent.contract.checks import check_names
from teacherstudent.contract.stored.saved import saved_array
from teacherstudent.contract.types import FloatArray, IntArray, State


class Passes:
    """Hands out the numbers 0 to n - 1 in random order, each once before any comes again.

    Args:
        n: at least 1.
    """

    def __init__(self, n: int) -> None:
        self._n = n
        self._rest: IntArray = np.zeros(0, np.int64)

    def take(self, rng: np.random.Generator, count: int) -> IntArray:
        """Return the next ``(count,)`` numbers; a new pass begins where one ends."""
        if count > len(self._rest):
            # -(-a // b) rounds up: as many passes as are missing.
            self._append(rng, -(-(count - len(self._rest)) // self._n))
        taken = self._rest[:count]
        self._rest = self._rest[count:]
        return taken

    def take_others(self, rng: np.random.Generator, count: int, avoid: IntArray) -> IntArray:
        """Return the next ``(count,)`` numbers that differ from each other and from those to avoid.

        Numbers that are passed over come next time. Where there are fewer others than ``count``, those to
        avoid come too, and where there are fewer numbers, they repeat.

        Args:
            rng: the caller's generator.
            count: at least 0.
            avoid: numbers from 0 to n - 1.
        """
        # Others first, then the avoided numbers, then repetitions: each asks for what is still missing.
        others = self._others(rng, count, avoid)
        avoided = self._others(rng, count - len(others), others)
        again = self.take(rng, count - len(others) - len(avoided))
        return np.concatenate([others, avoided, again])

    def _others(self, rng: np.random.Generator, count: int, avoid: IntArray) -> IntArray:
        """Return the next different numbers that are not in ``avoid``, as many of ``count`` as there are."""
        count = min(count, self._n - len(np.unique(avoid)))
        # nearly always the next ones are others; looking at all that is left would cost as much as there is
        for window in (2 * (count + len(avoid)), None, None):
            free = self._rest[:window]
            # The first place of each number, in the order in which the numbers come.
            first = np.sort(np.unique(free, return_index=True)[1])
            rows = first[~np.isin(free[first], avoid)][:count]
            if len(rows) == count:
                break
            # Even the whole rest holds too few others, so another pass has to come.
            if window is None:
                self._append(rng, 1)
        taken = self._rest[rows]
        if np.array_equal(rows, np.arange(count)):
            # The taken numbers are the next ones: a view will do, and nothing is copied.
            self._rest = self._rest[count:]
        else:
            self._rest = np.delete(self._rest, rows)
        return taken

    def _append(self, rng: np.random.Generator, passes: int) -> None:
        more = rng.permuted(np.tile(np.arange(self._n), (passes, 1)), axis=1)
        self._rest = np.concatenate([self._rest, more.ravel()])

    def state(self) -> State:
        """Return the rest of the pass; a copy."""
        return {"rest": self._rest.copy()}

    def load(self, state: State) -> None:
        """Continue from `state`; raise ValueError if it is damaged."""
        check_names("passes", ("rest",), state)
        self._rest = saved_array("passes: rest", state["rest"], np.int64, (None,), low=0, high=self._n - 1)


def draw_without_replacement(rng: np.random.Generator, log_weights: FloatArray, count: int) -> IntArray:
    """Return ``count`` different indices, drawn one after the other in proportion to ``exp(log_weights)``.

    The highest ``count`` of log-weight + Gumbel noise: the same distribution as sequential draws without
    replacement, in the same order (Kool et al. 2019, https://arxiv.org/abs/1903.06059), without a loop.

    Args:
        rng: the caller's generator.
        log_weights: ``(n,)``; -inf is never drawn.
        count: at least 0.

    Raises:
        ValueError: if fewer than ``count`` weights are above 0.
    """
    there = int((log_weights > -np.inf).sum())
    if not 0 <= count <= there:
        raise ValueError(f"draw: expected a count from 0 to the {there} weights above 0, got {count}")
    keys = log_weights + rng.gumbel(size=len(log_weights))
    # A partial sort finds the highest keys, and only these are put in order. `argpartition` takes no place of
    # -1, which a count of 0 would give.
    top = np.argpartition(-keys, max(count - 1, 0))[:count]
    return np.asarray(top[np.argsort(-keys[top])])


def joint_selection(
    rng: np.random.Generator, scores: FloatArray, count: int, *, chunks: int = 16
) -> IntArray:
    """Return ``count`` different indices that JEST selects from a super-batch.

    Evans et al. 2024, "Data curation via joint example selection further accelerates multimodal learning",
    https://arxiv.org/abs/2406.17711, algorithm 1: the first chunk is uniform; each further one is drawn
    without replacement in proportion to ``exp(S_ii + sum(S_ki + S_ik, k chosen))``.

    Args:
        rng: the caller's generator.
        scores: ``(n,)`` of single examples, or ``(n, n)`` of pairs with the examples' own on the diagonal.
        count: from 1 to n.
        chunks: in how many draws, as equal as can be; at most ``count`` of them are made.

    Raises:
        ValueError: if the scores are neither, not finite, or ``count`` or ``chunks`` is out of range.
    """
    n = len(scores)
    pairs = scores.ndim == 2
    if scores.shape not in ((n,), (n, n)) or not np.isfinite(scores).all():
        raise ValueError(f"joint selection: expected finite scores (n,) or (n, n), got {scores.shape}")
    if not 1 <= count <= n or chunks < 1:
        raise ValueError(f"joint selection: expected 1 to {n} in chunks, got {count} in {chunks}")
    logits = (np.diagonal(scores) if pairs else scores).astype(np.float64)
    free = np.ones(n, np.bool_)
    chosen = []
    for c, part in enumerate(np.array_split(np.arange(count), min(chunks, count))):
        # Algorithm 1 draws its first chunk uniformly: nothing is chosen yet that could be complemented.
        weights = np.zeros(n) if c == 0 else logits
        drawn = draw_without_replacement(rng, np.where(free, weights, -np.inf), len(part))
        free[drawn] = False
        chosen.append(drawn)
        if pairs:
            # What the chunk adds to every example: S_ki + S_ik for the chosen k.
            logits = logits + scores[drawn].sum(axis=0) + scores[:, drawn].sum(axis=1)
    return np.concatenate(chosen)
