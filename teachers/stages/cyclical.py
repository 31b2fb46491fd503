"""Cyclical curriculum: the share of the data in a pass grows and shrinks again and again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from teacherstudent.contract.checks import is_number
from teacherstudent.contract.registry import TEACHERS
from teacherstudent.contract.spaces import Parameters
from teacherstudent.contract.types import FloatArray, Seed
from teacherstudent.teachers.stages.paths import EDGE, OpenLoop, check_number, stage_at


@TEACHERS.register("cyclical")
class CyclicalCurriculum(OpenLoop):
    """Passes over a share of the examples that grows to all of them and shrinks again, in cycles (CCL).

    Kesgin and Amasyali 2023, "Cyclical curriculum learning", https://arxiv.org/abs/2202.05531. Sizes start at
    ``low``, are divided by ``alpha`` up to ``high``, multiplied by it down to ``low``, and so on, until they
    amount to ``epochs`` whole passes: 0.25, 0.5, 1, 0.5, 0.25, 0.5, 1... In a pass of size f, ``floor(f n)``
    examples are drawn without replacement, by the inverse of their loss; that is the student's part.

    The student's option ``training.scores`` says whose loss: ``"latest"`` and ``"rescore"`` are the model's
    own, without or with a scoring pass (the latter is the authors' variant ``splcycle``); a file of scores
    of a model trained before is their standard.

    Deviation: passes are shares of the compute, so the last steps of a pass may be cut or a few of them come
    twice. They are whole, up to a batch, where the student's chunk is the compute of the smallest pass and
    probes cost little.

    Args:
        space: knobs with ``data_fraction``.
        seed: an integer of at least 0 or a ``SeedSequence``; nothing is drawn from it.
        epochs: whole passes that the budget pays for; the authors take 30 on CIFAR-10, 39 on Fashion-MNIST.
        low: the smallest size, in (0, 1].
        high: the largest, from ``low`` to 1.
        alpha: factor between sizes, in (0, 1).
        values: values of other knobs; those that are not named are neutral.

    Raises:
        TypeError: if the space has no named knobs, or the seed is no integer.
        ValueError: if the space lacks a knob or does not reach a value of the path, or an option is out of
            range.
    """

    moves: ClassVar[tuple[str, ...]] = ("data_fraction",)

    def __init__(
        self,
        space: Parameters,
        *,
        seed: Seed,
        epochs: float = 30,
        low: float = 0.25,
        high: float = 1.0,
        alpha: float = 0.5,
        values: Mapping[str, float] | None = None,
    ) -> None:
        self._sizes = cycle_sizes(epochs, low=low, high=high, alpha=alpha)
        # A pass over a share of the data costs this share of a whole pass.
        self._ends = np.cumsum(self._sizes) / self._sizes.sum()
        drives = {"data_fraction": (float(self._sizes.min()), float(self._sizes.max()))}
        super().__init__(space, seed=seed, who="cyclical", drives=drives, values=values)

    def path(self, progress: float) -> dict[str, float]:
        """Return the share of the examples in a pass."""
        return {"data_fraction": float(self._sizes[stage_at(self._ends, progress)])}


MOST_PASSES = 10**6
"""More passes than this are no schedule: sizes near 0 that hardly grow."""


def cycle_sizes(epochs: float, *, low: float = 0.25, high: float = 1.0, alpha: float = 0.5) -> FloatArray:
    """Return the sizes of passes until they amount to ``epochs`` whole ones.

    Args:
        epochs: above 0.
        low: the first and smallest size.
        high: the largest.
        alpha: factor between neighbours, except where ``low`` or ``high`` cuts it.

    Raises:
        ValueError: if an option is out of range.
    """
    who = "cyclical"
    check_number(who, "low", low, 0, 1, open_low=True)
    check_number(who, "high", high, low, 1)
    check_number(who, "epochs", epochs, 0, 1e6, open_low=True)
    if not (is_number(alpha) and 0 < alpha < 1):
        raise ValueError(f"{who}: alpha: expected a factor in (0, 1), got {alpha!r}")
    sizes = [low]
    size = low
    grows = True
    total = low
    # Sums of sizes miss whole numbers by rounding.
    while total < epochs - EDGE:
        # Whether to turn is decided before the step, so each extreme size comes once in a turn.
        if grows and size >= high - EDGE:
            grows = False
        elif not grows and size <= low + EDGE:
            grows = True
        size = min(high, size / alpha) if grows else max(low, size * alpha)
        sizes.append(size)
        total += size
        # Looked at in the loop, which might otherwise take hours to end.
        if len(sizes) > MOST_PASSES:
            raise ValueError(
                f"{who}: expected at most {MOST_PASSES} passes in {epochs:g} epochs, got more with "
                f"low={low:g}, alpha={alpha:g}"
            )
    return np.array(sizes)
