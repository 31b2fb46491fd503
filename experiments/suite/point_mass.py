"""A narrow target: the point mass of self-paced learning and CURROT, tested on gates half a metre wide.

Random gates include few as narrow as the target; teachers that are told the target can lead the student
there. Those that are not told stand beside them for comparison, and ``random`` draws from the whole box.

python experiments/suite/point_mass.py [--data friction] [--quick] [--seeds 0 1 2]
"""

import sys

from teacherstudent import Entry, Study

NAMES = ("random", "alp-gmm", "intermediate", "goal-gan", "vds", "currot", "gradient", "spdl", "adr")
STUDY = Study(
    name="suite/point-mass",
    family="point-mass",
    teachers={name: Entry() for name in NAMES},
    baseline="random",
    student_options={
        "n_envs": 32,
        "options": {
            "n_steps": 128,
            "batch_size": 128,
            "n_epochs": 10,
            "gamma": 0.95,
            "gae_lambda": 0.99,
            "policy_kwargs": {"net_arch": [128, 128, 128], "activation_fn": "torch.nn:Tanh"},
        },
    },
    budget=800_000,
    test_every=200_000,
    seeds=tuple(range(10)),
    data={"friction": {"family_options": {"friction": True}}},
    quick={
        "budget": 16_384,
        "test_every": 8_192,
        "seeds": (0,),
        "teachers": {"random": Entry(), "currot": Entry()},
    },
)

if __name__ == "__main__":
    sys.exit(STUDY.main())
