"""Learning rates that are multiplied in each step, beside whatever schedule the user has."""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import nn
from torch.optim import Optimizer

from teacherstudent.networks.knobs.depths import depths_in_order, layer_multipliers, parameter_depths


class StepRates:
    """Multiplies an optimiser's learning rates within its steps, and puts them back after each.

    So schedulers, which compute the next rate from the last one, never see the multiplied rate.

    Args:
        optimizer: gets two hooks.

    Attributes:
        scale: multiplies all rates.
        multipliers: ``(layers,)``, of groups of a depth, after `split`; None for 1 everywhere.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self.scale = 1.0
        self.multipliers: Sequence[float] | None = None
        self._before: list[Any] | None = None
        optimizer.register_step_pre_hook(self._multiply)
        optimizer.register_step_post_hook(self._restore)

    def _multiply(self, optimizer: Optimizer, args: Any, keywords: Any) -> None:
        # A step that has failed never came to its second hook.
        if self._before is not None:
            self._restore(optimizer, args, keywords)
        if self.scale == 1 and self.multipliers is None:
            return
        self._before = [group["lr"] for group in optimizer.param_groups]
        for group in optimizer.param_groups:
            group["lr"] = group["lr"] * self.scale * self._of(group.get("depth", 0))

    def _of(self, depth: int) -> float:
        # Parameters that are none of the network's have depth 0 and the plain rate.
        if self.multipliers is None or depth == 0:
            return 1.0
        return float(self.multipliers[depth - 1])

    def _restore(self, optimizer: Optimizer, args: Any, keywords: Any) -> None:
        if self._before is not None:
            for group, rate in zip(optimizer.param_groups, self._before, strict=True):
                group["lr"] = rate
            self._before = None


_RATES: weakref.WeakKeyDictionary[Optimizer, StepRates] = weakref.WeakKeyDictionary()


def rates_of(optimizer: Optimizer) -> StepRates:
    """Return what multiplies an optimiser's rates; its hooks are set the first time."""
    if optimizer not in _RATES:
        _RATES[optimizer] = StepRates(optimizer)
    return _RATES[optimizer]


def split(optimizer: Optimizer, network: nn.Module, depths: Mapping[str, int]) -> None:
    """Split an optimiser's parameter groups by depth; every group keeps its options.

    Args:
        optimizer: of the network's parameters, and perhaps of others, which get depth 0.
        network: names the parameters.
        depths: the depth of each parameter from 1 on, by name.

    Raises:
        ValueError: if a scheduler knows the groups already, or none of the parameters is the network's.
    """
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    parts: list[dict[str, Any]] = []
    scheduled = False
    for group in optimizer.param_groups:
        by_depth: dict[int, list[nn.Parameter]] = {}
        for parameter in group["params"]:
            depth = 0
            if id(parameter) in names:
                depth = depths[names[id(parameter)]]
            by_depth.setdefault(depth, []).append(parameter)
        # Schedulers note a group's first rate in it, and count the groups once.
        scheduled = scheduled or ("initial_lr" in group and len(by_depth) > 1)
        parts += [{**group, "params": by_depth[depth], "depth": depth} for depth in sorted(by_depth)]
    if scheduled:
        raise ValueError(
            "lr_spread: expected an optimiser without a scheduler, as its groups are split by depth: make "
            "the scheduler afterwards"
        )
    if not any(part["depth"] for part in parts):
        raise ValueError(
            "lr_spread: touches nothing: expected an optimiser of the network's parameters, found none of "
            f"{type(network).__name__} in it"
        )
    optimizer.param_groups[:] = parts


def set_rate(optimizer: Optimizer, scale: float) -> None:
    """Multiply an optimiser's learning rates in its steps from now on; 1 for the plain rates.

    Raises:
        ValueError: if the scale is not above 0.
    """
    if not (np.isfinite(scale) and scale > 0):
        raise ValueError(f"lr_scale: expected a number above 0, got {scale}")
    rates_of(optimizer).scale = float(scale)


def layerwise_rates(optimizer: Optimizer, network: nn.Module, spread: float, example: Any = None) -> int:
    """Let layers far from the input learn more slowly from now on (`layer_multipliers`, geometric).

    The first call splits the optimiser's groups by depth; make schedulers, and load saved optimisers, after
    it.

    Args:
        optimizer: of the network's parameters.
        network: its layers are counted.
        spread: decades between the first and the last layer's rate; 0 for equal rates.
        example: a small batch, which is put through the network in the first call to find the depths; None
            takes layers in the order in which the network names them.

    Returns:
        How many layers there are.

    Raises:
        ValueError: if there is one layer, the spread is negative, or as `split`.
    """
    if not any("depth" in group for group in optimizer.param_groups):
        depths = depths_in_order(network)
        if example is not None:
            depths = parameter_depths(network, example)
        check_layers(depths)
        split(optimizer, network, depths)
    layers = max(int(group.get("depth", 0)) for group in optimizer.param_groups)
    rates_of(optimizer).multipliers = layer_multipliers(layers, spread).tolist()
    return layers


def check_layers(depths: Mapping[str, int]) -> int:
    """Return the number of layers; raise ValueError unless there are two."""
    layers = max(depths.values(), default=0)
    if layers < 2:
        raise ValueError(
            f"lr_spread: touches nothing: expected a network of at least two layers, got {layers}"
        )
    return layers
