"""A network with its optimiser, averaged weights and arithmetic: one gradient step, and its state."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from teacherstudent.contract.checks import check_names
from teacherstudent.contract.types import FloatArray, State
from teacherstudent.networks.device import Machine
from teacherstudent.networks.state import load_module, load_optimizer, module_state, optimizer_state
from teacherstudent.students.classifier.options import Training


class Learner:
    """Trains a network step by step.

    The learning rate is given at every step by whoever owns it; parameters of depth d learn at the rate times
    the d-th multiplier.

    Args:
        network: on the device.
        training: optimiser and loss.
        machine: precision and compilation.
        device: of the network.
        depths: the depth of each parameter from 1 on, by name; None gives all the same.
        any_length: whether batches are of any length, so that nothing is compiled for a single one.

    Attributes:
        network: the network that learns.
        average: its averaged weights, or None.
        layers: how many depths there are.
        steps: how many gradient steps were taken.
        rate: of the last step.
    """

    def __init__(
        self,
        network: nn.Module,
        training: Training,
        machine: Machine,
        device: torch.device,
        depths: Mapping[str, int] | None = None,
        *,
        any_length: bool = False,
    ) -> None:
        self.network = network
        self._training = training
        self._device = device
        self.average: nn.Module | None = None
        if training.ema:
            self.average = copy.deepcopy(network).requires_grad_(False)
        self.layers = max(depths.values()) if depths else 1
        self._optimizer = training.make_optimizer(_groups(network, training.decay, depths))
        self._dtype = getattr(torch, machine.precision)
        half = machine.precision == "float16"
        # Small gradients vanish in float16, so only there losses are scaled up.
        self._scaler = torch.amp.GradScaler(device.type, enabled=half)
        self._call: Callable[[Tensor], Tensor] = network
        if machine.compile:
            # Batches of one length are compiled for their shapes; for lengths that vary torch may generalise.
            dynamic = None if any_length else False
            self._call = cast("Callable[[Tensor], Tensor]", torch.compile(network, dynamic=dynamic))
        self.steps = 0
        self.rate = 0.0

    def arithmetic(self) -> AbstractContextManager[Any]:
        """Return the context in which the network is called."""
        enabled = self._dtype != torch.float32
        return torch.autocast(self._device.type, dtype=self._dtype, enabled=enabled)

    def step(
        self, images: Tensor, loss: Callable[[Tensor], Tensor], *, rate: float, multipliers: FloatArray | None
    ) -> Tensor:
        """Take one gradient step and return the logits, without a graph.

        Args:
            images: the batch.
            loss: from logits to a scalar.
            rate: the learning rate.
            multipliers: ``(layers,)``, of the rate; None for 1 everywhere.
        """
        self.begin(rate, multipliers)
        logits = self.backward(images, loss)
        self.finish()
        return logits

    def begin(self, rate: float, multipliers: FloatArray | None = None) -> None:
        """Begin a gradient step; its batch follows, in one part or several (`backward`), then `finish`."""
        for group in self._optimizer.param_groups:
            group["lr"] = rate
            if multipliers is not None:
                group["lr"] = rate * float(multipliers[group["depth"] - 1])
        self.rate = rate
        self._optimizer.zero_grad(set_to_none=True)

    def backward(self, images: Tensor, loss: Callable[[Tensor], Tensor]) -> Tensor:
        """Add a part's gradient to those of the step, and return its logits, without a graph."""
        with self.arithmetic():
            logits = self._call(images)
        self._scaler.scale(loss(logits)).backward()  # type: ignore[no-untyped-call]
        return logits.detach()

    def finish(self) -> None:
        """Take the step by the gradients that have been added up."""
        # The limit is meant for true gradients, so take the scale off before clipping.
        if self._training.clip is not None:
            self._scaler.unscale_(self._optimizer)
            nn.utils.clip_grad_norm_(self.network.parameters(), self._training.clip)
        # The scaler leaves a step out if its gradients overflowed.
        self._scaler.step(self._optimizer)
        self._scaler.update()
        self.steps += 1
        if self.average is not None:
            self._follow(self.average)

    @torch.no_grad()
    def _follow(self, average: nn.Module) -> None:
        # A low decay at first, or the average would remember the initial weights for too long.
        decay = min(self._training.ema, (1 + self.steps) / (10 + self.steps))
        own = [p.detach() for p in self.network.parameters()]
        # One fused call for all parameters: a loop would launch a kernel for each.
        torch._foreach_lerp_(list(average.parameters()), own, 1 - decay)
        # Running statistics are averages already, so copy them.
        for mean, buffer in zip(average.buffers(), self.network.buffers(), strict=True):
            mean.copy_(buffer)

    def warm_up(self, batches: list[Tensor]) -> None:
        """Compile forward and backward pass for each shape; parameters, statistics and gradients stay.

        What is called with other shapes later is compiled then, or runs as it is where torch has compiled
        as often as it does by itself.
        """
        # Nothing is compiled.
        if self._call is self.network:
            return
        # Running the network moves its statistics: put them back at the end.
        saved = {name: value.detach().clone() for name, value in self.network.named_buffers()}
        with compiling_up_to(len(batches)):
            for images in batches:
                with self.arithmetic():
                    self._call(images).float().sum().backward()  # type: ignore[no-untyped-call]
        self._optimizer.zero_grad(set_to_none=True)
        with torch.no_grad():
            for name, value in self.network.named_buffers():
                value.copy_(saved[name])

    @torch.no_grad()
    def logits(self, images: Tensor, *, averaged: bool) -> Tensor:
        """Return logits ``(n, classes)`` float32 in evaluation mode, of averaged weights if there are any."""
        network = self.network
        if averaged:
            network = self._measured
        network.eval()
        with self.arithmetic():
            found = network(images).float()
        # Measuring happens between training steps, which need training mode.
        self.network.train()
        return cast("Tensor", found)

    @property
    def _measured(self) -> nn.Module:
        """The network that probes and tests look at: the averaged weights if there are any."""
        if self.average is None:
            return self.network
        return self.average

    @property
    def norms(self) -> list[nn.modules.batchnorm._BatchNorm]:
        """Layers with running statistics in the network that is measured."""
        kind = nn.modules.batchnorm._BatchNorm
        return [m for m in self._measured.modules() if isinstance(m, kind) and m.track_running_stats]

    @contextmanager
    def renormalised(self, batches: Iterable[Tensor]) -> Iterator[None]:
        """Estimate batch normalisation's running statistics on ``batches``; afterwards the old ones are back.

        Statistics of small images are wrong for large ones; this is what they would be.
        """
        network = self._measured
        # Only these train on the batches: dropout would make the statistics random.
        norms = self.norms
        saved = []
        network.eval()
        for norm in norms:
            saved.append((norm.momentum, {name: value.clone() for name, value in norm.named_buffers()}))
            norm.train()
            norm.reset_running_stats()
            # The plain mean over batches.
            norm.momentum = None
        try:
            with torch.no_grad():
                for images in batches:
                    with self.arithmetic():
                        network(images)
            yield
        finally:
            # The batches must leave no trace in the statistics that training goes on with.
            with torch.no_grad():
                for norm, (momentum, buffers) in zip(norms, saved, strict=True):
                    norm.momentum = momentum
                    for name, value in norm.named_buffers():
                        value.copy_(buffers[name])
            self.network.train()

    def state_dict(self) -> State:
        """Return weights, averages, moments and the loss scale; a copy."""
        return {
            "network": module_state(self.network),
            "average": None if self.average is None else module_state(self.average),
            "optimizer": optimizer_state(self._optimizer),
            "scaler": dict(self._scaler.state_dict()),
            "steps": self.steps,
            "rate": self.rate,
        }

    def load_state_dict(self, state: State) -> None:
        """Continue from `state_dict` of a learner made with the same arguments.

        Raises:
            ValueError: if the state is of another network or other options.
        """
        check_names("learner", ("network", "average", "optimizer", "scaler", "steps", "rate"), state)
        load_module(self.network, state["network"], "network")
        if (self.average is None) != (state["average"] is None):
            raise ValueError("learner: expected a state with the same ema, got one with and one without")
        if self.average is not None:
            load_module(self.average, state["average"], "average")
        load_optimizer(self._optimizer, state["optimizer"])
        self._scaler.load_state_dict(state["scaler"])
        self.steps = int(state["steps"])
        self.rate = float(state["rate"])


def _groups(network: nn.Module, decay: float, depths: Mapping[str, int] | None) -> list[dict[str, Any]]:
    """Return parameter groups by depth and by whether weight decay applies."""
    found: dict[tuple[int, bool], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        # Frozen parameters stay out of the optimiser.
        if parameter.requires_grad:
            # Only weights decay: biases and normalisations have one axis.
            key = (depths[name] if depths else 1, parameter.ndim > 1)
            found.setdefault(key, []).append(parameter)
    if not found:
        raise ValueError(f"{type(network).__name__}: expected parameters to train, found none")
    # Sorted, so that a saved optimiser finds its groups in the same order.
    return [
        {"params": parameters, "weight_decay": decay if decays else 0.0, "depth": depth}
        for (depth, decays), parameters in sorted(found.items(), key=lambda item: item[0])
    ]


def seeded(make: Callable[[], nn.Module], seed: int) -> nn.Module:
    """Return a network whose initial weights depend on ``seed`` alone; torch's generator stays as it was."""
    with torch.random.fork_rng(devices=[]):
        # A GPU's generators have no part in it.
        torch.default_generator.manual_seed(int(np.uint32(seed)))
        return make()


def compiling_up_to(shapes: int) -> AbstractContextManager[Any]:
    """Return the context in which a network is compiled for so many shapes; torch stops after eight."""
    # Torch has no public switch and has renamed this one, so take the name that is there.
    config: Any = torch._dynamo.config
    name = "recompile_limit" if hasattr(config, "recompile_limit") else "cache_size_limit"
    found: AbstractContextManager[Any] = config.patch(**{name: max(getattr(config, name), shapes + 1)})
    return found
