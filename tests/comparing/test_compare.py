from __future__ import annotations

import io

import pytest
from comparisons import teacher
from rich.console import Console

from teacherstudent.comparing import report
from teacherstudent.comparing.compare import analyse, compare, compare_and_draw
from teacherstudent.recording.runs import find_runs


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


def test_the_table_is_printed_with_its_files(two_teachers, tmp_path):
    screen = Console(file=io.StringIO(), width=100)
    compare_and_draw([two_teachers], tmp_path / "out", console=screen)
    shown = screen.file.getvalue()
    assert "alp-gmm" in shown
    assert "30.0 [" in shown
    assert str(tmp_path / "out" / "curves.png") in shown


def test_running_runs_can_be_looked_at(synthetic, tmp_path):
    from teacherstudent.recording.recorder import Recorder

    recorder = Recorder(tmp_path / "r", manifest=synthetic.manifest(), log=())
    recorder.tests(synthetic.tests(10.0), spent=0.0, ledger={})
    recorder.tests(synthetic.tests(20.0), spent=500.0, ledger={})
    comparison = analyse(find_runs([tmp_path]), include_stopped=True)
    assert comparison.rows[0].mastered.value == 20.0
    assert comparison.stopped[0].status == "running"
    recorder.close("finished")
