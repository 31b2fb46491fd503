import subprocess
import sys

import pytest

from teacherstudent.cli import main
from teacherstudent.recording.runs import Run

RUN = ["run", "--family", "toy-grid", "--student", "competence", "--student-options", "batch=10"]


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")


def test_run_compare_and_resume(tmp_path, capsys):
    out = tmp_path / "runs"
    arguments = [
        *RUN,
        "--teacher",
        "random",
        "riac",
        "--seeds",
        "0",
        "1",
        "--budget",
        "300",
        "--out",
        str(out),
    ]
    assert main(arguments) == 0
    shown = capsys.readouterr().out
    assert "random" in shown
    assert "riac" in shown
    folders = sorted(p.parent for p in out.rglob("manifest.json"))
    assert [str(f.relative_to(out)) for f in folders] == [
        f"toy-grid/{teacher}/seed-{seed}" for teacher in ("random", "riac") for seed in (0, 1)
    ]
    assert {Run.load(f).status()["status"] for f in folders} == {"finished"}
    assert main(["compare", str(out), "--out", str(tmp_path / "figures")]) == 0
    shown = capsys.readouterr().out
    pictures = list((tmp_path / "figures").glob("*.png"))
    assert len(pictures) >= 3
    assert (tmp_path / "figures" / "comparison.csv").read_text().count("random") >= 1
    assert str(tmp_path / "figures") in shown
    assert main(["resume", str(out)]) == 0  # nothing left to do
    assert main([*arguments, "--resume"]) == 0
    capsys.readouterr()
    assert main(arguments) == 2
    assert "holds a run" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--teacher", "rica", "--budget", "100"], "did you mean 'riac'"),
        (["--teacher", "riac", "--budget", "0"], "budget: expected a finite cost above 0, got 0"),
        (["--teacher", "riac", "--budget", "100", "--teacher-options", "size=3"], "unknown option 'size'"),
        (["--teacher", "riac", "--budget", "100", "--family-options", "dims=0"], "dims: expected 1 to 10"),
        (["--teacher", "riac", "--budget", "100", "--jobs", "0"], "jobs: expected at least 1"),
        (["--teacher", "riac", "--budget", "100", "--threads", "0"], "threads: expected at least 1"),
        (
            ["--teacher", "riac", "--budget", "100", "--seeds", "-1"],
            "seed: expected an integer of at least 0",
        ),
    ],
)
def test_bad_arguments_are_one_line_and_start_nothing(tmp_path, capsys, arguments, words):
    assert main([*RUN, *arguments, "--out", str(tmp_path / "runs")]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert "Traceback" not in said
    assert not (tmp_path / "runs").exists()


def test_options_are_json_or_text(tmp_path):
    arguments = [
        "--teacher",
        "riac",
        "--budget",
        "60",
        "--teacher-options",
        "variant=paper",
        "region_size=50",
    ]
    assert main([*RUN, *arguments, "--out", str(tmp_path)]) == 0
    (manifest,) = tmp_path.rglob("manifest.json")
    assert Run.load(manifest.parent).manifest["teacher"]["options"] == {"variant": "paper", "region_size": 50}
    with pytest.raises(SystemExit):
        main([*RUN, "--teacher", "riac", "--budget", "20", "--teacher-options", "variant"])


@pytest.mark.parametrize(
    "arguments",
    [
        [*RUN, "--teacher", "random", "--budget", "10", "--out", ""],
        ["resume", ""],
        ["compare", ""],
        ["compare", "runs", "--out", ""],
    ],
)
def test_an_empty_folder_is_not_the_current_one(tmp_path, monkeypatch, capsys, arguments):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main(arguments)
    assert "expected the path of a folder ('.' is the current one), got ''" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_warning_is_shown_without_the_line_of_code_that_warns(tmp_path):
    words = ["--teacher", "random", "--budget", "15", "--out", str(tmp_path)]
    # In a process of its own: pytest takes the warnings of this one.
    command = [sys.executable, "-m", "teacherstudent", *RUN, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "warning: budget: 20 will be spent, not 15" in done.stderr.splitlines()[0]
    assert done.stderr.startswith("warning: ")
