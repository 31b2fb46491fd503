"""The band of success between too hard and too easy."""

from __future__ import annotations

from typing import Any

from teacherstudent.contract.checks import check_pair, is_finite


def check_band(what: str, band: Any) -> tuple[float, float]:
    """Return the two ends of a band; raise ValueError unless 0 <= least <= greatest <= 1.

    Args:
        what: who takes it; starts the message.
        band: anything.
    """
    low, high = check_pair(what, "least and greatest success", band)
    if not (is_finite(low) and is_finite(high) and 0 <= low <= high <= 1):
        raise ValueError(f"{what}: expected 0 <= least <= greatest <= 1, got {band!r}")
    return float(low), float(high)
