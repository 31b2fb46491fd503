"""Synthetic runs with known numbers, written by the recorder itself."""

from __future__ import annotations

import functools
import multiprocessing
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from teacherstudent import spaces
from teacherstudent.contract.types import Outcomes
from teacherstudent.recording.machine import provenance
from teacherstudent.recording.recorder import Recorder

# TorchRL changes how processes start, for all tests of a worker, unless somebody has said it before.
multiprocessing.set_start_method(multiprocessing.get_start_method(), force=True)

SPACE = spaces.Parameters(height=(0, 3), spacing=(0, 6))


def manifest_of(space: Any = SPACE, **entries: Any) -> dict[str, Any]:
    """Return the manifest of a run, with some entries replaced."""
    return {
        "family": {"name": "tracks", "options": {}},
        "teacher": {"name": "random", "options": {}},
        "student": {"name": "sb3", "options": {}},
        "seed": 0,
        "budget": 1000.0,
        "test_set": "grid-100",
        "mastered": 0.5,
        "space": spaces.describe(space),
    } | entries


def outcomes_of(rng: np.random.Generator, n: int, space: Any = SPACE, first: int = 0) -> Outcomes:
    """Return ``n`` random episodes with ids from ``first`` on."""
    return Outcomes(
        ids=np.arange(first, first + n),
        tasks=spaces.sample(space, rng, n),
        score=rng.normal(size=n),
        cost=rng.integers(1, 20, n).astype(float),
        signals={"length": rng.integers(1, 20, n), "success": rng.random(n) < 0.5},
    )


def evaluation(percent: float, space: Any = SPACE, **signals: float) -> Outcomes:
    """Return 100 test episodes of which ``percent`` score 1 and the others 0, and all have the signals."""
    tasks = spaces.sample(space, np.random.default_rng(5), 100)
    score = (np.arange(100) < round(percent)).astype(float)
    return Outcomes(
        ids=np.full(100, -1),
        tasks=tasks,
        score=score,
        cost=np.full(100, 10.0),
        signals={name: np.full(100, value) for name, value in signals.items()},
    )


def write_synthetic(
    folder: Path,
    *,
    final: float = 50.0,
    tests: int = 5,
    status: Any = "finished",
    error: BaseException | None = None,
    until: float = 1.0,
    snapshot: Callable[[float], dict[str, Any]] = lambda share: {},
    space: Any = SPACE,
    ledger: Callable[[float], dict[str, float]] = lambda share: {},
    tested: float | None = None,
    **entries: Any,
) -> Path:
    """Write a run whose percentage of mastered test tasks rises linearly from 0 to ``final``.

    ``tests`` tests at equal distances from cost 0 to the budget; ``until`` is the share of them that is made.
    ``ledger`` gives further entries of the ledger at each test, by the share of the tests. With ``tested``
    the last test is on the test split, with this percentage, and those before are on validation.
    """
    manifest = manifest_of(space, **entries)
    rng = np.random.default_rng(manifest["seed"] if isinstance(manifest["seed"], int) else 0)
    recorder = Recorder(folder, manifest=manifest, log=())
    for j, share in enumerate(np.linspace(0, 1, tests)):
        if share > until:
            break
        spent = round(float(share) * manifest["budget"], 6)
        costs = {"cost/train": spent, "cost/evaluate": 1000.0 * (j + 1), "updates": 10.0 * j}
        costs |= ledger(float(share))
        if j:
            recorder.episodes(outcomes_of(rng, 200, space, 200 * j), spent=spent)
        found = evaluation(final * share, space)
        if tested is not None:
            over = share == 1.0
            found = evaluation(tested if over else final * share, space, test=float(over))
        recorder.tests(found, spent=spent, ledger=costs)
        recorder.teacher(
            spent=spent, metrics={"mean_alp": float(share)}, snapshot=snapshot(share), ledger=costs
        )
    recorder.close(status, error)
    return folder


@pytest.fixture(name="write_run")
def _write_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Return a function that writes a synthetic run below the test's folder, quickly."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    monkeypatch.setattr("teacherstudent.recording.recorder.provenance", functools.cache(provenance))

    def write(name: str, **arguments: Any) -> Path:
        return write_synthetic(tmp_path / name, **arguments)

    return write


@pytest.fixture(name="synthetic")
def _synthetic() -> Any:
    """Return this module's functions."""

    class Synthetic:
        manifest = staticmethod(manifest_of)
        outcomes = staticmethod(outcomes_of)
        tests = staticmethod(evaluation)
        write = staticmethod(write_synthetic)

    return Synthetic
