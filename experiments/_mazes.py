"""Settings that the experiments on mazes share: a small network, and teachers in proportion to its budget."""

from typing import Any

from teacherstudent import Entry


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
