"""How one environment is built: from an id, ``"module:Class"``, or a class or function."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

import gymnasium as gym
from gymnasium.wrappers import TimeLimit

from teacherstudent.contract.stored import trust

Env = gym.Env[Any, Any]


class Maker(Protocol):
    """Builds one environment of a family.

    Attributes:
        max_episode_steps: cap that truncates an episode; None leaves the environment's own.
    """

    @property
    def max_episode_steps(self) -> int | None:
        """The cap."""

    @property
    def name(self) -> str:
        """What messages and tables call the environment."""

    def __call__(self, *, render_mode: str | None = None) -> Env:
        """Return a new environment."""


@dataclass(frozen=True, kw_only=True)
class EnvMaker:
    """Builds one environment: a registered id, ``"module:Class"``, or a class or function.

    Attributes:
        target: what is built.
        options: keyword arguments of the target.
        max_episode_steps: cap that truncates an episode; None leaves the target's own.
    """

    target: str | Callable[..., Env]
    options: Mapping[str, Any] = field(default_factory=dict)
    max_episode_steps: int | None = None

    def __call__(self, *, render_mode: str | None = None) -> Env:
        """Return a new environment."""
        options = dict(self.options)
        # Pass `render_mode` only where it is wanted: not every constructor knows it.
        if render_mode is not None:
            options["render_mode"] = render_mode
        target = _find(self.target)
        if isinstance(target, str):
            cap = {}
            if self.max_episode_steps is not None:
                cap["max_episode_steps"] = self.max_episode_steps
            # Leave gymnasium's own checker out: `probe` checks what matters here.
            return gym.make(target, disable_env_checker=True, **cap, **options)
        env = target(**options)
        if not isinstance(env, gym.Env):
            raise TypeError(f"environment: expected {self.name} to return a gymnasium.Env, got {env!r}")
        if self.max_episode_steps is None:
            return env
        return TimeLimit(env, self.max_episode_steps)

    @property
    def first_options(self) -> dict[str, Any]:
        """The keyword arguments."""
        return dict(self.options)

    @property
    def name(self) -> str:
        """The target's name."""
        if isinstance(self.target, str):
            return self.target
        name: str = getattr(self.target, "__name__", repr(self.target))
        return name


def _find(target: str | Callable[..., Env]) -> str | Callable[..., Env]:
    """Return the class or function of ``"module:attribute"``; ids (also ``"module:Id-v0"``) as they are."""
    # Ids of gymnasium may hold a colon as well, so only something that can be called counts.
    if isinstance(target, str) and target.count(":") == 1:
        trust.check_import(target, "environment")
        module, _, attribute = target.partition(":")
        found = getattr(importlib.import_module(module), attribute, None)
        if callable(found):
            return cast("Callable[..., Env]", found)
    return target


def check_target(target: Any, where: str) -> None:
    """Raise TypeError unless an environment can be built from it."""
    if isinstance(target, str) or callable(target):
        return
    hint = ""
    # An environment itself cannot be made again, in other slots and processes.
    if isinstance(target, gym.Env):
        hint = f": give its class, {type(target).__name__}, with env_options={{...}}"
    raise TypeError(f"{where}: expected an id, 'module:Class' or a callable, got {target!r}{hint}")


def build(make: Maker, what: str) -> Env:
    """Return a new environment.

    Args:
        make: builds it.
        what: the end of a sentence that says with which arguments.

    Raises:
        ValueError: if it cannot be built.
        TypeError: likewise, if its own error is one.
    """
    try:
        return make()
    except trust.UntrustedNameError:
        # This error says how to allow the name: wrapping it would bury the advice.
        raise
    except Exception as error:
        # Keep the difference between wrong types and wrong values, whatever the environment raised.
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(
            f"environment: expected {make.name!r} to be built{what}, got {type(error).__name__}: {error}"
        ) from error


def is_limited(env: Env) -> bool:
    """Return whether an environment says that its episodes end after some number of steps."""
    # `gymnasium.make` sets the spec; an environment built directly shows its limit by a wrapper alone.
    if env.spec is not None and env.spec.max_episode_steps is not None:
        return True
    while isinstance(env, gym.Wrapper):
        if isinstance(env, TimeLimit):
            return True
        env = env.env
    return False
