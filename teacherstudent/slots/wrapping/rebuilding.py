"""Environments that are built for their task: one of a list, or one with the task's own arguments."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import gymnasium as gym
import numpy as np

from teacherstudent.contract import spaces
from teacherstudent.contract.types import Array, generator
from teacherstudent.slots.wrapping.making import Env, EnvMaker

ArgumentsOf: TypeAlias = Callable[[Array], Mapping[str, Any]]
"""Gives the keyword arguments of an environment for a task ``(*space.shape,)``."""

KEPT = 32
"""So many environments are kept in each slot; the one that was not used for longest is closed."""
_SEEDS = 2**31


class Choice(NamedTuple):
    """What a task is played in.

    Attributes:
        make: builds it.
        key: equal for equal environments, so that one that is kept is used again; None if that is not known.
    """

    make: EnvMaker
    key: Hashable | None


@dataclass(frozen=True, kw_only=True)
class ListMaker:
    """Builds an environment whose task is the number of one in a list.

    Attributes:
        environments: the list.
    """

    environments: tuple[EnvMaker, ...]

    @property
    def first_options(self) -> dict[str, Any]:
        """The keyword arguments of the first environment."""
        return self.environments[0].first_options

    @property
    def max_episode_steps(self) -> int | None:
        """The cap of all; None if they have none, or not the same."""
        caps = {make.max_episode_steps for make in self.environments}
        return caps.pop() if len(caps) == 1 else None

    @property
    def name(self) -> str:
        """The first one's name, and how many there are of others; the name of all if they have one."""
        first = self.environments[0].name
        others = sum(make.name != first for make in self.environments)
        return f"{first}+{others}" if others else first

    def choose(self, task: Array) -> Choice:
        """Return the environment of a task."""
        number = int(task)
        return Choice(self.environments[number], number)

    def __call__(self, *, render_mode: str | None = None) -> Env:
        """Return a new environment."""
        return TaskChosenEnv(self.choose, np.zeros((), np.int64), render_mode=render_mode)


@dataclass(frozen=True, kw_only=True)
class ArgumentsMaker:
    """Builds an environment that is built anew where a task has other arguments.

    Attributes:
        target: as in `EnvMaker`.
        arguments: gives them.
        first: a task, whose environment is there before the first reset.
        max_episode_steps: as in `EnvMaker`.
    """

    target: str | Callable[..., Env]
    arguments: ArgumentsOf
    first: Array
    max_episode_steps: int | None = None

    @property
    def first_options(self) -> dict[str, Any]:
        """The keyword arguments of the first environment."""
        return dict(self.choose(self.first).make.options)

    @property
    def name(self) -> str:
        """The target's name."""
        return EnvMaker(target=self.target).name

    def choose(self, task: Array) -> Choice:
        """Return the environment of a task.

        Raises:
            TypeError: if the function of arguments fails, or returns no names and values.
        """
        # A copy, as the function may write into its task.
        try:
            given: Any = self.arguments(np.array(task))
        except Exception as error:
            raise TypeError(
                f"env_options: expected a function that returns the keyword arguments of task "
                f"{np.asarray(task).tolist()}, got {type(error).__name__}: {error}"
            ) from error
        if not (isinstance(given, Mapping) and all(isinstance(name, str) for name in given)):
            raise TypeError(
                "env_options: expected a function of the task that returns keyword arguments by name, got "
                f"{given!r} for task {np.asarray(task).tolist()}"
            )
        make = EnvMaker(target=self.target, options=dict(given), max_episode_steps=self.max_episode_steps)
        return Choice(make, _key(dict(given)))

    def __call__(self, *, render_mode: str | None = None) -> Env:
        """Return a new environment."""
        return TaskChosenEnv(self.choose, self.first, render_mode=render_mode)


@dataclass(frozen=True, kw_only=True)
class NamedArguments:
    """Turns the named parameters of a space into arguments of these names: numbers, choices.

    Attributes:
        space: of named parameters.
        fixed: further arguments, the same for every task.
    """

    space: gym.Space[Any]
    fixed: Mapping[str, Any]

    def __call__(self, task: Array) -> dict[str, Any]:
        """Return the arguments of a task."""
        return {**self.fixed, **spaces.task_dict(self.space, task)}


class TaskChosenEnv(gym.Wrapper[Any, Any, Any, Any]):
    """Plays the task of ``reset(options={"task": task})`` in an environment that is built for it.

    Environments are kept and used again (`KEPT`). A reset always gives the environment a seed, drawn from the
    last one that was given here if there is none: an episode then follows from that seed, whether its
    environment is new or not.

    Args:
        choose: says in which environment a task is played.
        first: a task, whose environment is there before the first reset.
        render_mode: of all environments.

    Raises:
        ValueError: from `reset`, if an environment has other spaces of observations or actions.
    """

    def __init__(
        self, choose: Callable[[Array], Choice], first: Array, *, render_mode: str | None = None
    ) -> None:
        self._choose = choose
        self._mode = render_mode
        # Windows of environments that wait would stay open.
        self._most = 1 if render_mode == "human" else KEPT
        self._kept: OrderedDict[Hashable, Env] = OrderedDict()
        self._rng: np.random.Generator | None = None
        chosen = choose(first)
        env = chosen.make(render_mode=render_mode)
        super().__init__(env)
        self._keep(chosen, env)
        self._spaces = (env.observation_space, env.action_space)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Start the task; without one, an episode in the environment of the last task."""
        handed = dict(options or {})
        task = handed.pop("task", None)
        if task is not None:
            self._turn_to(np.asarray(task))
        if seed is not None or self._rng is None:
            self._rng = generator(seed) if seed is not None else np.random.default_rng()
        if seed is None:
            seed = int(self._rng.integers(_SEEDS))
        return self.env.reset(seed=seed, options=handed or None)

    def close(self) -> None:
        """Close all environments."""
        if not self._is_kept():
            self.env.close()
        for env in self._kept.values():
            env.close()
        self._kept.clear()

    def _turn_to(self, task: Array) -> None:
        """Let the environment of a task be the one that is played."""
        chosen = self._choose(task)
        if chosen.key is not None and chosen.key in self._kept:
            self.env = self._kept[chosen.key]
            self._kept.move_to_end(chosen.key)
            return
        env = chosen.make(render_mode=self._mode)
        self._check(env, chosen.make)
        # One that cannot be kept is not needed any more.
        if not self._is_kept():
            self.env.close()
        self.env = env
        self._keep(chosen, env)

    def _is_kept(self) -> bool:
        return any(kept is self.env for kept in self._kept.values())

    def _keep(self, chosen: Choice, env: Env) -> None:
        if chosen.key is None:
            return
        self._kept[chosen.key] = env
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)[1].close()

    def _check(self, env: Env, make: EnvMaker) -> None:
        """Raise unless an environment has the spaces of the first one."""
        if (env.observation_space, env.action_space) == self._spaces:
            return
        other = different(self._spaces, (env.observation_space, env.action_space))
        raise ValueError(
            f"tasks: expected {make.name} with {dict(make.options)} to have the spaces of the first "
            f"environment, got {other}: a wrapper that pads or crops would make them equal"
        )


def different(
    expected: tuple[gym.Space[Any], gym.Space[Any]], found: tuple[gym.Space[Any], gym.Space[Any]]
) -> str:
    """Return how spaces of observations and actions differ from those expected, in words; empty if not."""
    parts = []
    for what, here, there in zip(("observations", "actions"), expected, found, strict=True):
        if here != there:
            parts.append(f"{what} in {there} instead of {here}")
    return " and ".join(parts)


def _key(value: Any) -> Hashable | None:
    """Return what is equal for equal plain data alone; None of anything else."""
    if isinstance(value, np.generic):
        value = value.item()
    # The type counts: 1, 1.0 and True are equal, and not the same argument.
    if value is None or isinstance(value, bool | int | float | str | bytes):
        return (type(value).__name__, value)
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
        return (value.dtype.str, value.shape, value.tobytes())
    parts: list[Hashable | None] = []
    if isinstance(value, Mapping):
        # Order says nothing of keyword arguments.
        for name in sorted(value, key=repr):
            parts += [_key(name), _key(value[name])]
    elif isinstance(value, list | tuple):
        parts = [_key(part) for part in value]
    else:
        return None
    if None in parts:
        return None
    return (type(value).__name__, tuple(parts))
