"""Playing a given list of tasks once each in tensor environments, for tests and for measuring."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from teacherstudent.rl.episode_log import Episodes
from teacherstudent.rl.play import EpisodeError
from teacherstudent.rl.tensor_envs import TellsSuccess, TensorEnvs
from teacherstudent.types import UNASKED, Array, IntArray, Outcomes

_LOOK_EVERY = 16
"""Steps on a GPU between two looks at whether all episodes have ended: a look waits for the device."""


def play_tensors(
    envs: TensorEnvs,
    act: Callable[[Tensor, Tensor], Tensor],
    tasks: Array,
    seeds: IntArray,
    *,
    mastered: float | None,
) -> Outcomes:
    """Play each task once and return its outcome, in the order given.

    The counterpart of `teacherstudent.rl.play.play`. Slots that run out of tasks play the first one again,
    unseen, until the last slot has finished.

    Args:
        envs: the slots.
        act: gives actions for observations ``(slots, d)``; its second argument, ``(slots,)`` bool, says which
            are the first of an episode.
        tasks: ``(n, *space.shape)``, n at least 1.
        seeds: ``(n,)`` int64: one environment seed for each task.
        mastered: the return above which an episode is a success, unless the environment says so itself.

    Raises:
        EpisodeError: if a reward is not finite.
    """
    n, slots, device = len(tasks), envs.num_envs, envs.device
    rows = np.append(np.arange(n), 0)  # the row n is for what nobody sees
    table, numbers = torch.from_numpy(tasks[rows]).to(device), torch.from_numpy(seeds[rows]).to(device)
    sums = torch.zeros(2, n + 1, dtype=torch.float64, device=device)
    told = torch.full((n + 1,), -1, dtype=torch.int8, device=device)
    slot_of = torch.zeros(n + 1, dtype=torch.int64, device=device)
    all_slots = torch.arange(slots, device=device)
    playing = all_slots.clamp(max=n)
    following = torch.full((), min(slots, n), device=device)
    left, looks = torch.full((), n, device=device), 1 if device.type == "cpu" else _LOOK_EVERY
    one = torch.ones(slots, dtype=torch.float64, device=device)
    teller = envs if isinstance(envs, TellsSuccess) else None
    done = torch.ones(slots, dtype=torch.bool, device=device)
    obs = envs.start(done, table[playing], numbers[playing])
    for step in range(1, 2**62):
        obs, rewards, terminated, truncated = envs.step(act(obs, done))
        done = terminated | truncated
        sums.index_add_(1, playing, torch.stack([rewards.double(), one]))
        slot_of[playing] = all_slots
        if teller is not None:
            told[torch.where(done, playing, n)] = teller.success
        place = torch.cumsum(done, 0)
        left = left - (done & (playing < n)).sum()
        playing = torch.where(done, (following + place - 1).clamp(max=n), playing)
        following = following + place[-1]
        if step % looks == 0 and not left.item():
            break
        obs = envs.start(done, table[playing], numbers[playing])
    bad = torch.nonzero(~sums[0, :n].isfinite())
    if len(bad):
        i = int(bad[0])
        raise EpisodeError(
            f"slot {int(slot_of[i])}, task {tasks[i].tolist()}: expected finite rewards, "
            f"got {float(sums[0, i])}"
        )
    return _outcomes(tasks, sums[:, :n], told[:n], mastered)


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
