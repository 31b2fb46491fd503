"""What the stable-baselines3 student is told in plain data: algorithm, policy, options."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from typing import Any, cast

import gymnasium as gym
import stable_baselines3
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.type_aliases import TrainFreq, TrainFrequencyUnit
from stable_baselines3.common.utils import LinearSchedule
from stable_baselines3.her.her_replay_buffer import HerReplayBuffer
from torch import nn, optim

from teacherstudent.contract.checks import check_whole, is_finite, is_whole, see
from teacherstudent.contract.family import RLFamily
from teacherstudent.contract.stored import trust
from teacherstudent.networks.state import device_of
from teacherstudent.students.sb3.pixels import extractor_options, images_of

MOST_ENVS = 10**6
"""More slots than this are a mistake."""
_ALGORITHMS = ("stable_baselines3", "sb3_contrib")
_PARTS = (*_ALGORITHMS, "torch.nn", "torch.optim")
"""Packages that a file of a run may name: of what is found in them only classes of these kinds are called."""


def standard_policy(kind: type[BaseAlgorithm], space: gym.Space[Any]) -> str:
    """Return the name of the algorithm's policy that suits the observations."""
    if isinstance(space, gym.spaces.Dict):
        network = "MultiInput"
    elif images_of(space):
        network = "Cnn"
    else:
        network = "Mlp"
    plain = f"{network}Policy"
    # A recurrent policy is only standard where the algorithm has no other.
    recurrent = f"{network}LstmPolicy"
    known = kind.policy_aliases
    if recurrent in known and plain not in known:
        return recurrent
    return plain


def with_extractor(resolved: dict[str, Any], space: gym.Space[Any], policy: str | None) -> dict[str, Any]:
    """Return the arguments of an algorithm, with a network for images that its own would not read.

    A policy that the user has named, and a features extractor of the user's, stay as they are.
    """
    given = resolved.get("policy_kwargs") or {}
    own = extractor_options(space)
    if policy is not None or not own or "features_extractor_class" in given:
        return resolved
    return {**resolved, "policy_kwargs": {**own, **given}}


def algorithm(name: str) -> type[BaseAlgorithm]:
    """Return a stable-baselines3 algorithm by its name or ``"module:Class"``."""
    if not isinstance(name, str):
        raise TypeError(f"sb3: algorithm: expected a name or 'module:Class', got {name!r}")
    if ":" in name:
        found = _import(name, _ALGORITHMS)
    else:
        # A name without a colon is a class of stable-baselines3 itself.
        found = getattr(stable_baselines3, name, None)
        if found is None:
            known = [k for k, v in vars(stable_baselines3).items() if _is_algorithm(v)]
            raise ValueError(f"sb3: expected an algorithm of {sorted(known)} or 'module:Class', got {name!r}")
    if not _is_algorithm(found):
        raise TypeError(f"sb3: expected an on- or off-policy algorithm of stable-baselines3, got {name!r}")
    # Only the signature tells that an algorithm needs masks.
    if "action_masks" in inspect.signature(found.predict).parameters:
        raise TypeError(
            f"sb3: expected an algorithm that acts by observations alone, got {name!r}: action masks are not "
            "supported here, where tests would be played without them; TeacherVecEnv, in a loop of your own, "
            "has them"
        )
    return cast("type[BaseAlgorithm]", found)


def _is_algorithm(thing: Any) -> bool:
    return isinstance(thing, type) and issubclass(thing, OnPolicyAlgorithm | OffPolicyAlgorithm)


def _part(target: str) -> Any:
    """Return what a text in ``policy_kwargs`` names; if a file gives it, only a network or optimizer."""
    found = _import(target, _PARTS)
    # A file of a run may name code, but only networks and optimisers are ever called.
    if trust.untrusted():
        trust.check_found(found, target, "sb3: policy_kwargs", (nn.Module, optim.Optimizer))
    return found


def _named(part: Any) -> Any:
    """Return what a text with a colon names; anything else as it is."""
    if isinstance(part, str) and ":" in part:
        return _part(part)
    return part


def _import(target: str, libraries: tuple[str, ...]) -> Any:
    trust.check_import(target, "sb3", libraries)
    module, _, name = target.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"sb3: expected an importable 'module:name', got {target!r}: {error}") from error


def check_environments(family: RLFamily, n_envs: int, processes: int) -> None:
    """Raise unless the family has environments, and slots and processes are of sound numbers."""
    if not isinstance(family, RLFamily):
        raise TypeError(
            f"sb3: expected a family with environments (RLFamily), got {type(family).__name__}"
            f"{see('students.md')}"
        )
    whole = is_whole(n_envs)
    if not (whole and 1 <= n_envs <= MOST_ENVS):
        raise ValueError(f"sb3: expected n_envs >= 1 and at most {MOST_ENVS}, got {n_envs!r}")
    check_whole("sb3: processes", processes, 1, n_envs)


def check_budget(budget: float | None) -> None:
    """Raise ValueError unless the budget is a number of steps above 0, or None."""
    if budget is not None and not (is_finite(budget) and budget > 0):
        raise ValueError(f"sb3: budget: expected steps above 0 or None, got {budget!r}")


def check_names(policy: str | None, device: str) -> None:
    """Raise unless policy and device are names, and the device is there."""
    if policy is not None and not isinstance(policy, str):
        raise TypeError(f"sb3: policy: expected a name or None, got {policy!r}")
    # stable-baselines3 resolves "auto" itself.
    if not (isinstance(device, str) and device == "auto"):
        device_of("sb3: device", device)


def check_policy(kind: type[BaseAlgorithm], policy: str | None) -> None:
    """Raise ValueError for a policy that the algorithm does not have."""
    if policy is not None and policy not in kind.policy_aliases:
        known = sorted(kind.policy_aliases)
        raise ValueError(f"sb3: policy: expected one of {known} or None, got {policy!r}")


def check_options(kind: type[BaseAlgorithm], options: Mapping[str, Any]) -> None:
    """Raise TypeError for options that are no mapping, or that the algorithm does not take."""
    if not isinstance(options, Mapping):
        raise TypeError(f"sb3: options: expected names and values of {kind.__name__}, got {options!r}")
    known = inspect.signature(kind).parameters
    own = ("policy", "env", "seed", "device", "verbose")
    settable = [name for name in known if name not in own]
    # A constructor with ``**kwargs`` passes every name on and judges it itself.
    open_ended = any(p.kind is p.VAR_KEYWORD for p in known.values())
    for name in options:
        if name in own or (name not in known and not open_ended):
            raise TypeError(f"sb3: options: expected arguments of {kind.__name__} ({settable}), got {name!r}")
    replay = options.get("replay_buffer_class")
    if isinstance(replay, type) and issubclass(replay, HerReplayBuffer):
        raise TypeError(
            f"sb3: options: replay_buffer_class: expected a plain replay buffer, got "
            f"{replay.__name__}: goals are not supported here, where the buffer could not be saved; "
            "TeacherVecEnv, in a loop of your own, has them"
        )


def _start(name: str, value: str) -> float:
    """Return where a schedule starts that falls to 0."""
    try:
        return float(value.removeprefix("linear:"))
    except ValueError:
        raise ValueError(f"sb3: {name}: expected a number after 'linear:', got {value!r}") from None


def resolve(options: Mapping[str, Any], budget: float | None) -> dict[str, Any]:
    """Turn the strings of plain-data options into schedules and imported objects."""
    resolved: dict[str, Any] = {}
    for name, value in options.items():
        if isinstance(value, str) and value.startswith("linear:"):
            if budget is None:
                raise ValueError(f"sb3: {name}={value!r} falls over the budget: expected a budget, got None")
            # The schedule runs to the very end of the budget, where it reaches 0.
            resolved[name] = LinearSchedule(_start(name, value), 0.0, 1.0)
        elif name == "policy_kwargs":
            # Classes such as "torch.nn:ReLU" are written as text, since a file holds plain data only.
            resolved[name] = {key: _named(part) for key, part in value.items()}
        else:
            resolved[name] = value
    return resolved


def round_steps(model: BaseAlgorithm) -> int:
    """Return the steps that a round of the algorithm takes in each slot; 1 of a round that lasts episodes."""
    if isinstance(model, OnPolicyAlgorithm):
        return int(model.n_steps)
    assert isinstance(model, OffPolicyAlgorithm)
    often = cast("TrainFreq", model.train_freq)
    if often.unit is TrainFrequencyUnit.STEP:
        return often.frequency
    # A round that is counted in episodes lasts one step at least.
    return 1
