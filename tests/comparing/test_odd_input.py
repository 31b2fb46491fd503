"""What `compare` says of runs that do not fit each other: a right table, and one sentence that tells."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from editing import rewrite

from teacherstudent.comparing import report
from teacherstudent.comparing.compare import compare


def teacher(name, **options):
    return {"name": name, "options": options}


def the_note(comparison, words):
    """Return the only note with these words."""
    (note,) = (note for note in comparison.notes if words in note)
    return note


def test_one_run_has_numbers_and_no_interval(write_run):
    comparison = compare([write_run("a", final=30.0)])
    (row,) = comparison.rows
    assert (row.mastered.value, row.seeds, row.difference) == (30.0, 1, None)
    assert np.isnan([row.mastered.low, row.mastered.high]).all()
    the_note(comparison, "With one seed there is no interval.")


def test_two_teachers_with_one_label_stay_two(write_run, tmp_path):
    for seed, (name, final) in enumerate((("alp-gmm", 20.0), ("alp-gmm", 20.0), ("riac", 80.0))):
        write_run(f"r/{seed}", seed=seed, teacher=teacher(name) | {"label": "mine"}, final=final)
    found = {row.teacher: (row.seeds, row.mastered.value) for row in compare([tmp_path / "r"]).rows}
    assert found == {
        "mine (teacher name=alp-gmm)": (2, 20.0),
        "mine (teacher name=riac)": (1, 80.0),
    }


def test_a_label_that_is_another_teacher_s_name_stays_apart(write_run, tmp_path):
    write_run("r/a", seed=0, teacher=teacher("riac"), final=20.0)
    write_run("r/b", seed=1, teacher=teacher("alp-gmm") | {"label": "riac"}, final=80.0)
    assert sorted(row.seeds for row in compare([tmp_path / "r"]).rows) == [1, 1]


def test_a_baseline_that_one_setting_lacks_is_told(write_run, tmp_path):
    for seed in range(2):
        write_run(f"r/a{seed}", seed=seed, final=10.0 + seed)
        write_run(f"r/b{seed}", seed=seed, teacher=teacher("x"), final=20.0 + seed)
        write_run(f"r/c{seed}", seed=seed, teacher=teacher("x"), family=teacher("maze"), test_set="m")
        write_run(f"r/d{seed}", seed=seed, teacher=teacher("y"), family=teacher("maze"), test_set="m")
    comparison = compare([tmp_path / "r"])
    assert comparison.baseline == "random"
    assert [row.difference is not None for row in comparison.rows] == [False, False, True, False]
    the_note(comparison, "maze: random was not run (or has no result) here, so there are no differences.")


def test_teachers_without_any_baseline_are_told(write_run, tmp_path):
    write_run("r/a", teacher=teacher("a"))
    write_run("r/b", teacher=teacher("b"))
    the_note(compare([tmp_path / "r"]), "No teacher is the baseline, so there are no differences; name one")


def test_scores_that_are_no_numbers_are_named(write_run, tmp_path):
    def spoil(table):
        table["score"] = np.where(np.arange(len(table["score"])) % 7 == 0, np.nan, table["score"])

    for seed in range(3):
        write_run(f"r/a{seed}", seed=seed, final=20.0 + seed)
        folder = write_run(f"r/b{seed}", seed=seed, teacher=teacher("x"), final=50.0 + seed, mastered=0.5)
        if seed == 1:
            rewrite(folder, spoil)
    comparison = compare([tmp_path / "r"])
    note = the_note(comparison, "tests hold scores that are no finite numbers")
    assert f"seed 1 of x ({tmp_path / 'r' / 'b1'})" in note
    assert "seed 0" not in note
    (row,) = (row for row in comparison.rows if row.teacher == "x")
    assert np.isnan([row.score.value, row.score.low]).all()


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


def test_a_teacher_of_fewer_seeds_is_not_paired_and_named(write_run, tmp_path):
    for seed in range(5):
        write_run(f"r/a{seed}", seed=seed, final=20.0 + seed)
        write_run(f"r/b{seed}", seed=seed, teacher=teacher("all"), final=20.0 + 2 * seed)
        if seed < 4:
            write_run(f"r/c{seed}", seed=seed, teacher=teacher("few"), final=50.0 + seed)
    comparison = compare([tmp_path / "r"])
    rows = {row.teacher: row for row in comparison.rows}
    assert (rows["few"].difference.paired, rows["all"].difference.paired) == (False, True)
    note = the_note(comparison, "p is of the paired t-test")
    assert "Where a teacher has the baseline's seeds" in note
    assert "else (few) of Welch's t-test" in note
    the_note(comparison, "Comparisons with a p: 2 in tracks. 'p, Holm' is corrected for that")
    assert rows["few"].holm == pytest.approx(2 * rows["few"].p)


def test_seeds_that_agree_are_told(write_run, tmp_path):
    for seed in range(3):
        write_run(f"r/a{seed}", seed=seed, final=20.0)
        write_run(f"r/b{seed}", seed=seed, teacher=teacher("x"), final=50.0)
    comparison = compare([tmp_path / "r"])
    assert (comparison.rows[0].difference.low, comparison.rows[0].difference.high) == (30.0, 30.0)
    assert np.isnan(comparison.rows[0].p)
    the_note(comparison, "Where all seeds agree, an interval is a point, and there is no p")


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


def test_a_teacher_that_is_not_in_every_setting_is_told_apart_from_the_pool(write_run, tmp_path):
    for family in ("tracks", "maze"):
        for name in ("random", "x", "y"):
            if (family, name) != ("maze", "y"):
                entries = {"family": teacher(family), "test_set": family}
                write_run(f"r/{family}-{name}", teacher=teacher(name), **entries)
    comparison = compare([tmp_path / "r"])
    the_note(comparison, "Not pooled, since not run in every setting: y.")


def test_the_results_of_every_seed_are_written(write_run, tmp_path):
    for seed in range(3):
        write_run(f"r/{seed}", seed=seed, final=20.0 + seed, budget=1000.0)
    comparison = compare([tmp_path / "r"], tmp_path / "out")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "out" / "seeds.csv").read_text())))
    assert [(row["teacher"], row["seed"], float(row["mastered"])) for row in rows] == [
        ("random", "0", 20.0),
        ("random", "1", 21.0),
        ("random", "2", 22.0),
    ]
    assert [float(row["final_spent"]) for row in rows] == [1000.0] * 3
    assert comparison.rows[0].mastered.value == np.mean([float(row["final_mastered"]) for row in rows])
