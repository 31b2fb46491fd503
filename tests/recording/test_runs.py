from __future__ import annotations

import numpy as np
import pytest
from editing import edit

from teacherstudent.recording.runs import Run, find_runs


def test_a_run_says_what_it_was(write_run):
    folder = write_run(
        "a", teacher={"name": "alp-gmm", "options": {"variant": "paper"}}, seed=3, final=40.0, tests=3
    )
    run = Run.load(folder)
    assert (run.family_name, run.teacher_name, run.seed) == ("tracks", "alp-gmm", 3)
    assert run.manifest["teacher"]["options"] == {"variant": "paper"}
    curve = run.curve()
    assert curve.spent.tolist() == [0.0, 500.0, 1000.0]
    assert curve.mastered.tolist() == [0.0, 20.0, 40.0]
    np.testing.assert_allclose(curve.score, [0.0, 0.2, 0.4])
    assert run.status()["ledger"]["cost/train"] == 1000.0


def test_a_label_replaces_the_teachers_name(write_run):
    folder = write_run("a", teacher={"name": "alp-gmm", "options": {}, "label": "mine"})
    assert Run.load(folder).teacher_name == "mine"


def test_without_a_line_nothing_is_mastered(write_run):
    curve = Run.load(write_run("a", mastered=None)).curve()
    assert np.isnan(curve.mastered).all()
    assert np.isfinite(curve.score).all()


def test_a_run_that_was_never_tested_has_an_empty_curve(write_run):
    run = Run.load(write_run("a", until=-1.0, status="failed"))
    assert len(run.curve().spent) == 0
    assert run.episodes() == {}
    assert run.records() == []


def test_a_run_that_says_it_runs_but_does_not_was_killed(write_run):
    folder = write_run("a")
    edit(folder / "status.json", lambda status: status.update(status="running"))
    assert Run.load(folder).status()["status"] == "killed"
    (folder / "status.json").unlink()
    assert Run.load(folder).status()["status"] == "killed"


def test_runs_are_found_at_any_depth_once(write_run, tmp_path):
    folders = [write_run(name) for name in ("x/a/seed-0", "x/b", "y")]
    (tmp_path / "x" / "back").symlink_to(tmp_path)  # a loop
    assert [run.folder for run in find_runs([tmp_path])] == folders
    assert [run.folder for run in find_runs([tmp_path / "x", folders[1], tmp_path])] == folders


def test_folders_without_runs(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere: expected a folder with runs"):
        find_runs([tmp_path / "nowhere"])
    with pytest.raises(ValueError, match=r"expected a folder with runs \(manifest.json in or below it\)"):
        find_runs([tmp_path])
    with pytest.raises(ValueError, match=r"expected a run folder with manifest.json, got one without"):
        Run.load(tmp_path)
    with pytest.raises(FileNotFoundError, match="expected a run folder, got no folder"):
        Run.load(tmp_path / "nowhere")
