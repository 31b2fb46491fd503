import importlib
import itertools
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def bandits(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("bandits")


@pytest.mark.parametrize("learner", ["steady", "annealed", "switching", "stages", "identical", "useless"])
def test_the_best_policy_is_the_best_of_all(bandits, learner):
    """Every sequence of four arms is tried."""
    kind = bandits.LEARNERS[learner]
    totals = []
    for arms in itertools.product(range(kind.k), repeat=4):
        world = kind(4, np.random.default_rng(3))
        totals.append(sum(world.play(arm) for arm in arms))
    assert kind(4, np.random.default_rng(3)).best() == pytest.approx(max(totals), rel=1e-12)
    assert min(totals) < max(totals) or learner == "identical"


def test_a_better_stage_leads_to_a_higher_level_at_every_level(bandits):
    """What makes the greedy policy the best: the next level rises with the level, on every stage."""
    world = bandits.Stages(100, np.random.default_rng(0))
    levels = np.linspace(0, 1, 201)
    after = []
    for level in levels:
        world.level = level
        after.append(level + world.gains())
    assert (np.diff(after, axis=0) >= 0).all()


def test_gains_by_hand(bandits):
    world = bandits.Stages(100, np.random.default_rng(0))
    np.testing.assert_allclose(world.gains(), [0.12, 0.0975, 0.068, 0.05])
    assert world.play(0) == pytest.approx(0.12)
    world.level = 0.5
    np.testing.assert_allclose(world.gains(), [0, 0.0225, 0.028, 0.025])
    annealed = bandits.Annealed(4, np.random.default_rng(0))
    annealed.play(0)
    assert sorted(annealed.gains()) == [0, 0.1875, 0.375, 0.5625, 0.75]


def test_the_bound_of_thompson_sampling(bandits):
    # Without drift the chance is the same at every decision: Phi(-1 / sqrt(2 * 2 * 0.25)) = Phi(-1) = 0.159.
    assert bandits.thompson_bound(1.0, 0.5, 0.0, 0.0) == 1 / np.ceil(1 / norm.cdf(-1))
    loose, tight = (bandits.thompson_bound(1.0, 0.3, drift, 0.0) for drift in (0.5, 0.01))
    assert tight < loose


def test_equal_shares(bandits):
    rng = np.random.default_rng(0)
    fair, unfair = rng.dirichlet([1, 1, 1], 200), rng.dirichlet([1, 1.5, 1], 200)
    assert bandits.equal_shares(fair) > 0.01
    assert bandits.equal_shares(unfair) < 1e-4


def test_the_tables(bandits, capsys, monkeypatch):
    monkeypatch.setattr(bandits, "MANY", 12)
    cells = bandits.plan((60,), 1)
    results = {cell: [bandits.play(*cell, seed) for seed in range(runs)] for cell, runs in cells.items()}
    bandits.regret_table(results, (60,))
    bandits.share_tables(results, 60)
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("progress-thompson") for line in lines) == 3
    random = next(line for line in lines if line.startswith("random"))
    assert random.split()[1] == "1.00"  # what all are compared with
