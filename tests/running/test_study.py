import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from teacherstudent import Entry, Study
from teacherstudent.comparing.compare import compare
from teacherstudent.recording.logs import read_tests
from teacherstudent.recording.runs import Run
from teacherstudent.running.experiment import Experiment

STUDY = Study(
    name="grid",
    family="toy-grid",
    student="competence",
    student_options={"batch": 20},
    teachers={"fixed": Entry("riac"), "paper": Entry("riac", {"variant": "paper"})},
    budget=200,
    may_never_act=True,
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


def test_a_script_draws_figures_of_its_own(tmp_path, capsys):
    seen = []

    def draw(scene):
        seen.append([group.teacher for group in scene.groups])
        return {"own": Figure()}

    assert STUDY.main(["--quick", "--out", str(tmp_path)], figures=[draw]) == 0
    assert sorted(seen[0]) == ["fixed", "paper"]
    own = tmp_path / "grid-quick" / "comparison" / "own.png"
    assert own.is_file()
    assert str(own) in capsys.readouterr().out.replace("\n", "")


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


def test_another_budget_has_as_many_tests(tmp_path):
    study = replace(STUDY, student_options={"batch": 5}, test_every=50)
    assert study.main(["--seeds", "4", "--budget", "20", "--teachers", "fixed", "--out", str(tmp_path)]) == 0
    (folder,) = tmp_path.glob("grid/toy-grid/*/*")
    assert np.unique(read_tests(folder)["spent"]).tolist() == [0, 5, 10, 15, 20]


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


def test_some_of_the_teachers_can_be_chosen(tmp_path, capsys):
    assert STUDY.main(["--quick", "--teachers", "paper", "--out", str(tmp_path), "--jobs", "1"]) == 0
    assert [path.name for path in (tmp_path / "grid-quick" / "toy-grid").iterdir()] == ["paper"]
    with pytest.raises(SystemExit):
        STUDY.main(["--quick", "--teachers", "riac", "--out", str(tmp_path)])
    assert "expected some of ['fixed', 'paper'], got ['riac']" in capsys.readouterr().err


def test_a_study_on_other_data(tmp_path, capsys):
    study = replace(STUDY, data={"small": {"family_options": {"cells": 5}, "budget": 60, "seeds": (3,)}})
    assert study.main(["--data", "small", "--out", str(tmp_path), "--jobs", "1"]) == 0
    folders = sorted((tmp_path / "grid-small" / "toy-grid").glob("*/seed-*"))
    assert [f.name for f in folders] == ["seed-3", "seed-3"]
    assert {Run.load(f).status()["spent"] for f in folders} == {60}
    both = ["--data", "small", "--quick", "--out", str(tmp_path), "--jobs", "1"]
    assert study.main(both) == 0  # the quick version's fields come last
    (folder, _) = sorted((tmp_path / "grid-small-quick" / "toy-grid").glob("*/seed-7"))
    assert Run.load(folder).status()["spent"] == 40
    assert Run.load(folder).manifest["family"]["options"] == {"cells": 5}
    capsys.readouterr()
    with pytest.raises(SystemExit):
        study.main(["--data", "large"])
    assert "invalid choice: 'large'" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        STUDY.main(["--data", "small"])
    assert "unrecognized arguments: --data small" in capsys.readouterr().err


def test_a_study_names_its_baseline(tmp_path, capsys):
    study = replace(STUDY, baseline="paper")
    assert study.main(["--quick", "--out", str(tmp_path), "--jobs", "1"]) == 0
    assert "minus paper" in capsys.readouterr().out
    others = ["--quick", "--teachers", "fixed", "--out", str(tmp_path / "fixed"), "--jobs", "1"]
    assert study.main(others) == 0  # without the baseline there is nothing to compare with
    assert "minus" not in capsys.readouterr().out
    with pytest.raises(ValueError, match=r"baseline: expected one of \['fixed', 'paper'\], got 'riac'"):
        replace(STUDY, baseline="riac")


@pytest.mark.parametrize("share", [0, -1, float("nan"), float("inf")])
def test_an_entry_has_a_share_above_zero(share):
    with pytest.raises(ValueError, match="budget_share: expected a number above 0"):
        Entry(budget_share=share)


@pytest.fixture(params=["schedules", "efficient_train", "stages", "stages VIT"])
def quick_study(request, monkeypatch):
    """The quick version of an experiment's study."""
    file, _, name = request.param.partition(" ")
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "experiments"))
    path = Path(__file__).parents[2] / "experiments" / f"{file}.py"
    study = runpy.run_path(str(path))[name or "STUDY"]
    return replace(study, **study.quick)


def test_experiments_fit_their_families(quick_study):
    for experiment in quick_study.experiments():
        experiment.check()
        if "vit" in quick_study.name:
            assert experiment.student_options["backbone"] == "vit"


def test_teachers_that_need_a_score_pay_for_it(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "experiments"))
    path = Path(__file__).parents[2] / "experiments" / "efficient_train.py"
    study = runpy.run_path(str(path))["STUDY"]
    found = {e.label: e for e in replace(study, **study.quick | {"budget": 3e9}).experiments()}
    ledger = found["alp-gmm"].run(tmp_path / "a")
    assert ledger.costs["measure"] > 0
    assert ledger.episodes >= 5  # a mixture is fitted
    assert Run.load(tmp_path / "a").records()[-1]["metrics"]["components"] >= 2
    assert found["random"].student_overrides == {}


def test_teachers_with_another_form_of_the_tasks_are_compared_in_one_setting(tmp_path):
    fixed = {"backbone": "cnn", "backbone_options": {"width": 8}, "score": "train"}
    study = Study(
        name="forms",
        family="digits-stages",
        family_options={"knobs": {"bandwidth": [4, 8]}},
        student="classifier",
        student_options=fixed,
        teachers={
            "plain": Entry("constant"),
            "listed": Entry(
                "in-order", family={"knobs": None, "stages": [{"bandwidth": 6}, {"bandwidth": 8}]}
            ),
        },
        budget=2e8,
        test_every=1e8,
        seeds=(0,),
    )
    for experiment in study.experiments():
        folder = experiment.folder(tmp_path)
        experiment.run(folder)
        assert Experiment.from_folder(folder) == experiment
    found = compare([tmp_path], tmp_path / "out")
    assert len(found.settings) == 1
    assert [row.teacher for row in sorted(found.rows, key=lambda row: row.teacher)] == ["listed", "plain"]
    drawn = {path.name for path in found.figures}
    assert {"stages-bandwidth.png", "stages-2-tasks.png"} <= drawn


def test_a_study_runs_from_python_and_says_how_each_run_ended(tmp_path, capsys):
    small = replace(STUDY, budget=40, seeds=(0,))
    results = small.run(tmp_path, compare=False)
    assert [(r.experiment.name, r.status) for r in results] == [("fixed", "finished"), ("paper", "finished")]
    assert [r.folder for r in results] == [e.folder(tmp_path / "grid") for e in small.experiments()]
    assert "2 runs: 2 finished" in capsys.readouterr().out
    assert not (tmp_path / "grid" / "comparison").exists()
    with pytest.raises(FileExistsError, match="holds a run"):
        small.run(tmp_path)
    with pytest.raises(ValueError, match="engine: expected one of"):
        small.run(tmp_path, engine="slurm")


def test_an_engine_s_words_reach_a_script(tmp_path):
    with pytest.raises(ValueError, match="--num-gpus: expected only beside --engine ray"):
        STUDY.main(["--quick", "--num-gpus", "1", "--out", str(tmp_path)])
    assert not list(tmp_path.iterdir())
    assert STUDY.main(["--quick", "--no-compare", "--out", str(tmp_path)]) == 0
    assert not (tmp_path / "grid-quick" / "comparison").exists()
