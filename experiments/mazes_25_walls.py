"""The 25-wall mazes of Jiang et al. 2021, "Replay-guided adversarial environment design", at their budget.

https://arxiv.org/abs/2110.02439: 250 million steps, then each of seven named mazes is played 100 times by the
last policy, actions sampled. Published are means and sample standard deviations over 10 seeds, computed from
the authors' result files (https://github.com/facebookresearch/dcd); ACCEL and SFL were not run there.

As published: 25 draws of walls, seven actions, LSTM of 256 units and a layer of 32, gamma 0.995, lambda 0.95,
5 epochs, entropy 0.01, no normalisation, levels scored by MaxMC in a buffer of 4 000, half of them replays
(ACCEL: 0.8).

Otherwise here, for a GPU: 1 024 slots instead of 32, so that a round has 32 times the levels, as many in all;
8 minibatches instead of 1, and a learning rate of 3e-4 instead of 1e-4. Levels are drawn for 1 024 slots at a
time, by rank with temperature 1 instead of 0.1, which would give most of them the same level. Actor and
critic are two networks, without a convolution before the LSTM. SFL measures 4 096 levels four times after
every 48 rounds and keeps as large a share of them as in `mazes.py`. None of this was tuned.

python experiments/mazes_25_walls.py [--quick] [--seeds 0 1] [--budget 250e6] [--jobs 1] [--teachers plr ...]
"""

import sys
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from _mazes import success
from _results import run_and_look, show_and_write, spread
from rich.console import Console
from rich.table import Table

from teacherstudent import Entry, Study
from teacherstudent.recording.runs import Run

MAZES = (
    "SixteenRooms", "Labyrinth", "Labyrinth2", "StandardMaze", "StandardMaze2", "SimpleCrossing",
    "SmallCorridor", "mean",
)  # fmt: skip
PUBLISHED = {
    "domain-randomization": (
        (0.903, 0.15), (0.183, 0.36), (0.204, 0.37), (0.036, 0.06), (0.046, 0.06), (0.798, 0.22),
        (0.824, 0.23), (0.428, 0.145),
    ),
    "plr": (
        (0.958, 0.13), (0.343, 0.46), (0.372, 0.43), (0.281, 0.43), (0.407, 0.44), (0.956, 0.08),
        (0.818, 0.19), (0.591, 0.207),
    ),
    "robust-plr": (
        (0.834, 0.27), (0.538, 0.45), (0.590, 0.45), (0.592, 0.40), (0.383, 0.44), (0.941, 0.08),
        (0.859, 0.08), (0.677, 0.245),
    ),
}  # fmt: skip
"""Mean and standard deviation of the solved rate of each of `MAZES`; StandardMaze is called Maze there."""


def teachers(capacity: int, candidates: int, refresh: int, keep: int) -> dict[str, Entry]:
    """Return the teachers; ACCEL starts from mazes of the whole distribution."""
    buffer = {"buffer": {"capacity": capacity, "temperature": 1.0}}
    return {
        "domain-randomization": Entry(),
        "plr": Entry(options=buffer),
        "robust-plr": Entry(options=buffer),
        "accel": Entry(options=buffer | {"score": "max_mc", "start": "all"}),
        "sfl": Entry(options={"refresh": refresh, "candidates": candidates, "attempts": 4, "keep": keep}),
    }


def student(n_envs: int, *, units: int, minibatches: int, epochs: int) -> dict[str, Any]:
    """Return options of the student ``rsl-rl``."""
    return {
        "n_envs": n_envs,
        "n_steps": 256,
        "normalize": False,
        "options": {
            "learning_rate": 3e-4,
            "schedule": "fixed",
            "gamma": 0.995,
            "lam": 0.95,
            "num_learning_epochs": epochs,
            "num_mini_batches": minibatches,
            "entropy_coef": 0.01,
            "value_loss_coef": 0.5,
            "max_grad_norm": 0.5,
        },
        "policy": {
            "class_name": "RNNModel",
            "rnn_type": "lstm",
            "rnn_hidden_dim": units,
            "hidden_dims": [32],
            "activation": "tanh",
        },
    }


FAMILY = {"levels": {"n_walls": 25}, "suite": "dcd-7"}
STUDY = Study(
    name="mazes-25-walls",
    family="maze",
    family_options=FAMILY | {"repeats": 10},
    student="rsl-rl",
    student_options=student(1024, units=256, minibatches=8, epochs=5),
    teachers=teachers(capacity=4000, candidates=4096, refresh=48, keep=600),
    budget=250_000_000,
    test_every=25_000_000,
    seeds=(0, 1, 2, 3, 4),
    baseline="domain-randomization",
    quick={
        "family_options": FAMILY,
        "student_options": student(32, units=32, minibatches=2, epochs=1),
        "teachers": teachers(capacity=64, candidates=16, refresh=2, keep=4),
        "budget": 33_000,
        "test_every": 33_000,
        "seeds": (0,),
    },
)
ATTEMPTS, SEED = 100, 1001


class Result(NamedTuple):
    """Of a run: solved rate of each maze and their mean, steps that count against the budget, seconds."""

    solved: dict[str, float]
    steps: float
    seconds: float


def look(run: Run, quick: bool) -> Result:
    """Play a run's last policy; a maze that is drawn at random is another one each time."""
    names, rates = success(run, [SEED], repeats=2 if quick else ATTEMPTS)
    mazes = list(dict.fromkeys(names))
    solved = dict(zip(mazes, rates.reshape(len(mazes), -1).mean(axis=1).tolist(), strict=True))
    status = run.status()
    return Result(solved | {"mean": float(rates.mean())}, status["spent"], status["seconds"])


def show(results: dict[str, dict[int, Result]], console: Console) -> None:
    """Print solved rates beside the published ones, and steps a second of each run."""
    table = Table("", *MAZES, title="solved rate, mean and standard deviation over seeds")
    for teacher, runs in results.items():
        solved = [run.solved for run in runs.values()]
        table.add_row(teacher, *(spread(np.array([rates[name] for rates in solved])) for name in MAZES))
        if teacher in PUBLISHED:
            cells = (f"{mean:.2f} ± {deviation:.2f}" for mean, deviation in PUBLISHED[teacher])
            table.add_row("published", *cells, style="dim")
    console.print(table)
    speed = Table(
        "run", "steps", "seconds", "steps a second", title="end to end: learning, tests, checkpoints"
    )
    for teacher, runs in results.items():
        for number, run in runs.items():
            rate = run.steps / run.seconds
            speed.add_row(f"{teacher} {number}", f"{run.steps:,.0f}", f"{run.seconds:,.0f}", f"{rate:,.0f}")
    console.print(speed)


def main() -> int:
    """Run the study, then play its last policies."""
    code, folder, results = run_and_look(STUDY, look)
    if results:
        show_and_write(partial(show, results), folder / "solved.txt", 150)
    return code


if __name__ == "__main__":
    sys.exit(main())
