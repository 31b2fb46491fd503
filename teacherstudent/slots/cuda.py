"""Environment slots on a GPU: what those of all families share around their kernels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple

import gymnasium as gym
import numpy as np
import torch
from torch import Tensor

from teacherstudent.contract.checks import check_names
from teacherstudent.contract.types import State
from teacherstudent.simulation.cuda import CudaCompiler, Launcher, check_device, shared
from teacherstudent.simulation.kernels import Results
from teacherstudent.slots.requests import check_slots


class Kernels(NamedTuple):
    """Kernels of one kind of slots, one thread for each slot; compiled when they are first launched.

    Attributes:
        step: steps every slot.
        start: starts an episode in the slots of the mask.
        lay: writes what follows from the state and is not a part of it.
    """

    step: Any
    start: Any
    lay: Any


def compile_kernels(sources: Kernels, name: str, constants: Mapping[str, Any]) -> Kernels:
    """Return the kernels of sources in plain Python; see `CudaCompiler.kernel`.

    Args:
        sources: the functions.
        name: ends the kernels' names: different for different constants.
        constants: values of global names that the functions mention.
    """
    compiler = CudaCompiler()
    functions: tuple[Callable[..., None], ...] = sources
    return Kernels(*(compiler.kernel(made, f"{made.__name__}_{name}", constants) for made in functions))


class CudaSlots:
    """``n`` slots on a GPU whose whole state is tensors with names; a base of `TensorEnvs`.

    A family's class sets `_kernels`, `_now`, `_given` and `_arguments`. Where its kernels read no seeds, or
    not every number is an action, it has a `start` or `step` of its own. Nothing waits for the device but the
    methods of `teacherstudent.contract.family.Snapshot`; states are exact.

    Attributes:
        what: the environments' name in messages.

    Args:
        n: number of slots.
        device: a CUDA device.
        observations: the observations of one slot.
        actions: the actions of one slot.

    Raises:
        ValueError: if there is no slot, or the device is of another type.
    """

    what: ClassVar[str]
    _kernels: Kernels
    _now: dict[str, Tensor]
    """The state, which is what is saved; ``observation`` is a part of it."""
    _given: dict[str, Tensor]
    """Where the arguments of `start` and `step` are put."""
    _arguments: dict[str, tuple[Any, ...]]
    """The arguments of each kernel, by its name: all arrays are made once, and shared with torch; those that
    belong together are in a named tuple."""

    def __init__(
        self, n: int, *, device: torch.device, observations: gym.Space[Any], actions: gym.Space[Any]
    ) -> None:
        check_slots(n, 1)
        self.num_envs = n
        self.device = check_device(device)
        self.single_observation_space = observations
        self.single_action_space = actions
        self._launch = Launcher(n, self.device)
        # Kernels write into the same tensors in every step, so that their arguments never change.
        self._results = Results(self._zeros(torch.float32), self._zeros(torch.bool), self._zeros(torch.bool))

    def close(self) -> None:
        """Nothing to free: the tensors go with the object."""

    def start(self, mask: Tensor, tasks: Tensor, seeds: Tensor) -> Tensor:
        """Start an episode in every slot of the mask; see `TensorEnvs.start`.

        Raises:
            ValueError: if a tensor is of another shape or on another device.
            TypeError: if the mask is not boolean, or seeds are not integers.
        """
        if mask.dtype != torch.bool or seeds.is_floating_point():
            raise TypeError(
                f"start: expected a boolean mask and whole seeds, got {mask.dtype}, {seeds.dtype}"
            )
        for name, values in (("mask", mask), ("task", tasks), ("seed", seeds)):
            self._put(name, values)
        return self._started()

    def step(self, actions: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Step every slot; see `TensorEnvs.step`.

        Raises:
            ValueError: if actions are of another shape or on another device.
        """
        self._put("actions", actions)
        return self._stepped()

    def get_state(self) -> State:
        """Return the whole state as plain data; a copy."""
        return {name: values.cpu().numpy().copy() for name, values in self._now.items()}

    def set_state(self, state: State) -> None:
        """Continue exactly from `get_state` of an environment made with the same arguments.

        Raises:
            ValueError: if the state is incomplete or of other slots.
        """
        check_names(f"{self.what} state", list(self._now), state)
        # Check all shapes before the first copy, so that a refused state changes nothing.
        for name, own in self._now.items():
            if np.shape(state[name]) != tuple(own.shape):
                raise ValueError(
                    f"state: {name}: expected shape {tuple(own.shape)}, got {np.shape(state[name])}"
                )
        for name, own in self._now.items():
            own.copy_(torch.from_numpy(np.array(state[name])))
        # Derived arrays are not saved: this kernel computes them from the restored state.
        self._launch(self._kernels.lay, *self._arguments["lay"])

    def compile(self) -> None:
        """Compile the kernels, or load them from disk."""
        state = self.get_state()
        # A launch compiles; what it does to the slots is taken back.
        self._started()
        self._stepped()
        self.set_state(state)

    def _started(self) -> Tensor:
        """Start what has been put in `_given`, and return the observations."""
        self._launch(self._kernels.start, *self._arguments["start"])
        return self._now["observation"]

    def _stepped(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Step with the actions that have been put in `_given`; see `TensorEnvs.step`."""
        self._launch(self._kernels.step, *self._arguments["step"])
        return self._now["observation"], *self._results

    def _put(self, name: str, values: Tensor) -> None:
        """Copy an argument to where the kernels read it."""
        self._check(name, values, self._given[name].shape)
        # Copy in place: the kernels hold the address of this tensor.
        self._given[name].copy_(values)

    def _check(self, name: str, values: Tensor, shape: torch.Size) -> None:
        if values.shape != shape or values.device != self.device:
            raise ValueError(
                f"{name}: expected shape {tuple(shape)} on {self.device}, got {tuple(values.shape)} on "
                f"{values.device}"
            )

    def _zeros(self, dtype: torch.dtype, *shape: int) -> Tensor:
        """Return zeros on the device, ``(n,)`` if there is no shape."""
        return torch.zeros(*(shape or (self.num_envs,)), dtype=dtype, device=self.device)

    def _shared(self) -> tuple[dict[str, Any], dict[str, Any], Results]:
        """Return state, given arguments and results as arrays for kernels, without copies."""
        now = {name: shared(values) for name, values in self._now.items()}
        given = {name: shared(values) for name, values in self._given.items()}
        return now, given, Results._make(map(shared, self._results))
