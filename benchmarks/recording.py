"""What recording costs: microseconds for an episode and a test, and its share of a run's wall time.

Usage: ``python benchmarks/recording.py``. The run is imitated: episodes arrive in batches at a given rate,
tests and teacher records as often as in the run loop (every twentieth and hundredth of the run), and the time
inside the recorder is set against the wall time of the same run.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from teacherstudent import spaces
from teacherstudent.contract.types import Outcomes
from teacherstudent.recording.recorder import Recorder

SPACE = spaces.Parameters(stump_height=(0, 3), obstacle_spacing=(0, 6))
BATCH = 64


def manifest() -> dict[str, object]:
    """Return a manifest as the run loop writes it."""
    named = {"name": "benchmark", "options": {}}
    entries = {"family": named, "teacher": named, "student": named, "seed": 0, "budget": 1e9}
    return entries | {"test_set": "benchmark", "mastered": 230.0, "space": spaces.describe(SPACE)}


def outcomes(rng: np.random.Generator, n: int) -> Outcomes:
    """Return episodes with the signals of a student of the walker."""
    signals = {
        "return": rng.normal(size=n),
        "length": rng.integers(1, 2000, n),
        "success": rng.random(n) < 0.5,
        "value_l1": rng.random(n),
    }
    tasks = spaces.sample(SPACE, rng, n)
    return Outcomes(
        ids=np.arange(n), tasks=tasks, score=rng.normal(size=n), cost=signals["length"], signals=signals
    )


SNAPSHOT = {
    "tasks": np.random.default_rng(0).random((250, 2)),
    "alp": np.random.default_rng(1).random(250),
    "weights": np.full(8, 0.125),
    "means": np.zeros((8, 3)),
    "covariances": np.zeros((8, 3, 3)),
}
METRICS = {"alp_mean": 0.1, "components": 8.0, "fits": 100.0}
LEDGER = {f"{kind}/{i}": 1.0 for kind in ("cost", "seconds") for i in range(7)}


def episode_cost(folder: Path, batch: int, rows: int) -> float:
    """Return microseconds for an episode, writing included."""
    recorder, given = Recorder(folder, manifest=manifest()), outcomes(np.random.default_rng(0), batch)
    start = time.perf_counter()
    for i in range(rows // batch):
        recorder.episodes(given, spent=float(i))
    recorder.state_dict()
    seconds = time.perf_counter() - start
    recorder.close("finished")
    return 1e6 * seconds / rows


def test_cost(folder: Path, tests: int) -> tuple[float, float]:
    """Return milliseconds for one of 100 tests, and for one of many, each of 50 tasks."""
    recorder, given = Recorder(folder, manifest=manifest()), outcomes(np.random.default_rng(0), 50)
    seconds = []
    for i in range(tests):
        start = time.perf_counter()
        recorder.tests(given, spent=float(i), ledger=LEDGER)
        seconds.append(time.perf_counter() - start)
    recorder.close("finished")
    return 1e3 * float(np.mean(seconds[:100])), 1e3 * float(np.mean(seconds))


def teacher_cost(folder: Path) -> float:
    """Return milliseconds for a teacher's record with a mixture and its window."""
    recorder = Recorder(folder, manifest=manifest())
    start = time.perf_counter()
    for i in range(100):
        recorder.teacher(spent=float(i), metrics=METRICS, snapshot=SNAPSHOT, ledger=LEDGER)
    seconds = time.perf_counter() - start
    recorder.close("finished")
    return 1e3 * seconds / 100


def share(folder: Path, rate: float, seconds: float, batch: int) -> tuple[float, float]:
    """Return the recorder's share of the wall time, and the rate of episodes that was reached.

    The student is imitated by ``1 / rate`` seconds of processor time for each episode, so that other
    processes on the machine slow it as they slow the recorder. The run has a hundred stretches; a teacher's
    record after each, a test and the state for a checkpoint after every fifth.
    """
    rng = np.random.default_rng(0)
    given, test = outcomes(rng, batch), outcomes(rng, 50)
    recorder = Recorder(folder, manifest=manifest())
    batches = int(rate * seconds / batch)
    inside, begun = 0.0, time.perf_counter()
    for i in range(batches):
        worked = time.process_time() + batch / rate
        while time.process_time() < worked:
            pass
        start = time.perf_counter()
        spent = float(i * batch)
        recorder.episodes(given, spent=spent)
        if i * 100 // batches != (i + 1) * 100 // batches:
            recorder.teacher(spent=spent, metrics=METRICS, snapshot=SNAPSHOT, ledger=LEDGER)
        if i * 20 // batches != (i + 1) * 20 // batches:
            recorder.tests(test, spent=spent, ledger=LEDGER)
            recorder.state_dict()
        inside += time.perf_counter() - start
    start = time.perf_counter()
    recorder.close("finished")
    inside += time.perf_counter() - start
    wall = time.perf_counter() - begun
    return inside / wall, batches * batch / wall


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=120.0, help="length of each imitated run")
    parser.add_argument("--quick", action="store_true", help="imitated runs of 2 s: does it run?")
    given = parser.parse_args()
    seconds = 2.0 if given.quick else given.seconds
    console = Console()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table = Table("what", "cost")
        for batch in (BATCH, 1):
            cost = episode_cost(folder / f"episodes-{batch}", batch, 200_000)
            table.add_row(f"episode, in batches of {batch}", f"{cost:.2f} us")
        first, many = test_cost(folder / "tests", 1000)
        table.add_row("test of 50 tasks, mean over 100 tests", f"{first:.1f} ms")
        table.add_row("test of 50 tasks, mean over 1000 tests", f"{many:.1f} ms")
        table.add_row(
            "teacher's record, a mixture and its window of 250", f"{teacher_cost(folder / 'teacher'):.1f} ms"
        )
        console.print(table)
        table = Table("episodes a second", "reached", f"share of a run of {seconds:g} s")
        for rate, batch in ((100.0, 8), (10_000.0, BATCH)):
            part, reached = share(folder / f"share-{rate}", rate, seconds, batch)
            table.add_row(f"{rate:,.0f}", f"{reached:,.0f}", f"{100 * part:.2f} %")
        console.print(table)


if __name__ == "__main__":
    main()
