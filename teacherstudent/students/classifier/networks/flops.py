"""Floating-point operations of a network, counted by torch for each size of input."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

_EXAMPLES = 2


@dataclass(frozen=True)
class Flops:
    """Operations for one image.

    Attributes:
        forward: of a forward pass.
        train: of a forward and a backward pass.
    """

    forward: float
    train: float


def count(network: nn.Module, shape: tuple[int, ...], device: torch.device) -> Flops:
    """Count the operations of convolutions and matrix products for one input: an image, say.

    They are proportional to the batch, so two images are put through a copy of the network, which stays as it
    is. The copy is in evaluation mode, so that all layers count of a network that leaves out some at random.
    As torch counts: a multiplication and an addition are two operations, and the gradient with respect to
    the images is not computed. Attention is counted as its matrix products, whichever kernel runs it.
    Elementwise operations, normalisations and the optimiser are not counted.

    Raises:
        ValueError: if nothing is counted: the network has neither convolutions nor matrix products.
    """
    # Layers may draw random numbers; the global generators must not move.
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        twin = copy.deepcopy(network).eval()
        images = torch.zeros((_EXAMPLES, *shape), device=device)
        # cuDNN's recurrent layers are not counted, and have no backward pass in evaluation mode
        with torch.enable_grad(), sdpa_kernel(SDPBackend.MATH), torch.backends.cudnn.flags(enabled=False):
            counter = FlopCounterMode(display=False)
            with counter:
                output = twin(images)
            forward = counter.get_total_flops()
            # Entering the counter again sets it to 0, so this counts the backward pass alone.
            with counter:
                output.sum().backward()
            backward = counter.get_total_flops()
    total = forward + backward
    if total == 0:
        raise ValueError(f"FLOPs: expected convolutions or matrix products in {type(network).__name__}")
    return Flops(forward / _EXAMPLES, total / _EXAMPLES)
