from __future__ import annotations

import csv
import io
import json

import numpy as np
from comparisons import teacher, timed

from teacherstudent.comparing import report
from teacherstudent.comparing.compare import compare


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


def test_odd_labels_reach_the_table_unharmed(write_run, tmp_path):
    write_run("r/a", teacher={"name": "x", "options": {}, "label": "[bold]odd/label[/]"})
    comparison = compare([tmp_path / "r"], tmp_path / "out")
    assert "[bold]odd/label[/]" in report.to_text(comparison)
    assert comparison.figures


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


def test_labels_are_no_formulas_of_a_spreadsheet(write_run, tmp_path):
    for name in ("=1+1", "@x", "-x", "+x", "plain"):
        write_run(f"r/{name}", teacher={"name": name, "options": {}})
    rows = list(csv.DictReader(io.StringIO(report.to_csv(compare([tmp_path / "r"])))))
    assert {row["teacher"] for row in rows} == {"'=1+1", "'@x", "'-x", "'+x", "plain"}
