"""Settings that the experiments share: a family, a student that learns it, a budget, a quick version."""

from copy import deepcopy
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

GOALS: dict[str, Any] = {
    "family": "goal-maze",
    "student_options": {
        "n_envs": 128,
        "options": {
            "n_steps": 64,
            "batch_size": 2048,
            "n_epochs": 5,
            "learning_rate": 1e-3,
            "gamma": 0.98,
            "policy_kwargs": {"log_std_init": -0.5},
        },
    },
    "budget": 600_000,
    "test_every": 100_000,
    "seeds": (0, 1, 2),
    "quick": {"budget": 65_536, "test_every": 32_768, "seeds": (0,)},
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


def images(
    knobs: dict[str, Any],
    digits: dict[str, Any],
    *,
    tasks: str = "stages",
    student: dict[str, Any] | None = None,
    small: dict[str, Any] | None = None,
    quick: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return settings for a small ResNet and ten passes over Fashion-MNIST, or digits (``--data digits``).

    Costs are FLOPs: 5.6e7 for training on an image of Fashion-MNIST (53 000 a pass), 3.2e6 for one of digits
    (997 a pass). Tests look at the validation split, the last one at the test split. The quick version is on
    digits too, three passes long, so that it needs no data set.

    Args:
        knobs: options of the family fashion-stages or fashion-examples.
        digits: options of digits-stages or digits-examples.
        tasks: ``"stages"`` or ``"examples"``.
        student: further options of the student.
        small: further fields of the version on digits.
        quick: further fields of the quick version.
    """
    own = dict(student or {})
    on_digits = {
        "family": f"digits-{tasks}",
        "family_options": digits,
        "student_options": {
            "backbone": "resnet",
            "backbone_options": {"widths": (16, 32)},
            "training": {"lr": 5e-3, "batch_size": 32, "renorm": 64},
        }
        | own,
    }
    return {
        "family": f"fashion-{tasks}",
        "family_options": knobs,
        "student": "classifier",
        "student_options": {"backbone": "resnet", "training": {"lr": 5e-3}} | own,
        "budget": 3e13,
        "test_every": 3e12,
        "seeds": (0, 1, 2),
        "data": {"digits": deepcopy(on_digits) | {"budget": 3.2e10, "test_every": 3.2e9} | (small or {})},
        "quick": on_digits | {"budget": 1e10, "test_every": 5e9, "seeds": (0,)} | (quick or {}),
    }


FIXED: dict[str, Any] = {"score": "train"}
"""Of the student, for schedules that need no score: nothing is spent on probes."""

LONGER: dict[str, Any] = {"budget": 5e10, "test_every": 2.5e10}
"""Of versions on digits in which wrong labels are to be learnt by heart."""


def few_examples(label_noise: float) -> dict[str, Any]:
    """Return settings in which labels can be learnt by heart: 22 passes over 4 000 examples of Fashion-MNIST.

    The network is the CNN of 67 000 parameters; on digits, quick or not, the small ResNet for 16 passes.
    """
    noise = {"label_noise": label_noise}
    return images(noise | {"train": 4000}, noise, tasks="examples", small=LONGER, quick=LONGER) | {
        "student_options": {
            "backbone": "cnn",
            "training": {"lr": 3e-3},
            "machine": {"precision": "bfloat16", "channels_last": True},
        },
        "budget": 3e12,
        "test_every": 1.5e12,
    }
