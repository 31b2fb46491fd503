"""Stump tracks at length: random tasks and teachers, walkers that do not get on are cut.

The benchmark of Portelas et al. 2019 with PPO instead of SAC. An episode is cut after 200 steps in which the
walker got no half metre further, since a walker that stands before a stump would play 2 000 steps and show
its teacher nothing. The paper's runs are 20 million steps long, on heights to 3; with --data high the
heights go to 6, and tests stay below 3.

python experiments/suite/stumps.py [--data high] [--quick] [--seeds 0 1] [--budget 2e7]
"""

import sys

from teacherstudent import Study

STUCK = [200, 0.5]  # steps, metres
HIGH = {"max_height": 6.0, "stuck": STUCK}

STUDY = Study(
    name="suite/stumps",
    family="stump-tracks",
    family_options={"stuck": STUCK},
    teachers={name: {} for name in ("random", "alp-gmm", "intermediate")},
    student_options={
        "n_envs": 64,
        "normalize": True,
        "options": {
            "n_steps": 128,
            "batch_size": 2048,
            "n_epochs": 6,
            "learning_rate": 3e-4,
            "policy_kwargs": {"optimizer_kwargs": {"fused": True, "eps": 1e-5}},
        },
    },
    budget=20_000_000,
    test_every=2_000_000,
    seeds=(0, 1, 2, 3, 4),
    baseline="random",
    data={"high": {"family_options": HIGH, "budget": 5_000_000, "test_every": 1_000_000}},
    quick={"budget": 40_000, "test_every": 20_000, "seeds": (0,)},
)

if __name__ == "__main__":
    sys.exit(STUDY.main())
