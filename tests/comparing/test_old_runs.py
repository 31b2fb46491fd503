"""Run folders that older versions wrote are read and compared; tests/data/make_old_runs.py made them."""

from __future__ import annotations

import csv
import io
import math
import tarfile
import warnings
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np
import pytest

from teacherstudent.cli import main
from teacherstudent.comparing import report
from teacherstudent.comparing.compare import compare
from teacherstudent.comparing.figures import stages
from teacherstudent.contract.purposes import Purpose
from teacherstudent.recording.runs import Run, find_runs

DATA = Path(__file__).parents[1] / "data"
VERSIONS = {"f5f97eb": 1, "f2eb062": 2}
"""The commits that wrote the folders, and their formats."""
ROWS = {
    "box": {"alp-gmm": None, "random": None},
    "levels": {
        "accel": [(24, 16, 24), (24, 20, 20)],
        "domain-randomization": [(64, 0, 0)] * 2,
        "plr": [(64, 0, 0)] * 2,
    },
    "pairs": {"paired": [(64, 0, 0)] * 2, "repaired": [(56, 8, 0)] * 2},
    "stages": {name: [(7, 0, 0)] * 2 for name in ("constant", "exp3s", "progress-thompson")},
    "examples": {"self-paced": [(384, 1024, 0)] * 2, "uniform": [(736, 0, 0)] * 2},
    "parity": {"mastery": [(180, 0, 0), (160, 0, 0)], "random": [(104, 0, 0)] * 2},
}
"""Rows of each seed that were trained on, measured, and measured as edits; None: all were trained on."""
ANCHORS = {"f5f97eb": (20.0, 20.0, 20.0), "f2eb062": (17.5, 0.0, 49.26551184043674)}
"""Percent of mazes that accel mastered, mean and interval over seeds, as each version printed it."""
TABLES = {"comparison.txt", "comparison.csv", "comparison.json", "seeds.csv", "report.html"}
FIGURES = {
    "box": {
        "curves",
        "learning",
        "reliability",
        "tasks",
        "tests",
        "worst",
        "sampling-alp-gmm",
        "sampling-random",
    },
    "levels": {"curves", "learning", "reliability", "tasks", "tests", "solved", "buffer", "lineage"},
    "pairs": {"curves", "learning", "reliability", "tasks", "tests", "solved", "buffer"},
    "stages": {"curves", "learning", "stages"},
    "examples": {"curves", "learning", "reliability", "tasks", "tests", "sampling"},
    "parity": {"curves", "learning", "reliability", "tests", "stages"},
}
COSTS = {
    "levels": {
        "accel": {"train": 6000.0, "measure": 4500.0, "mutate": 5500.0},
        "plr": {"train": 16_000.0},
        "domain-randomization": {"train": 16_000.0},
    },
    "pairs": {
        "paired": {"train": 8000.0, "antagonist": 8000.0, "adversary": 384.0},
        "repaired": {"train": 7000.0, "measure": 2000.0, "antagonist": 7000.0, "adversary": 48.0},
    },
    "examples": {
        "self-paced": {"train": 79_220_736.0, "measure": 71_991_296.0},
        "uniform": {"train": 151_839_744.0},
    },
}
"""Mean costs over seeds, under the names that versions gave them then; all but `FREE` are of the budget."""
FREE = {"evaluate", "adversary"}


@pytest.fixture(scope="module", params=VERSIONS)
def old(request, tmp_path_factory):
    """Return the folder with a version's studies, and the version."""
    folder = tmp_path_factory.mktemp(request.param)
    with tarfile.open(DATA / f"runs_{request.param}.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    return folder, request.param


@pytest.fixture(scope="module", params=ROWS)
def compared(old, request, tmp_path_factory):
    """Return the name of a study, its folder, what is found in it, and the folder that the command wrote."""
    folder, _ = old
    out = tmp_path_factory.mktemp("out")
    said, errors = io.StringIO(), io.StringIO()
    with warnings.catch_warnings(), redirect_stdout(said), redirect_stderr(errors):
        warnings.simplefilter("error")
        code = main(["compare", str(folder / request.param), "--out", str(out)])
    assert (code, errors.getvalue()) == (0, "")
    assert "spent per run" in said.getvalue()
    return request.param, folder / request.param, compare([folder / request.param]), out


def number(text):
    return float(text) if text else math.nan


def costs_of(ledger):
    """Return the costs that are not 0, without those of tests."""
    costs = {name.removeprefix("cost/"): value for name, value in ledger.items() if name.startswith("cost/")}
    return {name: value for name, value in costs.items() if value and name not in ("evaluate", "before")}


@pytest.mark.parametrize("study", ROWS)
def test_every_file_is_read(old, study):
    folder, version = old
    runs = find_runs([folder / study])
    assert {run.teacher_name for run in runs} == {*ROWS[study]}
    for run in runs:
        assert Run.load(run.folder).manifest["format"] == VERSIONS[version]
        episodes, tests, records, curve = run.episodes(), run.tests(), run.records(), run.curve()
        rows = len(episodes["score"])
        assert rows > 0
        assert len(run.tasks(episodes)) == rows
        assert len(run.tasks(tests)) == len(tests["score"])
        assert run.status()["status"] == ("killed" if run.folder.name == "killed" else "finished")
        tested = 3 if run.folder.name == "killed" else 5
        assert len(curve.spent) == tested
        assert np.isfinite(curve.score).all()
        assert curve.ledger.keys() >= {"cost/train", "cost/mutate", "cost/antagonist", "cost/adversary"}
        assert len(records) > tested - 1
        assert all(record["ledger"] for record in records)
        if study == "levels":
            buffer = records[-1]["snapshot"].get("features", {"path": ()})["path"]
            assert (len(buffer) > 0) == (run.teacher_name in ("accel", "plr"))
        assert curve.spent[-1] == run.status()["spent"] or tested == 3
        np.testing.assert_array_equal(episodes["member"], np.zeros(rows))
        np.testing.assert_array_equal(run.episodes(["member"])["member"], np.zeros(rows))


@pytest.mark.parametrize("study", ROWS)
def test_rows_say_what_they_were_for(old, study):
    folder, _ = old
    for run in find_runs([folder / study]):
        episodes = run.episodes()
        purpose = episodes["purpose"]
        np.testing.assert_array_equal(purpose == Purpose.TRAIN, episodes["learn"])
        np.testing.assert_array_equal(run.episodes(["purpose"])["purpose"], purpose)
        expected = ROWS[study][run.teacher_name]
        if expected is None:
            assert not purpose.any()
        else:
            assert tuple(np.bincount(purpose, minlength=3)) == expected[run.seed]
        if run.teacher_name == "accel":
            edited = (episodes["kind"] == 2) & ~episodes["learn"]
            np.testing.assert_array_equal(purpose == Purpose.EDIT, edited)
            assert (episodes["parent"][edited] != 0).all()


@pytest.mark.parametrize("study", COSTS)
def test_costs_of_rows_are_those_of_the_ledger(old, study):
    folder, _ = old
    for run in find_runs([folder / study]):
        status = run.status()
        costs = costs_of(status["ledger"])
        assert sum(cost for name, cost in costs.items() if name not in FREE) == status["spent"]
        rows = run.episodes(["purpose", "cost"])
        by_purpose = np.bincount(rows["purpose"], rows["cost"], minlength=3)
        trained = costs["train"] + costs.get("antagonist", 0.0)
        assert by_purpose.tolist() == [trained, costs.get("measure", 0.0), costs.get("mutate", 0.0)]


def test_tables_and_figures_are_written(compared):
    study, _, comparison, out = compared
    assert {path.name for path in out.iterdir()} == TABLES | {f"{name}.png" for name in FIGURES[study]}
    assert {row.teacher for row in comparison.rows} == {*ROWS[study]}
    assert {row.seeds for row in comparison.rows} == {2}
    assert [run.status for run in comparison.stopped] == (["killed"] if study == "box" else [])


def test_costs_keep_their_old_names(compared):
    study, _, comparison, out = compared
    for row in comparison.rows:
        counted = costs_of(row.ledger)
        spent = sum(cost for name, cost in counted.items() if name not in FREE)
        assert spent == pytest.approx(row.final.spent, rel=1e-12)
        if study in COSTS:
            assert counted == COSTS[study][row.teacher]
    lines = (out / "comparison.txt").read_text().splitlines()
    costs = {line.split()[1]: line.split()[2:] for line in lines if line.startswith(" cost ")}
    if study == "levels":
        assert costs.keys() == {"train", "measure", "mutate", "evaluate"}
        assert [row.teacher for row in comparison.rows].index("accel") == costs["mutate"].index("5,500")
        assert sorted(costs["mutate"]) == ["0", "0", "5,500"]
    if study == "pairs":
        assert costs.keys() == {"train", "measure", "antagonist", "evaluate", "adversary"}
        assert sorted(costs["antagonist"]) == ["7,000", "8,000"]
        assert sorted(costs["adversary"]) == ["384", "48"]


def test_numbers_are_those_of_the_code_that_wrote_the_runs(compared, old):
    """Format 1 is of before intervals became the wider of two; everything else is as it was."""
    _, folder, _, out = compared
    _, version = old
    with open(folder / "comparison.csv", newline="") as file:
        then = list(csv.DictReader(file))
    with open(out / "comparison.csv", newline="") as file:
        now = list(csv.DictReader(file))
    assert [row["teacher"] for row in now] == [row["teacher"] for row in then]
    for before, after in zip(then, now, strict=True):
        assert after.keys() - before.keys() <= {"pooled", "p_holm"}
        assert before["setting"] == after["setting"]
        assert before["paired"] == after["paired"]
        for name in before.keys() - {"setting", "pooled", "teacher", "paired"}:
            was, found = number(before[name]), number(after[name])
            if VERSIONS[version] == 1 and name.endswith("_low"):
                assert not found > was, name
            elif VERSIONS[version] == 1 and name.endswith("_high"):
                assert not found < was, name
            else:
                assert found == pytest.approx(was, rel=1e-9, nan_ok=True), name


def test_an_anchor_in_plain_numbers(old):
    folder, version = old
    (row,) = (row for row in compare([folder / "levels"]).rows if row.teacher == "accel")
    found = row.mastered
    assert (found.value, found.low, found.high) == pytest.approx(ANCHORS[version])


def test_stages_are_those_that_were_trained(old):
    folder, _ = old
    for teacher in ROWS["stages"]:
        for run in find_runs([folder / "stages" / teacher]):
            shown = stages.stages_of(run)
            assert shown[-1] == 2  # the last stage is forced, or the only one
            assert set(shown.tolist()) <= {*run.episodes(["task"])["task"].tolist()}


def test_runs_that_were_killed_count_when_asked_for(old):
    folder, _ = old
    comparison = compare([folder / "box"], include_stopped=True)
    assert {row.teacher: row.seeds for row in comparison.rows} == {"alp-gmm": 2, "random": 3}
    assert comparison.settings[0].end == 1280.0


def test_old_names_of_costs_stand_for_the_cost(old):
    folder, _ = old
    (accel,) = compare([folder / "levels" / "accel"], x="mutate").settings
    assert (accel.end, accel.quantity.unit) == (5000.0, "environment steps (mutate)")
    (pairs,) = compare([folder / "pairs"], x="antagonist").settings
    assert pairs.end == 7000.0


def test_all_kinds_are_compared_at_once(old):
    folder, _ = old
    comparison = compare([folder])
    assert len(comparison.settings) == len(ROWS)
    teachers = [row.teacher for row in comparison.rows if not row.pooled]
    assert sorted(teachers) == sorted(name for study in ROWS.values() for name in study)
    assert "cost mutate" in report.to_text(comparison)
