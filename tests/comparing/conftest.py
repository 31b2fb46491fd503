"""Studies of two teachers."""

from __future__ import annotations

import pytest
from comparisons import teacher, timed


@pytest.fixture
def two_teachers(write_run, tmp_path):
    """Five seeds of alp-gmm with finals 10, 20, 30, 40, 90, three of random with 10, 20, 30."""
    for seed, final in enumerate((10, 20, 30, 40, 90)):
        write_run(f"runs/alp-gmm/{seed}", teacher=teacher("alp-gmm"), seed=seed, final=final, tests=6)
    for seed, final in enumerate((10, 20, 30)):
        write_run(f"runs/random/{seed}", teacher=teacher("random"), seed=seed, final=final, tests=6)
    return tmp_path / "runs"


@pytest.fixture
def quick_and_slow(write_run, tmp_path):
    """Two teachers of 5 tests each; slow takes 40 seconds for what quick does in 20, and measures."""
    write_run("r/quick", teacher=teacher("quick"), final=60.0, ledger=timed(18.0, 2.0, measure=0.0))
    write_run("r/slow", teacher=teacher("slow"), final=80.0, ledger=timed(30.0, 10.0, measure=100.0))
    return tmp_path / "r"
