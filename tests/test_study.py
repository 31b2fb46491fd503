import pytest

from teacherstudent import Study
from teacherstudent.recording.runs import Run

STUDY = Study(
    name="grid",
    family="toy-grid",
    student="competence",
    student_options={"batch": 20},
    teachers={"fixed": {"name": "riac"}, "paper": {"name": "riac", "variant": "paper"}},
    budget=200,
    seeds=(0, 1, 2),
    quick={"budget": 40, "seeds": (7,)},
)


def test_labels_name_the_same_teacher_with_other_options():
    experiments = STUDY.experiments()
    assert [(e.seed, e.name, e.teacher) for e in experiments[:3]] == [
        (0, "fixed", "riac"),
        (0, "paper", "riac"),
        (1, "fixed", "riac"),
    ]
    assert experiments[1].teacher_options == {"variant": "paper"}
    assert len(experiments) == 6


def test_a_study_runs_as_a_script(tmp_path, capsys):
    assert STUDY.main(["--quick", "--out", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    folders = sorted((tmp_path / "grid-quick" / "toy-grid").glob("*/seed-*"))
    assert [f.parent.name for f in folders] == ["fixed", "paper"]
    assert {Run.load(f).status()["spent"] for f in folders} == {40}
    assert "fixed" in shown
    assert "paper" in shown
    assert str(tmp_path / "grid-quick" / "comparison" / "curves.png") in shown
    assert STUDY.main(["--quick", "--out", str(tmp_path), "--resume", "--budget", "60"]) == 0
    assert {Run.load(f).status()["spent"] for f in folders} == {60}


def test_seeds_and_budget_from_the_command_line(tmp_path):
    assert STUDY.main(["--seeds", "4", "--budget", "20", "--threads", "2", "--out", str(tmp_path)]) == 0
    assert sorted(p.name for p in tmp_path.glob("grid/toy-grid/*/*")) == ["seed-4", "seed-4"]
    with pytest.raises(SystemExit):
        STUDY.main(["--bugdet", "3"])
