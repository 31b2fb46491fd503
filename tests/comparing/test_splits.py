"""Runs that are tested on validation until their budget is spent, and then once on the test split."""

from __future__ import annotations

import math

import numpy as np
import pytest
from editing import rewrite

from teacherstudent.comparing import report
from teacherstudent.comparing.compare import analyse, compare
from teacherstudent.comparing.figures import maps
from teacherstudent.comparing.figures.curves import draw_curves
from teacherstudent.comparing.figures.scene import Scene
from teacherstudent.comparing.figures.style import styles
from teacherstudent.recording.runs import Run, find_runs


@pytest.fixture
def write(write_run):
    """Return a function that writes a run of 5 tests: 0, 25, 50 and 75 % of ``final``, then ``tested``."""

    def write_split(name, final, tested, seed=0, **arguments):
        settings = {"teacher": {"name": name, "options": {}}, "score_name": "accuracy"} | arguments
        return write_run(f"r/{name}-{seed}", final=final, tested=tested, seed=seed, **settings)

    return write_split


def test_a_curve_knows_the_split_of_each_test(write, write_run):
    curve = Run.load(write("a", 80.0, 30.0)).curve()
    assert curve.test.tolist() == [0.0, 0.0, 0.0, 0.0, 1.0]
    course = curve.course()
    assert course.spent.tolist() == [0.0, 250.0, 500.0, 750.0]
    assert course.mastered.tolist() == [0.0, 20.0, 40.0, 60.0]
    assert course.ledger["cost/train"].tolist() == course.spent.tolist()
    without = Run.load(write_run("b")).curve()
    assert without.test.tolist() == [0.0] * 5
    assert without.course().spent.tolist() == without.spent.tolist()


def on_test_alone(folder):
    """Rewrite a run's tests as if all had been on the test split."""

    def change(table):
        table["test"] = np.ones_like(table["test"])

    rewrite(folder, change)


def test_tests_of_one_split_only_are_all_there(write, tmp_path):
    folder = write("a", 80.0, 30.0)
    on_test_alone(folder)
    assert Run.load(folder).curve().course().spent.tolist() == [0.0, 250.0, 500.0, 750.0, 1000.0]
    (setting,) = analyse(find_runs([tmp_path / "r"])).settings
    assert (setting.split, setting.overlap, setting.end) == (False, True, 1000.0)


def test_teachers_are_ranked_by_the_test_split_with_equal_budgets(write, tmp_path):
    write("plain", 80.0, 50.0)
    write("better", 40.0, 70.0)
    comparison = compare([tmp_path / "r"])
    (setting,) = comparison.settings
    assert (setting.split, setting.own_ends, setting.end) == (True, True, 750.0)
    better, plain = comparison.rows
    assert (better.teacher, better.final.mastered.value, plain.final.mastered.value) == ("better", 70.0, 50.0)
    assert better.difference.value == 20.0
    # validation only: 60 and 30 at 750, mean heights 30 and 15 over straight lines from 0
    assert (plain.mastered.value, better.mastered.value) == (60.0, 30.0)
    assert (plain.area.value, better.area.value) == (pytest.approx(30.0), pytest.approx(15.0))
    assert (plain.reached, plain.reached_at) == (1, 750.0)
    assert (better.reached, better.reached_at) == (0, math.inf)  # 70 on the test split do not count
    text = report.to_text(comparison)
    assert "tracks: last test of each run, test split" in text
    assert "tracks: at 750 environment steps, validation split" in text
    assert "validation accuracy" in text
    (note,) = [note for note in comparison.notes if "validation" in note]
    assert "before the end are on the validation split, the last test of each run on the test split" in note


def test_lines_end_with_validation(write, tmp_path):
    write("plain", 80.0, 5.0)
    write("longer", 80.0, 5.0, budget=2000.0)
    comparison = analyse(find_runs([tmp_path / "r"]))
    (setting,) = comparison.settings
    style = styles(comparison.settings, comparison.baseline)
    drawn = draw_curves(Scene(setting, setting.groups, style))["curves"]
    longer, plain = drawn.axes[0].lines
    assert (longer.get_xdata()[-1], plain.get_xdata()[-1]) == (1500.0, 750.0)
    assert longer.get_ydata()[-1] == plain.get_ydata()[-1] == 60.0
    assert drawn.axes[1].get_ylabel() == "mean validation accuracy"
    assert setting.end == 750.0
    assert setting.groups[0].mastered[0, -1] == 30.0


def test_runs_that_never_reached_the_test_split_are_not_ranked(write, tmp_path):
    write("plain", 80.0, 50.0, seed=0)
    write("plain", 80.0, 20.0, seed=1, until=0.5, status="interrupted")
    write("other", 99.0, 99.0, seed=0, until=0.8, status="failed")
    comparison = compare([tmp_path / "r"], include_stopped=True)
    rows = {row.teacher: row for row in comparison.rows}
    assert [row.teacher for row in comparison.rows] == ["plain", "other"]
    assert (rows["plain"].final.mastered.value, rows["plain"].final.mastered.seeds) == (50.0, 1)
    assert rows["plain"].final.spent == 1000.0
    assert math.isnan(rows["other"].final.mastered.value)
    assert math.isnan(rows["other"].difference.value)
    # all are validation at 500: 40 and 49.5 of 100 tasks, rounded to even
    assert (rows["plain"].seeds, rows["plain"].mastered.value, rows["other"].mastered.value) == (
        2,
        40.0,
        50.0,
    )
    assert any("not ranked: 1 of other, 1 of plain." in note for note in comparison.notes)
    text = report.to_text(comparison)
    last = text[text.index("last test of each run") : text.index("tracks: at 500")]
    assert "plain" in last
    assert "other" not in last
    (setting,) = comparison.settings
    finals = maps.draw_tests(Scene(setting, setting.groups, {}))["tests"]
    assert len([axes for axes in finals.axes if axes.get_title()]) == 1


def test_stopped_runs_alone_are_ranked_on_validation(write, tmp_path):
    write("a", 80.0, 20.0, until=0.5, status="interrupted")
    comparison = compare([tmp_path / "r"], include_stopped=True)
    assert not comparison.settings[0].split
    assert comparison.rows[0].mastered.value == 40.0
    assert not any("split" in note for note in comparison.notes)


def test_a_run_of_one_split_shares_no_table_with_another(write, tmp_path):
    write("a", 80.0, 20.0)
    (setting,) = analyse(find_runs([tmp_path / "r"])).settings
    assert (setting.split, setting.overlap) == (True, True)
    on_test_alone(write("b", 80.0, 30.0))
    (setting,) = analyse(find_runs([tmp_path / "r"])).settings
    assert (setting.split, setting.overlap) == (True, False)


def test_results_of_the_same_seeds_are_paired(write, tmp_path):
    for seed, (before, after) in enumerate(((10, 12), (50, 53), (90, 94))):
        write("plain", 80.0, before, seed=seed)
        write("better", 80.0, after, seed=seed)
    comparison = compare([tmp_path / "r"], baseline="plain")
    difference = comparison.rows[0].difference
    assert difference.paired
    # differences 2, 3, 4: t = 3 / (1 / sqrt(3)) with 2 degrees of freedom, p = 1 - t / sqrt(t^2 + 2)
    t = 3 * math.sqrt(3)
    assert difference.p == pytest.approx(1 - t / math.sqrt(t**2 + 2))
    assert difference.value == 3.0
    margin = 4.302653 / math.sqrt(3)  # of the same t-test
    assert (difference.low, difference.high) == pytest.approx((3.0 - margin, 3.0 + margin))
    assert any(note.startswith("p is of the paired t-test") for note in comparison.notes)
    write("plain", 80.0, 50.0, seed=3)
    comparison = compare([tmp_path / "r"], baseline="plain")
    difference = next(row.difference for row in comparison.rows if row.teacher == "better")
    assert not difference.paired
    assert np.isfinite(difference.p)
    assert difference.p > 0.5
    assert any(note.startswith("p is of Welch's") for note in comparison.notes)


def test_runs_that_never_reached_the_test_split_are_not_drawn_as_results(write, tmp_path):
    """Of those that did, the run in the middle is drawn, whatever its place among all seeds."""
    for seed, tested in enumerate((10.0, 60.0, 50.0, 40.0)):
        write("plain", 80.0, tested, seed=seed, until=0.8 if seed == 0 else 1.0, status="finished")
        write("short", 80.0, tested, seed=seed, until=0.8, status="finished")
    (setting,) = analyse(find_runs([tmp_path / "r"])).settings
    scene = Scene(setting, setting.groups, {})
    figure = maps.draw_sampling(scene)["sampling"]
    labels = [axes.get_ylabel() for axes in figure.axes]
    assert [label.split("\n")[0] for label in labels if "seed" in label] == ["plain, seed 2"]
