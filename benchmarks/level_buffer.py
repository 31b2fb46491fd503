"""What a level buffer costs: ``python benchmarks/level_buffer.py``.

A buffer that is full of mazes (15 x 15 bytes), priority by rank (temperature 0.3) with staleness 0.3. Prints
for 4 000 and 100 000 levels the microseconds of processor time that a level takes to be drawn (ranks counted
anew once a batch), to be offered and to get a new score, in batches of 32; beside them those of a plain
Python buffer that goes through its levels one by one for each draw and each offer, timed in the same run on
fewer levels; and the ratio of the two.

``--quick``: fewer repetitions.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from teacherstudent import LevelBuffer
from teacherstudent.contract.spaces import Levels
from teacherstudent.contract.types import Array, BoolArray, FloatArray, IntArray

CAPACITIES = (4_000, 100_000)
BATCH = 32
BETA, RHO = 0.3, 0.3
REPEATS, QUICK_REPEATS = 20, 3
PLAIN, QUICK_PLAIN = {4_000: 64, 100_000: 6}, {4_000: 8, 100_000: 2}
"""Levels that the plain buffer is timed on, by capacity."""


class Mazes(Levels):
    """Walls and free cells."""

    def __init__(self) -> None:
        super().__init__((15, 15), np.uint8)
        self._odd = np.random.default_rng(0).integers(2**62, size=225) * 2 + 1

    def draw(self, rng: np.random.Generator, n: int) -> Array:
        """Return cells that are walls one time in four."""
        return (rng.random((n, 15, 15)) < 0.25).astype(np.uint8)

    def mutate(self, rng: np.random.Generator, tasks: Array, edits: int = 1) -> Array:
        """Flip cells."""
        flat = tasks.reshape(len(tasks), -1).copy()
        for _ in range(edits):
            flat[np.arange(len(tasks)), rng.integers(225, size=len(tasks))] ^= 1
        return flat.reshape(tasks.shape)

    def key(self, tasks: Array) -> IntArray:
        """Return a sum of odd numbers over the walls, modulo 2 ** 64."""
        return np.asarray(tasks.reshape(len(tasks), -1).astype(np.int64) @ self._odd)

    def contains_each(self, tasks: Array) -> BoolArray:
        """Cells are 0 or 1."""
        return np.asarray((tasks <= 1).all(axis=(1, 2)))


class Plain:
    """The same buffer, full, with a loop over its levels wherever it needs one."""

    def __init__(self, levels: Array, scores: FloatArray) -> None:
        self.levels = [level.tobytes() for level in levels]
        self.scores = scores.tolist()
        self.ages = list(range(len(levels)))

    def probabilities(self) -> list[float]:
        """Return the weight of each level."""
        order = sorted(range(len(self.scores)), key=lambda i: -self.scores[i])
        weights = [0.0] * len(order)
        for place, i in enumerate(order):
            weights[i] = (1 / (place + 1)) ** (1 / BETA)
        total, age = sum(weights), sum(self.ages)
        return [(1 - RHO) * w / total + RHO * a / age for w, a in zip(weights, self.ages, strict=True)]

    def sample(self, rng: np.random.Generator, n: int) -> None:
        """Draw one level after the other."""
        for _ in range(n):
            slot = int(rng.choice(len(self.scores), p=self.probabilities()))
            self.ages = [age + 1 for age in self.ages]
            self.ages[slot] = 0

    def insert(self, levels: Array, scores: FloatArray) -> None:
        """Offer one level after the other."""
        for level, score in zip(levels, scores.tolist(), strict=True):
            raw = level.tobytes()
            if raw in self.levels:
                self.scores[self.levels.index(raw)] = score
                continue
            weights = self.probabilities()
            slot = weights.index(min(weights))
            if self.scores[slot] <= score:
                self.levels[slot], self.scores[slot], self.ages[slot] = raw, score, 0


def microseconds(action: Callable[[int], object], repeats: int, levels: int) -> float:
    """Return the median processor time of ``action(i)``, in microseconds a level."""
    times = []
    for i in range(repeats):
        start = time.process_time()
        action(i)
        times.append(time.process_time() - start)
    return 1e6 * float(np.median(times)) / levels


def measure(capacity: int, repeats: int, plain_levels: int) -> list[dict[str, Any]]:
    """Return a row for each operation."""
    space, rng = Mazes(), np.random.default_rng(0)
    buffer = LevelBuffer(space, capacity=capacity, temperature=BETA, staleness=RHO)
    for _ in range(capacity // 4000):
        buffer.insert(space.draw(rng, 4000), rng.random(4000))
    plain = Plain(buffer.levels, buffer.scores)
    offers = [(space.draw(rng, BATCH), rng.random(BATCH)) for _ in range(repeats + 1)]

    def replay(i: int) -> None:
        """Rank anew, as after every update, and draw."""
        buffer.update(buffer.keys[:1], [rng.random()])
        buffer.sample(rng, BATCH)

    buffer.insert(*offers[repeats])  # compiles
    replay(0)
    keys = [buffer.keys[buffer.sample(rng, BATCH)] for _ in range(repeats)]
    ours = {
        "draw": microseconds(replay, repeats, BATCH),
        "offer": microseconds(lambda i: buffer.insert(*offers[i]), repeats, BATCH),
        "new score": microseconds(lambda i: buffer.update(keys[i], offers[i][1]), repeats, BATCH),
    }
    n = min(plain_levels, BATCH)
    rounds = max(1, plain_levels // n)
    theirs = {
        "draw": microseconds(lambda i: plain.sample(rng, n), rounds, n),
        "offer": microseconds(
            lambda i: plain.insert(offers[i % repeats][0][:n], offers[i % repeats][1][:n]), rounds, n
        ),
    }
    return [
        {"levels": capacity, "operation": name, "us": value, "plain_us": theirs.get(name)}
        for name, value in ours.items()
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=Path, help="write the rows there too")
    args = parser.parse_args()
    repeats, plain = (QUICK_REPEATS, QUICK_PLAIN) if args.quick else (REPEATS, PLAIN)
    rows = [row for capacity in CAPACITIES for row in measure(capacity, repeats, plain[capacity])]
    print("| levels | operation | us a level | plain Python | ratio |\n|---|---|---|---|---|")
    for row in rows:
        other = row["plain_us"]
        compared = f"{other:.0f} | {other / row['us']:.0f}" if other else " | "
        print(f"| {row['levels']} | {row['operation']} | {row['us']:.1f} | {compared} |")
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
