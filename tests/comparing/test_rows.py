from __future__ import annotations

import math

import numpy as np
import pytest
from comparisons import teacher
from editing import rewrite

from teacherstudent.comparing import report, stats
from teacherstudent.comparing.compare import compare


def test_known_numbers(two_teachers):
    comparison = compare([two_teachers])
    (setting,) = comparison.settings
    assert (setting.label, setting.metric, setting.end) == ("tracks", "mastered", 1000.0)
    best, baseline = comparison.rows
    assert (best.teacher, best.seeds, baseline.teacher, baseline.seeds) == ("alp-gmm", 5, "random", 3)
    finals = np.array([10.0, 20.0, 30.0, 40.0, 90.0])
    assert best.mastered == stats.estimate([finals], within=stats.PERCENT)
    assert best.mastered.value == 30.0
    assert best.score.value == pytest.approx(0.3)
    assert best.area.value == pytest.approx(15.0)  # straight lines from 0
    assert baseline.mastered.value == 20.0  # three seeds: nothing is cut
    assert best.difference.value == 10.0
    assert best.p == stats.welch(finals, np.array([10.0, 20.0, 30.0]))
    assert baseline.difference is None
    # Five equal steps to 10, 20, 30, 40, 90: 20 is first reached never, at 1000, 800, 600, 400
    assert (best.reached, best.reached_at) == (4, 800.0)
    assert (baseline.reached, baseline.reached_at) == (2, 1000.0)
    assert best.ledger == {"cost/train": 1000.0, "cost/evaluate": 6000.0, "updates": 50.0}


def test_the_seed_is_the_unit_not_the_test_task(write_run, tmp_path):
    for seed in range(5):
        write_run(f"r/{seed}", seed=seed, final=50.0)
    (row,) = compare([tmp_path / "r"]).rows
    assert (row.mastered.low, row.mastered.value, row.mastered.high) == (50.0, 50.0, 50.0)


def test_pooled_rows_stratify_over_families(write_run, tmp_path):
    for family, offset in (("walker", 0.0), ("maze", 60.0)):
        for seed in range(5):
            entries = {"family": teacher(family), "seed": seed, "test_set": family}
            # the launcher gives each family's scale: that does not make two teachers of it
            scaled = teacher("alp-gmm", score_range=[0.0, offset + 1])
            write_run(f"r/{family}/a{seed}", teacher=scaled, final=offset + 20 + seed, **entries)
            write_run(f"r/{family}/r{seed}", final=offset + 10 + seed, **entries)
    comparison = compare([tmp_path / "r"])
    best, baseline = (row for row in comparison.rows if row.pooled)
    low, high = np.arange(20.0, 25.0), np.arange(80.0, 85.0)
    assert (best.teacher, best.seeds, baseline.teacher) == ("alp-gmm", 10, "random")
    assert best.mastered == stats.estimate([low, high], within=stats.PERCENT)
    assert best.mastered.value == 52.0  # of 22, 23, 24, 80, 81, 82
    assert best.mastered.high - best.mastered.low < 5.0
    assert best.difference.value == 10.0
    assert "all settings, pooled" in report.to_text(comparison)


def test_a_family_without_a_line_is_ranked_by_return(write_run, tmp_path):
    for seed in range(2):
        write_run(f"r/a{seed}", seed=seed, teacher=teacher("a"), final=10.0, mastered=None)
        write_run(f"r/b{seed}", seed=seed, teacher=teacher("b"), final=20.0, mastered=None)
    comparison = compare([tmp_path / "r"], baseline="a")
    assert [row.teacher for row in comparison.rows] == ["b", "a"]
    assert comparison.rows[0].difference.value == pytest.approx(0.1)
    assert math.isnan(comparison.rows[0].mastered.value)
    text = report.to_text(comparison)
    assert "% mastered" not in text
    assert "tracks: test return compared with a" in text


def test_a_baseline_that_spends_a_little_more_reaches_its_own_result(write_run, tmp_path):
    write_run("r/plain", teacher=teacher("plain"), final=60.0, budget=1000.0)
    folder = write_run("r/other", teacher=teacher("other"), final=20.0)

    def change(table):
        table["spent"] = 0.99 * table["spent"]

    rewrite(folder, change)
    plain = compare([tmp_path / "r"]).rows[0]
    assert (plain.teacher, plain.reached, plain.reached_at) == ("plain", 1, 990.0)


def test_what_was_charged_before_shifts_the_curve(write_run, tmp_path):
    write_run("r/plain", teacher=teacher("plain"), final=50.0)
    folder = write_run("r/charged", teacher=teacher("charged"), final=50.0, charged=500.0, budget=1000.0)

    def change(table):
        table["spent"] = 500.0 + table["spent"] / 2

    rewrite(folder, change)
    comparison = compare([tmp_path / "r"])
    rows = {row.teacher: row for row in comparison.rows}
    assert rows["charged"].mastered.value == rows["plain"].mastered.value == 50.0
    assert rows["plain"].area.value == pytest.approx(25.0)
    assert rows["charged"].area.value == pytest.approx(12.5, abs=0.01)  # nothing is learnt up to 500
    assert any("part of its budget: charged 500 environment steps" in note for note in comparison.notes)
