"""Names that come from files: they are shown as they are, and give no commands to terminals or programs."""

from __future__ import annotations

import io
import json
import os

import pytest
from editing import edit

from teacherstudent.cli import main
from teacherstudent.comparing.compare import compare
from teacherstudent.running.console import run_and_compare
from teacherstudent.running.progress import RunsProgress

ESCAPE = "\x1b]0;owned\x07\x1b[2J\x9b2J\u202e"


SHOWN = "\\x1b]0;owned\\x07\\x1b[2J\\x9b2J\\u202e"


def hostile(manifest):
    """Put control characters into every text of a manifest that is shown."""
    manifest["teacher"]["label"] = "other" + ESCAPE
    manifest["family"]["options"] = {"x": ESCAPE}
    for name in ("test_set", "score_name", "cost_unit"):
        manifest[name] += ESCAPE


@pytest.fixture
def runs(write_run, tmp_path):
    for seed in range(2):
        write_run(f"r/plain/{seed}", teacher={"name": "plain", "options": {}}, seed=seed)
        folder = write_run(f"r/other/{seed}", teacher={"name": "other", "options": {}}, seed=seed)
        edit(folder / "manifest.json", hostile)
    stopped = write_run("r/stopped" + ESCAPE, status="failed", error=ValueError("boom" + ESCAPE))
    edit(stopped / "manifest.json", hostile)
    return tmp_path / "r"


def spoken(text):
    return [c for c in text if not c.isprintable() and c not in "\n\t"]


@pytest.mark.parametrize("terminal", [False, True])
def test_compare_gives_a_terminal_no_commands(runs, tmp_path, capsys, monkeypatch, terminal):
    monkeypatch.setenv("COLUMNS", "400")
    if terminal:
        monkeypatch.setenv("FORCE_COLOR", "1")
    assert main(["compare", str(runs), "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert "other" + SHOWN in said
    assert "\x1b]0;" not in said
    assert "\x1b[2J" not in said
    assert "\x9b" not in said
    if not terminal:
        assert spoken(said) == []
    for name in ("comparison.txt", "comparison.csv", "comparison.json"):
        assert spoken((tmp_path / "out" / name).read_text()) == [], name


def test_labels_of_files_give_no_styles(runs, capsys, tmp_path, write_run):
    folder = write_run("s/a", teacher={"name": "[red]x[/red] :bug: [/]", "options": {}})
    assert main(["compare", str(folder), "--out", str(tmp_path / "out")]) == 0
    assert "[red]x[/red] :bug: [/]" in capsys.readouterr().out


def test_svg_figures_of_such_names_are_whole(runs, tmp_path):
    from xml.etree import ElementTree

    comparison = compare([runs], tmp_path / "out", formats=("svg",))
    assert len(comparison.figures) >= 2
    for path in comparison.figures:
        ElementTree.parse(path)


@pytest.mark.parametrize("name", ["$x", "a$b$c", r"$\frac{$", "_^{}", "x" * 300])
def test_names_are_drawn_as_they_are(write_run, tmp_path, name):
    write_run("r/a", teacher={"name": name, "options": {}})
    write_run("r/b", family={"name": name, "options": {}})
    write_run("r/c", family={"name": name, "options": {"x": 1}}, score_name=name)
    comparison = compare([tmp_path / "r"], tmp_path / "out")
    assert len({path.name for path in comparison.figures}) == len(comparison.figures)
    for path in comparison.figures:
        assert path.stat().st_size > 1000
        assert len(path.name.encode()) <= 255


def test_settings_that_look_alike_in_files_do_not_overwrite_each_other(write_run, tmp_path):
    write_run("r/a", family={"name": "a b", "options": {}})
    write_run("r/b", family={"name": "a-b", "options": {}})
    comparison = compare([tmp_path / "r"], tmp_path / "out")
    names = [path.name for path in comparison.figures]
    assert len(set(names)) == len(names)
    assert {"curves-a-b.png", "curves-a-b-2.png"} <= set(names)


def test_nothing_is_written_through_links(runs, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    victim = tmp_path / "victim"
    victim.write_text("kept")
    for name in ("comparison.txt", "comparison.json", "curves-tracks.png", "curves.png"):
        (out / name).symlink_to(victim)
    comparison = compare([runs / "plain"], out)
    assert victim.read_text() == "kept"
    assert not any(path.is_symlink() for path in comparison.figures)
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "comparison").symlink_to(out)
    with pytest.raises(
        ValueError, match="comparison: expected a file or folder of the run itself, got a link"
    ):
        run_and_compare([], tmp_path / "study")


def test_temporary_files_of_a_killed_comparison_go(runs, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    for name in (".comparison.txt", ".curves.png", ".mine.txt"):
        (out / f"{name}.{2**22 - 7}.tmp").write_text("half")
    compare([runs / "plain"], out)
    assert [path.name for path in out.glob(".*.tmp")] == [f".mine.txt.{2**22 - 7}.tmp"]


def test_the_json_holds_the_names_as_they_are_shown(runs, tmp_path):
    compare([runs], tmp_path / "out")
    found = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert any(row["teacher"].startswith("other" + SHOWN) for row in found["rows"])


def test_names_of_folders_that_are_no_text_are_shown(write_run, tmp_path, capsys):
    write_run("r/a")
    os.rename(tmp_path / "r" / "a", os.fsencode(tmp_path / "r") + b"/\xff\x1b[2J")
    assert main(["compare", str(tmp_path / "r"), "--out", str(tmp_path / "out")]) == 0
    assert main(["resume", str(tmp_path / "r")]) == 2
    assert "\x1b" not in capsys.readouterr().err


def test_progress_shows_escapes(write_run, tmp_path):
    from rich.console import Console

    folder = write_run("r" + ESCAPE, status="failed")
    edit(folder / "status.json", lambda status: status.update(score_name="x" + ESCAPE))
    console = Console(file=io.StringIO(), force_terminal=True, width=400, color_system=None)
    with RunsProgress(console=console) as bars:
        bars.watch([folder])
    said = console.file.getvalue()
    assert "r" + SHOWN in said
    assert "owned\x07" not in said
    assert "\x1b[2J\x9b" not in said


def test_progress_passes_over_a_damaged_status(write_run):
    folder = write_run("r")
    (folder / "status.json").write_text("[" * 1000)
    with RunsProgress() as bars:
        bars.watch([folder])
