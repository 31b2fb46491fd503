"""The ways in which an environment takes its task: by its reset, by a function, by how it is built."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, TypeAlias

import gymnasium as gym

from teacherstudent.contract import spaces
from teacherstudent.contract.checks import check_mapping, closest
from teacherstudent.contract.types import Array, generator
from teacherstudent.slots.wrapping.making import Env, EnvMaker, Maker, build, check_target, is_limited
from teacherstudent.slots.wrapping.rebuilding import (
    ArgumentsMaker,
    ArgumentsOf,
    ListMaker,
    NamedArguments,
    different,
)
from teacherstudent.slots.wrapping.success import SaysSuccess, Success
from teacherstudent.slots.wrapping.task_reset import Apply, NamedAttributes, TaskReset
from teacherstudent.slots.wrapping.tested_tasks import TestedTasks

Target: TypeAlias = str | Callable[..., Env]
"""What an environment is built from: an id, ``"module:Class"``, a class or function."""

Base: TypeAlias = EnvMaker | ListMaker | ArgumentsMaker
"""Builds the environment itself."""

WORDS = ("attributes", "arguments")
"""What ``apply`` may be but a function."""


@dataclass(frozen=True, kw_only=True)
class TaskMaker:
    """Builds one environment with what sets its task and says its success around it.

    Attributes:
        base: builds the environment itself.
        apply: sets a task before each reset; None if the environment takes it by itself.
        success: as `SaysSuccess` takes it; None to leave that to the environment.
    """

    base: Base
    apply: Apply | None
    success: Success | None

    @property
    def max_episode_steps(self) -> int | None:
        """The cap on steps."""
        return self.base.max_episode_steps

    @property
    def name(self) -> str:
        """The environment's name."""
        return self.base.name

    def __call__(self, *, render_mode: str | None = None) -> Env:
        """Return a new environment."""
        env = self.base(render_mode=render_mode)
        if self.apply is not None:
            env = TaskReset(env, self.apply)
        if self.success is not None:
            env = SaysSuccess(env, self.success)
        return env


@dataclass(frozen=True, kw_only=True)
class Way:
    """How an environment takes its task.

    Attributes:
        base: builds the environment itself.
        space: the task space; None for the environment's own.
        apply: a function that sets a task, or None.
        labels: names of the tasks of a list.
    """

    base: Base
    space: gym.Space[Any] | None
    apply: Apply | None = None
    labels: tuple[str, ...] | None = None

    def around(self, base: Base, success: Success | None) -> Maker:
        """Return what builds the environment with all that belongs around it."""
        if self.apply is None and success is None:
            return base
        return TaskMaker(base=base, apply=self.apply, success=success)

    def names_of(self, tests: TestedTasks) -> tuple[str, ...] | None:
        """Return a name for each test task; None if they have none."""
        if self.labels is None or len(tests.outside):
            return None
        return tuple(self.labels[number] for number in tests.tasks.tolist())


def way_of(
    environment: Target | None,
    space: gym.Space[Any] | None,
    tasks: Sequence[Any] | None,
    names: Sequence[str] | None,
    apply: Any,
    env_options: Any,
    max_episode_steps: int | None,
) -> Way:
    """Return how an environment takes its task, by the arguments of `family_from_gymnasium`.

    Raises:
        ValueError: if two arguments say in different ways how a task is set.
        TypeError: if one is of the wrong type.
    """
    check_way(apply)
    arguments = env_options if callable(env_options) else None
    options = {} if arguments is not None else check_mapping("env_options", env_options)
    if tasks is not None:
        # Each of these would say a second time what a task is.
        _check_alone("tasks", space=space, apply=apply, env_options=arguments)
        if environment is not None:
            check_target(environment, "environment")
        base, numbers = _listed(environment, tasks, names, options, max_episode_steps)
        return Way(base=base, space=numbers, labels=numbers.labels)
    check_target(environment, "environment")
    assert environment is not None
    labels = None
    if names is not None:
        numbers = _renamed(space, names)
        labels = numbers.labels
        space = numbers
    if arguments is not None:
        _check_alone("env_options=function", apply=apply)
    if arguments is not None or apply == "arguments":
        made = _by_arguments(environment, space, arguments, options, max_episode_steps)
        return Way(base=made, space=space, labels=labels)
    if apply == "attributes":
        if space is None:
            raise ValueError(
                "space: expected a task space beside apply='attributes', got None: its names are those "
                "of the attributes, space=Parameters(gravity=(-12, -2)), say"
            )
        apply = NamedAttributes(space)
    plain = EnvMaker(target=environment, options=options, max_episode_steps=max_episode_steps)
    return Way(base=plain, space=space, apply=apply, labels=labels)


def _check_alone(what: str, **others: Any) -> None:
    """Raise ValueError if anything beside an argument says a second time how a task is set."""
    for name, given in others.items():
        if given is not None:
            raise ValueError(
                f"{name}: expected none beside {what}, which sets the task already, got {given!r}"
            )


def _listed(
    environment: Target | None,
    tasks: Sequence[Any],
    names: Sequence[str] | None,
    options: Mapping[str, Any],
    max_episode_steps: int | None,
) -> tuple[ListMaker, spaces.Listed]:
    """Return what builds one of a list of environments, and the space of their numbers.

    The tasks are arguments of ``environment``; where that is None, they are environments.
    """
    if isinstance(tasks, str | Mapping) or not isinstance(tasks, Sequence):
        raise TypeError(f"tasks: expected a list of environments, or of keyword arguments, got {tasks!r}")
    if len(tasks) == 0:
        raise ValueError("tasks: expected at least one environment, got none")
    made: list[EnvMaker] = []
    labels: list[str] = []
    for number, task in enumerate(tasks):
        if environment is None:
            check_target(task, f"tasks[{number}]")
            make = EnvMaker(target=task, options=dict(options), max_episode_steps=max_episode_steps)
            label = make.name
        else:
            if not isinstance(task, Mapping):
                raise TypeError(
                    f"tasks[{number}]: expected keyword arguments of {environment!r}, as it is given beside "
                    f"tasks, got {task!r}: a list of environments needs no other, tasks=[{task!r}, ...]"
                )
            own = {**options, **check_mapping(f"tasks[{number}]", task)}
            make = EnvMaker(target=environment, options=own, max_episode_steps=max_episode_steps)
            label = ", ".join(f"{name}={value}" for name, value in task.items())
        made.append(make)
        labels.append(label)
    return ListMaker(environments=tuple(made)), _named(len(made), names, labels)


def _named(n: int, names: Sequence[str] | None, labels: Sequence[str] = ()) -> spaces.Listed:
    """Return the space of ``n`` tasks with names, or else with ``labels``.

    Raises:
        ValueError: if they are not as many, or two are equal.
    """
    given = list(labels) if names is None else names
    if isinstance(given, str) or not isinstance(given, Sequence) or len(given) != n:
        raise ValueError(f"names: expected one for each of {n} tasks, got {given!r}")
    if names is None and len(set(given)) < n:
        raise ValueError(f"names: expected names, as the tasks' own are not all different: {given}; got None")
    return spaces.Listed(given)


def _renamed(space: gym.Space[Any] | None, names: Sequence[str]) -> spaces.Listed:
    """Return a space of numbers from 0 on with names (raises ValueError for another)."""
    numbers = None if space is None else spaces.numbers(space)
    if numbers is None or numbers.start != 0:
        raise ValueError(f"names: expected tasks in a list beside them, space=Discrete(n), got {space}")
    return _named(len(numbers), names)


def _by_arguments(
    environment: Target,
    space: gym.Space[Any] | None,
    arguments: ArgumentsOf | None,
    options: Mapping[str, Any],
    max_episode_steps: int | None,
) -> ArgumentsMaker:
    """Return what builds an environment with arguments of its task (without a function, of the space)."""
    if space is None:
        raise ValueError(
            "space: expected a task space, as an environment that is built for its task cannot say it; got "
            "None: give space=Parameters(size=whole(5, 16)), say"
        )
    spaces.check_space(space)
    # Any task will do until the first reset; the same one in every process.
    first = spaces.sample(space, generator(0), 1)[0]
    if arguments is None:
        arguments = NamedArguments(space=space, fixed=dict(options))
    return ArgumentsMaker(
        target=environment, arguments=arguments, first=first, max_episode_steps=max_episode_steps
    )


def check_way(apply: Any) -> None:
    """Raise unless ``apply`` is a function or one of the words.

    Raises:
        ValueError: for another word.
        TypeError: for anything else.
    """
    if apply is None or callable(apply) or (isinstance(apply, str) and apply in WORDS):
        return
    if isinstance(apply, str):
        raise ValueError(
            f"apply: expected a function of environment and task, or one of {WORDS}, got {apply!r}"
            f"{closest(apply, WORDS)}"
        )
    raise TypeError(f"apply: expected a function of environment and task, or one of {WORDS}, got {apply!r}")


def check_list(make: ListMaker, most_steps: int) -> tuple[ListMaker, list[str]]:
    """Build every environment of a list once; cut the episodes of those that state no time limit.

    Returns:
        What builds them, with such a limit, and the names of those that stated none.

    Raises:
        ValueError: if one cannot be built, or has other spaces than the first.
    """
    found: tuple[gym.Space[Any], gym.Space[Any]] | None = None
    made: list[EnvMaker] = []
    endless: list[str] = []
    for one in make.environments:
        with closing(build(one, f" with options {dict(one.options)}")) as env:
            own = (env.observation_space, env.action_space)
            if found is None:
                found = own
            elif other := different(found, own):
                raise ValueError(
                    f"tasks: expected environments with equal spaces, got {one.name} {dict(one.options)} "
                    f"with {other} of {make.environments[0].name}: a wrapper that pads or crops makes them "
                    "equal"
                )
            if not is_limited(env):
                endless.append(one.name)
                one = dataclasses.replace(one, max_episode_steps=most_steps)
            made.append(one)
    return ListMaker(environments=tuple(made)), endless


def check_applied(env: Env, name: str, apply: Apply, task: Array) -> None:
    """Set a task by the user's function, and see whether it lands in a wrapper by mistake.

    Raises:
        ValueError: if it sets an attribute of the innermost environment on a wrapper, where nobody looks; if
            the function itself fails; or if a reset undoes what it has set.
    """
    wrappers: list[Any] = []
    inside: Any = env
    while isinstance(inside, gym.Wrapper):
        inside = inside.env
        wrappers.append(inside)
    before = [set(vars(each)) for each in wrappers]
    try:
        apply(wrappers[0], task.copy())
    except Exception as error:
        raise ValueError(
            f"apply: expected a function that sets task {task.tolist()} on {name}, got "
            f"{type(error).__name__}: {error}"
        ) from error
    # The last one is the environment itself, where attributes belong.
    for wrapper, known in zip(wrappers[:-1], before[:-1], strict=True):
        for attribute in sorted(set(vars(wrapper)) - known):
            if hasattr(inside, attribute):
                raise ValueError(
                    f"apply: expected a function that sets {attribute!r} on env.unwrapped, got one that sets "
                    f"it on the wrapper {type(wrapper).__name__}, where {name} never looks"
                )
    if isinstance(apply, NamedAttributes):
        env.reset(seed=0, options={"task": task.copy()})
        lost = apply.lost(env, task)
        if lost:
            raise ValueError(
                f"environment: expected {name} to keep what apply='attributes' sets before its reset, but "
                f"{lost}: set it in a wrapper's reset instead, or where the environment reads it"
            )
