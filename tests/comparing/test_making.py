"""How the columns of the table are made of runs."""

from __future__ import annotations

import numpy as np
import pytest
from comparisons import teacher, timed

from teacherstudent.comparing.compare import compare


def test_columns_at_a_common_cost(write_run, tmp_path):
    write_run("r/plain", teacher=teacher("plain"), final=50.0, tests=6, until=0.61, status="interrupted")
    write_run("r/x", teacher=teacher("x"), final=90.0, tests=4, ledger=timed(6.0, 3.0))
    comparison = compare([tmp_path / "r"], include_stopped=True)
    results = comparison.settings[0].results
    # The common cost is 600; x was tested at 333 and 667, where 30 and 60 % are mastered.
    assert results.mastered.tolist() == [30.0, pytest.approx(54.0)]
    assert results.result.tolist() == results.mastered.tolist()
    assert results.last_mastered.tolist() == [30.0, 90.0]
    assert results.spent.tolist() == [600.0, 1000.0]
    assert results.area.tolist() == [pytest.approx(15.0), pytest.approx(27.0)]
    assert results.drawn.tolist() == [600.0, pytest.approx(666.666667)]
    # x was at 30 % at a third, plain at the common end.
    assert results.reached.tolist() == [600.0, pytest.approx(333.333333)]
    assert np.isnan(results.seconds[0])
    assert results.seconds[1] == 9.0
    assert results.ledger[1]["seconds/student"] == 6.0


def test_columns_where_each_run_counts_at_its_own_end(write_run, tmp_path):
    write_run("r/plain", teacher=teacher("plain"), budget=2000.0, final=60.0)
    write_run("r/early", teacher=teacher("early"), budget=1000.0, final=70.0)
    results = compare([tmp_path / "r"]).settings[0].results
    assert results.teacher.tolist() == ["early", "plain"]
    assert results.mastered.tolist() == [70.0, 30.0]
    assert results.result.tolist() == results.last_mastered.tolist() == [70.0, 60.0]
    assert results.drawn.tolist() == results.spent.tolist() == [1000.0, 2000.0]
    assert results.reached.tolist() == [1000.0, 2000.0]


def test_what_a_baseline_without_a_result_reached_is_unknown(write_run, tmp_path):
    for seed in range(2):
        write_run(f"r/p{seed}", teacher=teacher("plain"), seed=seed, tested=5.0, until=0.8, status="finished")
        write_run(f"r/x{seed}", teacher=teacher("x"), seed=seed, tested=50.0)
    comparison = compare([tmp_path / "r"])
    assert comparison.baseline == "plain"
    assert np.isnan(comparison.settings[0].results.reached).all()
    assert all(row.reached is None and row.difference is None for row in comparison.rows)
