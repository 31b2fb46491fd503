"""Cells of tables: estimates over seeds with their intervals, or means with their spread."""

import numpy as np

from teacherstudent.comparing import stats


def cell(estimate: stats.Estimate) -> str:
    """Return an estimate with its interval, where there is one."""
    interval = f" [{estimate.low:.2f}, {estimate.high:.2f}]" if np.isfinite(estimate.low) else ""
    return f"{estimate.value:.2f}{interval}"


def spread(values: np.ndarray) -> str:
    """Return the mean and, of several values, their sample standard deviation."""
    return f"{values.mean():.2f}" + (f" ± {values.std(ddof=1):.2f}" if len(values) > 1 else "")


def difference(treated: np.ndarray, baseline: np.ndarray) -> str:
    """Return the difference of two interquartile means with its interval, and Welch's p if there is one."""
    p = stats.welch(treated, baseline)
    return cell(stats.estimate_difference([treated], [baseline])) + (f", p {p:.2g}" if np.isfinite(p) else "")
