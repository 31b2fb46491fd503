"""Torch modules, optimisers and generators as plain data, and generators that stay private."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from teacherstudent.contract.checks import check_mapping, check_names
from teacherstudent.contract.stored.saved import saved_array
from teacherstudent.contract.types import Array, State


def array_of(values: torch.Tensor | None) -> Array | None:
    """Return a copy of a tensor as an array on the host; None of none."""
    if values is None:
        return None
    found: Array = values.cpu().numpy().copy()
    return found


class PrivateGenerators:
    """Private copies of the global generators, for libraries that only draw from the global ones.

    Inside ``with generators.active():`` the global generators of Python, NumPy and torch (CPU, current CUDA
    device) hold this object's states; afterwards the world has its own back.

    Args:
        seed: all four start from it.
    """

    def __init__(self, seed: int) -> None:
        # Objects of their own, so that the global generators do not move.
        self._python = random.Random(seed).getstate()
        # NumPy's legacy generator takes seeds of 32 bits only.
        self._numpy: Any = np.random.RandomState(seed % 2**32).get_state()
        self._torch = torch.Generator().manual_seed(seed).get_state()
        self._cuda = None
        if torch.cuda.is_available():
            self._cuda = torch.Generator("cuda").manual_seed(seed).get_state()

    @contextmanager
    def active(self) -> Iterator[None]:
        """Swap the states in, and back out at the end."""
        outside = self._read()
        self._write(self._python, self._numpy, self._torch, self._cuda)
        try:
            yield
        finally:
            # Read the private states back before the outside ones take their place.
            self._python, self._numpy, self._torch, self._cuda = self._read()
            self._write(*outside)

    @staticmethod
    def _read() -> tuple[Any, Any, torch.Tensor, torch.Tensor | None]:
        cuda = torch.cuda.get_rng_state() if torch.cuda.is_available() else None
        return random.getstate(), np.random.get_state(), torch.get_rng_state(), cuda  # noqa: NPY002

    @staticmethod
    def _write(python: Any, numpy: Any, cpu: torch.Tensor, cuda: torch.Tensor | None) -> None:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002
        torch.set_rng_state(cpu)
        if cuda is not None:
            torch.cuda.set_rng_state(cuda)

    def state_dict(self) -> State:
        """Return the states as plain data."""
        # These states are nested tuples; written apart they become plain data.
        kind, keys, position, has_gauss, gauss = self._numpy
        version, words, python_gauss = self._python
        return {
            "python": {"version": version, "words": np.array(words, np.int64), "gauss": python_gauss},
            "numpy": {"kind": kind, "keys": keys.copy(), "rest": [position, has_gauss, gauss]},
            "torch": self._torch.numpy().copy(),
            "cuda": array_of(self._cuda),
        }

    def load_state_dict(self, state: State) -> None:
        """Continue from `state_dict`."""
        python = state["python"]
        numpy = state["numpy"]
        # Python's generator insists on a tuple of its own integers.
        self._python = (python["version"], tuple(python["words"].tolist()), python["gauss"])
        self._numpy = (numpy["kind"], numpy["keys"], *numpy["rest"])
        self._torch = torch.from_numpy(np.array(state["torch"]))
        # A file written on a machine with a GPU may be read on one without.
        if state["cuda"] is not None and torch.cuda.is_available():
            self._cuda = torch.from_numpy(np.array(state["cuda"]))


def device_of(what: str, name: Any) -> torch.device:
    """Return a torch device by its name; raise ValueError unless it is one of this machine's."""
    try:
        # A tensor is made, because a name alone does not say whether the device is there.
        device = torch.device(name) if isinstance(name, str | torch.device) else None
        if device is not None and device.type != "meta":
            torch.empty(0, device=device)
            return device
        reason = "it holds no numbers"
    except (RuntimeError, AssertionError) as error:
        # Torch without CUDA raises an AssertionError.
        reason = str(error).split("\n")[0]
    raise ValueError(f"{what}: expected 'cpu' or another of torch's devices here, got {name!r}: {reason}")


def module_state(module: torch.nn.Module) -> State:
    """Return parameters and buffers as arrays by name; a copy."""
    return {name: tensor.detach().cpu().numpy().copy() for name, tensor in module.state_dict().items()}


def load_module(
    module: torch.nn.Module, state: Mapping[str, Any], where: str, *, finite: bool = False
) -> None:
    """Copy arrays from `module_state` into the module, in place.

    Args:
        module: takes them.
        state: names and arrays.
        where: how messages call it.
        finite: whether numbers must be finite; those of a student that diverged are not.

    Raises:
        ValueError: if names, shapes or kinds differ; nothing has changed then.
        TypeError: if the state is no mapping.
    """
    own = module.state_dict()
    check_names(where, list(own), check_mapping(where, state, optional=False))
    # All arrays are checked before the first is copied, so a refused state changes nothing.
    given = {
        name: saved_array(
            f"{where}.{name}", state[name], _numpy_type(tensor), tuple(tensor.shape), finite=finite
        )
        for name, tensor in own.items()
    }
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(torch.from_numpy(given[name]))


def _numpy_type(tensor: torch.Tensor) -> np.dtype[Any]:
    """Return the type of a tensor's numbers as `module_state` gives them."""
    # An empty tensor tells the type, so nothing has to be copied from the device.
    return torch.empty(0, dtype=tensor.dtype).numpy().dtype


def optimizer_state(optimizer: torch.optim.Optimizer) -> State:
    """Return moments and learning rates as plain data; other hyper-parameters belong to the configuration."""
    state = optimizer.state_dict()
    moments = {str(index): _plain(entry) for index, entry in state["state"].items()}
    return {"moments": moments, "lr": [float(group["lr"]) for group in state["param_groups"]]}


def load_optimizer(
    optimizer: torch.optim.Optimizer, state: Mapping[str, Any], *, finite: bool = False
) -> None:
    """Continue from `optimizer_state` of an optimiser with the same parameter groups.

    Args:
        optimizer: takes moments and learning rates.
        state: what `optimizer_state` returned.
        finite: as of `load_module`.

    Raises:
        ValueError: if the state is incomplete or damaged; nothing has changed then.
        TypeError: if it is no mapping.
    """
    check_names("optimizer", ("moments", "lr"), check_mapping("optimizer", state, optional=False))
    _check_moments(optimizer, state["moments"], finite=finite)
    current = optimizer.state_dict()
    rates = saved_array("optimizer: lr", state["lr"], np.float64, (len(current["param_groups"]),), low=0)
    for group, rate in zip(current["param_groups"], rates.tolist(), strict=True):
        group["lr"] = rate
    current["state"] = {int(index): _tensors(entry) for index, entry in state["moments"].items()}
    optimizer.load_state_dict(current)


def _check_moments(optimizer: torch.optim.Optimizer, moments: Any, *, finite: bool) -> None:
    """Raise ValueError unless moments can be of an optimiser's parameters."""
    # Optimisers number the parameters across their groups, in this order.
    parameters = [one for group in optimizer.param_groups for one in group["params"]]
    known = [str(index) for index in range(len(parameters))]
    for index, entry in check_mapping("optimizer: moments", moments, optional=False).items():
        where = f"optimizer: moments: {index}"
        if index not in known:
            raise ValueError(f"{where}: expected a parameter's number below {len(known)}, got {index!r}")
        shape = tuple(parameters[int(index)].shape)
        for name, value in check_mapping(where, entry, optional=False).items():
            given = np.asarray(value)
            if value is not None and given.dtype.kind not in "biuf":
                raise ValueError(f"{where}: {name}: expected numbers, got {value!r}")
            if finite and not np.isfinite(given).all():
                raise ValueError(f"{where}: {name}: expected finite numbers, got {value!r}")
            # Step counters are single numbers; moments have their parameter's shape.
            if given.ndim and given.shape != shape:
                raise ValueError(f"{where}: {name}: expected shape {shape}, got {given.shape}")


def _plain(entry: Mapping[str, Any]) -> State:
    """Return what an optimiser keeps of one parameter, tensors as arrays; a copy."""
    found = dict(entry)
    for name, value in found.items():
        if isinstance(value, torch.Tensor):
            found[name] = value.detach().cpu().numpy().copy()
    return found


def _tensors(entry: Mapping[str, Any]) -> State:
    """Return what `_plain` returned with tensors again; a copy."""
    found = dict(entry)
    for name, value in found.items():
        if isinstance(value, np.ndarray):
            found[name] = torch.from_numpy(np.array(value))
    return found
