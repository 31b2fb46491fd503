import importlib
from pathlib import Path

import numpy as np
import pytest
import scipy.stats

FOLDER = Path(__file__).parents[2] / "benchmarks"
VALUES = np.array([[10.0, 20.0, 30.0, 40.0, 90.0], [3.0, 1.0, 2.0, 5.0, 4.0]])


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("intervals")


def test_trimmed_intervals_by_hand(bench):
    low, high = bench.trimmed(VALUES)
    # of 10 20 30 40 90, 20 20 30 40 40 is left: squares 400, three values, two degrees of freedom
    margin = scipy.stats.t.ppf(0.975, 2) * np.sqrt(400 / (3 * 2))
    assert (low[0], high[0]) == pytest.approx((30 - margin, 30 + margin))


def test_trimmed_errors_are_those_of_scipy_s_trimmed_test(bench):
    ours, theirs = VALUES
    (first, _), (second, _) = bench.winsorised_error(ours), bench.winsorised_error(theirs)
    t = (30.0 - 3.0) / np.hypot(first, second)
    assert scipy.stats.ttest_ind(ours, theirs, equal_var=False, trim=0.25).statistic == pytest.approx(t)


def test_coverage_and_width_by_hand(bench):
    low, high = np.array([0.0, 2.0, -1.0]), np.array([2.0, 4.0, 0.5])
    intervals = {"t": (low, high), "mean, t": (low, high), "ours": (low, high + 2.0)}
    found = bench.measure(intervals, 1.0, 3.0)
    assert found["t"] == (pytest.approx(100 / 3), 1.0)
    assert found["mean, t"] == (pytest.approx(100 / 3), 1.0)
    assert found["ours"] == (pytest.approx(200 / 3), 2.0)


def test_our_intervals_cover_where_the_percentile_bootstrap_does_not(bench):
    rng = np.random.default_rng(0)
    found = bench.measure(bench.of_one(rng.normal(size=(300, 5)), rng), 0.0, 0.0)
    assert found["percentile"][0] < 93.0
    assert found["ours"][0] > 93.0
    pairs = bench.measure(bench.of_pairs(*rng.normal(size=(2, 200, 3))), 0.0, 0.0)
    assert pairs["percentile"][0] < 85.0 < 91.0 < pairs["ours"][0]
