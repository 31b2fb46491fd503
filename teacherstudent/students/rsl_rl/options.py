"""Arguments of rsl_rl's PPO and settings of its networks, checked by name, with the library's defaults."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

POLICY: Mapping[str, Any] = {
    "hidden_dims": (256, 256, 256),
    "critic_hidden_dims": None,
    "activation": "elu",
    "init_std": 1.0,
    "std_type": "scalar",
    "std_range": (1e-6, 1e6),
    "learn_std": True,
    "state_dependent_std": False,
    "class_name": "MLPModel",
    "rnn_type": "lstm",
    "rnn_hidden_dim": 256,
    "rnn_num_layers": 1,
}
"""Settings of the networks and their defaults: rsl_rl's own."""
_OWN = ("self", "actor", "critic", "storage", "device")
_EXTENSIONS = ("rnd_cfg", "symmetry_cfg", "multi_gpu_cfg", "grad_reduce_bucket_mb")
"""Arguments of PPO that are the student's own, and those that need what tasks of a family do not have."""


def check_library() -> None:
    """Raise ImportError that names the extra if rsl_rl cannot be imported."""
    try:
        import rsl_rl.algorithms  # noqa: F401
    except ImportError as error:
        raise ImportError(
            "rsl-rl: expected the package rsl-rl-lib; install it with "
            f"pip install 'teacherstudent[rsl-rl]' ({error})"
        ) from error


def is_recurrent(policy: Mapping[str, Any]) -> bool:
    """Return whether these settings ask for recurrent networks."""
    return bool(policy.get("class_name") == "RNNModel")


def check_options(options: Mapping[str, Any], policy: Mapping[str, Any], *, slots: int, steps: int) -> None:
    """Check the arguments of PPO and the settings of the networks, by name and where rsl_rl would be silent.

    Args:
        options: of ``rsl_rl.algorithms.PPO``.
        policy: of the networks.
        slots: how many there are.
        steps: of a rollout, in each of them.

    Raises:
        TypeError: for something that is no mapping, or a name that is not known.
        ValueError: for a value out of range.
    """
    # Import late, as the library is an optional extra.
    from rsl_rl.algorithms import PPO

    # The library's own signature says what can be set, whatever its version.
    named = inspect.signature(PPO.__init__).parameters
    settable = [name for name in named if name not in (*_OWN, *_EXTENSIONS)]
    for what, given, known in (("options", options, settable), ("policy", policy, list(POLICY))):
        if not isinstance(given, Mapping):
            raise TypeError(f"rsl-rl: {what}: expected names and values of {known}, got {given!r}")
        for name in given:
            if name not in known:
                raise TypeError(f"rsl-rl: {what}: expected names of {known}, got {name!r}")
    # rsl_rl would silently take any other word for "fixed".
    if options.get("schedule", "adaptive") not in ("adaptive", "fixed"):
        raise ValueError(f"rsl-rl: schedule: expected 'adaptive' or 'fixed', got {options['schedule']!r}")
    _check_networks(policy)
    # Minibatches of a recurrent network are whole slots.
    batches = slots if is_recurrent(policy) else slots * steps
    _check_integers(options, {"num_mini_batches": batches, "num_learning_epochs": 2**31})


def _check_networks(policy: Mapping[str, Any]) -> None:
    for name, known in (("class_name", ("MLPModel", "RNNModel")), ("rnn_type", ("lstm", "gru"))):
        if policy.get(name, POLICY[name]) not in known:
            raise ValueError(f"rsl-rl: policy: {name}: expected one of {list(known)}, got {policy[name]!r}")
    # A network without memory would silently ignore these.
    unused = [name for name in policy if name.startswith("rnn_")]
    if unused and not is_recurrent(policy):
        raise ValueError(f"rsl-rl: policy: expected class_name='RNNModel' beside {unused}")
    _check_integers(policy, {"rnn_hidden_dim": 2**31, "rnn_num_layers": 2**31})


def _check_integers(given: Mapping[str, Any], most_of: Mapping[str, int]) -> None:
    for name, most in most_of.items():
        value = given.get(name, 1)
        if not (isinstance(value, int) and 1 <= value <= most):
            raise ValueError(f"rsl-rl: {name}: expected an integer from 1 to {most}, got {value!r}")


def learning_rate(
    options: Mapping[str, Any], budget: float | None
) -> tuple[dict[str, Any], Callable[[float], float] | None]:
    """Return the options with a number as learning rate, and what the rate is after so many steps.

    The latter is None where the rate does not depend on them: a number, or none given.

    Raises:
        ValueError: for a string other than ``"linear:number"``, or without a budget or the fixed schedule.
    """
    rate = options.get("learning_rate")
    if not (isinstance(rate, str) and rate.startswith("linear:")):
        if isinstance(rate, str):
            raise ValueError(f"rsl-rl: learning_rate: expected a number or 'linear:number', got {rate!r}")
        return dict(options), None
    if budget is None:
        raise ValueError(f"rsl-rl: learning_rate={rate!r} falls over the budget: expected a budget, got None")
    # The adaptive schedule would overwrite the falling rate.
    if options.get("schedule", "adaptive") != "fixed":
        raise ValueError(f"rsl-rl: learning_rate={rate!r}: expected schedule='fixed' beside it")
    first = float(rate.removeprefix("linear:"))
    return {**options, "learning_rate": first}, lambda spent: first * max(0.0, 1.0 - spent / budget)
