"""Layers by depth for any network, and LeRaC's learning-rate multipliers for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from teacherstudent.contract.checks import check_names
from teacherstudent.contract.types import FloatArray, State

_ELEMENTWISE = ("AddBackward", "CatBackward", "MulBackward", "SubBackward", "DivBackward", "StackBackward")
"""Operations that join a parameter to the data without being a layer: position embeddings, class tokens."""


def parameter_depths(network: nn.Module, example: Any) -> dict[str, int]:
    """Return the depth of every parameter, 1 (next to the input) to n (the head).

    The depth of a weight is the largest number of layers on a path from the input to where it is used, itself
    included, read off the graph of one forward pass: so parallel branches (query, key and value; a shortcut)
    have equal depths, whatever the modules are called. A layer is an operation with a parameter of two or
    more axes that is not added, multiplied or concatenated elementwise. Biases, normalisations and embeddings
    have the depth of the layer before them, at least 1. A parameter that no output depends on has depth n.
    Where the input is no floating-point tensor but tokens, the path begins at the embeddings of tokens, which
    are the first layer.

    Args:
        network: is put through one forward pass; its state is the caller's to restore.
        example: a small batch of images or features; or tokens, a tuple of arguments, or a dict of keywords.

    Raises:
        ValueError: if no parameter takes part in the output.
    """
    found: dict[str, int] = {}
    # What the graph is followed back to, by identity, and how deep it is.
    starts: dict[int, int] = {}
    with torch.enable_grad():
        if isinstance(example, Tensor) and example.is_floating_point():
            # A leaf that needs a gradient, so that the graph leads back to the images.
            given = example.detach().clone().requires_grad_(True)
            starts[id(given)] = 0
            output = network(given)
        else:
            # The leaves are kept until the end: another object could get the identity of one that is gone.
            output, leaves = _past_embeddings(network, example)
            for name, leaf in leaves:
                starts[id(leaf)] = 1
                found[name] = 1
    # The graph knows parameters by identity alone.
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    shapes = {name: parameter.ndim for name, parameter in network.named_parameters()}
    found |= _walk(_first_tensor(output).grad_fn, starts, names, shapes)
    if not found:
        raise ValueError("layers: expected an output that depends on parameters, found none")
    deepest = max(found.values())
    # A parameter without influence may have any rate: it counts with the head.
    return {name: max(1, found.get(name, deepest)) for name in shapes}


def depths_in_order(network: nn.Module) -> dict[str, int]:
    """Return the depth of every parameter by the order in which the network names them.

    Each parameter of two or more axes begins a layer; others belong to the layer before them. For networks
    whose parts were made in the order in which they are used; `parameter_depths` needs no such order.
    """
    found = {}
    depth = 0
    for name, parameter in network.named_parameters():
        if parameter.ndim > 1:
            depth += 1
        found[name] = max(1, depth)
    return found


def _past_embeddings(network: nn.Module, example: Any) -> tuple[Any, list[tuple[str, Tensor]]]:
    """Return the output for tokens, and the leaves in which its graph ends: what embeddings gave."""
    leaves: list[tuple[str, Tensor]] = []
    hooks = []
    for name, module in network.named_modules():
        if isinstance(module, nn.Embedding):
            weight = f"{name}.weight".removeprefix(".")

            def cut(_: nn.Module, __: Any, output: Tensor, weight: str = weight) -> Tensor:
                leaf = output.detach().requires_grad_(True)
                leaves.append((weight, leaf))
                return leaf

            hooks.append(module.register_forward_hook(cut))
    try:
        if isinstance(example, Mapping):
            return network(**example), leaves
        if isinstance(example, tuple | list):
            return network(*example), leaves
        return network(example), leaves
    finally:
        for hook in hooks:
            hook.remove()


def _first_tensor(output: Any) -> Tensor:
    """Return the output that depends on parameters: of several the first one."""
    if isinstance(output, Tensor):
        return output
    parts = output
    if isinstance(output, Mapping):
        parts = output.values()
    for part in parts:
        if isinstance(part, Tensor) and part.grad_fn is not None:
            return part
    raise ValueError(f"layers: expected a tensor in the network's output, got {type(output).__name__}")


def _walk(
    root: Any, starts: Mapping[int, int], names: Mapping[int, str], axes: Mapping[str, int]
) -> dict[str, int]:
    """Return the depth of every parameter that the graph below ``root`` uses."""
    # Children first, so that one pass can add the depths up.
    parents: dict[Any, list[Any]] = {}
    for node in _children_first(root, lambda n: [c for c, _ in n.next_functions if c is not None]):
        parents[node] = [child for child, _ in node.next_functions if child is not None]
    # Nodes that depend on the images.
    depth: dict[Any, int] = {}
    # Other nodes: the parameters behind them.
    owned: dict[Any, set[str]] = {}
    found: dict[str, int] = {}
    for node, children in parents.items():
        variable = getattr(node, "variable", None)
        if variable is not None and id(variable) in starts:
            # The images themselves lie before every layer.
            depth[node] = starts[id(variable)]
            continue
        if variable is not None:
            owned[node] = set()
            if id(variable) in names:
                owned[node].add(names[id(variable)])
            continue
        data = [depth[child] for child in children if child in depth]
        used = set().union(*(owned[child] for child in children if child in owned))
        # Nothing here comes from the images: hand the parameters on to whoever uses them.
        if not data:
            owned[node] = used
            continue
        # A weight of two or more axes makes a layer, unless it is merely added or multiplied.
        layer = any(axes[name] > 1 for name in used) and not node.name().startswith(_ELEMENTWISE)
        depth[node] = max(data) + layer
        for name in used:
            found[name] = max(found.get(name, 0), depth[node])
    return found


def _children_first(root: Any, children: Callable[[Any], list[Any]]) -> list[Any]:
    """Return all nodes below ``root``, each after its children, without recursion."""
    order: list[Any] = []
    seen = set()
    # A stack of our own, as deep networks exceed Python's limit of recursion.
    waiting = [(root, False)]
    while waiting:
        node, ready = waiting.pop()
        if ready:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            # Come back to the node when its children are done.
            waiting.append((node, True))
            waiting += [(child, False) for child in children(node) if child not in seen]
    return order


def layer_multipliers(layers: int, spread: float, law: str = "geometric", start: float = 0.0) -> FloatArray:
    """Return LeRaC's multipliers of the learning rate, ``(layers,)``, from the input to the head.

    Learning Rate Curriculum: Croitoru et al. 2022, https://arxiv.org/abs/2205.09180, equation 8. Layer j of n
    starts at ``10 ** (-start (j - 1) / (n - 1))`` times the rate and reaches the whole rate when the spread
    has gone from ``start`` to 0.

    - ``"geometric"``, as in the paper: ``10 ** (-spread (j - 1) / (n - 1))``; with a spread that falls
      linearly all layers arrive at the same time.
    - ``"staircase"``, as in the authors' code: every layer rises by a factor of 10 for each whole decade that
      the spread has lost, up to 1, so that layers near the input arrive first.

    Deviations: multipliers are applied after the schedule, so neither loses the other; the authors' rates
    for each network become one range in decades; in their code a layer stops at the last rate of its own
    decades below the base rate, here it reaches the base rate itself.

    Args:
        layers: n, at least 1.
        spread: decades between the first and the last layer now.
        law: see above.
        start: the spread at the beginning; the staircase counts from it.

    Raises:
        ValueError: if the law is unknown, ``layers`` is below 1, or a spread is negative, or above the
            staircase's start.
    """
    if layers < 1:
        raise ValueError(f"lr_spread: expected at least one layer, got {layers}")
    if not (np.isfinite(spread) and spread >= 0):
        raise ValueError(f"lr_spread: expected decades of at least 0, got {spread}")
    share = np.arange(layers) / max(1, layers - 1)
    if law == "geometric":
        return np.asarray(10.0 ** (-spread * share))
    if law != "staircase":
        raise ValueError(f"lr_law: expected 'geometric' or 'staircase', got {law!r}")
    if spread > start:
        raise ValueError(f"lr_spread: expected at most the {start:g} decades of the start, got {spread}")
    # The small number is for whole decades that a subtraction misses by a rounding error.
    risen = np.floor(start - spread + 1e-9)
    return np.asarray(np.minimum(1.0, 10.0 ** (risen - start * share)))


class LayerRates:
    """Multipliers of the layers' learning rates over a run; a staircase starts at the spread asked for first.

    The staircase counts from the largest spread so far: it starts anew where a teacher goes above its start.

    Args:
        layers: their number, at least 1.
        law: as in `layer_multipliers`.
    """

    def __init__(self, layers: int, law: str) -> None:
        self._layers = layers
        self._law = law
        self._start = 0.0

    def at(self, spread: float) -> FloatArray:
        """Return the multipliers ``(layers,)`` at a spread in decades, from the input to the head."""
        self._start = max(self._start, spread)
        return layer_multipliers(self._layers, spread, self._law, self._start)

    def state_dict(self) -> State:
        """Return where the staircase has started."""
        return {"start": self._start}

    def load_state_dict(self, state: State) -> None:
        """Continue from `state_dict`."""
        check_names("layer rates", ("start",), state)
        self._start = float(state["start"])
