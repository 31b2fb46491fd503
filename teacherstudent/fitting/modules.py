"""Torch modules and optimisers as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from teacherstudent.types import State, check_names


def device_of(what: str, name: Any) -> torch.device:
    """Return a torch device by its name; raise ValueError unless it is one of this machine's."""
    try:
        device = torch.device(name) if isinstance(name, str | torch.device) else None
        if device is not None and device.type != "meta":
            torch.empty(0, device=device)
            return device
        reason = "it holds no numbers"
    except (RuntimeError, AssertionError) as error:
        reason = str(error).split("\n")[0]
    raise ValueError(f"{what}: expected 'cpu' or another of torch's devices here, got {name!r}: {reason}")


def module_state(module: torch.nn.Module) -> State:
    """Return parameters and buffers as arrays by name; a copy."""
    return {name: tensor.detach().cpu().numpy().copy() for name, tensor in module.state_dict().items()}


def load_module(module: torch.nn.Module, state: Mapping[str, Any], where: str) -> None:
    """Copy arrays from `module_state` into the module, in place.

    Raises:
        ValueError: if names or shapes differ.
    """
    own = module.state_dict()
    check_names(where, list(own), state)
    with torch.no_grad():
        for name, tensor in own.items():
            if tuple(tensor.shape) != state[name].shape:
                raise ValueError(
                    f"{where}.{name}: expected shape {tuple(tensor.shape)}, got {state[name].shape}"
                )
            tensor.copy_(torch.from_numpy(np.array(state[name])))


def optimizer_state(optimizer: torch.optim.Optimizer) -> State:
    """Return moments and learning rates as plain data; other hyper-parameters belong to the configuration."""
    state = optimizer.state_dict()
    moments = {
        str(index): {
            key: value.detach().cpu().numpy().copy() if isinstance(value, torch.Tensor) else value
            for key, value in entry.items()
        }
        for index, entry in state["state"].items()
    }
    return {"moments": moments, "lr": [float(group["lr"]) for group in state["param_groups"]]}


def load_optimizer(optimizer: torch.optim.Optimizer, state: Mapping[str, Any]) -> None:
    """Continue from `optimizer_state` of an optimiser with the same parameter groups."""
    current = optimizer.state_dict()
    for group, rate in zip(current["param_groups"], state["lr"], strict=True):
        group["lr"] = rate
    current["state"] = {
        int(index): {
            key: torch.from_numpy(np.array(value)) if isinstance(value, np.ndarray) else value
            for key, value in entry.items()
        }
        for index, entry in state["moments"].items()
    }
    optimizer.load_state_dict(current)
