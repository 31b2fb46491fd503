"""What experiments compute from their runs."""

import importlib
from pathlib import Path

import numpy as np
import pytest

from teacherstudent.comparing import stats
from teacherstudent.experiment import Experiment
from teacherstudent.plan import Plan
from teacherstudent.recording.runs import Run
from teacherstudent.students.sb3 import SB3Student


@pytest.fixture(autouse=True)
def _importable(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "experiments"))


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
