"""Knobs whose whole range would touch nothing are refused, wherever they are used."""

from __future__ import annotations

from collections.abc import Mapping

from teacherstudent.networks.knobs.augmentation import FAINTEST
from teacherstudent.networks.knobs.smoothing import IDENTITY_BELOW


def nothing(knob: str, expected: str, got: object) -> ValueError:
    """Return the error of a knob that would touch nothing."""
    if isinstance(got, float):
        got = f"{got:g}"
    return ValueError(f"{knob}: touches nothing: expected {expected}, got {got}")


def check_strengths(reach: Mapping[str, tuple[float, float]]) -> None:
    """Raise ValueError if augmentation or blur never become strong enough to change a pixel.

    Args:
        reach: knob -> lowest and highest value.
    """
    if "magnitude" in reach and reach["magnitude"][1] < FAINTEST:
        raise nothing("magnitude", f"a strength of at least {FAINTEST:.3g}", reach["magnitude"][1])
    if "smoothing" in reach and reach["smoothing"][1] < IDENTITY_BELOW:
        raise nothing("smoothing", f"pixels of at least {IDENTITY_BELOW}", reach["smoothing"][1])
