"""Learning-rate profiles over the budget: REX, and the linear, cosine and constant baselines."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar, Literal, get_args

from teacherstudent.contract.checks import check_whole, is_one_of
from teacherstudent.contract.registry import TEACHERS
from teacherstudent.contract.spaces import Parameters
from teacherstudent.contract.types import Seed
from teacherstudent.teachers.stages.paths import EDGE, OpenLoop, check_number

Law = Literal["rex", "linear", "cosine", "constant"]


@TEACHERS.register("rex")
class LearningRateProfile(OpenLoop):
    """Lets the learning rate fall over the budget: by REX, or linearly, as a cosine, or not at all.

    Chen, Wolfe and Kyrillidis 2022, "REX: revisiting budgeted training with an improved schedule", MLSys,
    https://arxiv.org/abs/2107.04197. With z the share of the budget that is left,

    - ``"rex"``: ``z / ((1 - d) + d z)`` with d = 1/2, which is ``(1 - p) / (1 - p / 2)`` for p = 1 - z;
    - ``"linear"``: z; ``"cosine"``: ``(1 + cos(pi p)) / 2``; ``"constant"``: 1.

    The student multiplies its own rate with it: give it ``training={"schedule": "constant"}``, or both fall.

    Deviation: a rate is not below the lowest of the space, which is above 0. The paper's "sampling rate" is
    how often the student asks, or ``readings``.

    Args:
        space: knobs with ``lr_scale``.
        seed: an integer of at least 0 or a ``SeedSequence``; nothing is drawn from it.
        law: see above.
        scale: factor at the start.
        readings: the profile is read so many times, evenly over the budget; None reads it at every ask.
        values: values of other knobs; those that are not named are neutral.

    Raises:
        TypeError: if the space has no named knobs, or the seed is no integer.
        ValueError: if the space lacks a knob or does not reach ``scale``, or an option is out of range.
    """

    moves: ClassVar[tuple[str, ...]] = ("lr_scale",)

    def __init__(
        self,
        space: Parameters,
        *,
        seed: Seed,
        law: Law = "rex",
        scale: float = 1.0,
        readings: int | None = None,
        values: Mapping[str, float] | None = None,
    ) -> None:
        who = "rex"
        if not is_one_of(law, get_args(Law)):
            raise ValueError(f"{who}: law: expected one of {get_args(Law)}, got {law!r}")
        self._law: Law = law
        self._scale = check_number(who, "scale", scale, 0, 1e6, open_low=True)
        self._readings: int | None = None
        if readings is not None:
            self._readings = check_whole(f"{who}: readings", readings)
        # Only the start has to lie in the space: below, the profile is cut at the lowest rate.
        super().__init__(space, seed=seed, who=who, drives={"lr_scale": (scale, scale)}, values=values)
        self._lowest = float(space.low[space.names.index("lr_scale")])

    def path(self, progress: float) -> dict[str, float]:
        """Return the factor of the learning rate."""
        if self._readings is not None:
            # Every part of the budget keeps the rate that was read at its start.
            progress = min(1.0, math.floor(progress * self._readings + EDGE) / self._readings)
        return {"lr_scale": max(self._lowest, self._scale * profile(self._law, progress))}


def profile(law: Law, progress: float, d: float = 0.5) -> float:
    """Return the rate as a share of the first one; ``d`` bends REX: 0 is linear."""
    left = 1.0 - progress
    if law == "rex":
        return left / ((1 - d) + d * left)
    if law == "linear":
        return left
    if law == "cosine":
        return 0.5 * (1.0 + math.cos(math.pi * progress))
    return 1.0
