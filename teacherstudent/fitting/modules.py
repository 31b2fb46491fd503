"""Torch modules and optimisers as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from teacherstudent.saved import saved_array
from teacherstudent.types import State, check_mapping, check_names


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
