"""Any gymnasium environment that takes ``reset(options={"task": task})`` as a family of tasks."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from functools import partial
from typing import Any, Literal

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium.vector import VectorEnv

from teacherstudent.contract import spaces
from teacherstudent.contract.checks import check_range, check_real, check_whole, is_number, see
from teacherstudent.contract.family import RLFamily
from teacherstudent.contract.types import Array, Seed, generator, seed_sequence
from teacherstudent.slots.gymnasium import TaskSlots
from teacherstudent.slots.processes.groups import check_timeout
from teacherstudent.slots.processes.slots import ProcessSlots, spread
from teacherstudent.slots.wrapping.making import Env, EnvMaker, Maker, build, is_limited
from teacherstudent.slots.wrapping.probe import probe, probe_test, undisturbed, warn_if_alike
from teacherstudent.slots.wrapping.rebuilding import ArgumentsMaker, ListMaker
from teacherstudent.slots.wrapping.success import Success, check_success, probe_success
from teacherstudent.slots.wrapping.task_reset import Apply
from teacherstudent.slots.wrapping.tested_tasks import TestedTasks
from teacherstudent.slots.wrapping.ways import Base, Target, TaskMaker, check_applied, check_list, way_of

TEST_TASKS = 50
"""Number of test tasks that `family_from_gymnasium` draws by default."""
MOST_STEPS = 10_000
"""Steps after which an episode is cut if neither the environment nor its user states a limit."""
BUILT = 8
"""Of an environment that is built for its task, so many test tasks are tried at once."""
STEP_TIMEOUT = 600.0
"""Seconds that slots in other processes may take for a step or reset if nothing else is said."""


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
        says_success: as in `RLFamily`.
        test_names: as in `Family`.
    """

    def __init__(
        self,
        make: Maker,
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
        says_success: bool = False,
        test_names: tuple[str, ...] | None = None,
    ) -> None:
        self.make = make
        self.says_success = says_success
        self.test_names = test_names
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
    environment: Target | None = None,
    *,
    space: gym.Space[Any] | None = None,
    tasks: Sequence[Target] | Sequence[Mapping[str, Any]] | None = None,
    names: Sequence[str] | None = None,
    apply: Apply | Literal["attributes", "arguments"] | None = None,
    success: Success | None = None,
    mastered: float | None = None,
    score_range: tuple[float, float] | None = None,
    difficulty_step: tuple[float, ...] | None = None,
    test_tasks: int | npt.ArrayLike = TEST_TASKS,
    test_space: gym.Space[Any] | None = None,
    test_seed: Seed = 4222,
    name: str | None = None,
    env_options: Mapping[str, Any] | Callable[[Array], Mapping[str, Any]] | None = None,
    max_episode_steps: int | None = None,
    step_timeout: float | None = None,
) -> GymnasiumFamily:
    """Return the family of a gymnasium environment, whichever way its task is set.

    - The environment takes it by ``reset(options={"task": task})``, if nothing else is said.
    - ``apply`` sets it on the environment before each reset.
    - ``apply="arguments"``, or a function as ``env_options``, builds the environment for the task; those that
      were built are kept and used again (32 in each slot).
    - ``tasks`` is a list of environments, or of the arguments of one; a task is a number in it.

    One environment is built, reset on some tasks and closed. Refused are environments whose ``reset`` takes
    no ``options`` or never looks at ``options["task"]``, and those whose ``info["task"]`` or
    ``env.unwrapped.task`` shows another task afterwards; a function that sets an attribute of the environment
    on one of its wrappers; environments of a list, or of different arguments, with different spaces. If
    different tasks start alike under one seed, they are played by random actions, for a second at most; whole
    episodes that are equal to the bit bring a warning. `teacherstudent.testing.check_family` looks closer.

    Tests are drawn from the space that teachers choose from, so that a task of a small space may be trained
    on and tested. For a split, say where tests lie:
    ``space=Discrete(200), test_space=Discrete(50, start=200)`` tests levels 200 to 249.

    Args:
        environment: a registered id, ``"module:Class"``, or a class or function that returns an environment.
            For slots in other processes it must be importable there or picklable by cloudpickle, as must the
            functions below; lambdas are. None if ``tasks`` is a list of environments.
        space: the task space; None takes the environment's attribute ``task_space``.
        tasks: environments, each as ``environment`` takes one; or keyword arguments of ``environment``, a
            mapping for each task. The space is then a list with names.
        names: of the tasks of a list, all different; None for the ids of environments, or their arguments.
        apply: a function of environment and task ``(*space.shape,)`` that is called before each reset, as
            `TaskReset` calls it; attributes belong on ``env.unwrapped``. ``"attributes"`` sets the named
            parameters of the space as attributes of these names there; ``"arguments"`` gives them to the
            constructor, as keyword arguments.
        success: what says whether an episode succeeded: a name in the info of its last step, or a function
            of environment and that info. None for ``info["is_success"]`` where it is there, else by
            ``mastered``; ``"is_success"`` refuses an episode that does not say it.
        mastered: a task counts as mastered when its return is above this.
        score_range: the returns between which teachers may scale.
        difficulty_step: ``(d,)``: the direction and stride in which tasks get harder, in task units.
        test_tasks: the test tasks, ``(m, *space.shape)``, or how many are drawn uniformly with ``test_seed``;
            of a ``Discrete`` space different ones (if it has no more than that: each once). Given tasks may
            lie outside ``space`` where the environment takes them.
        test_space: where drawn tests lie, if not in ``space``: a space of the same kind, shape and dtype.
        test_seed: seed of the test tasks.
        name: name of the family; by default the environment's.
        env_options: keyword arguments for the environment; or a function that returns those of a task.
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
    if success is not None:
        check_success(success)
    # Called for its checks alone: a bad seed is refused before an environment is built.
    seed_sequence(test_seed)
    check_timeout(step_timeout)
    way = way_of(environment, space, tasks, names, apply, env_options, max_episode_steps)
    space = way.space
    # Environments may draw from global generators; the caller's must come back as they were.
    with undisturbed():
        base = _cut_list(way.base)
        make = way.around(base, success)
        with closing(build(make, f" with options {base.first_options}")) as env:
            make = way.around(_cut(base, env), success)
            if space is None:
                space = _task_space(env, make.name)
            spaces.check_space(space)
            _check_step(difficulty_step, space)
            tests = TestedTasks.of(space, test_tasks, test_space, test_seed)
            _look(env, make, space, tests)
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
        says_success=success is not None,
        test_names=way.names_of(tests),
    )


def _cut_list(make: Base) -> Base:
    """Return the maker; of a list, after a look at every environment (see `check_list`)."""
    if not isinstance(make, ListMaker):
        return make
    make, endless = check_list(make, MOST_STEPS)
    if endless:
        _warn_of_cuts(", ".join(endless))
    return make


def _cut(make: Base, env: Env) -> Base:
    """Return the maker; if its environment states no time limit, say so and return one that has it cut."""
    if is_limited(env) or isinstance(make, ListMaker):
        return make
    _warn_of_cuts(make.name)
    return dataclasses.replace(make, max_episode_steps=MOST_STEPS)


def _warn_of_cuts(name: str) -> None:
    warnings.warn(
        f"family_from_gymnasium: {name} states no time limit (no max_episode_steps, no TimeLimit): "
        f"episodes are cut at {MOST_STEPS} steps; max_episode_steps=... sets the limit",
        stacklevel=4,
    )


def _look(env: Env, make: Maker, space: gym.Space[Any], tests: TestedTasks) -> None:
    """Play an environment a little, and raise or warn where its tasks will not do."""
    base: Maker = make
    apply: Apply | None = None
    success: Success | None = None
    if isinstance(make, TaskMaker):
        base = make.base
        apply = make.apply
        success = make.success
    if apply is not None:
        check_applied(env, make.name, apply, spaces.sample(space, generator(0), 1)[0])
    probe(env, make.name, space, shows=isinstance(base, EnvMaker) and apply is None)
    # `probe` tries the teachers' space only, so try a test task from outside as well.
    if len(tests.outside):
        probe_test(env, make.name, tests.outside[0])
    # Arguments may change the spaces: the tests' own are built here, and not in the midst of a run.
    if isinstance(base, ArgumentsMaker):
        for each in tests.tasks[:BUILT]:
            probe_test(env, make.name, each)
    warn_if_alike(env, make.name, tests.tasks)
    if success is not None:
        probe_success(env, make.name, success, tests.tasks[0])


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
