import pytest

from teacherstudent import Entry, Study
from teacherstudent.recording.runs import Run

STUDY = Study(
    name="grid",
    family="toy-grid",
    student="competence",
    student_options={"batch": 20},
    teachers={"fixed": Entry("riac"), "paper": Entry("riac", {"variant": "paper"})},
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


ENTRIES = Study(
    name="entries",
    family="toy-grid",
    student="competence",
    student_options={"batch": 20, "noise": 0.1},
    teachers={
        "plain": Entry("random", budget_share=1.5),
        "charged": Entry("random", charged=40),
        "quiet": Entry("random", student={"noise": 0.0}),
        "random": {},
    },
    budget=200,
)


def test_entries_say_in_what_a_teachers_runs_differ():
    found = {e.label: e for e in ENTRIES.experiments() if e.seed == 0}
    assert {e.teacher for e in found.values()} == {"random"}
    assert {name: (e.plan.budget, e.plan.charged) for name, e in found.items()} == {
        "plain": (300, 0),
        "charged": (200, 40),
        "quiet": (200, 0),
        "random": (200, 0),
    }
    assert {e.plan.test_every for e in found.values()} == {10}  # tests are at the same costs in all runs
    assert found["quiet"].student_options == found["random"].student_options  # what is compared is equal
    assert found["quiet"].build()[2].noise == 0.0
    assert found["random"].build()[2].noise == 0.1


@pytest.mark.parametrize("share", [0, -1, float("nan"), float("inf")])
def test_an_entry_has_a_share_above_zero(share):
    with pytest.raises(ValueError, match="budget_share: expected a number above 0"):
        Entry(budget_share=share)
