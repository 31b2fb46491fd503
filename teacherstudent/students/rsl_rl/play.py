"""Playing a given list of tasks once each in tensor environments, for tests and for measuring."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from teacherstudent.contract.types import UNASKED, Array, IntArray, Outcomes
from teacherstudent.slots.failures import Fault, tolerate
from teacherstudent.slots.requests import MOST_STEPS
from teacherstudent.slots.tensor_envs import HostTensorEnvs, TellsSuccess, TensorEnvs
from teacherstudent.students.rollouts.play import CUT_WORDS, EpisodeError
from teacherstudent.students.rsl_rl.episode_log import Episodes

_LOOK_EVERY = 16
"""Steps on a GPU between two looks at whether all episodes have ended: a look waits for the device."""


def play_tensors(
    envs: TensorEnvs,
    act: Callable[[Tensor, Tensor], Tensor],
    tasks: Array,
    seeds: IntArray,
    *,
    mastered: float | None,
    failed: dict[int, Fault] | None = None,
    most_steps: int = MOST_STEPS,
) -> Outcomes:
    """Play each task once and return its outcome, in the order given.

    The counterpart of `teacherstudent.students.rollouts.play.play`. Slots that run out of tasks wait
    where they can be left out, else they play the first one again, unseen, until the last slot has finished.

    Args:
        envs: the slots.
        act: gives actions for observations ``(slots, d)``; its second argument, ``(slots,)`` bool, says which
            are the first of an episode.
        tasks: ``(n, *space.shape)``, n at least 1.
        seeds: ``(n,)`` int64: one environment seed for each task.
        mastered: the return above which an episode is a success, unless the environment says so itself.
        failed: as `teacherstudent.students.rollouts.play.play` takes it; only environments on the host tell
            of failures.
        most_steps: an episode that is longer is cut there, with a warning.

    Raises:
        EpisodeError: if a reward is not finite.
        TaskError: if an environment fails, and ``failed`` is None.
    """
    if isinstance(envs, HostTensorEnvs):
        tolerate(envs.envs, failed is not None)
    looks = 1 if envs.device.type == "cpu" else _LOOK_EVERY
    episodes = _TensorEpisodes(envs, tasks, seeds, {} if failed is None else failed, most_steps)
    first = torch.ones(envs.num_envs, dtype=torch.bool, device=envs.device)
    obs = episodes.start(first)
    # No other end is needed: every episode ends by itself or is cut.
    for step in range(1, 2**62):
        # Look before the step as well: all tasks may have failed to start.
        if step % looks == 0 and episodes.over():
            break
        obs, rewards, terminated, truncated = envs.step(act(obs, first))
        first = episodes.step(rewards, terminated | truncated)
        # Look again before slots restart, which may cost a whole reset.
        if step % looks == 0 and episodes.over():
            break
        obs = episodes.start(first)
    return episodes.outcomes(mastered)


class _TensorEpisodes:
    """What is played in which slot, and what has come of it; nothing waits for the device but `over`."""

    def __init__(
        self, envs: TensorEnvs, tasks: Array, seeds: IntArray, failed: dict[int, Fault], most_steps: int
    ) -> None:
        n = len(tasks)
        slots = envs.num_envs
        device = envs.device
        # The row n is for what nobody sees.
        rows = np.append(np.arange(n), 0)
        self._envs = envs
        self._tasks = tasks
        self._lost = failed
        self._most = most_steps
        self._n = n
        self._host = envs if isinstance(envs, HostTensorEnvs) else None
        # On a GPU slots go on between two looks, though all may be over: none can be left behind.
        self._narrows = self._host is not None and self._host.narrows and device.type == "cpu"
        self._teller = envs if isinstance(envs, TellsSuccess) else None
        self._table = torch.from_numpy(tasks[rows]).to(device)
        self._numbers = torch.from_numpy(seeds[rows]).to(device)
        self._sums = torch.zeros(2, n + 1, dtype=torch.float64, device=device)
        self._told = torch.full((n + 1,), -1, dtype=torch.int8, device=device)
        self._slot_of = torch.zeros(n + 1, dtype=torch.int64, device=device)
        self._slots = torch.arange(slots, device=device)
        self._one = torch.ones(slots, dtype=torch.float64, device=device)
        # Slots beyond the last task play row n, which nobody sees.
        self._playing = self._slots.clamp(max=n)
        self._following = torch.full((), min(slots, n), device=device)
        self._left = torch.full((), n, device=device)

    def over(self) -> bool:
        """Return whether all tasks are finished."""
        return not self._left.item()

    def start(self, mask: Tensor) -> Tensor:
        """Start what the slots of the mask are to play; where it fails to start, the task after."""
        while True:
            unseen = self._playing == self._n
            if self._narrows:
                mask = mask & ~unseen
            obs = self._envs.start(mask, self._table[self._playing], self._numbers[self._playing])
            if self._narrows and self._host is not None:
                self._host.leave(unseen)
            # Only environments on the host tell of failures.
            if self._host is None or self._host.failed is None:
                return obs
            mask = torch.zeros_like(mask)
            mask[torch.from_numpy(self._host.failed.slots)] = True
            mask = self._give_up(mask)
            self._next(mask)
            if not mask.any() or self.over():
                return obs

    def step(self, rewards: Tensor, done: Tensor) -> Tensor:
        """Count a step in, and return which slots are to start their next task."""
        playing = self._playing
        self._sums.index_add_(1, playing, torch.stack([rewards.double(), self._one]))
        self._slot_of[playing] = self._slots
        # Row n sums up unseen steps: it is never cut, as nobody waits for it.
        done = self._give_up(done) | ((self._sums[1][playing] >= self._most) & (playing < self._n))
        if self._teller is not None:
            # Slots that go on write into row n, so that no index depends on what the device found.
            self._told[torch.where(done, playing, self._n)] = self._teller.success
        self._next(done)
        return done

    def _next(self, done: Tensor) -> None:
        """Let the slots that are done play the following tasks; what nobody sees after the last one."""
        # Only tasks that are seen count down; the fillers of row n do not.
        self._left = self._left - (done & (self._playing < self._n)).sum()
        # Number the slots that are done from 1 on: each takes the row of its number, and past the last row n.
        place = torch.cumsum(done, 0)
        self._playing = torch.where(done, (self._following + place - 1).clamp(max=self._n), self._playing)
        self._following = self._following + place[-1]

    def _give_up(self, done: Tensor) -> Tensor:
        """Note what failed in the last call; unseen slots that failed stay parked and are not done."""
        if self._host is None or self._host.failed is None:
            return done
        # Failures are rare, so the host may wait for the device here.
        rows = self._playing.cpu()
        done = done.clone()
        for slot, fault in self._host.failed.faults():
            if rows[slot] < self._n:
                self._lost[int(rows[slot])] = fault
            else:
                # A parked slot with nothing to play would ask for its next task for ever.
                done[slot] = False
        return done

    def outcomes(self, mastered: float | None) -> Outcomes:
        """Return all tasks' outcomes; those that failed have NaN for score.

        Raises:
            EpisodeError: if a reward was not finite.
        """
        # Row n, which nobody sees, is left out.
        sums = self._sums[:, : self._n]
        if (sums[1] >= self._most).any():
            warnings.warn(CUT_WORDS.format(steps=self._most), stacklevel=3)
        # A reward that is not finite stays in its sum, so that one look at the end finds it.
        bad = torch.nonzero(~sums[0].isfinite())
        if len(bad):
            i = int(bad[0])
            raise EpisodeError(
                f"slot {int(self._slot_of[i])}, task {self._tasks[i].tolist()}: expected finite rewards, "
                f"got {float(sums[0, i])}"
            )
        # Only after the check above: these are NaN on purpose.
        sums[0, list(self._lost)] = torch.nan
        return _outcomes(self._tasks, sums, self._told[: self._n], mastered)


def _outcomes(tasks: Array, sums: Tensor, told: Tensor, mastered: float | None) -> Outcomes:
    returns, lengths = sums.cpu().numpy()
    found = Episodes(
        rows=np.arange(len(tasks)),
        returns=returns,
        lengths=lengths.astype(np.int64),
        told=told.cpu().numpy().astype(np.int64),
        signals={},
    )
    signals: dict[str, Array] = {"length": found.lengths}
    if mastered is not None:
        signals["success"] = found.succeeded(mastered)
    ids = np.full(len(tasks), UNASKED)
    return Outcomes(ids=ids, tasks=tasks, score=returns, cost=lengths, signals=signals)
