from __future__ import annotations

import csv
import io
import json
import math

import numpy as np
import pytest
from editing import edit, rewrite
from rich.console import Console

from teacherstudent.comparing import report, stats
from teacherstudent.comparing.compare import analyse, compare, compare_and_draw
from teacherstudent.recording.runs import find_runs


def teacher(name, **options):
    return {"name": name, "options": options}


@pytest.fixture
def two_teachers(write_run, tmp_path):
    """Five seeds of alp-gmm with finals 10, 20, 30, 40, 90, three of random with 10, 20, 30."""
    for seed, final in enumerate((10, 20, 30, 40, 90)):
        write_run(f"runs/alp-gmm/{seed}", teacher=teacher("alp-gmm"), seed=seed, final=final, tests=6)
    for seed, final in enumerate((10, 20, 30)):
        write_run(f"runs/random/{seed}", teacher=teacher("random"), seed=seed, final=final, tests=6)
    return tmp_path / "runs"


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


def test_an_adversary_s_steps_stand_among_the_costs(write_run, tmp_path):
    write_run("r/plain", teacher=teacher("plain"), budget=2000.0)
    write_run("r/paired", teacher=teacher("paired"), ledger=lambda share: {"cost/adversary": 321.0 * share})
    text = report.to_text(compare([tmp_path / "r"]))
    lines = text[text.index("tracks: last test of each run") :].splitlines()
    assert "adversary" in lines[2]
    (paired,) = (line for line in lines[3:7] if "paired" in line)
    assert "321" in paired


def test_equal_budgets_leave_the_table_as_it_is(two_teachers):
    assert "last test" not in report.to_text(compare([two_teachers]))


def test_runs_that_did_not_finish_are_listed_and_left_out(write_run, tmp_path):
    for seed in range(3):
        write_run(f"r/{seed}", seed=seed, final=50.0)
    write_run("r/3", seed=3, final=90.0, until=0.5, status="failed", error=RuntimeError("boom"))
    write_run("r/4", seed=4, final=90.0, until=-1, status="interrupted")
    comparison = compare([tmp_path / "r"])
    (row,) = comparison.rows
    assert (row.seeds, row.mastered.value) == (3, 50.0)
    failed, interrupted = comparison.stopped
    assert (failed.seed, failed.status, failed.spent, failed.budget) == (3, "failed", 500.0, 1000.0)
    assert failed.error == "RuntimeError: boom"
    assert (interrupted.status, interrupted.error) == ("interrupted", "")
    text = report.to_text(comparison)
    assert "RuntimeError: boom" in text
    assert "2 run(s) did not finish, or were not tested; they are left out of all results." in text

    included = compare([tmp_path / "r"], include_stopped=True)
    assert included.settings[0].end == 500.0
    assert included.rows[0].seeds == 4
    assert included.rows[0].mastered.value == pytest.approx((25 + 25) / 2)  # 25, 25, 25, 45 trimmed
    assert len(included.stopped) == 2


def test_nothing_finished(write_run):
    folder = write_run("a", until=0.5, status="failed")
    with pytest.raises(ValueError, match=r"expected at least one finished run.*a \(failed\)"):
        compare([folder])


@pytest.mark.parametrize(
    ("entries", "told"),
    [
        ({"test_set": "other-100"}, "test set=other-100"),
        ({"cost_unit": "FLOPs"}, "cost unit=FLOPs"),
        ({"mastered": 0.9}, "mastered=0.9"),
        ({"student": teacher("sb3", algorithm="SAC")}, "student algorithm=SAC"),
        ({"family": teacher("tracks", embodiment="short")}, "family embodiment=short"),
        ({"test_seed": 7}, "test seed=7"),
        ({"student": teacher("sb3", n_envs=4)}, "student n_envs=4"),
    ],
)
def test_what_must_not_be_mixed_is_set_apart_and_named(write_run, tmp_path, entries, told):
    write_run("r/a", seed=0)
    write_run("r/b", seed=1, **entries)
    comparison = compare([tmp_path / "r"])
    assert len(comparison.settings) == 2
    assert any(told in setting.label for setting in comparison.settings)
    assert all(row.seeds == 1 for row in comparison.rows)


def test_teachers_are_told_apart_by_what_differs(write_run, tmp_path):
    for seed in range(2):
        write_run(f"r/a{seed}", seed=seed, teacher=teacher("alp-gmm", window=250, variant="fixed"))
        write_run(f"r/b{seed}", seed=seed, teacher=teacher("alp-gmm", window=250, variant="paper"))
        write_run(f"r/c{seed}", seed=seed, teacher=teacher("riac", window=99))
    rows = {row.teacher: row.seeds for row in compare([tmp_path / "r"]).rows}
    assert rows == {"alp-gmm (variant=fixed)": 2, "alp-gmm (variant=paper)": 2, "riac": 2}


def test_student_options_of_a_teacher_tell_teachers_apart_not_settings(write_run, tmp_path):
    for seed in range(2):
        write_run(f"r/a{seed}", seed=seed, teacher=teacher("alp-gmm"))
        brought = teacher("alp-gmm") | {"student_options": {"score": "level"}}
        write_run(f"r/b{seed}", seed=seed, teacher=brought)
    comparison = compare([tmp_path / "r"])
    assert len(comparison.settings) == 1
    assert {row.teacher: row.seeds for row in comparison.rows} == {
        "alp-gmm": 2,
        "alp-gmm (student score=level)": 2,
    }


def test_long_options_that_look_alike_stay_apart(write_run, tmp_path):
    for seed, last in enumerate((1, 2)):
        write_run(f"r/{seed}", seed=0, teacher=teacher("oracle", path=[0] * 40 + [last]))
    rows = compare([tmp_path / "r"]).rows
    assert len(rows) == 2
    assert len({row.teacher for row in rows}) == 2


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


def test_a_seed_twice_counts_once(write_run, tmp_path):
    write_run("r/old", seed=3, final=10.0, until=0.5, status="interrupted")
    write_run("r/new", seed=3, final=40.0)
    comparison = compare([tmp_path / "r"])
    assert comparison.rows[0].seeds == 1
    assert comparison.rows[0].mastered.value == 40.0
    assert not comparison.stopped
    assert any("Seed 3 of random comes twice" in note and "old does not" in note for note in comparison.notes)


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


def test_baselines(two_teachers):
    assert compare([two_teachers]).baseline == "random"
    swapped = compare([two_teachers], baseline="alp-gmm")
    assert {row.teacher: row.difference and row.difference.value for row in swapped.rows} == {
        "alp-gmm": None,
        "random": -10.0,
    }
    with pytest.raises(ValueError, match=r"baseline: expected one of \['alp-gmm', 'random'\], got 'riac'"):
        compare([two_teachers], baseline="riac")


def test_without_a_baseline_there_is_no_comparison(write_run, tmp_path):
    write_run("r/a", teacher=teacher("a"))
    comparison = compare([tmp_path / "r"])
    assert comparison.baseline is None
    assert "compared with" not in report.to_text(comparison)


def test_machine_and_version_differences_are_noted(two_teachers):
    path = two_teachers / "random" / "0" / "manifest.json"

    def move(manifest):
        manifest["sessions"][0]["machine"]["host"] = "elsewhere"
        manifest["sessions"][0]["versions"]["teacherstudent"] = "0.0.1"

    edit(path, move)
    notes = " ".join(compare([two_teachers]).notes)
    assert "from 2 versions of teacherstudent" in notes
    assert "from 2 machines; seconds do not compare" in notes


def test_files(two_teachers, tmp_path):
    out = tmp_path / "out"
    comparison = compare([two_teachers], out)
    assert (out / "comparison.txt").read_text() == report.to_text(comparison)
    data = json.loads((out / "comparison.json").read_text())
    assert data["rows"][0]["mastered"] == 30.0
    assert data["rows"][1]["difference"] is None
    assert [len(folders) for folders in data["settings"][0]["runs"].values()] == [5, 3]
    rows = list(csv.DictReader(io.StringIO((out / "comparison.csv").read_text())))
    assert [row["teacher"] for row in rows] == ["alp-gmm", "random"]
    assert float(rows[0]["mastered_low"]) == comparison.rows[0].mastered.low
    assert (rows[1]["p"], rows[1]["p_holm"], rows[0]["p_holm"]) == ("", "", rows[0]["p"])
    assert comparison.figures
    assert all(path.stat().st_size > 0 for path in comparison.figures)


def test_the_table_is_printed_with_its_files(two_teachers, tmp_path):
    screen = Console(file=io.StringIO(), width=100)
    compare_and_draw([two_teachers], tmp_path / "out", console=screen)
    shown = screen.file.getvalue()
    assert "alp-gmm" in shown
    assert "30.0 [" in shown
    assert str(tmp_path / "out" / "curves.png") in shown


def test_odd_labels_reach_the_table_unharmed(write_run, tmp_path):
    write_run("r/a", teacher={"name": "x", "options": {}, "label": "[bold]odd/label[/]"})
    comparison = compare([tmp_path / "r"], tmp_path / "out")
    assert "[bold]odd/label[/]" in report.to_text(comparison)
    assert comparison.figures


def test_running_runs_can_be_looked_at(synthetic, tmp_path):
    from teacherstudent.recording.recorder import Recorder

    recorder = Recorder(tmp_path / "r", manifest=synthetic.manifest(), tensorboard=False)
    recorder.tests(synthetic.tests(10.0), spent=0.0, ledger={})
    recorder.tests(synthetic.tests(20.0), spent=500.0, ledger={})
    comparison = analyse(find_runs([tmp_path]), include_stopped=True)
    assert comparison.rows[0].mastered.value == 20.0
    assert comparison.stopped[0].status == "running"
    recorder.close("finished")


def timed(student, teacher=0.0, **costs):
    """Return ledger entries that grow to these values over a run."""
    ends = {"seconds/student": student, "seconds/teacher": teacher}
    ends |= {f"cost/{name}": value for name, value in costs.items()}
    return lambda share: {name: share * value for name, value in ends.items()}


@pytest.fixture
def quick_and_slow(write_run, tmp_path):
    """Two teachers of 5 tests each; slow takes 40 seconds for what quick does in 20, and measures."""
    write_run("r/quick", teacher=teacher("quick"), final=60.0, ledger=timed(18.0, 2.0, measure=0.0))
    write_run("r/slow", teacher=teacher("slow"), final=80.0, ledger=timed(30.0, 10.0, measure=100.0))
    return tmp_path / "r"


def test_equal_seconds_instead_of_equal_cost(quick_and_slow):
    comparison = compare([quick_and_slow], x="seconds", baseline="quick")
    (setting,) = comparison.settings
    assert (setting.end, setting.quantity.unit, setting.own_ends) == (20.0, "seconds", False)
    quick, slow = comparison.rows
    assert (quick.teacher, quick.mastered.value, slow.mastered.value) == ("quick", 60.0, 40.0)
    assert (slow.final.mastered.value, slow.final.seconds, slow.difference.value) == (80.0, 40.0, -20.0)
    assert (slow.reached, quick.reached_at) == (0, 20.0)  # slow has 60 after 30 seconds
    text = report.to_text(comparison)
    assert "tracks: at 20 seconds" in text
    assert "averaged over seconds" in text
    assert "at median seconds" in text
    assert "tracks: last test of each run" in text


def test_any_entry_of_the_ledger_can_stand_for_cost(quick_and_slow):
    rows = {x: compare([quick_and_slow], x=x).rows for x in ("train", "updates", "seconds/student")}
    assert [row.mastered.value for row in rows["train"]] == [80.0, 60.0]
    assert [row.mastered.value for row in rows["updates"]] == [80.0, 60.0]
    # 18 seconds of 30 are 0.6 of slow's run: tests at 15 and 22.5 with 40 and 60
    assert [row.mastered.value for row in rows["seconds/student"]] == [60.0, 48.0]
    with pytest.raises(ValueError, match=r"x: expected one of \['spent', 'seconds', 'train', .*got 'coffee'"):
        compare([quick_and_slow], x="coffee")


def test_runs_without_a_common_stretch_are_judged_at_their_ends(quick_and_slow):
    comparison = compare([quick_and_slow], x="measure")
    assert [row.teacher for row in comparison.rows] == ["slow", "quick"]
    assert any("no stretch of measure cost in common. Teachers are ranked" in n for n in comparison.notes)
    assert "tracks: at " not in report.to_text(comparison)


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


def test_computed_costs_stand_beside_accuracy(write_run, tmp_path):
    flops = {"cost_unit": "FLOPs", "mastered": None, "score_name": "accuracy"}
    write_run("r/plain", teacher=teacher("plain"), final=90.0, ledger=timed(7.0, measure=0.0), **flops)
    write_run("r/jest", teacher=teacher("jest"), final=95.0, ledger=timed(8.0, 1.5, measure=300.0), **flops)
    comparison = compare([tmp_path / "r"])
    text = report.to_text(comparison)
    table = text[text.index("tracks: last test of each run") :].splitlines()
    assert table[2].split() == [
        *("teacher", "seeds", "test", "accuracy", "FLOPs", "train", "measure", "seconds")
    ]
    assert table[4].split() == ["jest", "1", "0.950", "1,000", "1,000", "300", "9.50"]
    assert "tracks: test accuracy compared with plain" in text
    assert "return" not in text
