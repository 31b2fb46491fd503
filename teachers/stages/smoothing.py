"""Curriculum by smoothing: blurred feature maps that become sharp during the training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from teacherstudent.contract.checks import check_whole
from teacherstudent.contract.registry import TEACHERS
from teacherstudent.contract.spaces import Parameters
from teacherstudent.contract.types import Seed
from teacherstudent.teachers.stages.paths import EDGE, OpenLoop, check_number


@TEACHERS.register("smoothing")
class CurriculumBySmoothing(OpenLoop):
    """Lets the blur after every convolution fade step by step (curriculum by smoothing, CBS).

    Sinha, Garg and Larochelle 2020, "Curriculum by smoothing", https://arxiv.org/abs/2003.01367: a Gaussian
    of standard deviation ``sigma * factor ** floor(t / interval)`` pixels after epoch t; 1, 0.9 and 5 epochs
    of 200 in the authors' code, which is 40 intervals.

    Deviation: intervals are shares of the compute instead of epochs. The student leaves the blur out below
    0.3 pixels, where it does next to nothing: with the defaults after 12 of the 40 intervals.

    Args:
        space: knobs with ``smoothing``.
        seed: an integer of at least 0 or a ``SeedSequence``; nothing is drawn from it.
        sigma: standard deviation at the start, pixels of the feature maps.
        factor: from an interval to the next, in (0, 1].
        intervals: in the whole budget.
        values: values of other knobs; those that are not named are neutral.

    Raises:
        TypeError: if the space has no named knobs, or the seed is no integer.
        ValueError: if the space lacks a knob or does not reach a value of the path, or an option is out of
            range.
    """

    moves: ClassVar[tuple[str, ...]] = ("smoothing",)

    def __init__(
        self,
        space: Parameters,
        *,
        seed: Seed,
        sigma: float = 1.0,
        factor: float = 0.9,
        intervals: int = 40,
        values: Mapping[str, float] | None = None,
    ) -> None:
        who = "smoothing"
        self._sigma = check_number(who, "sigma", sigma, 0, 10, open_low=True)
        self._factor = check_number(who, "factor", factor, 0, 1, open_low=True)
        self._intervals = check_whole(f"{who}: intervals", intervals)
        # The blur shrinks, so the last interval has the lowest value of the path.
        drives = {"smoothing": (self._at(self._intervals - 1), self._sigma)}
        super().__init__(space, seed=seed, who=who, drives=drives, values=values)

    def _at(self, interval: int) -> float:
        return float(self._sigma * self._factor**interval)

    def path(self, progress: float) -> dict[str, float]:
        """Return the standard deviation in pixels."""
        # The end of the budget still belongs to the last interval.
        interval = int(progress * self._intervals + EDGE)
        return {"smoothing": self._at(min(interval, self._intervals - 1))}
