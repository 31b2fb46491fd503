"""The training knobs that a stage can set: names, meanings, neutral values and bounds."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

Setting = Mapping[str, float]
"""A value for every knob of `KNOBS`."""


@dataclass(frozen=True)
class Knob:
    """What a knob means.

    Attributes:
        meaning: a plain sentence.
        neutral: the value at which it does nothing; 0 stands for "the image's own side", "the sequence's own
            length" and "the student's own batch size".
        low: no value may be below; ``inclusive`` says whether this one is allowed.
        high: no value may be above.
        inclusive: see ``low``.
    """

    meaning: str
    neutral: float
    low: float
    high: float
    inclusive: bool = True


KNOBS: Mapping[str, Knob] = {
    "bandwidth": Knob("low-frequency crop: pixels of the smaller side, or up to 1 a share of it", 0, 0, 4096),
    "resize": Knob("antialiased resize: pixels of the smaller side, or up to 1 a share of it", 0, 0, 4096),
    "magnitude": Knob("strength of random augmentation; 0 is none", 0, 0, 1),
    "lr_spread": Knob("decades between the first and the last layer's learning rate", 0, 0, 20),
    "smoothing": Knob("standard deviation, in pixels, of the blur after every convolution", 0, 0, 10),
    "data_fraction": Knob("share of the examples in a pass, drawn by their scores", 1, 0, 1, False),
    "self_distillation": Knob("weight of the network's own last prediction in the target", 0, 0, 1),
    "lr_scale": Knob("multiplies the learning rate", 1, 0, 1e6, False),
    "batch_size": Knob("examples in a step", 0, 0, 2**20),
    "freeze": Knob("share of the layers, from the input on, that do not learn", 0, 0, 1),
    "sequence_length": Knob("tokens of a sequence, or up to 1 a share of them", 0, 0, 2**30),
}
SIZES = ("bandwidth", "resize")
"""Knobs that change the side of the images; a stage may use one of them."""


USUAL: Mapping[str, tuple[float, float]] = {
    "bandwidth": (0.4, 1),
    "resize": (0.4, 1),
    "magnitude": (0, 1),
    "lr_spread": (0, 4),
    "smoothing": (0, 1),
    "data_fraction": (0.25, 1),
    "self_distillation": (0, 1),
    "lr_scale": (0.001, 1),
    "batch_size": (32, 128),
    "freeze": (0, 0.5),
    "sequence_length": (0.25, 1),
}
"""Ranges that a message proposes."""


def words(option: str, value: object) -> str:
    """Return how a family's option is given on the command line: ``--family-options 'knobs={...}'``."""
    return f"--family-options '{option}={json.dumps(value)}'"


def proposal(
    there: Mapping[str, tuple[float, float]],
    reach: Mapping[str, tuple[float, float]],
    also: Iterable[str] = (),
) -> dict[str, list[float]]:
    """Return ranges of knobs that hold those that are there and what is to be reached.

    Args:
        there: knob -> range.
        reach: knob -> lowest and highest value.
        also: further knobs.
    """
    found = {name: there.get(name) or USUAL.get(name, (0, 1)) for name in [*there, *reach, *also]}
    for name, (low, high) in reach.items():
        # Whole pixels, or tenths of the side.
        if low < found[name][0] - 1e-9 and name in SIZES:
            low = math.floor(low) if low > 1 else math.floor(10 * low) / 10
        found[name] = (min(found[name][0], low), max(found[name][1], high))
    return {name: list(map(shown, pair)) for name, pair in found.items()}


def shown(value: float) -> float:
    """Return a number as it is written: whole ones without a point."""
    if value == int(value):
        return int(value)
    return float(value)


def check_value(where: str, name: str, value: float) -> float:
    """Return a knob's value as a number.

    Raises:
        ValueError: if there is no such knob or the value is out of its bounds.
        TypeError: if it is no number.
    """
    if name not in KNOBS:
        raise ValueError(f"{where}: expected knobs of {list(KNOBS)}, got {name!r}")
    # In Python True is an int, but it is never meant as a value.
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        raise TypeError(f"{where}: {name}: expected a number, got {value!r}")
    knob = KNOBS[name]
    inside = knob.low <= value <= knob.high and (knob.inclusive or value > knob.low)
    if not inside:
        # An open interval is written with a round bracket.
        bracket = "("
        if knob.inclusive:
            bracket = "["
        raise ValueError(
            f"{where}: {name} ({knob.meaning}): expected a value in {bracket}{knob.low:g}, {knob.high:g}], "
            f"got {value}"
        )
    return float(value)


def complete(values: Mapping[str, float]) -> dict[str, float]:
    """Return a value for every knob: the given ones, the others neutral."""
    return {name: float(values.get(name, knob.neutral)) for name, knob in KNOBS.items()}


def pixels(value: float, side: int) -> float:
    """Return a size knob's value in pixels: 0 is the whole side, up to 1 a share of it, above 1 pixels."""
    if value == 0:
        return float(side)
    if value <= 1:
        return value * side
    return value


def describe(setting: Setting) -> str:
    """Return the knobs that are not neutral, for messages: ``bandwidth=16, lr_scale=2``."""
    moved = [f"{name}={value:g}" for name, value in setting.items() if value != KNOBS[name].neutral]
    return ", ".join(moved) or "all knobs neutral"
