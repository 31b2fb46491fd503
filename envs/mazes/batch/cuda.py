"""A batch of mazes on a GPU: one thread for each maze, from the kernels that step them on the CPU too."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from teacherstudent.envs.mazes.batch.kernels import (
    PIXELS,
    POSE,
    SHARES,
    Limits,
    Mazes,
    View,
    act,
    lay,
    limit_of,
    see,
    side_of,
    stand,
)
from teacherstudent.envs.mazes.batch.slots import NO_LIMITS, action_space, observation_space
from teacherstudent.envs.mazes.codes import is_valid
from teacherstudent.envs.mazes.space import MazeLevels
from teacherstudent.simulation.cuda import cuda, shared
from teacherstudent.simulation.kernels import Results
from teacherstudent.slots.cuda import CudaSlots, Kernels, compile_kernels

_NAN = np.float32(np.nan)
_ONE = np.float32(1)


class _Asked(NamedTuple):
    """Which episodes a start asks for.

    Attributes:
        mask: ``(n,)`` bool: in which slots.
        levels: ``(n, rows, columns)`` uint8.
    """

    mask: Any
    levels: Any


def _step(actions: Any, number: Any, mazes: Mazes, done: Any, view: View, results: Results) -> None:
    """Step every maze; one that has finished stays as it is, and its reward is not a number."""
    e = cuda.grid(1)
    # Blocks are whole: the last one may have more threads than there are mazes.
    if e >= len(done):
        return
    if done[e]:
        results.rewards[e] = _NAN
        results.terminated[e] = False
        results.truncated[e] = False
        return
    reward, over, cut = act(mazes.grids[e], mazes.poses[e], actions[e], mazes.side)
    # A kernel cannot raise: an action that is not one of the ``number`` shows in the reward.
    results.rewards[e] = reward if 0 <= actions[e] < number else _NAN
    results.terminated[e] = over
    results.truncated[e] = cut
    done[e] = over or cut
    see(mazes, view, e)


def _start(asked: _Asked, limits: Limits, mazes: Mazes, done: Any, tasks: Any, view: View) -> None:
    """Start an episode in the mazes of the mask; of a level that is not valid nothing is a number."""
    e = cuda.grid(1)
    if e >= len(done) or not asked.mask[e]:
        return
    level = asked.levels[e]
    # The level is kept in the state: after a restore the grid is laid from it.
    for row in range(level.shape[0]):
        for column in range(level.shape[1]):
            tasks[e, row, column] = level[row, column]
    done[e] = not is_valid(level)
    if done[e]:
        # A kernel cannot raise: a level that is not valid shows in the observation.
        for i in range(view.images.shape[1]):
            view.images[e, i] = _NAN
        return
    lay(level, mazes.grids[e])
    stand(level, limit_of(level, limits), mazes.poses[e])
    see(mazes, view, e)


def _lay(grids: Any, tasks: Any) -> None:
    """Write every level to its grid."""
    e = cuda.grid(1)
    if e < len(grids):
        lay(tasks[e], grids[e])


@functools.cache
def _kernels() -> Kernels:
    """Return the kernels; they are compiled when they are first launched."""
    return compile_kernels(Kernels(_step, _start, _lay), "maze", {})


class CudaMazes(CudaSlots):
    """``n`` mazes on a GPU, as `teacherstudent.slots.tensor_envs.TensorEnvs`; nothing waits for the device.

    Equal to `teacherstudent.envs.mazes.batch.slots.MazeSlots` with flat observations, from the same source;
    rewards are rounded to float32. Seeds are taken and not used, as nothing in a maze is random.

    What cannot be checked without waiting shows as not a number: the observation of a level that is not
    valid, the reward of an action that does not exist, or of a step of a slot that has no episode in flight.

    Implements `teacherstudent.contract.family.Snapshot`; states are exact.

    Args:
        n: number of slots.
        device: a CUDA device.
        space: the mazes.
        actions: 7, or 3 without those that pass.
        limits: caps on steps; `teacherstudent.envs.mazes.batch.slots.limits_of` makes them.

    Raises:
        ValueError: if a number is out of range, or the device is of another type.
    """

    what = "maze"

    def __init__(
        self,
        n: int,
        *,
        device: torch.device,
        space: MazeLevels,
        actions: int = 7,
        limits: Limits = NO_LIMITS,
    ) -> None:
        super().__init__(
            n, device=device, observations=observation_space("flat"), actions=action_space(actions)
        )
        self.task_space = space
        self._kernels = _kernels()
        # What a saved state holds; grids are left out, since the levels give them.
        self._now = {
            "task": self._zeros(torch.uint8, n, *(space.shape or ())),
            "pose": self._zeros(torch.int32, n, POSE),
            "observation": self._zeros(torch.float32, n, PIXELS + 4),
            "done": ~self._zeros(torch.bool),
        }
        # Calls copy their arguments into these arrays, so that kernels are always launched on the same ones.
        self._given = {
            "mask": self._zeros(torch.bool),
            "task": torch.zeros_like(self._now["task"]),
            "actions": self._zeros(torch.int64),
        }
        self._arguments = self._share(actions, limits)

    def start(self, mask: Tensor, tasks: Tensor, seeds: Tensor) -> Tensor:
        """Start an episode in every slot of the mask; see `TensorEnvs.start`.

        Raises:
            ValueError: if a tensor is of another shape or on another device.
            TypeError: if the mask is not boolean, levels are not uint8, or seeds are not integers.
        """
        if mask.dtype != torch.bool or tasks.dtype != torch.uint8 or seeds.is_floating_point():
            raise TypeError(
                "start: expected a boolean mask, uint8 levels and whole seeds, got "
                f"{mask.dtype}, {tasks.dtype}, {seeds.dtype}"
            )
        self._check("seed", seeds, self._given["mask"].shape)
        self._put("mask", mask)
        self._put("task", tasks)
        return self._started()

    def step(self, actions: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Step every slot; see `TensorEnvs.step`.

        Raises:
            ValueError: if actions are of another shape or on another device.
            TypeError: if they are not integers.
        """
        if actions.is_floating_point() or actions.dtype == torch.bool:
            raise TypeError(f"actions: expected whole numbers, got {actions.dtype}")
        return super().step(actions)

    def _share(self, actions: int, limits: Limits) -> dict[str, tuple[Any, ...]]:
        """Return the kernels' arguments."""
        side = side_of(self._now["task"].shape[1])
        grids = shared(self._zeros(torch.uint8, self.num_envs, side**2))
        now, given, results = self._shared()
        # an array without elements has no address: a key that no level has
        keys = np.append(limits.keys, np.iinfo(np.int64).max)
        # The cap of all other levels belongs to the key that no level has.
        steps = np.append(limits.steps, limits.other)
        looks, keys, steps = (
            shared(torch.from_numpy(part).to(self.device)) for part in (SHARES, keys, steps)
        )
        mazes = Mazes(grids, now["pose"], side)
        caps = Limits(keys, steps, int(limits.other))
        seen = now["observation"]
        # Observations are flat: the image is their start, the heading their end.
        view = View(looks, seen, seen, PIXELS, _ONE)
        asked = _Asked(given["mask"], given["task"])
        return {
            "step": (given["actions"], actions, mazes, now["done"], view, results),
            "start": (asked, caps, mazes, now["done"], now["task"], view),
            "lay": (grids, now["task"]),
        }
