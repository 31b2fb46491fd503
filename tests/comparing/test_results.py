from __future__ import annotations

import math

from comparisons import teacher

from teacherstudent.comparing import report
from teacherstudent.comparing.compare import compare
from teacherstudent.comparing.results import Row
from teacherstudent.comparing.stats import Difference, Estimate


def test_a_family_called_all_is_not_taken_for_the_pooled_rows(write_run, tmp_path):
    for family in ("all", "maze"):
        for seed in range(2):
            entries = {"family": teacher(family), "seed": seed, "test_set": family}
            write_run(f"r/{family}/a{seed}", final=10.0 + seed, **entries)
            write_run(f"r/{family}/b{seed}", teacher=teacher("x"), final=20.0 + seed, **entries)
    comparison = compare([tmp_path / "r"], tmp_path / "out")
    by_setting = [len(comparison.rows_of(setting)) for setting in comparison.settings]
    assert by_setting == [2, 2]
    assert sum(row.pooled for row in comparison.rows) == 2
    assert "None of" not in report.to_text(comparison)


def test_a_row_has_the_p_of_its_difference_if_it_has_one():
    value = Estimate(1.0, 0.0, 2.0, 3)
    row = Row("maze", "x", 3, value, value, value)
    assert math.isnan(row.p)
    assert math.isnan(row.holm)
    compared = Row(
        "maze", "x", 3, value, value, value, difference=Difference(1.0, 0.0, 2.0, 3, p=0.02, holm=0.04)
    )
    assert (compared.p, compared.holm) == (0.02, 0.04)
