import pytest
from editing import edit

from teacherstudent import envs, run, students, teachers
from teacherstudent.cli import main
from teacherstudent.contract.accounts.plan import Plan
from teacherstudent.contract.registry import FAMILIES, STUDENTS, TEACHERS
from teacherstudent.recording.runs import Run
from teacherstudent.running.experiment import Experiment

RUN = ["run", "--family", "toy-grid", "--student", "competence", "--student-options", "batch=10"]


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")


def test_list_names_everything_with_a_line(capsys):
    assert main(["list"]) == 0
    shown = capsys.readouterr().out
    for registry in (TEACHERS, FAMILIES, STUDENTS):
        for entry in registry.entries():
            assert entry.name in shown
            assert entry.summary[:40] in shown
            assert len(entry.summary) > 20


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


def test_compare_counts_stopped_runs_on_request(tmp_path, capsys):
    plan = Plan(budget=2_000, test_every=100)
    experiment = Experiment(teacher="random", family="toy-grid", student="competence", plan=plan)
    calls = iter(range(1_000))
    experiment.run(tmp_path / "run", stop=lambda: next(calls) > 20)
    arguments = ["compare", str(tmp_path / "run"), "--out", str(tmp_path / "figures")]
    assert main(arguments) == 2
    assert "--include-stopped" in " ".join(capsys.readouterr().err.split())
    assert main([*arguments, "--include-stopped"]) == 0
    assert "did not finish" in capsys.readouterr().out


def test_compare_without_runs_says_so(tmp_path, capsys):
    assert main(["compare", str(tmp_path)]) == 2
    assert str(tmp_path) in capsys.readouterr().err


def half(folder, **names):
    names = {"teacher": "random", "family": "toy-grid", "student": "competence"} | names
    rounds = iter(range(1_000))
    experiment = Experiment(**names, plan=Plan(budget=60, test_every=30))
    experiment.run(folder, stop=lambda: next(rounds) > 20)


def test_runs_that_cannot_be_resumed_are_named_and_the_others_go_on(tmp_path, capsys):
    half(tmp_path / "a")
    half(tmp_path / "z")
    family = envs.make("toy-grid")
    student = students.make("competence", family, seed=0)
    run(family, teachers.make("random", family.space, seed=0), student, tmp_path / "own", Plan(budget=60))
    half(tmp_path / "damaged")
    (tmp_path / "damaged" / "manifest.json").write_text("{")
    half(tmp_path / "spoilt")
    (tmp_path / "spoilt" / "status.json").write_text("[]")
    half(tmp_path / "unknown")
    edit(tmp_path / "unknown" / "manifest.json", lambda m: m["teacher"].update(name="[red]nobody[/red]"))
    assert main(["resume", str(tmp_path)]) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert (
        f"{tmp_path / 'own'} left out: {tmp_path / 'own'}: expected a run of an experiment, got one of"
        in said
    )
    assert f"{tmp_path / 'damaged'} left out: {tmp_path / 'damaged' / 'manifest.json'}: expected JSON" in said
    assert f"{tmp_path / 'spoilt'} left out" in said
    assert f"{tmp_path / 'unknown'} left out: unknown teacher '[red]nobody[/red]'" in said
    assert {name: Run.load(tmp_path / name).status()["status"] for name in ("a", "z")} == dict.fromkeys(
        ("a", "z"), "finished"
    )
    assert main(["resume", str(tmp_path / "own"), str(tmp_path / "damaged")]) == 2
    assert "objects of one's own" in " ".join(capsys.readouterr().err.split())


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
