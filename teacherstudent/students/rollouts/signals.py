"""Value signals of whole episodes, from rollout buffers that cut episodes at their ends."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import numpy.typing as npt

from teacherstudent.contract.demand import Signal
from teacherstudent.contract.types import FloatArray, State

SIGNALS = ("value_l1", "positive_value_loss", "td_error")
"""Means over an episode's steps of ``|A|``, ``max(A, 0)`` and ``|delta|``: A the generalised advantage,
delta the one-step temporal-difference error (Jiang et al. 2021, Prioritized Level Replay, table 1)."""


EPISODE_VALUES = {name: Signal(unit="return", free=False, measured=False) for name in SIGNALS}
"""How a student offers them of episodes: where a teacher or a plan asks for them. Rows that are only measured
are played outside of a rollout, where nothing estimates advantages, and do not carry them."""


def chosen(names: Collection[str]) -> tuple[str, ...]:
    """Return which of `SIGNALS` are among the names, in their order."""
    return tuple(name for name in SIGNALS if name in names)


class RolloutSignals:
    """Sums each slot's value errors from round to round and gives an episode's means when it ends.

    Args:
        slots: number of environment slots.
        discount: gamma x lambda of the advantage estimator.
        names: which of `SIGNALS`.
    """

    def __init__(self, slots: int, discount: float, names: Collection[str] = SIGNALS) -> None:
        self._discount = discount
        self._names = chosen(names)
        self._sums = np.zeros((len(self._names) + 1, slots))  # the last row counts steps

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
        # A step ends an episode if the next step starts one; the last row is told by ``dones``.
        ends = np.concatenate([starts[1:], np.asarray(dones, np.bool_)[None]])
        following = np.concatenate([advantages[1:], np.zeros((1, advantages.shape[1]))])
        # Functions, so that only the signals that were chosen are computed.
        known = {
            "value_l1": lambda: np.abs(advantages),
            "positive_value_loss": lambda: np.maximum(advantages, 0),
            # A_t = delta_t + discount A_(t+1) within an episode, solved for delta.
            "td_error": lambda: np.abs(advantages - self._discount * ~ends * following),
        }
        terms = [known[name]() for name in self._names]
        # Sum over time: an episode's sum is the total at its end less the total at its slot's end before.
        total = np.cumsum(np.stack([*terms, np.ones_like(advantages)]), axis=1)
        times, slots = np.nonzero(ends)
        until_end = total[:, times, slots]
        # Sort the ends by slot, then by time: the entry before an episode is its predecessor.
        order = np.lexsort((times, slots))
        same_slot = np.zeros(len(order), np.bool_)
        same_slot[1:] = slots[order][1:] == slots[order][:-1]
        sums = np.empty_like(until_end)
        # A slot's first episode has no predecessor here: it adds what was carried in.
        previous = np.roll(until_end[:, order], 1, axis=1)
        carried = self._sums[:, slots[order]]
        sums[:, order] = until_end[:, order] + np.where(same_slot, -previous, carried)
        # A slot without an end carries everything on; the others only what came after their last end.
        self._sums += total[:, -1]
        last = np.zeros_like(self._sums)
        # The last of equal slots stays.
        last[:, slots[order]] = until_end[:, order]
        ended = ends.any(axis=0)
        self._sums[:, ended] = total[:, -1][:, ended] - last[:, ended]
        return {name: sums[i] / sums[-1] for i, name in enumerate(self._names)}

    def reset(self) -> None:
        """Forget the episodes under way."""
        self._sums[:] = 0.0

    def state_dict(self) -> State:
        """Return the sums."""
        return {"sums": self._sums.copy()}

    def load_state_dict(self, state: State) -> None:
        """Continue from `state_dict`."""
        self._sums[:] = state["sums"]
