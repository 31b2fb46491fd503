"""EfficientTrain++: stages of equal compute, from small images to whole ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from teacherstudent.contract.registry import TEACHERS
from teacherstudent.contract.spaces import Parameters
from teacherstudent.contract.types import Seed
from teacherstudent.teachers.stages.paths import OpenLoop, check_number, check_shares, size_knob, stage_at

SCHEDULES: Mapping[str, tuple[float, ...]] = {
    "resnet": (96 / 224,) * 2 + (160 / 224,) * 4 + (1.0,) * 4,
    "deit": (96 / 224,) * 2 + (160 / 224,) * 4 + (192 / 224,) * 2 + (1.0,) * 2,
    "convnext": (160 / 224,) * 6 + (1.0,) * 4,
}
"""The published sizes of ten stages, as shares of the full one; "resnet" is also Swin's and CSWin's."""


@TEACHERS.register("efficient-train-pp")
class EfficientTrainPP(OpenLoop):
    """Stages of equal compute with growing images and augmentation (EfficientTrain++).

    Wang et al. 2024, "EfficientTrain++: generalized curriculum learning for efficient visual backbone
    training", TPAMI, https://arxiv.org/abs/2405.08768: ten stages of equal *compute*, of two to four
    different sizes, with RandAugment's magnitude i of 10 in stage i = 0..9.

    A stage whose images are s times as wide sees ``1 / s ** 2`` times as many examples. The learning rate
    follows the share of compute spent, which is what the student's schedule does.

    Deviations from the paper:

    - sizes are shares of the highest one of the family's space;
    - ``bandwidth`` or ``resize``, whichever the space has; the paper crops frequencies, its code resizes;
    - equal compute is what the student counts, measuring included, not the square law of the paper;
    - no buffer that shows decoded samples again: the data lie on the device.

    Args:
        space: knobs with ``resize`` or ``bandwidth``, and ``magnitude`` unless ``strongest`` is None.
        seed: an integer of at least 0 or a ``SeedSequence``; nothing is drawn from it.
        sizes: of stages of equal compute, shares of the full size; or a name of `SCHEDULES`.
        strongest: the magnitude in the last stage, of 1; it grows by equal steps from 0. None leaves the
            magnitude alone.
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
        sizes: str | Sequence[float] = "resnet",
        strongest: float | None = 0.9,
        values: Mapping[str, float] | None = None,
    ) -> None:
        who = "efficient-train-pp"
        self._knob, full = size_knob(who, space, () if strongest is None else ("magnitude",))
        if isinstance(sizes, str):
            if sizes not in SCHEDULES:
                raise ValueError(f"{who}: sizes: expected one of {list(SCHEDULES)} or shares, got {sizes!r}")
            sizes = SCHEDULES[sizes]
        self._sizes = full * check_shares(who, "sizes", sizes)
        self._strongest = strongest
        drives = {self._knob: (float(self._sizes.min()), float(self._sizes.max()))}
        if strongest is not None:
            drives["magnitude"] = (0.0, check_number(who, "strongest", strongest, 0, 1))
        super().__init__(space, seed=seed, who=who, drives=drives, values=values)

    def path(self, progress: float) -> dict[str, float]:
        """Return the size, and the magnitude unless it is left alone."""
        k = len(self._sizes)
        # Stages of equal compute end at equal shares of the budget.
        stage = stage_at(np.arange(1, k + 1) / k, progress)
        found = {self._knob: float(self._sizes[stage])}
        if self._strongest is not None:
            # A single stage has nowhere to grow to; the maximum avoids a division by 0.
            found["magnitude"] = self._strongest * stage / max(1, k - 1)
        return found
