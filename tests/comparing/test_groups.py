from __future__ import annotations

import math

import pytest
from comparisons import teacher, the_note
from editing import rewrite

from teacherstudent.comparing import report
from teacherstudent.comparing.compare import compare


def test_equal_cost_is_the_smallest_common_one(write_run, tmp_path):
    write_run("r/a", teacher=teacher("a"), budget=2000.0, final=60.0, until=0.5, status="interrupted")
    write_run("r/b", teacher=teacher("b"), budget=2000.0, final=80.0, tests=4)
    write_run("r/c", teacher=teacher("c"), budget=2000.0, final=35.0)
    comparison = compare([tmp_path / "r"], baseline="a", include_stopped=True)
    assert (comparison.settings[0].end, comparison.settings[0].own_ends) == (1000.0, False)
    rows = {row.teacher: row for row in comparison.rows}
    # b is tested at 667 and 1333 of 2000 (27 % and 53 % of 100 tasks): halfway between is 40
    assert {name: row.mastered.value for name, row in rows.items()} == {
        "a": 30.0,
        "b": pytest.approx(40.0, abs=0.5),
        "c": 18.0,
    }
    # c reaches a's 30 at 2000 steps, beyond the common cost; b is above it there
    assert (rows["b"].reached, rows["b"].reached_at) == (1, 1000.0)
    assert (rows["c"].reached, rows["c"].reached_at) == (0, math.inf)
    assert any("results at 1,000 environment steps" in note for note in comparison.notes)


def test_runs_of_different_budgets_are_judged_at_their_own_ends(write_run, tmp_path):
    write_run("r/plain", teacher=teacher("plain"), budget=2000.0, final=60.0)
    write_run("r/early", teacher=teacher("early"), budget=1000.0, final=70.0)
    write_run("r/late", teacher=teacher("late"), budget=1000.0, final=50.0)
    comparison = compare([tmp_path / "r"])
    (setting,) = comparison.settings
    assert (setting.end, setting.spent, setting.own_ends) == (1000.0, 2000.0, True)
    # at the common cost plain has 30 and is last; at its own end it has 60
    found = [(r.teacher, r.mastered.value, r.final.mastered.value, r.final.spent) for r in comparison.rows]
    assert found == [
        ("early", 70.0, 70.0, 1000.0),
        ("plain", 30.0, 60.0, 2000.0),
        ("late", 50.0, 50.0, 1000.0),
    ]
    early, plain, late = comparison.rows
    assert comparison.baseline == "plain"
    assert (early.difference.value, late.difference.value) == (10.0, -10.0)
    assert (early.reached, early.reached_at, late.reached) == (1, 1000.0, 0)
    assert (plain.reached, plain.reached_at) == (1, 2000.0)
    text = report.to_text(comparison)
    first, second = text.index("tracks: last test of each run"), text.index("tracks: at 1,000")
    assert first < second
    assert "tracks: % mastered compared with plain, last tests" in text
    assert any("budgets differ (1,000, 2,000). Teachers are ranked" in note for note in comparison.notes)


def test_runs_without_a_common_stretch_are_judged_at_their_ends(quick_and_slow):
    comparison = compare([quick_and_slow], x="measure")
    assert [row.teacher for row in comparison.rows] == ["slow", "quick"]
    assert any("no stretch of measure cost in common. Teachers are ranked" in n for n in comparison.notes)
    assert "tracks: at " not in report.to_text(comparison)


def test_runs_without_any_common_cost_are_not_compared_at_one(write_run, tmp_path):
    def later(table):
        table["spent"] = table["spent"] + 2000.0

    for seed in range(2):
        write_run(f"r/a{seed}", seed=seed, final=20.0 + seed)
        rewrite(write_run(f"r/b{seed}", seed=seed, teacher=teacher("x"), final=50.0 + seed), later)
    comparison = compare([tmp_path / "r"])
    (setting,) = comparison.settings
    assert setting.own_ends
    assert not setting.overlap
    best = comparison.rows[0]
    assert (best.teacher, best.final.mastered.value, best.difference.value) == ("x", 50.5, 30.0)
    the_note(comparison, "tracks: the runs have no stretch of cost in common. Teachers are ranked")
    assert "tracks: at " not in report.to_text(comparison)


def test_a_run_that_stopped_at_once_leaves_the_cost_0_to_compare_at(write_run, tmp_path):
    write_run("r/a", until=0.1, status="interrupted")
    write_run("r/b", teacher=teacher("x"), final=50.0)
    comparison = compare([tmp_path / "r"], include_stopped=True)
    assert not comparison.settings[0].own_ends
    assert [row.mastered.value for row in comparison.rows] == [0.0, 0.0]
    assert "tracks: at 0 environment steps" in report.to_text(comparison)
