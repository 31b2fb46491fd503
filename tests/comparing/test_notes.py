"""What a comparison says of runs that do not fit each other: a right table, and one sentence that tells."""

from __future__ import annotations

import numpy as np
import pytest
from comparisons import teacher, the_note
from editing import edit, rewrite

from teacherstudent.comparing import report
from teacherstudent.comparing.compare import compare


def test_few_seeds_are_marked(two_teachers, write_run):
    text = report.to_text(compare([two_teachers]))
    assert "With fewer than 5 seeds, marked ?, an interval covers 95 % only of" in text
    first = {line.split()[0]: line for line in reversed(text.splitlines()) if line.strip()}
    assert "?" in first["random"]
    assert "?" not in first["alp-gmm"]
    one = write_run("one/a", final=30.0)
    text = report.to_text(compare([one]))
    assert "With one seed there is no interval." in text
    assert "[" not in text.split("- ")[0]


def test_machine_and_version_differences_are_noted(two_teachers):
    path = two_teachers / "random" / "0" / "manifest.json"

    def move(manifest):
        manifest["sessions"][0]["machine"]["host"] = "elsewhere"
        manifest["sessions"][0]["versions"]["teacherstudent"] = "0.0.1"

    edit(path, move)
    notes = " ".join(compare([two_teachers]).notes)
    assert "from 2 versions of teacherstudent" in notes
    assert "from 2 machines; seconds do not compare" in notes


def test_one_run_has_numbers_and_no_interval(write_run):
    comparison = compare([write_run("a", final=30.0)])
    (row,) = comparison.rows
    assert (row.mastered.value, row.seeds, row.difference) == (30.0, 1, None)
    assert np.isnan([row.mastered.low, row.mastered.high]).all()
    the_note(comparison, "With one seed there is no interval.")


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


def test_a_teacher_that_is_not_in_every_setting_is_told_apart_from_the_pool(write_run, tmp_path):
    for family in ("tracks", "maze"):
        for name in ("random", "x", "y"):
            if (family, name) != ("maze", "y"):
                entries = {"family": teacher(family), "test_set": family}
                write_run(f"r/{family}-{name}", teacher=teacher(name), **entries)
    comparison = compare([tmp_path / "r"])
    the_note(comparison, "Not pooled, since not run in every setting: y.")
