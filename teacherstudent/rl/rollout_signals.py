"""Value signals of whole episodes, from rollout buffers that cut episodes at their ends."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from teacherstudent.types import FloatArray, State

SIGNALS = ("value_l1", "positive_value_loss", "td_error")
"""Means over an episode's steps of ``|A|``, ``max(A, 0)`` and ``|delta|``: A the generalised advantage,
delta the one-step temporal-difference error (Jiang et al. 2021, Prioritized Level Replay, table 1)."""


class RolloutSignals:
    """Sums each slot's value errors from round to round and gives an episode's means when it ends.

    Args:
        slots: number of environment slots.
        discount: gamma x lambda of the advantage estimator.
    """

    def __init__(self, slots: int, discount: float) -> None:
        self._discount = discount
        self._sums = np.zeros((len(SIGNALS) + 1, slots))  # the last row counts steps

    def update(
        self, advantages: npt.ArrayLike, episode_starts: npt.ArrayLike, dones: npt.ArrayLike
    ) -> dict[str, FloatArray]:
        """Take in one rollout and return the signals of the episodes that ended in it.

        Args:
            advantages: ``(steps, slots)``.
            episode_starts: ``(steps, slots)``, 1 where a step is the first of its episode.
            dones: ``(slots,)``, whether the last step ended the episode.

        Returns:
            ``(n,)`` for each signal, in order of time, then of slot.
        """
        advantages = np.asarray(advantages, np.float64)
        starts = np.asarray(episode_starts) > 0.5
        ends = np.concatenate([starts[1:], np.asarray(dones, np.bool_)[None]])
        following = np.concatenate([advantages[1:], np.zeros((1, advantages.shape[1]))])
        delta = advantages - self._discount * ~ends * following
        terms = np.stack([np.abs(advantages), np.maximum(advantages, 0), np.abs(delta), np.ones_like(delta)])
        total = np.cumsum(terms, axis=1)
        times, slots = np.nonzero(ends)
        until_end = total[:, times, slots]
        order = np.lexsort((times, slots))
        same_slot = np.zeros(len(order), np.bool_)
        same_slot[1:] = slots[order][1:] == slots[order][:-1]
        sums = np.empty_like(until_end)
        previous = np.roll(until_end[:, order], 1, axis=1)
        carried = self._sums[:, slots[order]]
        sums[:, order] = until_end[:, order] + np.where(same_slot, -previous, carried)
        self._sums += total[:, -1]
        last = np.zeros_like(self._sums)
        last[:, slots[order]] = until_end[:, order]  # the last of equal slots stays
        ended = ends.any(axis=0)
        self._sums[:, ended] = total[:, -1][:, ended] - last[:, ended]
        return {name: sums[i] / sums[-1] for i, name in enumerate(SIGNALS)}

    def reset(self) -> None:
        """Forget the episodes under way."""
        self._sums[:] = 0.0

    def state_dict(self) -> State:
        """Return the sums."""
        return {"sums": self._sums.copy()}

    def load_state_dict(self, state: State) -> None:
        """Continue from `state_dict`."""
        self._sums[:] = state["sums"]
