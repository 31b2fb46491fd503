"""What the experiments on mazes share: settings for a small network, and playing last policies again."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from teacherstudent import Entry
from teacherstudent.contract.types import FloatArray
from teacherstudent.recording.disk.checkpoint import Checkpoints
from teacherstudent.recording.runs import Run
from teacherstudent.running.before.fit import check_fit
from teacherstudent.running.experiment import Experiment


def teachers(capacity: int, candidates: int, refresh: int, keep: int) -> dict[str, Entry]:
    """Return the teachers; the published buffers of 4 000 levels would not fill in runs of this length.

    ACCEL starts from mazes of the whole distribution, as jaxued does, and, as "accel-empty", from empty ones.
    """
    buffer = {"buffer": {"capacity": capacity}}
    return {
        "domain-randomization": Entry(),
        "plr": Entry(options=buffer),
        "robust-plr": Entry(options=buffer),
        "accel": Entry(options=buffer | {"score": "max_mc", "start": "all"}),
        "accel-empty": Entry("accel", options=buffer | {"score": "max_mc"}),
        "sfl": Entry(options={"refresh": refresh, "candidates": candidates, "attempts": 4, "keep": keep}),
    }


TEACHERS = teachers(capacity=1000, candidates=160, refresh=30, keep=24)
QUICK = teachers(capacity=64, candidates=64, refresh=4, keep=8)


SMALL: dict[str, Any] = {
    "n_envs": 32,
    "options": {
        "n_steps": 256,
        "batch_size": 1024,
        "n_epochs": 4,
        "learning_rate": 1e-3,
        "gamma": 0.995,
        "ent_coef": 0.01,
        "policy_kwargs": {"optimizer_kwargs": {"fused": True, "eps": 1e-5}},
    },
}


def mazes(*names: str) -> dict[str, Any]:
    """Return the settings of a study of some of the teachers; without names, of all."""
    return {
        "family": "maze",
        "family_options": {"actions": 3, "suite": ["jaxued-8", "random-solvable-200"], "repeats": 2},
        "student_options": SMALL,
        "teachers": {name: TEACHERS[name] for name in names or TEACHERS},
        "budget": 3_000_000,
        "test_every": 750_000,
        "seeds": (0, 1, 2, 3, 4),
        "quick": {
            "family_options": {"actions": 3, "suite": ["jaxued-8", "random-solvable-20"]},
            "teachers": {name: QUICK[name] for name in names or QUICK},
            "budget": 66_000,
            "test_every": 33_000,
            "seeds": (0,),
        },
    }


def success(
    run: Run, seeds: Sequence[int], *, attempts: int = 1, repeats: int = 1
) -> tuple[list[str], FloatArray]:
    """Play the test mazes with a run's last policy.

    Args:
        run: whose policy.
        seeds: one for each evaluation.
        attempts: how often each test row is played in an evaluation.
        repeats: how many test rows each maze has; a maze that is drawn at random is another one in each.

    Returns:
        The rows' names, and their success ``(evaluations, rows)``.
    """
    given = Experiment.from_folder(run.folder)
    options = {**given.family_options, "repeats": repeats}
    experiment = replace(given, family_options=options)  # the student is to know all caps on steps
    family, teacher, student = experiment.build()
    state = Checkpoints(run.folder / "checkpoints").latest()
    if state is None:
        raise FileNotFoundError(f"{run.folder}: expected a checkpoint, got none")
    check_fit(family, teacher, student)
    student.load_state_dict(state["student"])
    tasks = np.repeat(family.test_tasks(), attempts, axis=0)
    found = [student.evaluate(tasks, seed=seed).signals["success"] for seed in seeds]
    student.close()
    return list(family.test_names), np.array(found).reshape(len(seeds), -1, attempts).mean(axis=2)
