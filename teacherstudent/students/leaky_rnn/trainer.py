"""Training and measuring a leaky network on bit sequences, several sizes at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from teacherstudent.contract.checks import check_names, check_whole, is_finite
from teacherstudent.contract.stored.saved import saved_generator
from teacherstudent.contract.types import FloatArray, Seed, State, generator, seed_sequence
from teacherstudent.envs.memory.bits import Kind, answers, draw, latest, length_range
from teacherstudent.networks.device import Machine
from teacherstudent.networks.state import load_module, load_optimizer, module_state, optimizer_state
from teacherstudent.students.leaky_rnn.network import LeakyNetwork

_MOST = {"units": 20_000, "batch": 10**6, "steps": 10**7, "probe": 10**6}
"""More are a mistake: a network of more units takes gigabytes."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How a leaky network is trained; see `teacherstudent.students.leaky_rnn.student.LeakyRNNStudent`.

    Raises:
        ValueError: if a value is out of range.
    """

    units: int
    batch: int
    steps: int
    lr: float
    momentum: float
    clip: float
    probe: int

    def __post_init__(self) -> None:
        for name in ("units", "batch", "steps", "probe"):
            check_whole(f"leaky-rnn: {name}", getattr(self, name), 1, _MOST[name])
        for name in ("lr", "clip"):
            value = getattr(self, name)
            if not (is_finite(value) and value > 0):
                raise ValueError(f"leaky-rnn: {name}: expected a number above 0, got {value!r}")
        if not (is_finite(self.momentum) and 0 < self.momentum < 1):
            raise ValueError(f"leaky-rnn: momentum: expected a number in (0, 1), got {self.momentum!r}")


@dataclass(frozen=True, eq=False)
class Measured:
    """Accuracy ``(k,)`` and mean cross-entropy ``(k,)`` of the readouts of k sizes, and FLOPs."""

    accuracy: FloatArray
    loss: FloatArray
    cost: int


class Trainer:
    """A leaky network with a readout for each size from ``smallest`` on, and its optimiser.

    Args:
        kind: the question.
        smallest: the first N.
        readouts: how many sizes.
        settings: see `Settings`.
        seed: of weights, batches and first states.
        device: ``"auto"`` is the GPU where there is one.

    Attributes:
        network: on the device.

    Raises:
        ValueError: if there is no such device.
    """

    def __init__(
        self, kind: Kind, smallest: int, readouts: int, settings: Settings, *, seed: Seed, device: str
    ) -> None:
        weights, lengths, bits = seed_sequence(seed).spawn(3)
        self._kind = kind
        self._smallest = smallest
        self._settings = settings
        self._device = Machine(device=device).resolve()
        # The initial weights follow from the seed alone, and torch's global generator stays as it was.
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(int(weights.generate_state(1)[0]))
            self.network = LeakyNetwork(settings.units, readouts).to(self._device)
        self._rng = generator(lengths)
        self._bits = torch.Generator(self._device).manual_seed(int(bits.generate_state(1)[0]))
        self._optimizer = torch.optim.SGD(
            self.network.parameters(), lr=settings.lr, momentum=settings.momentum, nesterov=True
        )

    def train(self, sizes: Sequence[int]) -> tuple[FloatArray, int]:
        """Take the steps of a round on all sizes together.

        Args:
            sizes: each N, ascending.

        Returns:
            The mean loss of each size's readout over the steps, ``(len(sizes),)``, and the FLOPs.

        Raises:
            FloatingPointError: if a loss is no longer finite.
        """
        losses = []
        cost = 0
        for _ in range(self._settings.steps):
            bits, found = self._batch(sizes)
            start = self.network.start(self._settings.batch, self._bits)
            each = _losses(self._logits(bits, start, sizes), found)
            self._optimizer.zero_grad(set_to_none=True)
            each.sum().backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self.network.parameters(), self._settings.clip)
            self._optimizer.step()
            # A step may push tau below 1, where a neuron would overshoot.
            self.network.constrain()
            # Losses stay on the device: to read one would wait for the step.
            losses.append(each.detach())
            # A backward pass costs about two forward passes.
            cost += 3 * self._cost(bits, sizes)
        whole = torch.stack(losses).double().cpu().numpy()
        if not np.isfinite(whole).all():
            step = int(np.flatnonzero(~np.isfinite(whole).all(axis=1))[0])
            raise FloatingPointError(
                f"leaky-rnn: expected finite losses, got {whole[step].tolist()} for N = {list(sizes)} "
                f"in step {step} of the round"
            )
        mean: FloatArray = whole.mean(axis=0)
        return mean, cost

    def probe(self, sizes: Sequence[int]) -> Measured:
        """Measure all sizes together on fresh batches of the kind that they are trained on."""
        parts = []
        for _ in range(self._settings.probe):
            bits, found = self._batch(sizes)
            start = self.network.start(self._settings.batch, self._bits)
            parts.append(self._measure(bits, start, found, sizes))
        return Measured(
            np.mean([part.accuracy for part in parts], axis=0),
            np.mean([part.loss for part in parts], axis=0),
            sum(part.cost for part in parts),
        )

    def test(self, bits: Tensor, found: Tensor, size: int, lengths: Tensor, *, seed: int) -> Measured:
        """Measure one size on given sequences.

        Args:
            bits: ``(length, n)``.
            found: ``(n,)`` answers.
            size: N.
            lengths: ``(n,)`` where each sequence ends.
            seed: of the first states.
        """
        # A generator of its own, so that tests do not move that of training.
        own = torch.Generator(self._device).manual_seed(seed)
        start = self.network.start(bits.shape[1], own)
        bits, found, lengths = (x.to(self._device) for x in (bits, found, lengths))
        return self._measure(bits, start, found[None], [size], lengths)

    def _batch(self, sizes: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Return bits ``(length, batch)`` of one random length, and the answers ``(len(sizes), batch)``."""
        # Sizes ascend, and the largest one decides how long a sequence must be.
        shortest, longest = length_range(sizes[-1])
        length = int(self._rng.integers(shortest, longest, endpoint=True))
        bits = draw(self._kind, length, self._settings.batch, self._bits)
        return bits, answers(self._kind, latest(bits, sizes[-1]), sizes)

    def _logits(
        self, bits: Tensor, start: Tensor, sizes: Sequence[int], lengths: Tensor | None = None
    ) -> Tensor:
        states = self.network(bits, start, lengths)
        # Readout 0 belongs to the smallest size.
        return self.network.logits(states, [size - self._smallest for size in sizes])

    @torch.no_grad()
    def _measure(
        self, bits: Tensor, start: Tensor, found: Tensor, sizes: Sequence[int], lengths: Tensor | None = None
    ) -> Measured:
        logits = self._logits(bits, start, sizes, lengths)
        correct = (logits.argmax(-1) == found).double().mean(1).cpu().numpy()
        losses = _losses(logits, found).double().cpu().numpy()
        return Measured(correct, losses, self._cost(bits, sizes))

    def _cost(self, bits: Tensor, sizes: Sequence[int]) -> int:
        return bits.shape[1] * self.network.operations(len(bits), len(sizes))

    def least(self) -> float:
        """Return the FLOPs of the cheapest round: the smallest task alone, at its shortest length."""
        settings = self._settings
        shortest = length_range(self._smallest)[0]
        passes = 3 * settings.steps + settings.probe
        return float(passes * settings.batch * self.network.operations(shortest, 1))

    def time_constants(self) -> dict[str, float]:
        """Return the mean and the maximum of tau over neurons, in steps."""
        tau = self.network.tau.detach()
        return {"tau_mean": float(tau.mean()), "tau_max": float(tau.max())}

    def state_dict(self) -> State:
        """Return weights, momentum and generators; a copy."""
        return {
            "network": module_state(self.network),
            "optimizer": optimizer_state(self._optimizer),
            "lengths": dict(self._rng.bit_generator.state),
            "bits": self._bits.get_state().numpy().copy(),
        }

    def load_state_dict(self, state: State) -> None:
        """Continue from `state_dict` of a trainer made with the same arguments.

        Raises:
            ValueError: if the state is incomplete or of another network.
        """
        check_names("leaky-rnn: trainer", ("network", "optimizer", "lengths", "bits"), state)
        load_module(self.network, state["network"], "leaky-rnn: network")
        load_optimizer(self._optimizer, state["optimizer"])
        self._rng.bit_generator.state = saved_generator("leaky-rnn: lengths", state["lengths"])
        self._bits.set_state(torch.from_numpy(np.array(state["bits"], np.uint8)))


def _losses(logits: Tensor, found: Tensor) -> Tensor:
    """Return the mean cross-entropy of each readout, ``(k,)``."""
    # One call for all readouts, which are taken apart again below.
    each = functional.cross_entropy(logits.flatten(0, 1), found.flatten(), reduction="none")
    return each.view(len(found), -1).mean(1)
