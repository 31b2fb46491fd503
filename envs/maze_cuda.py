"""A batch of mazes on a GPU: one thread for each maze, from the kernels that step them on the CPU too."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
import torch
from torch import Tensor

from teacherstudent.envs.maze_codes import is_valid
from teacherstudent.envs.maze_kernels import PIXELS, POSE, SHARES, act, lay, limit_of, see, side_of, stand
from teacherstudent.envs.maze_levels import MazeLevels
from teacherstudent.envs.maze_slots import NO_LIMITS, Limits, action_space, observation_space
from teacherstudent.rl.task_slots import check_slots
from teacherstudent.simulation.cuda import CudaCompiler, Launcher, check_device, cuda, shared
from teacherstudent.types import State, check_names

_NAN, _ONE = np.float32(np.nan), np.float32(1)


def _step(
    number: Any, side: Any, looks: Any, grids: Any, poses: Any, done: Any, actions: Any, observations: Any,
    rewards: Any, terminated: Any, truncated: Any,
) -> None:  # fmt: skip
    """Step every maze; one that has finished stays as it is, and its reward is not a number."""
    e = cuda.grid(1)
    if e >= len(done):
        return
    if done[e]:
        rewards[e], terminated[e], truncated[e] = _NAN, False, False
        return
    reward, over, cut = act(grids[e], poses[e], actions[e], side)
    rewards[e] = reward if 0 <= actions[e] < number else _NAN
    terminated[e], truncated[e], done[e] = over, cut, over or cut
    see(grids[e], poses[e], side, looks, observations[e], observations[e], PIXELS, _ONE)


def _start(
    side: Any, looks: Any, keys: Any, limits: Any, limit: Any, grids: Any, poses: Any, done: Any, mask: Any,
    given: Any, tasks: Any, observations: Any,
) -> None:  # fmt: skip
    """Start an episode in the mazes of the mask; of a level that is not valid nothing is a number."""
    e = cuda.grid(1)
    if e >= len(done) or not mask[e]:
        return
    level = given[e]
    for row in range(level.shape[0]):
        for column in range(level.shape[1]):
            tasks[e, row, column] = level[row, column]
    done[e] = not is_valid(level)
    if done[e]:
        for i in range(observations.shape[1]):
            observations[e, i] = _NAN
        return
    lay(level, grids[e])
    stand(level, limit_of(level, keys, limits, limit), poses[e])
    see(grids[e], poses[e], side, looks, observations[e], observations[e], PIXELS, _ONE)


def _lay(grids: Any, tasks: Any) -> None:
    """Write every level to its grid."""
    e = cuda.grid(1)
    if e < len(grids):
        lay(tasks[e], grids[e])


class _Kernels(NamedTuple):
    step: Any
    start: Any
    lay: Any


@functools.cache
def _kernels() -> _Kernels:
    """Return the kernels; they are compiled when they are first launched."""
    compiler = CudaCompiler()
    return _Kernels(
        *(compiler.kernel(source, f"{source.__name__}_maze", {}) for source in (_step, _start, _lay))
    )


class CudaMazes:
    """``n`` mazes on a GPU, as `teacherstudent.rl.tensor_envs.TensorEnvs`; nothing waits for the device.

    Equal to `teacherstudent.envs.maze_slots.MazeSlots` with flat observations, from the same source; rewards
    are rounded to float32. Seeds are taken and not used, as nothing in a maze is random.

    What cannot be checked without waiting shows as not a number: the observation of a level that is not
    valid, the reward of an action that does not exist, or of a step of a slot that has no episode in flight.

    Implements `teacherstudent.family.Snapshot`; states are exact.

    Args:
        n: number of slots.
        device: a CUDA device.
        space: the mazes.
        actions: 7, or 3 without those that pass.
        limits: caps on steps; `teacherstudent.envs.maze_slots.limits_of` makes them.

    Raises:
        ValueError: if a number is out of range, or the device is of another type.
    """

    def __init__(
        self,
        n: int,
        *,
        device: torch.device,
        space: MazeLevels,
        actions: int = 7,
        limits: Limits = NO_LIMITS,
    ) -> None:
        check_slots(n, 1)
        self.num_envs = n
        self.device = check_device(device)
        self.task_space = space
        self.single_observation_space: gym.Space[Any] = observation_space("flat")
        self.single_action_space: gym.Space[Any] = action_space(actions)
        self._launch = Launcher(n, self.device)
        self._now = {
            "task": self._zeros(torch.uint8, n, *(space.shape or ())),
            "pose": self._zeros(torch.int32, n, POSE),
            "observation": self._zeros(torch.float32, n, PIXELS + 4),
            "done": ~self._zeros(torch.bool, n),
        }
        self._given = {
            "mask": self._zeros(torch.bool, n),
            "task": torch.zeros_like(self._now["task"]),
            "action": self._zeros(torch.int64, n),
        }
        self._results = (
            self._zeros(torch.float32, n), self._zeros(torch.bool, n), self._zeros(torch.bool, n)
        )  # fmt: skip
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
        for name, values in (("mask", mask), ("task", tasks)):
            self._check(name, values, self._given[name].shape)
            self._given[name].copy_(values)
        self._launch(_kernels().start, *self._arguments["start"])
        return self._now["observation"]

    def step(self, actions: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Step every slot; see `TensorEnvs.step`.

        Raises:
            ValueError: if actions are of another shape or on another device.
            TypeError: if they are not integers.
        """
        self._check("actions", actions, self._given["action"].shape)
        if actions.is_floating_point() or actions.dtype == torch.bool:
            raise TypeError(f"actions: expected whole numbers, got {actions.dtype}")
        self._given["action"].copy_(actions)
        self._launch(_kernels().step, *self._arguments["step"])
        return self._now["observation"], *self._results

    def close(self) -> None:
        """Nothing to free: the tensors go with the object."""

    def get_state(self) -> State:
        """Return the whole state as plain data; a copy."""
        return {name: values.cpu().numpy().copy() for name, values in self._now.items()}

    def set_state(self, state: State) -> None:
        """Continue exactly from `get_state` of an environment made with the same arguments.

        Raises:
            ValueError: if the state is incomplete or of other slots.
        """
        check_names("maze state", list(self._now), state)
        for name, own in self._now.items():
            if np.shape(state[name]) != tuple(own.shape):
                raise ValueError(
                    f"state: {name}: expected shape {tuple(own.shape)}, got {np.shape(state[name])}"
                )
        for name, own in self._now.items():
            own.copy_(torch.from_numpy(np.array(state[name])))
        self._launch(_kernels().lay, *self._arguments["lay"])

    def _check(self, name: str, values: Tensor, shape: torch.Size) -> None:
        if values.shape != shape or values.device != self.device:
            raise ValueError(
                f"{name}: expected shape {tuple(shape)} on {self.device}, got {tuple(values.shape)} on "
                f"{values.device}"
            )

    def _zeros(self, dtype: torch.dtype, *shape: int) -> Tensor:
        return torch.zeros(*shape, dtype=dtype, device=self.device)

    def _share(self, actions: int, limits: Limits) -> dict[str, tuple[Any, ...]]:
        """Return the kernels' arguments: all arrays are made once, and shared with torch."""
        side = side_of(self._now["task"].shape[1])
        grids = shared(self._zeros(torch.uint8, self.num_envs, side**2))
        now = {name: shared(values) for name, values in self._now.items()}
        given = {name: shared(values) for name, values in self._given.items()}
        # an array without elements has no address: a key that no level has
        keys, steps = np.append(limits.keys, np.iinfo(np.int64).max), np.append(limits.steps, limits.other)
        looks, keys, steps = (
            shared(torch.from_numpy(part).to(self.device)) for part in (SHARES, keys, steps)
        )
        slots = grids, now["pose"], now["done"]
        caps = keys, steps, int(limits.other)
        results = now["observation"], *map(shared, self._results)
        return {
            "step": (actions, side, looks, *slots, given["action"], *results),
            "start": (side, looks, *caps, *slots, given["mask"], given["task"], now["task"], results[0]),
            "lay": (grids, now["task"]),
        }
