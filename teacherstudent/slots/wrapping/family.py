"""Any gymnasium environment that takes ``reset(options={"task": task})`` as a family of tasks."""

from __future__ import annotations

import dataclasses
import importlib
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium.vector import VectorEnv
from gymnasium.wrappers import TimeLimit

from teacherstudent.contract import spaces
from teacherstudent.contract.checks import check_mapping, check_range, check_real, check_whole, is_number, see
from teacherstudent.contract.family import RLFamily
from teacherstudent.contract.stored import trust
from teacherstudent.contract.types import Array, Seed, seed_sequence
from teacherstudent.slots.gymnasium import TaskSlots
from teacherstudent.slots.processes.groups import check_timeout
from teacherstudent.slots.processes.slots import ProcessSlots, spread
from teacherstudent.slots.wrapping.probe import probe, probe_test, undisturbed, warn_if_alike
from teacherstudent.slots.wrapping.tested_tasks import TestedTasks

Env = gym.Env[Any, Any]

TEST_TASKS = 50
"""Number of test tasks that `family_from_gymnasium` draws by default."""
MOST_STEPS = 10_000
"""Steps after which an episode is cut if neither the environment nor its user states a limit."""
STEP_TIMEOUT = 600.0
"""Seconds that slots in other processes may take for a step or reset if nothing else is said."""


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
    def name(self) -> str:
        """The target's name."""
        if isinstance(self.target, str):
            return self.target
        name: str = getattr(self.target, "__name__", repr(self.target))
        return name


class GymnasiumFamily(RLFamily):
    """Tasks of one gymnasium environment; `family_from_gymnasium` checks the arguments and builds it.

    Attributes:
        name: name of the family.
        make: builds one environment.

    Args:
        make: builds one environment.
        name: name of the family.
        space: the task space.
        test_tasks: ``(m, *space.shape)``.
        test_set: name of the test tasks.
        test_space: where they lie; None for ``space``.
        mastered, score_range, difficulty_step: as in `Family`.
        step_timeout: as `family_from_gymnasium` takes it.
    """

    def __init__(
        self,
        make: EnvMaker,
        *,
        name: str,
        space: gym.Space[Any],
        test_tasks: Array,
        test_set: str,
        test_space: gym.Space[Any] | None = None,
        mastered: float | None = None,
        score_range: tuple[float, float] | None = None,
        difficulty_step: tuple[float, ...] | None = None,
        step_timeout: float | None = None,
    ) -> None:
        self.make = make
        # An environment's own limit is not looked up: then it is not known.
        self.max_steps = make.max_episode_steps
        self.step_timeout = step_timeout
        self.name = name
        self.space = space
        self.test_set = test_set
        self.mastered = mastered
        self.score_range = score_range
        self.difficulty_step = difficulty_step
        self.test_space = test_space
        # The slots must play test tasks too, so their space holds both.
        self._played = space
        tested = space
        if test_space is not None:
            self._played = spaces.hull(space, test_space)
            tested = test_space
        self._test_tasks = spaces.check_tasks(tested, test_tasks, "test_tasks").astype(space.dtype)

    def test_tasks(self) -> Array:
        """Return the fixed test tasks, ``(m, *space.shape)``; a copy."""
        return self._test_tasks.copy()

    def make_vec(self, n: int, *, processes: int = 1) -> VectorEnv[Any, Any, Any]:
        """Return ``n`` slots, spread over ``processes`` processes if that is more than 1.

        With a ``step_timeout`` there is another process in any case: in this one, an environment that hangs
        could not be interrupted.

        Raises:
            ValueError: if there is no slot, or fewer slots than processes.
        """
        timeout = self.step_timeout
        # Slots in other processes have a time limit in any case.
        if timeout is None and processes > 1:
            timeout = STEP_TIMEOUT
        make = partial(TaskSlots, self.make, space=self._played)
        options: dict[str, Any] = {"kind": ProcessSlots, "step_timeout": timeout}
        return spread(make, n, processes=processes, space=self._played, **options)

    def make_env(self, *, render_mode: str | None = None) -> Env:
        """Return one environment that takes ``reset(options={"task": task})``."""
        return self.make(render_mode=render_mode)


def family_from_gymnasium(
    environment: str | Callable[..., Env],
    *,
    space: gym.Space[Any] | None = None,
    mastered: float | None = None,
    score_range: tuple[float, float] | None = None,
    difficulty_step: tuple[float, ...] | None = None,
    test_tasks: int | npt.ArrayLike = TEST_TASKS,
    test_space: gym.Space[Any] | None = None,
    test_seed: Seed = 4222,
    name: str | None = None,
    env_options: Mapping[str, Any] | None = None,
    max_episode_steps: int | None = None,
    step_timeout: float | None = None,
) -> GymnasiumFamily:
    """Return the family of an environment that takes its task by ``reset(options={"task": task})``.

    One environment is built, reset on some tasks and closed. Refused are environments whose ``reset`` takes
    no ``options`` or never looks at ``options["task"]``, and those whose ``info["task"]`` or
    ``env.unwrapped.task`` shows another task afterwards. If different tasks start alike under one seed, they
    are played by random actions, for a second at most; whole episodes that are equal to the bit bring a
    warning. `teacherstudent.testing.check_family` looks closer.

    Tests are drawn from the space that teachers choose from, so that a task of a small space may be trained
    on and tested. For a split, say where tests lie:
    ``space=Discrete(200), test_space=Discrete(50, start=200)`` tests levels 200 to 249.

    Args:
        environment: a registered id, ``"module:Class"``, or a class or function that returns an environment.
            For slots in other processes it must be importable there or picklable by cloudpickle.
        space: the task space; None takes the environment's attribute ``task_space``.
        mastered: a task counts as mastered when its return is above this.
        score_range: the returns between which teachers may scale.
        difficulty_step: ``(d,)``: the direction and stride in which tasks get harder, in task units.
        test_tasks: the test tasks, ``(m, *space.shape)``, or how many are drawn uniformly with ``test_seed``;
            of a ``Discrete`` space different ones (if it has no more than that: each once). Given tasks may
            lie outside ``space`` where the environment takes them.
        test_space: where drawn tests lie, if not in ``space``: a space of the same kind, shape and dtype.
        test_seed: seed of the test tasks.
        name: name of the family; by default the environment's.
        env_options: keyword arguments for the environment.
        max_episode_steps: cap that truncates an episode; None leaves the environment's own. If it states none
            (``spec.max_episode_steps``, a ``TimeLimit``), a warning says that episodes are cut at 10 000
            steps: a policy under which one never ends would hang the first test.
        step_timeout: seconds that a step or reset of a process's slots may take. A process that takes longer
            is killed and started anew, and the task counts as failed. With a number, environments always run
            in processes of their own, since in the run's own process one that hangs cannot be interrupted;
            None is 600 seconds for those that run in other processes (the student's ``processes``), and no
            limit for those that do not.

    Raises:
        ValueError: if the environment cannot be built, ignores its task, or an argument is out of range.
        TypeError: if the space is of no known kind, or an argument is of the wrong type.
    """
    if mastered is not None:
        check_real("mastered", mastered)
        mastered = float(mastered)
    if score_range is not None:
        score_range = check_range("score_range", score_range)
    if max_episode_steps is not None:
        max_episode_steps = check_whole("max_episode_steps", max_episode_steps)
    if name is not None and not isinstance(name, str):
        raise TypeError(f"name: expected a name or None, got {name!r}")
    # Called for its checks alone: a bad seed is refused before an environment is built.
    seed_sequence(test_seed)
    check_timeout(step_timeout)
    options = check_mapping("env_options", env_options)
    make = EnvMaker(target=environment, options=options, max_episode_steps=max_episode_steps)
    # Environments may draw from global generators; the caller's must come back as they were.
    with undisturbed(), closing(_build(make)) as env:
        make = _limited(make, env)
        if space is None:
            space = _task_space(env, make.name)
        spaces.check_space(space)
        _check_step(difficulty_step, space)
        tests = TestedTasks.of(space, test_tasks, test_space, test_seed)
        probe(env, make.name, space)
        # `probe` tries the teachers' space only, so try a test task from outside as well.
        if len(tests.outside):
            probe_test(env, make.name, tests.outside[0])
        warn_if_alike(env, make.name, tests.tasks)
    if name is None:
        name = make.name
    return GymnasiumFamily(
        make,
        name=name,
        space=space,
        test_tasks=tests.tasks,
        test_set=f"{name}/{tests.name}",
        test_space=tests.space,
        mastered=mastered,
        score_range=score_range,
        difficulty_step=difficulty_step,
        step_timeout=step_timeout,
    )


def _limited(make: EnvMaker, env: Env) -> EnvMaker:
    """Return the maker; if its environment states no time limit, say so and return one that has it cut."""
    if _is_limited(env):
        return make
    warnings.warn(
        f"family_from_gymnasium: {make.name} states no time limit (no max_episode_steps, no TimeLimit): "
        f"episodes are cut at {MOST_STEPS} steps; max_episode_steps=... sets the limit",
        stacklevel=3,
    )
    return dataclasses.replace(make, max_episode_steps=MOST_STEPS)


def _is_limited(env: Env) -> bool:
    """Return whether an environment says that its episodes end after some number of steps."""
    # `gymnasium.make` sets the spec; an environment built directly shows its limit by a wrapper alone.
    if env.spec is not None and env.spec.max_episode_steps is not None:
        return True
    while isinstance(env, gym.Wrapper):
        if isinstance(env, TimeLimit):
            return True
        env = env.env
    return False


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


def _build(make: EnvMaker) -> Env:
    given: Any = make.target
    if not (isinstance(given, str) or callable(given)):
        hint = ""
        # An environment itself cannot be made again, in other slots and processes.
        if isinstance(given, gym.Env):
            hint = f": give its class, {type(given).__name__}, with env_options={{...}}"
        raise TypeError(f"environment: expected an id, 'module:Class' or a callable, got {given!r}{hint}")
    try:
        return make()
    except trust.UntrustedNameError:
        # This error says how to allow the name: wrapping it would bury the advice.
        raise
    except Exception as error:
        # Keep the difference between wrong types and wrong values, whatever the environment raised.
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(
            f"environment: expected {make.name!r} to be built with options {dict(make.options)}, got "
            f"{type(error).__name__}: {error}"
        ) from error


def _task_space(env: Env, name: str) -> gym.Space[Any]:
    try:
        space: gym.Space[Any] = env.get_wrapper_attr("task_space")
    except AttributeError:
        raise ValueError(
            f"space: expected a task space, as {name} has no attribute task_space; got None: give "
            f"space=Parameters(wind=(0, 1)), say{see('how-to/own-environment.md')}"
        ) from None
    return space


def _check_step(step: tuple[float, ...] | None, space: gym.Space[Any]) -> None:
    if step is None:
        return
    # A task of a discrete space has no axes and is still one number.
    size = int(np.prod(space.shape or ()))
    numbers = isinstance(step, Sequence | np.ndarray) and all(is_number(part) for part in step)
    if not numbers or np.shape(step) != (size,) or not np.isfinite(step).all():
        raise ValueError(
            f"difficulty_step: expected {size} finite numbers, one for each dimension, got {step!r}"
        )
