"""What an episode costs in the teacher (ask, tell and fits), and whether cheaper means different.

    python benchmarks/teachers.py [--quick]

Times are CPU microseconds for an episode on one thread, for both variants of a teacher, in the loop: tasks
are those that the teacher asks for, scores are a smooth function of the task that moves over time, and noise.

The default variant of alp-gmm really runs the longest size, 64 tasks at a time. The cells of the table start
from its first n outcomes, which both variants load as a state (`filled`; telling a million of them would take
the paper variant half an hour), then go on asking and telling: 256 outcomes to warm up, then blocks of both
variants in turn. A block of the paper variant is 500 outcomes long: two fits and one merge of its store. A
cell is the median over blocks. The other teachers are told what alp-gmm was.

Teachers that are told a target or easy tasks run on their own, for so many outcomes from the start, 64 tasks
at a time; their updates come every ``batch`` outcomes, by default 50, and are part of the cost.

A table of costs follows of the teachers that have one variant, after 1 000 outcomes: those of lists choose
among 100 tasks. `alp-gmm` stands there too, to compare.

The table of goals has teachers without a second variant, or of success: they ask and tell ``goals`` outcomes,
then the CPU time of as many more is taken. Those of `GOALS` that train a network pay for its steps there.

The last table tells several seeds of both variants of alp-gmm the same stream: differences between paper
and fixed mean something only if they exceed those between seeds of paper.
"""

from __future__ import annotations

import argparse
import inspect
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.spatial.distance import cdist
from scipy.special import logsumexp
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from teacherstudent import teachers
from teacherstudent.contract.spaces import Discrete, Parameters
from teacherstudent.contract.types import Array, Assignment, FloatArray, Outcomes

PERIOD = 50_000
"""Outcomes in which the student's frontier goes up and down once."""
LISTED = 100
"""Tasks of a list."""


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    sizes: Sequence[int] = (1_000, 10_000, 100_000, 1_000_000)
    others: Sequence[int] = (1_000, 10_000)
    blocks: int = 3
    fixed_block: int = 2_000
    windows: int = 20
    seeds: int = 3
    goals: int = 2_000


FULL = Size()
QUICK = Size(
    sizes=(1_000, 10_000), others=(1_000,), blocks=1, fixed_block=1_000, windows=4, seeds=2, goals=200
)


def space(d: int) -> Parameters:
    """Return the unit cube, so that both variants see the same units."""
    return Parameters(**{f"x{i}": (0, 1) for i in range(d)})


def score(tasks: Array, played: int, rng: np.random.Generator) -> FloatArray:
    """Return the scores of a student whose frontier depends on two coordinates and on time."""
    frontier = 0.5 + 0.4 * np.sin(2 * np.pi * played / PERIOD)
    place = tasks / LISTED
    if tasks.ndim > 1:
        place = tasks[:, :2].mean(axis=1)
    easy = 12 * (frontier - place)
    noise = 0.05 * rng.standard_normal(len(tasks))
    return np.asarray(1 / (1 + np.exp(-easy)) + noise, np.float64)


def told(tasks: Array, scores: FloatArray) -> Outcomes:
    """Return rows that nobody asked for."""
    return Outcomes(ids=np.full(len(tasks), -1), tasks=tasks, score=scores, cost=np.ones(len(tasks)))


def answer(asked: Assignment, played: int, rng: np.random.Generator) -> Outcomes:
    """Return what the student does with tasks."""
    scores = score(asked.tasks, played, rng)
    return Outcomes(ids=asked.ids, tasks=asked.tasks, score=scores, cost=np.ones(len(asked)))


def play(teacher: Any, n: int, batch: int, played: int) -> tuple[float, list[Assignment]]:
    """Ask and tell ``n`` times; return CPU microseconds for an episode in the teacher, and what it asked for.

    The student's share is measured by letting it answer once more, and subtracted: a clock that is read
    around every call would cost as much as the call.
    """
    rng, log = np.random.default_rng(played), []
    start = time.thread_time()
    for i in range(0, n, batch):
        log.append(teacher.ask(batch))
        teacher.tell(answer(log[-1], played + i, rng))
    middle = time.thread_time()
    for i, asked in enumerate(log):
        answer(asked, played + i * batch, rng)
    return 1e6 * (2 * middle - start - time.thread_time()) / n, log


def long_run(d: int, n: int) -> tuple[Array, FloatArray, float]:
    """Run alp-gmm for ``n`` outcomes; return its tasks, scores, and microseconds for an episode."""
    cost, log = play(teachers.make("alp-gmm", space(d), seed=0), n, 64, 0)
    rng = np.random.default_rng(0)  # the student's, once more
    run = Outcomes.concatenate(answer(asked, 64 * i, rng) for i, asked in enumerate(log))
    return run.tasks[:n], run.score[:n], cost


def filled(variant: str, tasks: Array, scores: FloatArray) -> Any:
    """Return an alp-gmm that remembers these outcomes, at a fit, by way of its state."""
    teacher = teachers.make("alp-gmm", space(tasks.shape[1]), seed=0, variant=variant)
    state = teacher.state_dict()
    n = len(tasks) // 250 * 250
    tasks, scores = tasks[:n], scores[:n]
    history: dict[str, Any] = {"points": tasks, "scores": scores}
    if variant == "paper":  # the buffer holds 250 or 500
        history = {"points": tasks, "values": scores, "main": (n - 1) // 500 * 500}
    window = state["algorithm"]["window"] | {"told": n}
    teacher.load_state_dict(
        state | {"algorithm": state["algorithm"] | {"history": history, "window": window}}
    )
    return teacher


def grown(name: str, variant: str, tasks: Array, scores: FloatArray) -> Any:
    """Return a teacher that was told these outcomes."""
    teacher = teachers.make(name, space(tasks.shape[1]), seed=0, variant=variant)
    for part in np.array_split(np.arange(len(tasks)), max(len(tasks) // 250, 1)):
        teacher.tell(told(tasks[part], scores[part]))
    return teacher


def cell(name: str, tasks: Array, scores: FloatArray, batch: int, size: Size) -> tuple[float, float]:
    """Return microseconds for an episode, paper and fixed, after the given outcomes."""
    n = len(tasks)
    costs: dict[str, list[float]] = {"paper": [], "fixed": []}
    ready = {
        variant: filled(variant, tasks, scores) if name == "alp-gmm" else grown(name, variant, tasks, scores)
        for variant in ("paper", "fixed")
    }
    for teacher in ready.values():
        play(teacher, 256, batch, n)
    for block in range(size.blocks):
        for variant, length in (("paper", 500), ("fixed", size.fixed_block)):
            cost, _ = play(ready[variant], length, batch, n + block * length)
            costs[variant].append(cost)
    return float(np.median(costs["paper"])), float(np.median(costs["fixed"]))


def cost_table(size: Size, console: Console) -> float:
    """Print the table of costs; return the smallest ratio of alp-gmm."""
    table = Table("teacher", "dimensions", "outcomes", "batch", "paper us", "fixed us", "ratio", title="Cost")
    ratios = []
    for d in (2, 12):
        tasks, scores, whole = long_run(d, size.sizes[-1])
        console.print(
            f"{d}-D: fixed alp-gmm ran {size.sizes[-1]} outcomes at {whole:.1f} us each, 64 at a time"
        )
        for name in ("alp-gmm", "covar-gmm", "riac"):
            if name not in teachers.names():
                continue
            for n in size.sizes if name == "alp-gmm" else size.others:
                for batch in (1, 64):
                    paper, fixed = cell(name, tasks[:n], scores[:n], batch, size)
                    ratios += [paper / fixed] if name == "alp-gmm" else []
                    numbers = (f"{paper:.1f}", f"{fixed:.1f}", f"{paper / fixed:.1f}")
                    table.add_row(name, str(d), str(n), str(batch), *numbers)
    console.print(table)
    return min(ratios)


TOLD: tuple[tuple[str, dict[str, Any]], ...] = (
    ("currot", {}),
    ("currot", {"form": "sliced"}),
    ("currot", {"variant": "paper"}),
    ("gradient", {}),
    ("gradient", {"variant": "paper"}),
    ("spdl", {}),
    ("spdl", {"form": "penalised"}),
    ("spdl", {"form": "interpolated"}),
    ("adr", {}),
    ("adr", {"variant": "paper"}),
)
"""Teachers with a target and easy tasks, and the options that change what they compute."""


def told_table(size: Size, console: Console) -> None:
    """Print what an episode costs in teachers that are told a target."""
    table = Table("teacher", "options", "outcomes", "2-D us", "6-D us", title="Cost, with a target")
    for name, options in TOLD:
        costs = []
        for d in (2, 6):
            corners = np.random.default_rng(0).uniform(0.0, 0.1, (2, 512, d))
            facts: dict[str, Any] = {"easy": corners[0], "mastered": 0.5}
            facts |= {"failed": 0.1} if name == "adr" else {"target": 0.9 + corners[1]}
            teacher = teachers.make(name, space(d), seed=0, **facts, **options)
            costs.append(play(teacher, size.others[-1], 64, 0)[0])
        chosen = ", ".join(f"{key}={value}" for key, value in options.items())
        table.add_row(name, chosen, str(size.others[-1]), *(f"{cost:.1f}" for cost in costs))
    console.print(table)


def lessons() -> list[tuple[str, str, Any]]:
    """Return teachers that have one variant: a name, what is remarkable about it, and the teacher."""
    made = []
    for d in (2, 12):
        # A curriculum of three steps of two Gaussians, along the diagonal.
        means = [[np.append(np.full(d, place), 0.3)] * 2 for place in (0.2, 0.5, 0.8)]
        part = np.eye(d + 1) * 0.01
        way = {"means": means, "covariances": [[part, part]] * 3}
        boxes: dict[str, dict[str, Any]] = {
            "alp-gmm": {},
            "alp-figmn": {},
            "again": {"step": "time", "curriculum": way},
        }
        for name, more in boxes.items():
            made.append((name, f"{d}-D", teachers.make(name, space(d), seed=0, **more)))
    lines: dict[str, Any] = {"mastered": 0.7}
    for name, more in (
        ("mastery", {}),
        ("terrain-levels", {"demoted": 0.3}),
        ("learning-progress", {}),
        ("learning-progress", {"evaluate_every": 10_000, "attempts": 5}),
        ("learning-progress", {"interesting": np.ones((LISTED, LISTED), np.bool_)}),
    ):
        remark = ", ".join(more) or f"{LISTED} tasks"
        made.append((name, remark, teachers.make(name, Discrete(LISTED), seed=0, **lines, **more)))
    return made


def lessons_table(size: Size, console: Console) -> None:
    """Print what an episode costs in the teachers that have one variant."""
    table = Table("teacher", "", "batch 1, us", "batch 64, us", title="Cost, one variant")
    for name, remark, teacher in lessons():
        costs = []
        played = 0
        for batch in (1, 64):
            play(teacher, 1_024, batch, played)
            played += 1_024
            parts = []
            for _ in range(size.blocks):
                parts.append(play(teacher, size.fixed_block, batch, played)[0])
                played += size.fixed_block
            costs.append(f"{np.median(parts):.1f}")
        table.add_row(name, remark, *costs)
    console.print(table)


GOALS = ("random", "intermediate", "reverse", "goal-gan", "setter-solver", "vds")
"""Teachers that choose goals, and the one that costs nothing."""


def goal_teacher(name: str, d: int) -> Any:
    """Return a teacher of goals with its defaults."""
    place = space(d)
    facts: dict[str, Any] = {"mastered": 0.5, "easy": np.full((1, d), 0.1)}
    taken = inspect.signature(teachers.get(name)).parameters
    return teachers.make(name, place, seed=0, **{key: facts[key] for key in facts if key in taken})


def goals_table(size: Size, console: Console) -> None:
    """Print what an episode costs in each teacher of goals."""
    table = Table(
        "teacher", "2-D, 1", "2-D, 64", "12-D, 1", "12-D, 64", title="Goals: us, by dimensions and batch"
    )
    for name in GOALS:
        cells = []
        for d, batch in ((2, 1), (2, 64), (12, 1), (12, 64)):
            teacher = goal_teacher(name, d)
            play(teacher, size.goals, batch, 0)
            cost, _ = play(teacher, size.goals, batch, size.goals)
            cells.append(f"{cost:.1f}")
        table.add_row(name, *cells)
    console.print(table)


def log_density(mixture: dict[str, Array], rows: FloatArray) -> FloatArray:
    """Return the log density of rows under a snapshot's mixture."""
    parts = []
    for w, mean, covariance in zip(mixture["weights"], mixture["means"], mixture["covariances"], strict=True):
        root = np.linalg.cholesky(covariance)
        z = np.linalg.solve(root, (rows - mean).T)
        parts.append(np.log(w) - 0.5 * (z**2).sum(axis=0) - np.log(np.diag(root) * np.sqrt(2 * np.pi)).sum())
    return np.asarray(logsumexp(parts, axis=0))


def energy(a: Array, b: Array) -> float:
    """Return the energy distance of two samples of equal size, without bias."""
    n = len(a) / (len(a) - 1)
    return float(2 * cdist(a, b).mean() - n * (cdist(a, a).mean() + cdist(b, b).mean()))


def alike(d: int, size: Size) -> dict[str, list[float]]:
    """Tell one stream to seeds of both variants; return what to compare, a list of windows by name.

    The stream is what one more teacher of the paper variant asks for.
    """
    source = teachers.make("alp-gmm", space(d), seed=99, variant="paper")
    group = {
        v: [teachers.make("alp-gmm", space(d), seed=s, variant=v) for s in range(size.seeds)]
        for v in ("paper", "fixed")
    }
    rng = np.random.default_rng(0)
    found: dict[str, list[float]] = {}
    shown: dict[str, list[dict[str, Array]]] = {}
    for window in range(size.windows):
        tasks = source.ask(250).tasks
        scores = score(tasks, window * PERIOD // (2 * size.windows), rng)
        outcomes, samples, aic = told(tasks, scores), {}, {}
        source.tell(outcomes)
        for v, members in group.items():
            for teacher in members:
                teacher.tell(outcomes)
            rows = np.column_stack([tasks, members[0].snapshot()["alp"]])
            if v in shown:
                held_out = [log_density(mixture, rows).mean() for mixture in shown[v]]
                found.setdefault(f"held-out log density, {v}", []).append(float(np.mean(held_out)))
            shown[v] = [teacher.snapshot() for teacher in members]
            samples[v] = [teacher.ask(500).tasks for teacher in members]
            sizes = np.array([len(mixture["weights"]) for mixture in shown[v]])
            free = sizes * ((d + 2) * (d + 3) // 2) - 1
            aic[v] = 2 * free - 2 * np.array([log_density(mixture, rows).sum() for mixture in shown[v]])
            found.setdefault(f"components, {v}", []).append(float(sizes.mean()))
            found.setdefault(f"AIC, deviation over seeds, {v}", []).append(float(aic[v].std(ddof=1)))
        found.setdefault("AIC, fixed less paper", []).append(float(aic["fixed"].mean() - aic["paper"].mean()))
        p, f = samples["paper"], samples["fixed"]
        pairs = [(i, j) for i in range(size.seeds) for j in range(i)]
        distance = {
            "paper to paper": [energy(p[i], p[j]) for i, j in pairs],
            "fixed to fixed": [energy(f[i], f[j]) for i, j in pairs],
            "paper to fixed": [energy(a, b) for a in p for b in f],
            "paper to uniform": [energy(a, rng.random(a.shape)) for a in p],
        }
        for name, values in distance.items():
            found.setdefault(f"1000 x energy distance, {name}", []).append(1000 * float(np.mean(values)))
    return found


def alike_table(size: Size, console: Console) -> None:
    """Print how alike the variants of alp-gmm are: means over windows, and their standard errors."""
    table = Table("", "2-D", "12-D", title="Same stream, paper and fixed")
    columns = [alike(d, size) for d in (2, 12)]
    for name in sorted(columns[0]):
        texts = []
        for column in columns:
            values = np.array(column[name])
            texts.append(f"{values.mean():.2f} +- {values.std(ddof=1) / np.sqrt(len(values)):.2f}")
        table.add_row(name, *texts)
    console.print(table)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="small sizes, under half a minute")
    size = QUICK if parser.parse_args().quick else FULL
    console, start = Console(width=110), time.perf_counter()
    with threadpool_limits(1):
        play(teachers.make("alp-gmm", space(2), seed=0), 1024, 64, 0)  # compiles what is not in the cache
        goals_table(size, console)
        alike_table(size, console)
        told_table(size, console)
        lessons_table(size, console)
        least = cost_table(size, console)
    console.print(f"Smallest ratio of alp-gmm: {least:.1f}. Took {time.perf_counter() - start:.0f} s.")


if __name__ == "__main__":
    main()
