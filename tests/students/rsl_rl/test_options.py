"""Options of the rsl_rl student, and the package that it needs."""

import subprocess
import sys

import numpy as np
import pytest
from lines import RECURRENT, SMALL

from reaching import assign, reach
from teacherstudent.students.rsl_rl.student import RslRlStudent


def test_learning_rate_falls_with_the_budget(cartpole):
    options = {"learning_rate": "linear:1e-3", "schedule": "fixed"}
    student = RslRlStudent(cartpole, seed=0, budget=4 * 72, options=options, **SMALL)
    rates = []
    for k in range(4):
        student.train(assign(student, cartpole, first=100 * k))
        rates.append(student.metrics()["learning_rate"])
        assert student.ppo.alg.optimizer.param_groups[0]["lr"] == rates[-1]
    np.testing.assert_allclose(rates, [0.75e-3, 0.5e-3, 0.25e-3, 0.0], atol=1e-12)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"n_envs": 0}, ValueError, "n_envs"),
        ({"n_envs": 1, "n_steps": 1}, ValueError, "more than 1"),
        ({"device": "tpu"}, ValueError, "device: expected 'auto', 'cpu' or 'cuda', got 'tpu'"),
        ({"device": "cuda:99"}, ValueError, "cuda:99"),
        ({"normalize": "both"}, ValueError, "normalize: expected one of .*'observations'.*got 'both'"),
        ({"options": {"learning_rate": "linear:3e-4"}}, ValueError, "budget"),
        ({"options": {"learning_rate": "linear:3e-4"}, "budget": 9.0}, ValueError, "schedule='fixed'"),
        ({"options": {"learning_rate": "3e-4"}}, ValueError, "expected a number or 'linear:number'"),
        ({"options": {"schedule": "linear"}}, ValueError, "expected 'adaptive' or 'fixed', got 'linear'"),
        ({"options": {"num_mini_batches": 73}}, ValueError, "num_mini_batches: .*from 1 to 72, got 73"),
        ({"options": {"optimizer": "lion"}}, ValueError, "adamw"),
        (
            {"options": {"epochs": 3}},
            TypeError,
            r"options: expected names of \['num_learning_epochs'.*'epochs'",
        ),
        ({"options": {"rnd_cfg": {}}}, TypeError, "got 'rnd_cfg'"),
        ({"options": "x"}, TypeError, "options: expected names and values of"),
        ({"policy": {"layers": 3}}, TypeError, r"policy: expected names of \['hidden_dims'.*got 'layers'"),
        ({"policy": {"activation": "sine"}}, ValueError, "sine"),
        ({"policy": {"std_type": "cubic"}}, ValueError, "cubic"),
        ({"policy": {"class_name": "CNNModel"}}, ValueError, r"'RNNModel'\], got 'CNNModel'"),
        ({"policy": {"rnn_type": "gru"}}, ValueError, r"class_name='RNNModel' beside \['rnn_type'\]"),
        ({"policy": RECURRENT | {"rnn_type": "rnn"}}, ValueError, r"\['lstm', 'gru'\], got 'rnn'"),
        ({"policy": RECURRENT | {"rnn_num_layers": 0}}, ValueError, "rnn_num_layers: .*from 1 .*got 0"),
        (
            {"policy": RECURRENT, "options": {"num_mini_batches": 7}},
            ValueError,
            "num_mini_batches: expected an integer from 1 to 6, got 7",
        ),
    ],
)
def test_bad_arguments(options, error, words):
    with pytest.raises(error, match=words):
        RslRlStudent(reach(), seed=0, **(SMALL | options))


def test_a_missing_package_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "rsl_rl.algorithms", None)
    with pytest.raises(ImportError, match=r"expected the package rsl-rl-lib.*teacherstudent\[rsl-rl\]"):
        RslRlStudent(reach(), seed=0)


def test_the_library_is_imported_when_a_student_is_made():
    code = (
        "import sys, teacherstudent.students as s; s.entries(); s.get('rsl-rl'); "
        "assert 'rsl_rl' not in sys.modules; assert 'tensordict' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
