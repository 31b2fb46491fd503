"""How a classifier is trained and on what machine, as data; and the learning rate over compute."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import torch

from teacherstudent.contract.checks import check_inside, check_one_of, check_whole, is_whole

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
        accumulate: parts in which a batch passes through the network before a step is taken, for batches that
            do not fit on the device. Batch normalisation and teachers that weigh examples see one part at a
            time.
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
    accumulate: int = 1
    clip: float | None = None
    ema: float = 0.0
    renorm: int = 256
    lr_law: str = "geometric"
    scores: str = "latest"
    reference: str = ""

    def __post_init__(self) -> None:
        check_one_of("optimizer", self.optimizer, ("adamw", "adam", "sgd"))
        check_one_of("schedule", self.schedule, SCHEDULES)
        check_one_of("lr_law", self.lr_law, ("geometric", "staircase"))
        check_inside("lr", self.lr > 0 and math.isfinite(self.lr), "a rate above 0", self.lr)
        check_inside("weight_decay", (self.weight_decay or 0) >= 0, "at least 0", self.weight_decay)
        check_inside("warmup", 0 <= self.warmup < 1, "a share in [0, 1)", self.warmup)
        check_whole("batch_size", self.batch_size)
        check_whole("accumulate", self.accumulate, 1, self.batch_size)
        check_inside("label_smoothing", 0 <= self.label_smoothing < 1, "in [0, 1)", self.label_smoothing)
        check_inside("momentum", 0 <= self.momentum < 1, "in [0, 1)", self.momentum)
        # The variance of a single image is not defined.
        several = is_whole(self.renorm) and (self.renorm == 0 or self.renorm >= 2)
        check_inside("renorm", several, "0 or a whole number of at least 2", self.renorm)
        check_inside("clip", self.clip is None or self.clip > 0, "above 0 or None", self.clip)
        check_inside("ema", 0 <= self.ema < 1, "a decay in [0, 1)", self.ema)

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
