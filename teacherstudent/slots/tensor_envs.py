"""Environments whose observations, rewards and tasks are tensors on one device."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import gymnasium as gym
import numpy as np
import torch
from torch import Tensor

from teacherstudent.contract.family import RLFamily, Snapshot
from teacherstudent.contract.student import Compiles
from teacherstudent.contract.types import State
from teacherstudent.networks.pixels import flat, parts_of
from teacherstudent.slots.failures import Failed, failed_slots
from teacherstudent.slots.narrowing import LiveSlots


class TensorEnvs(Protocol):
    """Environment slots that exchange tensors; autoreset is disabled.

    Everything is on `device` and stays valid until the next call of `start` or `step`: who keeps it, copies.
    Where the state can be saved, an implementation also has the methods of
    `teacherstudent.contract.family.Snapshot`.

    Attributes:
        num_envs: number of slots n.
        device: where all tensors are.
        single_observation_space: of one slot; observations come flattened.
        single_action_space: of one slot.
    """

    num_envs: int
    device: torch.device
    single_observation_space: gym.Space[Any]
    single_action_space: gym.Space[Any]

    def start(self, mask: Tensor, tasks: Tensor, seeds: Tensor) -> Tensor:
        """Start an episode in every slot of the mask, which may be empty; other slots go on as they are.

        Args:
            mask: ``(n,)`` bool.
            tasks: ``(n, *task shape)``; rows outside the mask are ignored.
            seeds: ``(n,)`` int64 from 0 to 2**31 - 1; likewise.

        Returns:
            The observations of all slots, ``(n, d)`` float32.
        """

    def step(self, actions: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Step every slot; a slot that has finished must be started before the next step.

        Args:
            actions: ``(n, *action shape)``.

        Returns:
            Observations ``(n, d)`` float32, of finished slots the last of their episode; rewards ``(n,)``
            floating; terminated and truncated, ``(n,)`` bool.
        """

    def close(self) -> None:
        """Free the environments."""


@runtime_checkable
class TellsSuccess(Protocol):
    """Tensor environments that say themselves whether an episode succeeded.

    Attributes:
        success: ``(n,)`` int8 after each step: 1 yes, 0 no, -1 not said (the return decides).
    """

    success: Tensor


@runtime_checkable
class TensorFamily(Protocol):
    """A family that makes environments on a device."""

    def make_tensors(self, n: int, device: torch.device) -> TensorEnvs | None:
        """Return ``n`` slots on the device; None if these environments run on the host alone."""


def make_tensor_envs(family: RLFamily, n: int, device: torch.device, *, processes: int = 1) -> TensorEnvs:
    """Return ``n`` slots of the family as tensors.

    On a GPU they are the family's own `TensorFamily.make_tensors` if it has them, else, and always on the
    CPU, its vector environment behind `HostTensorEnvs`.
    """
    if device.type != "cpu" and isinstance(family, TensorFamily):
        # A family may have kernels for some of its environments only.
        there = family.make_tensors(n, device)
        if there is not None:
            return there
    envs = family.make_vec(n, processes=processes)
    kind = _SavableHostTensorEnvs if isinstance(envs, Snapshot) else HostTensorEnvs
    return kind(envs, device)


class HostTensorEnvs:
    """A gymnasium vector environment on the host as tensors.

    On the CPU nothing is copied where the environment gives float32; with a GPU every call waits for it and
    copies once each way. Observations are flattened to ``(n, d)`` and float32; dictionaries in the order of
    `teacherstudent.networks.pixels.parts_of`.

    Attributes:
        envs: the vector environment.
        failed: the slots whose environment failed in the last call, where the vector environment tolerates it
            (`teacherstudent.slots.failures.Tolerant`); None if none did.

    Args:
        envs: as `RLFamily.make_vec` gives it.
        device: where the tensors go.

    Raises:
        TypeError: if observations are neither arrays of numbers nor dictionaries of them.
    """

    def __init__(self, envs: gym.vector.VectorEnv[Any, Any, Any], device: torch.device) -> None:
        self._parts = parts_of(envs.single_observation_space)
        self.envs = envs
        self._live = LiveSlots(envs)
        self.failed: Failed | None = None
        self.num_envs = envs.num_envs
        self.device = device
        self.single_observation_space: gym.Space[Any] = envs.single_observation_space
        self.single_action_space: gym.Space[Any] = envs.single_action_space
        # -1 says that the environment has said nothing and the return decides.
        self.success = torch.full((self.num_envs,), -1, dtype=torch.int8, device=device)
        self._obs = torch.zeros(self.num_envs, sum(part.size for part in self._parts)).to(device)

    def start(self, mask: Tensor, tasks: Tensor, seeds: Tensor) -> Tensor:
        """Start the tasks of the mask's slots; see `TensorEnvs.start`."""
        chosen = mask.cpu().numpy()
        self.failed = None
        # An empty mask is legal here, but gymnasium's reset wants one slot at least.
        if chosen.any():
            # A seed of -1 leaves a slot's generator as it is.
            numbers = np.where(chosen, seeds.cpu().numpy(), -1)
            options = {"reset_mask": chosen, "task": tasks.cpu().numpy()}
            obs, info = self._live.reset(seed=numbers, options=options)
            self.failed = failed_slots(info)
            self._obs = self._observations(obs)
        return self._obs

    def step(self, actions: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Step every slot; see `TensorEnvs.step`."""
        obs, rewards, terminated, truncated, info = self._live.step(actions.cpu().numpy())
        self._obs = self._observations(obs)
        self.failed = failed_slots(info)
        if "is_success" in info:
            value = np.asarray(info["is_success"]).astype(np.int8)
            # Without the mask every slot has reported.
            told = np.asarray(info.get("_is_success", np.ones(self.num_envs)), np.bool_)
            self.success = self._tensor(np.where(told, value, np.int8(-1)))
        else:
            # Nothing was said in this step: forget what the last one said.
            self.success.fill_(-1)
        return self._obs, self._tensor(rewards), self._tensor(terminated), self._tensor(truncated)

    @property
    def narrows(self) -> bool:
        """Whether `leave` saves anything."""
        return self._live.narrows

    def leave(self, slots: Tensor) -> None:
        """Leave slots ``(n,)`` behind until the next start: they are stepped no more, and show no end."""
        self._live.leave(slots.cpu().numpy())

    def compile(self) -> None:
        """Let the vector environment compile, if it does."""
        if isinstance(self.envs, Compiles):
            self.envs.compile()

    def close(self) -> None:
        """Close the vector environment."""
        self.envs.close()

    def _observations(self, obs: Any) -> Tensor:
        return self._tensor(flat(self._parts, obs, self.num_envs))

    def _tensor(self, values: Any) -> Tensor:
        array = np.asarray(values)
        # Torch cannot share arrays that are read-only.
        if not array.flags.writeable:
            array = array.copy()
        return torch.from_numpy(array).to(self.device)


class _SavableHostTensorEnvs(HostTensorEnvs):
    """`HostTensorEnvs` of a vector environment with snapshots."""

    def get_state(self) -> State:
        """Return the vector environment's state."""
        assert isinstance(self.envs, Snapshot)
        return self.envs.get_state()

    def set_state(self, state: State) -> None:
        """Continue from `get_state`."""
        assert isinstance(self.envs, Snapshot)
        self.envs.set_state(state)
