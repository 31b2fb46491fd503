"""What happened in a rollout, step by step on the device, and the episodes that ended in it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import torch
from torch import Tensor

from teacherstudent.contract.types import BoolArray, FloatArray, IntArray, State
from teacherstudent.students.rollouts.scores import value_terms
from teacherstudent.students.rollouts.signals import SIGNALS, chosen


@dataclass(frozen=True, slots=True, kw_only=True)
class Episodes:
    """Finished episodes on the host, in order of time, then of slot.

    Attributes:
        rows: ``(k,)``: the task table's row that was played.
        returns: ``(k,)``: undiscounted.
        lengths: ``(k,)`` steps.
        told: ``(k,)`` int64: the environment's word on success: 1, 0, or -1 for none.
        signals: ``(k,)`` for each of `SIGNALS` that is computed.
    """

    rows: IntArray
    returns: FloatArray
    lengths: IntArray
    told: IntArray
    signals: dict[str, FloatArray]

    def succeeded(self, mastered: float) -> BoolArray:
        """Return which episodes succeeded: the environment's word where there is one, else by return."""
        reached = self.returns > mastered
        # The environment's own word wins wherever there is one.
        reached[self.told >= 0] = self.told[self.told >= 0] > 0
        return reached


class EpisodeLog:
    """Collects ``(steps, slots)`` tables on the device and sums them episode by episode.

    Sums of episodes that a rollout cuts are carried to the next one. The value signals are those of
    `teacherstudent.students.rollouts.signals.RolloutSignals`, in float64 as there.

    Attributes:
        rewards: ``(steps, slots)`` float64.
        done: ``(steps, slots)`` bool: the step ended an episode.
        cut: ``(steps, slots)`` bool: it ended by the time limit alone.
        rows: ``(steps, slots)`` int64: the task table's row played.
        told: ``(steps, slots)`` int8: see `Episodes`.
        lost: ``(steps, slots)`` bool: the step ended an episode whose environment failed, and which does not
            count; False everywhere after `close`.

    Args:
        steps: steps of a rollout.
        slots: number of environment slots.
        discount: gamma x lambda of the advantage estimator.
        device: where the tables are.
        signals: which of `SIGNALS` are computed.
    """

    def __init__(
        self,
        steps: int,
        slots: int,
        *,
        discount: float,
        device: torch.device,
        signals: Collection[str] = SIGNALS,
    ) -> None:
        self._discount = discount
        self.rewards = torch.zeros(steps, slots, dtype=torch.float64, device=device)
        self.done = torch.zeros(steps, slots, dtype=torch.bool, device=device)
        self.cut = torch.zeros_like(self.done)
        self.lost = torch.zeros_like(self.done)
        self.rows = torch.zeros(steps, slots, dtype=torch.int64, device=device)
        self.told = torch.full((steps, slots), -1, dtype=torch.int8, device=device)
        self.choose(signals)

    def choose(self, signals: Collection[str]) -> None:
        """Compute these of `SIGNALS` from now on, and forget the episodes under way."""
        self._signals = chosen(signals)
        slots = self.rewards.shape[1]
        # Row 0 counts steps, row 1 sums rewards; the value signals follow.
        self._sums = self.rewards.new_zeros(2 + len(self._signals), slots)

    def record(self, t: int, rewards: Tensor, terminated: Tensor, truncated: Tensor, rows: Tensor) -> Tensor:
        """Write down one step and return which slots finished, ``(slots,)`` bool."""
        self.rewards[t] = rewards
        torch.logical_or(terminated, truncated, out=self.done[t])
        # On booleans `>` means: truncated and not terminated.
        torch.gt(truncated, terminated, out=self.cut[t])
        self.rows[t] = rows
        return self.done[t]

    def close(self, advantages: Tensor) -> Episodes:
        """Return the episodes that ended in the rollout; one wait for the device, one copy to the host.

        Args:
            advantages: ``(steps, slots)``, not normalised.
        """
        # Differences of long running totals would lose too many digits in float32.
        advantages = advantages.double()
        done = self.done
        known = value_terms(advantages, done, self._discount)
        # Steps, rewards, and the value signals.
        terms = [torch.ones_like(advantages), self.rewards]
        terms += [known[name]() for name in self._signals]
        # Sum over time: an episode's sum is the total at its end less the total at the end before it.
        total = torch.stack(terms).cumsum(1)
        before, last = self._last_ends(total)
        # Lost episodes are not reported, but they still separate the episodes around them.
        times, slots = torch.nonzero(done & ~self.lost, as_tuple=True)
        self.lost.zero_()
        sums = total[:, times, slots] - before[:, times, slots]
        # What came after a slot's last end is carried to the next rollout.
        self._sums = total[:, -1] - last
        # Join everything first, so that the host waits for the device only once.
        found = torch.cat([sums, self.rows[times, slots][None], self.told[times, slots][None]]).cpu().numpy()
        lengths = found[0].copy()
        return Episodes(
            rows=found[-2].astype("int64"),
            returns=found[1].copy(),
            lengths=lengths.astype("int64"),
            told=found[-1].astype("int64"),
            signals={name: found[2 + i] / lengths for i, name in enumerate(self._signals)},
        )

    def _last_ends(self, total: Tensor) -> tuple[Tensor, Tensor]:
        """Return the running totals at the last end before each step, and before the next rollout's first.

        Before a slot's first end that is minus what was carried in. Shapes ``(sums, steps, slots)`` and
        ``(sums, slots)``.
        """
        steps, slots = self.done.shape
        # Number the steps from 1, so that 0 can stand for no end so far; `cummax` then holds the latest end.
        numbers = torch.arange(1, steps + 1, device=total.device)[:, None]
        ends = torch.where(self.done, numbers, 0).cummax(0).values
        # Shift by one step: the step that ends an episode still belongs to it.
        ends = torch.cat([torch.zeros_like(ends[:1]), ends])
        # Column 0 is minus the sums carried in, so that subtracting it adds them.
        padded = torch.cat([-self._sums[:, None], total], dim=1)
        at = padded.gather(1, ends.expand(len(padded), steps + 1, slots))
        return at[:, :-1], at[:, -1]

    def reset(self) -> None:
        """Forget the episodes under way."""
        self._sums.zero_()

    def state_dict(self) -> State:
        """Return the sums carried."""
        return {"sums": self._sums.cpu().numpy().copy()}

    def load_state_dict(self, state: State) -> None:
        """Continue from `state_dict`."""
        self._sums.copy_(torch.from_numpy(state["sums"]))
