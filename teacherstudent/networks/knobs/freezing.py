"""Layers that do not learn for a while, from the input on."""

from __future__ import annotations

import weakref
from collections.abc import Mapping

import numpy as np
from torch import nn

from teacherstudent.networks.knobs.depths import depths_in_order


class Freezing:
    """Stops the layers next to the input from learning, and lets them learn again.

    Parameters that did not learn before are left alone. Frozen ones lose their gradient, so that optimisers
    pass them over. Running statistics of normalisations go on moving. `torch.nn.parallel` must be told that
    parameters may be unused (``find_unused_parameters=True``).

    Args:
        network: whose parameters learn.
        depths: the depth of each parameter from 1 on, by name; None takes them in the order in which the
            network names them.

    Attributes:
        layers: how many depths there are.

    Raises:
        ValueError: if there are not at least two.
    """

    def __init__(self, network: nn.Module, depths: Mapping[str, int] | None = None) -> None:
        if depths is None:
            depths = depths_in_order(network)
        learning = [(name, p) for name, p in network.named_parameters() if p.requires_grad]
        self.layers = max((depths[name] for name, _ in learning), default=0)
        if self.layers < 2:
            raise ValueError(
                f"freeze: touches nothing: expected a network of at least two layers that learn, got "
                f"{self.layers} in {type(network).__name__}"
            )
        self._parameters = [(depths[name], parameter) for name, parameter in learning]
        self._frozen = 0

    def at(self, share: float) -> int:
        """Freeze a share of the layers, rounded down, but never the last one; return how many.

        Raises:
            ValueError: if the share is not in [0, 1].
        """
        if not (np.isfinite(share) and 0 <= share <= 1):
            raise ValueError(f"freeze: expected a share in [0, 1], got {share}")
        # The small number is for shares such as 0.29 of 100, which is 28.999... in binary.
        frozen = min(int(share * self.layers + 1e-9), self.layers - 1)
        for depth, parameter in self._parameters:
            learns = depth > frozen
            parameter.requires_grad_(learns)
            if not learns:
                # An old gradient would be used by the next step.
                parameter.grad = None
        self._frozen = frozen
        return frozen

    def release(self) -> None:
        """Let the layers learn that are frozen here, and touch no other."""
        for depth, parameter in self._parameters:
            if depth <= self._frozen:
                parameter.requires_grad_(True)
        self._frozen = 0


_FROZEN: weakref.WeakKeyDictionary[nn.Module, Freezing] = weakref.WeakKeyDictionary()


def freezing_of(network: nn.Module, depths: Mapping[str, int] | None = None) -> Freezing:
    """Return a new `Freezing` of a network; what an earlier one has frozen learns again.

    Else the new one would take these layers for ones that have never learnt.

    Args:
        network: as for `Freezing`.
        depths: as for `Freezing`.

    Raises:
        ValueError: as `Freezing`.
    """
    if network in _FROZEN:
        _FROZEN[network].release()
    _FROZEN[network] = Freezing(network, depths)
    return _FROZEN[network]


def freeze(network: nn.Module, share: float) -> int:
    """Stop a share of a network's layers, from the input on, from learning; 0 lets all learn again.

    Layers are taken in the order in which the network names its parameters; `Freezing` takes other depths.

    Returns:
        How many layers do not learn.

    Raises:
        ValueError: if the network has fewer than two layers, or the share is not in [0, 1].
    """
    if network not in _FROZEN:
        freezing_of(network)
    return _FROZEN[network].at(share)
