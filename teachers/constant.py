"""The same stage from start to end: the plain run that a curriculum is compared with."""

from __future__ import annotations

from collections.abc import Mapping

from teacherstudent.fitting.paths import OpenLoop
from teacherstudent.registry import TEACHERS
from teacherstudent.spaces import Parameters
from teacherstudent.types import Seed


@TEACHERS.register("constant")
class Constant(OpenLoop):
    """Leaves every knob where it is: neutral, or at a given value.

    Args:
        space: named knobs.
        seed: an integer of at least 0 or a ``SeedSequence``; nothing is drawn from it.
        values: values of knobs; those that are not named are neutral.

    Raises:
        TypeError: if the space has no named knobs, or the seed is no integer.
        ValueError: if a value lies outside the space, or a knob has no neutral value and none is given.
    """

    def __init__(self, space: Parameters, *, seed: Seed, values: Mapping[str, float] | None = None) -> None:
        super().__init__(space, seed=seed, who="constant", drives={}, values=values)

    def path(self, progress: float) -> dict[str, float]:
        """Return nothing: no knob is moved."""
        return {}
