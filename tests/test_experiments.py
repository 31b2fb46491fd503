"""What experiments need, and what they compute from their runs."""

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from teacherstudent import Study, teachers
from teacherstudent.comparing import stats
from teacherstudent.contract.accounts.plan import Plan
from teacherstudent.recording.runs import Run
from teacherstudent.running.experiment import Experiment
from teacherstudent.students.sb3.student import SB3Student


@pytest.fixture(autouse=True)
def _importable(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "experiments"))


def load(path):
    """Return a script as a module of its own: benchmarks have scripts of the same names."""
    spec = importlib.util.spec_from_file_location(f"experiments_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def image_studies():
    """Return every study of an experiment on images, and how its script is started."""
    found = []
    for path in sorted((Path(__file__).parents[1] / "experiments").glob("[!_]*.py")):
        if "import few_examples" in path.read_text() or "import FIXED, images" in path.read_text():
            module = load(path)
            studies = [value for value in vars(module).values() if isinstance(value, Study)]
            if path.stem == "jest":
                studies = [module.make_study(name, "", 0.0) for name in module.SETTINGS]
            found += [(path.stem, study) for study in studies]
    return found


def test_experiments_on_images_are_found():
    names = [study.name for _, study in image_studies()]
    assert sorted(names) == [
        "cyclical",
        "efficient-train",
        "jest",
        "jest-clean",
        "lerac",
        "schedules",
        "self-paced",
        "self-paced-clean",
        "stage-bandit",
        "stages",
        "stages-vit",
    ]


def test_experiments_on_images_run_on_digits(monkeypatch, tmp_path):
    monkeypatch.setenv("TEACHERSTUDENT_DATA", str(tmp_path))
    for _, study in image_studies():
        digits, quick = study.version(data="digits"), study.version(quick=True)
        assert study.family.startswith("fashion-")
        assert digits.family == quick.family == study.family.replace("fashion", "digits")
        assert list(digits.teachers) == list(study.teachers)
        assert digits.seeds == study.seeds
        assert digits.budget / digits.test_every == pytest.approx(study.budget / study.test_every, rel=0.1)
        assert study.folder(tmp_path, data="digits").name == f"{study.name}-digits"
        for experiment in digits.experiments()[: len(digits.teachers)]:
            if "reference" not in experiment.teacher_options:
                experiment.check()


def test_experiments_say_that_data_are_missing_before_they_begin(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("TEACHERSTUDENT_DATA", str(tmp_path / "none"))
    monkeypatch.setattr("teacherstudent.running.console.run_all", None)
    for script, study in image_studies():
        option = {"self-paced-clean": "--clean", "jest-clean": "--clean"}.get(study.name)
        out = tmp_path / study.name
        words = ["--out", str(out)]
        if script in ("jest", "lerac"):
            monkeypatch.setattr(sys, "argv", [script, *([option] if option else []), *words])
            assert importlib.import_module(script).main() == 2
        else:
            assert study.main(words) == 2
        said = capsys.readouterr().err
        assert said.startswith(f"study {study.name}: {tmp_path / 'none' / 'fashion-mnist'}: expected ")
        assert "apt-get install dataset-fashion-mnist" in said
        assert said.endswith("Or run this with --data digits.\n")
        assert not out.exists()


def test_the_reference_of_jest_is_made_for_the_data_that_were_chosen(monkeypatch, tmp_path):
    jest = importlib.import_module("jest")
    made = []
    monkeypatch.setattr(jest, "make_reference", lambda study, out: made.append(study) or ("x.npy", 1.0))
    monkeypatch.setattr(Study, "main", lambda study, words: made.append((study, words)))
    monkeypatch.setattr(sys, "argv", ["jest", "--clean", "--data", "digits", "--out", str(tmp_path)])
    jest.main()
    reference, (study, words) = made
    assert (reference.name, reference.family) == ("jest-clean", "digits-examples")
    assert reference.family in jest.REFERENCE
    assert study.teachers["jest"].charged == 1.0
    assert words == ["--data", "digits", "--out", str(tmp_path)]


def test_worst_mazes_are_ranked_in_one_evaluation_and_read_in_the_other():
    names = ["Labyrinth", *[f"random-{i}" for i in range(20)]]
    first, second = np.ones(21), np.ones(21)
    first[[1, 2, 3]] = 0.0  # the worst; the third of them by bad luck
    second[[1, 2, 3, 9]] = 0.1, 0.2, 1.0, 0.0
    first[0], second[0] = 0.25, 0.75
    found = importlib.import_module("mazes").summarise(names, np.stack([first, second]))
    assert found["named"] == found["Labyrinth"] == 50.0
    assert found["random"] == pytest.approx(100 * (40 - 3 - 0.9 - 0.8 - 1.0) / 40)
    tied = 100 * (0.1 + 0.2 + 1.0) / 3  # in any order
    assert found["worst 5% of random"] == pytest.approx(tied)
    assert found["worst 10% of random"] == pytest.approx(tied)
    rest = (17 - 1.0) / 17  # the others are tied too
    assert found["worst 20% of random"] == pytest.approx((3 * tied + 100 * rest) / 4)


def test_goals_in_a_maze_end_with_a_picture_and_a_film(monkeypatch, tmp_path, capsys):
    script = load(Path(__file__).parents[1] / "experiments" / "goal_maze.py")
    small = {"n_envs": 16, "options": {"n_steps": 64, "batch_size": 256, "n_epochs": 1}}
    quick = {"budget": 4096, "test_every": 4096, "seeds": (0,), "student_options": small}
    monkeypatch.setattr(script, "STUDY", replace(script.STUDY, quick=quick))
    monkeypatch.setattr(sys, "argv", ["goal_maze", "--quick", "--jobs", "1", "--out", str(tmp_path)])
    assert script.main() == 0
    folder = tmp_path / "goal-maze-quick" / "comparison"
    said = capsys.readouterr().out.splitlines()
    assert said[-1] == str(folder / "frontier.gif")
    for name in ("frontier.png", "frontier.gif", "comparison.txt"):
        assert (folder / name).stat().st_size > 0
    for teacher in script.TEACHERS:
        run = Run.load(tmp_path / "goal-maze-quick" / "goal-maze" / teacher / "seed-0")
        last = run.curve().mastered[-1]
        assert f"{teacher}: % of test goals mastered by the last policy, by seed: {last:.0f}" in said


def test_differences_are_paired_where_seeds_are_the_same():
    results = importlib.import_module("_results")
    rng = np.random.default_rng(0)
    base = {seed: {"x": float(rng.normal(50, 20))} for seed in range(6)}
    better = {seed: {"x": base[seed]["x"] + 1 + 0.1 * seed} for seed in reversed(range(6))}
    assert results.column(better, "x").tolist() == [better[seed]["x"] for seed in range(6)]
    found = results.difference(better, base, "x")
    p = stats.paired_t(results.column(better, "x"), results.column(base, "x"))
    assert found.endswith(f", p {p:.2g}")
    assert p < 1e-3
    del better[0]
    p = stats.welch(results.column(better, "x"), results.column(base, "x"))
    assert results.difference(better, base, "x").endswith(f", p {p:.2g}")
    assert p > 0.5


def test_last_policies_play_every_maze_under_its_own_cap(tmp_path, monkeypatch):
    experiment = Experiment(
        teacher="domain-randomization",
        family="maze",
        plan=Plan(budget=1000, test_every=1000),
        student="sb3",
        seed=0,
        family_options={"actions": 3, "suite": ["SimpleCrossing"]},
        student_options={"n_envs": 2, "options": {"n_steps": 250, "batch_size": 250, "n_epochs": 1}},
    )
    experiment.run(tmp_path)
    seen, evaluate = [], SB3Student.evaluate

    def spy(student, tasks, *, seed):
        seen.append(evaluate(student, tasks, seed=seed))
        return seen[-1]

    monkeypatch.setattr(SB3Student, "evaluate", spy)
    names, rates = importlib.import_module("_mazes").success(Run.load(tmp_path), [1, 2], repeats=5)
    assert len(names) == 5
    assert rates.shape == (2, 5)
    lengths, solved = (np.concatenate([out.signals[k] for out in seen]) for k in ("length", "success"))
    assert set(lengths[solved == 0].tolist()) == {484}


SUITE = Path(__file__).parents[1] / "experiments" / "suite"


@pytest.mark.parametrize("name", sorted(path.stem for path in SUITE.glob("[!_]*.py")))
def test_studies_of_the_suite_name_teachers_and_options_that_exist(name, monkeypatch):
    monkeypatch.syspath_prepend(str(SUITE))
    module = load(SUITE / f"{name}.py")
    studies = [value for value in vars(module).values() if isinstance(value, Study)]
    assert studies
    for study in studies:
        assert len(study.seeds) >= 5
        versions = [study.version(data=data) for data in (None, *study.data)]
        for version in [*versions, study.version(quick=True)]:
            family, *_ = version.experiments()[0].build()
            for experiment in version.experiments()[: len(version.teachers)]:
                options = {**experiment.teacher_options}
                teachers.make(experiment.teacher, family, seed=0, **options)
