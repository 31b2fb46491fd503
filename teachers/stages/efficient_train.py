"""EfficientTrain: first the low frequencies of lightly augmented images, then everything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal, get_args

import numpy as np

from teacherstudent.contract.checks import is_one_of
from teacherstudent.contract.registry import TEACHERS
from teacherstudent.contract.spaces import Parameters
from teacherstudent.contract.types import FloatArray, Seed
from teacherstudent.teachers.stages.paths import OpenLoop, check_number, check_shares, size_knob, stage_at

SIZES = (160 / 224, 160 / 224, 160 / 224, 192 / 224, 1.0)
"""The published bandwidths of five stages, as shares of the full size."""

Ramp = Literal["linear", "stages"]
Clock = Literal["compute", "examples"]


@TEACHERS.register("efficient-train")
class EfficientTrain(OpenLoop):
    """Stages of growing bandwidth and augmentation (EfficientTrain).

    Wang et al. 2023, "EfficientTrain: exploring generalized curriculum learning for training visual
    backbones", ICCV, https://arxiv.org/abs/2211.09703: five stages of equal numbers of examples with the
    bandwidths 160, 160, 160, 192 and 224 of 224 pixels, and RandAugment's magnitude from 0 to 9 of 10.

    Stage i of k with the size s_i costs s_i ** 2 for an example, so in shares of compute it ends at
    ``sum(s_j ** 2, j <= i) / sum(s_j ** 2)``: 0.156, 0.3125, 0.469, 0.694 and 1 for the published sizes,
    which cost 0.653 of a plain run over as many examples.

    Deviations from the paper:

    - sizes are shares of the highest one of the family's space;
    - the learning rate belongs to the student, whose schedule runs over compute;
    - what the student measures is part of the budget, so stages end a little earlier.

    Args:
        space: knobs with ``bandwidth`` (or ``resize``), and ``magnitude`` unless ``ramp`` is None.
        seed: an integer of at least 0 or a ``SeedSequence``; nothing is drawn from it.
        sizes: of stages of equal numbers of examples, shares of the full size.
        ramp: ``"linear"`` in the examples seen, as in the paper; ``"stages"``: a step a stage, as in the
            authors' code (there 1, 3, 5, 7 and 9); None leaves the magnitude alone.
        strongest: the magnitude at the end, of 1.
        clock: what the budget is counted in: ``"compute"`` or ``"examples"``.
        values: values of other knobs; those that are not named are neutral.

    Raises:
        TypeError: if the space has no named knobs, or the seed is no integer.
        ValueError: if the space lacks a knob or does not reach a value of the path, or an option is out of
            range.
    """

    moves: ClassVar[tuple[str, ...]] = ("bandwidth", "magnitude")

    def __init__(
        self,
        space: Parameters,
        *,
        seed: Seed,
        sizes: Sequence[float] = SIZES,
        ramp: Ramp | None = "linear",
        strongest: float = 0.9,
        clock: Clock = "compute",
        values: Mapping[str, float] | None = None,
    ) -> None:
        who = "efficient-train"
        # The knob comes first: if the space has none, the message should propose one.
        self._knob, full = size_knob(who, space, () if ramp is None else ("magnitude",))
        shares = check_shares(who, "sizes", sizes)
        if ramp is not None and not is_one_of(ramp, get_args(Ramp)):
            raise ValueError(f"{who}: ramp: expected one of {get_args(Ramp)} or None, got {ramp!r}")
        if not is_one_of(clock, get_args(Clock)):
            raise ValueError(f"{who}: clock: expected one of {get_args(Clock)}, got {clock!r}")
        self._sizes = full * shares
        self._ramp = ramp
        self._strongest = check_number(who, "strongest", strongest, 0, 1)
        # Counted in examples all stages are equally long; in compute, stages of large images take longer.
        if clock == "compute":
            self._ends = stage_ends(shares)
        else:
            self._ends = np.arange(1, len(shares) + 1) / len(shares)
        drives = {self._knob: (float(self._sizes.min()), float(self._sizes.max()))}
        if ramp is not None:
            lowest = 0.0
            if ramp == "stages":
                # The authors' steps are the odd numbers 1, 3, 5... of 2 k - 1.
                lowest = self._strongest / max(1, 2 * len(shares) - 1)
            drives["magnitude"] = (lowest, self._strongest)
        super().__init__(space, seed=seed, who=who, drives=drives, values=values)

    def path(self, progress: float) -> dict[str, float]:
        """Return the size, and the magnitude unless it is left alone."""
        stage = stage_at(self._ends, progress)
        k = len(self._sizes)
        found = {self._knob: float(self._sizes[stage])}
        if self._ramp == "linear":
            # Within a stage every example costs the same, so the examples seen grow linearly there.
            seen = np.interp(progress, [0.0, *self._ends], np.linspace(0, 1, k + 1))
            found["magnitude"] = self._strongest * float(seen)
        elif self._ramp == "stages":
            found["magnitude"] = self._strongest * (2 * stage + 1) / max(1, 2 * k - 1)
        return found


def stage_ends(shares: FloatArray) -> FloatArray:
    """Return where stages of equal numbers of examples end, ``(k,)`` shares of compute."""
    # The compute for an image grows with its area.
    spent = np.cumsum(shares**2)
    return np.asarray(spent / spent[-1])
