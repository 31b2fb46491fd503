import json

import pytest
from drawn_runs import prepared, write_pair

from teacherstudent.comparing import report
from teacherstudent.comparing.compare import compare
from teacherstudent.comparing.figures.scene import Scene
from teacherstudent.comparing.page import tables


def test_a_sheet_holds_what_the_terminal_shows(two_teachers):
    comparison = compare([two_teachers])
    (setting,) = comparison.settings
    (table,) = report.tables_of(comparison, setting).against
    sheet = tables.sheet_of(table)
    text = report.to_text(comparison)
    assert sheet.title in text
    assert sheet.head[0] == "teacher"
    assert sheet.left == [True, *[False] * (len(sheet.head) - 1)]
    for row in sheet.rows:
        assert all(cell in text for cell in row)


def test_bars_share_a_scale(two_teachers):
    comparison = compare([two_teachers])
    rows = comparison.rows_of(comparison.settings[0])
    bars = tables.bars_of(rows, {"alp-gmm": "+10"})
    (bar,) = bars.bars
    assert (bar.teacher, bar.text) == ("alp-gmm", "+10")
    assert bar.low < bar.at < bar.high
    # The interval holds 0, so that it spans the scale and 0 lies inside.
    assert (bar.low, bar.high) == (0.0, 100.0)
    assert 0.0 < bars.zero < 100.0
    assert not bar.certain


def test_a_difference_is_certain_where_its_interval_is_off_zero(write_run, tmp_path):
    for seed in range(5):
        for name, final in (("random", 10.0), ("plr", 60.0)):
            write_run(
                f"r/{name}/{seed}", teacher={"name": name, "options": {}}, seed=seed, final=final + seed
            )
    comparison = compare([tmp_path / "r"])
    bars = tables.bars_of(comparison.rows_of(comparison.settings[0]), {})
    assert bars.zero == 0.0
    assert bars.bars[0].certain


def test_without_a_baseline_there_are_no_bars(write_run, tmp_path):
    write_run("r/0", teacher={"name": "riac", "options": {}})
    comparison = compare([tmp_path / "r"])
    assert tables.bars_of(comparison.rows, {}) is None


def test_what_was_spent_is_a_bar_of_parts(quick_and_slow):
    comparison = compare([quick_and_slow])
    found = {each.teacher: each for each in tables.spent_of(comparison.rows, "seconds/")}
    assert found["quick"].total == pytest.approx(20.0)
    assert found["slow"].total == pytest.approx(40.0)
    assert [(name, value, number) for name, value, _, number in found["slow"].parts] == [
        ("student", 30.0, 0),
        ("teacher", 10.0, 1),
    ]
    assert sum(share for _, _, share, _ in found["slow"].parts) == pytest.approx(100.0)
    assert sum(share for _, _, share, _ in found["quick"].parts) == pytest.approx(50.0)
    assert tables.spent_of(comparison.rows, "nothing/") == []


def test_runs_say_what_they_were_and_where_their_files_are(write_run, tmp_path):
    write_pair(write_run, seeds=1, plan_text="first fit after 300 rows")
    setting, groups, style = prepared(tmp_path)
    page = tmp_path / "out" / "report.html"
    first, _ = tables.about(Scene(setting, groups, style), page)
    assert (first.teacher, first.seed, first.status) == ("alp-gmm", "0", "finished")
    assert first.plan == "first fit after 300 rows"
    assert json.loads(first.setup)["budget"] == 1000.0
    for name, way in first.links:
        assert (page.parent / way).resolve() == (groups[0].runs[0].folder / name).resolve()
    assert len(first.links) == 3
    assert tables.about(Scene(setting, groups, style), None)[0].links == []


def test_what_acted_is_told_where_it_is_numbers(write_run, tmp_path, monkeypatch):
    write_run("r/0")
    setting, groups, style = prepared(tmp_path)
    odd = [{"acting": {"decisions": 3, "steered_share": "lots", "lag": 2.5}}]
    monkeypatch.setattr(type(groups[0].runs[0]), "records", lambda self: odd)
    assert tables.about(Scene(setting, groups, style), None)[0].acted == "3 decisions, lag 2.5 rows"
    odd[0]["acting"] = None
    assert tables.about(Scene(setting, groups, style), None)[0].acted == ""


def test_links_are_addresses(write_run, tmp_path):
    write_run("r/a b#c%/0")
    setting, groups, style = prepared(tmp_path)
    (found,) = tables.about(Scene(setting, groups, style), tmp_path / "report.html")
    assert found.links[0][1] == "r/a%20b%23c%25/0/manifest.json"
