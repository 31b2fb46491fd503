"""How a classifier is trained and on what machine, as data; and the learning rate over compute."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import torch

from teacherstudent.types import check_whole, is_one_of, is_whole

T = TypeVar("T")

SCHEDULES = ("cosine", "linear", "rex", "constant")


@dataclass(frozen=True, kw_only=True)
class Training:
    """Optimiser, learning rate and loss.

    Attributes:
        optimizer: ``"adamw"``, ``"adam"`` or ``"sgd"`` (Nesterov).
        lr: the base learning rate, reached after the warm-up.
        weight_decay: not applied to parameters of one axis; 0.05 for adamw and 5e-4 for the others if None.
        momentum: of sgd.
        schedule: how the rate falls over the share of the budget's compute that is spent: ``"cosine"``,
            ``"linear"``, ``"rex"`` (Chen et al. 2022, https://arxiv.org/abs/2107.04197) or ``"constant"``.
        warmup: share of the compute over which the rate rises linearly.
        batch_size: examples in a step, unless the knob says otherwise.
        label_smoothing: of the cross-entropy.
        clip: largest norm of the gradient; None for no limit.
        ema: decay, a step, of averaged weights, which probes and tests then use; 0 for none. The decay starts
            lower, as min(ema, (1 + steps) / (10 + steps)).
        renorm: training images, drawn evenly, on which batch normalisation's statistics are estimated anew at
            full size for every probe and test, and charged; 0 uses the running statistics, which belong to
            the sizes of the last stages and make what they have taught look worse than it is. One image has
            no statistics, so 1 is refused.
        lr_law: how lr_spread is spread: ``"geometric"`` or ``"staircase"``.
        scores: what data_fraction draws by: ``"latest"``, 1 / the loss at which an example was last trained
            on, which costs nothing; ``"rescore"``, 1 / its loss now, measured before every pass at full size
            and charged, unless the rest of the budget cannot pay for that; or the path of an npy file with a
            positive score for each example.
        reference: path of an npy file with another network's loss on each training example, for teachers that
            compare (families of examples only); empty for none.

    Raises:
        ValueError: if a value is out of range.
    """

    optimizer: str = "adamw"
    lr: float = 2e-3
    weight_decay: float | None = None
    momentum: float = 0.9
    schedule: str = "cosine"
    warmup: float = 0.05
    batch_size: int = 128
    label_smoothing: float = 0.0
    clip: float | None = None
    ema: float = 0.0
    renorm: int = 256
    lr_law: str = "geometric"
    scores: str = "latest"
    reference: str = ""

    def __post_init__(self) -> None:
        _one_of("optimizer", self.optimizer, ("adamw", "adam", "sgd"))
        _one_of("schedule", self.schedule, SCHEDULES)
        _one_of("lr_law", self.lr_law, ("geometric", "staircase"))
        _inside("lr", self.lr > 0 and math.isfinite(self.lr), "a rate above 0", self.lr)
        _inside("weight_decay", (self.weight_decay or 0) >= 0, "at least 0", self.weight_decay)
        _inside("warmup", 0 <= self.warmup < 1, "a share in [0, 1)", self.warmup)
        check_whole("batch_size", self.batch_size)
        _inside("label_smoothing", 0 <= self.label_smoothing < 1, "in [0, 1)", self.label_smoothing)
        _inside("momentum", 0 <= self.momentum < 1, "in [0, 1)", self.momentum)
        # The variance of a single image is not defined.
        several = is_whole(self.renorm) and (self.renorm == 0 or self.renorm >= 2)
        _inside("renorm", several, "0 or a whole number of at least 2", self.renorm)
        _inside("clip", self.clip is None or self.clip > 0, "above 0 or None", self.clip)
        _inside("ema", 0 <= self.ema < 1, "a decay in [0, 1)", self.ema)

    def rate(self, progress: float) -> float:
        """Return the rate with warm-up and schedule when a share ``progress`` of the compute is spent."""
        progress = min(1.0, progress)
        rising = 1.0
        if self.warmup > 0:
            rising = min(1.0, progress / self.warmup)
        if self.schedule == "constant":
            falling = 1.0
        elif self.schedule == "linear":
            falling = 1.0 - progress
        elif self.schedule == "rex":
            falling = (1.0 - progress) / (1.0 - progress / 2)
        else:
            falling = 0.5 * (1.0 + math.cos(math.pi * progress))
        return self.lr * rising * falling

    def make_optimizer(self, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
        """Return the optimiser over parameter groups."""
        if self.optimizer == "sgd":
            # Torch refuses Nesterov's rule without momentum.
            nesterov = self.momentum > 0
            return torch.optim.SGD(groups, lr=self.lr, momentum=self.momentum, nesterov=nesterov)
        kind = torch.optim.AdamW if self.optimizer == "adamw" else torch.optim.Adam
        return kind(groups, lr=self.lr)

    @property
    def decay(self) -> float:
        """Weight decay in force."""
        if self.weight_decay is not None:
            return self.weight_decay
        if self.optimizer == "adamw":
            return 0.05
        return 5e-4


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Where and in which arithmetic a classifier is trained.

    Attributes:
        device: ``"auto"`` is the GPU where there is one.
        data: where the images lie: ``"device"``; ``"host"``, from where every batch is copied; or ``"auto"``,
            the device unless they would take more than half of its free memory.
        precision: ``"float32"``; ``"bfloat16"`` or ``"float16"`` by autocast, the latter with scaled losses.
        channels_last: memory layout of convolutional networks.
        compile: ``torch.compile`` the network; every shape of input that the family can ask for is compiled
            before training starts, the largest first, so that a change of stage costs nothing. Not with
            ``smoothing``, nor with a range of ``batch_size``; listed stages may each have their own.
        probe_batch: examples at a time in probes and tests.

    Raises:
        ValueError: if a value is not one of these, or there is no such device.
    """

    device: str = "auto"
    data: str = "auto"
    precision: str = "float32"
    channels_last: bool = False
    compile: bool = False
    probe_batch: int = 512

    def __post_init__(self) -> None:
        if not isinstance(self.device, str):
            raise ValueError(f"device: expected a name, got {self.device!r}")
        _one_of("data", self.data, ("auto", "device", "host"))
        _one_of("precision", self.precision, ("float32", "bfloat16", "float16"))
        check_whole("probe_batch", self.probe_batch)

    def resolve(self) -> torch.device:
        """Return the device.

        Raises:
            ValueError: if there is no such device.
        """
        if self.device == "auto":
            return torch.device("cuda" if torch.cuda.is_available() else "cpu")
        try:
            # Only an allocation shows whether the device is really there.
            found = torch.device(self.device)
            torch.empty(0, device=found)
        except (RuntimeError, AssertionError) as error:
            raise ValueError(f"device: expected one that is there, got {self.device!r}: {error}") from error
        return found

    def place(self, size: int) -> torch.device:
        """Return where images of ``size`` bytes in all are to lie.

        Raises:
            ValueError: if there is no such device.
        """
        device = self.resolve()
        # Half of the free memory is left for activations and weights.
        fits = device.type != "cuda" or size <= torch.cuda.mem_get_info(device)[0] / 2
        if self.data == "device" or (self.data == "auto" and fits):
            return device
        return torch.device("cpu")


def parse(kind: type[T], what: str, given: Mapping[str, Any] | T | None) -> T:
    """Return options of a kind from a mapping.

    Raises:
        TypeError: if it is neither a mapping nor of that kind, or a name is unknown.
        ValueError: if a value is out of range.
    """
    if isinstance(given, kind):
        # Options that are parsed already were checked when they were made.
        return given
    if given is not None and not isinstance(given, Mapping):
        raise TypeError(f"classifier: {what}: expected names and values, got {given!r}")
    known = [f.name for f in fields(kind)]  # type: ignore[arg-type]  # both kinds are dataclasses
    for name in given or {}:
        if name not in known:
            raise TypeError(f"classifier: {what}: expected names of {known}, got {name!r}")
    return kind(**(given or {}))


def _one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if not is_one_of(value, known):
        raise ValueError(f"{name}: expected one of {list(known)}, got {value!r}")


def _inside(name: str, inside: bool, expected: str, value: Any) -> None:
    if not inside:
        raise ValueError(f"{name}: expected {expected}, got {value!r}")
