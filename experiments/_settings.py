"""Settings that the experiments share: a family, a student that learns it, a budget, a quick version."""

from typing import Any

CARTPOLE: dict[str, Any] = {
    "family": "cartpole-parameters",
    "student_options": {
        "n_envs": 32,
        "options": {"n_steps": 128, "batch_size": 512, "n_epochs": 10, "learning_rate": 1e-3},
    },
    "budget": 600_000,
    "seeds": (0, 1),
    "quick": {"budget": 20_000, "seeds": (0,)},
}

WALKER: dict[str, Any] = {
    "family": "stump-tracks",
    "student_options": {
        "n_envs": 256,
        "normalize": True,
        "options": {
            "n_steps": 32,
            "batch_size": 1024,
            "n_epochs": 6,
            "learning_rate": 3e-4,
            "policy_kwargs": {"optimizer_kwargs": {"fused": True, "eps": 1e-5}},
        },
    },
    "budget": 5_000_000,
    "test_every": 500_000,
    "seeds": (0, 1, 2),
    "quick": {"budget": 40_000, "test_every": None, "seeds": (0,)},
}
