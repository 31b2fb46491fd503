import pytest
from editing import edit

from teacherstudent import envs, run, students, teachers
from teacherstudent.cli import main
from teacherstudent.contract.accounts.plan import Plan
from teacherstudent.recording.runs import Run
from teacherstudent.running.experiment import Experiment


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")


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
