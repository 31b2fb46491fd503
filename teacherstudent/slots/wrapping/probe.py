"""Finds out whether an environment takes its task from the options of ``reset``, and what it does with it."""

from __future__ import annotations

import contextlib
import copy
import random
import sys
import time
import warnings
from collections.abc import Iterator
from typing import Any

import gymnasium as gym
import numpy as np

from teacherstudent.contract import spaces
from teacherstudent.contract.checks import see
from teacherstudent.contract.types import Array, generator

PAIRS = 4
"""So many pairs of tasks are compared, each under a seed and actions of its own."""
MOST_STEPS = 1000
"""Episodes that are longer are not compared: a task may make its difference later."""
MOST_SECONDS = 1.0
"""Nor are they if that takes longer."""


class WatchedOptions(dict[str, Any]):
    """Options that notice whether anyone looks at the task; a copy of all counts as a look."""

    seen = False

    def _look(self, key: object) -> None:
        # Once seen stays seen, whichever key is read next.
        self.seen = self.seen or key == "task"

    def __getitem__(self, key: str) -> Any:
        self._look(key)
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        """As `dict`; a look at the task if that is the key."""
        self._look(key)
        return super().get(key, default)

    def pop(self, key: str, *default: Any) -> Any:
        """As `dict`; a look at the task if that is the key."""
        self._look(key)
        return super().pop(key, *default)

    def __iter__(self) -> Iterator[str]:
        # `dict(options)` and `**options` iterate: whoever copies everything may pass the task on.
        self._look("task")
        return super().__iter__()

    def keys(self) -> Any:
        """As `dict`; a look at the task."""
        self._look("task")
        return super().keys()

    def values(self) -> Any:
        """As `dict`; a look at the task."""
        self._look("task")
        return super().values()

    def items(self) -> Any:
        """As `dict`; a look at the task."""
        self._look("task")
        return super().items()

    def copy(self) -> dict[str, Any]:
        """As `dict`; a look at the task."""
        self._look("task")
        return super().copy()


def probe(env: gym.Env[Any, Any], name: str, space: gym.Space[Any], *, shows: bool = True) -> None:
    """Reset the environment on one task.

    Args:
        env: the environment.
        name: its name.
        space: the task space.
        shows: whether what the environment itself calls its task is this one; not where something around it
            sets it.

    Raises:
        ValueError: if it refuses, never looks at the task, or shows another one afterwards.
    """
    # Any task will do; a fixed seed makes the probe and its errors repeatable.
    task = spaces.sample(space, generator(0), 1)[0]
    # A copy, as an environment that writes into its options would spoil the comparison below.
    options = WatchedOptions(task=task.copy())
    try:
        observation, info = env.reset(seed=0, options=options)
    except Exception as error:
        raise ValueError(
            f'environment: expected {name} to take reset(seed=0, options={{"task": {task.tolist()}}}), got '
            f"{type(error).__name__}: {error}"
        ) from error
    if not options.seen:
        raise ValueError(
            f'environment: expected {name} to start the task in the options["task"] of reset, '
            "but it never looks there: let reset set what the task says, in a gym.Wrapper where the "
            f"environment is somebody else's{see('how-to/own-environment.md')}"
        )
    if _changed(env.observation_space, observation):
        warnings.warn(
            f"environment: expected {name} to return observations of {env.observation_space}, got "
            f"{observation!r}, which do not survive the conversion to it",
            stacklevel=4,
        )
    if not shows:
        return
    # An environment that shows its task must show this one; one that shows none is trusted.
    for where, shown in (("info['task']", info.get("task")), ("task", getattr(env.unwrapped, "task", None))):
        if _another(shown, task):
            raise ValueError(
                f"environment: expected {name} to start task {task.tolist()}, but its {where} shows {shown}"
            )


def probe_test(env: gym.Env[Any, Any], name: str, task: Array) -> None:
    """Reset the environment on a test task that lies outside the space that teachers choose from.

    Raises:
        ValueError: if it refuses the task.
    """
    try:
        env.reset(seed=0, options={"task": task.copy()})
    except Exception as error:
        raise ValueError(
            f"test_tasks: expected tasks that {name} takes, got {task.tolist()}, which lies outside the "
            f"space and on which its reset raises {type(error).__name__}: {error}"
        ) from error


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Give the global generators of Python, NumPy and torch back as they were."""
    state = random.getstate()
    numpy_state = np.random.get_state()  # noqa: NPY002  # an environment's own, perhaps
    # Torch counts only if it is loaded already: to import it here would take seconds.
    torch = sys.modules.get("torch")
    torch_state = None if torch is None else torch.get_rng_state()
    try:
        yield
    finally:
        random.setstate(state)
        np.random.set_state(numpy_state)  # noqa: NPY002
        if torch is not None:
            torch.set_rng_state(torch_state)


def warn_if_alike(env: gym.Env[Any, Any], name: str, tests: Array) -> None:
    """Warn if whole episodes of different tasks, under one seed and the same actions, are equal to the bit.

    The tasks are the tests: a run cannot do without them, while an environment that hangs on some of the
    other tasks would hang here too.

    Nothing is said if an episode does not end within `MOST_STEPS`, if all of it takes more than
    `MOST_SECONDS`, or if an action fails: then a difference may only not have been seen. Nor can it be seen
    where an environment is not the same under one seed. Most environments differ at the start already, and
    are not stepped at all.
    """
    end = time.perf_counter() + MOST_SECONDS
    rng = generator(1)
    # Seeding a space changes it, so the environment's own is left alone.
    actions = copy.deepcopy(env.action_space)
    for number in range(PAIRS):
        # Eight draws nearly always hold two different tasks, and they end the search where there is only one.
        tasks = tests[rng.integers(len(tests), size=8)]
        other = next((task for task in tasks[1:] if not np.array_equal(task, tasks[0])), None)
        if other is None:
            # There is one task, or as good as one.
            return
        if not _alike(env, (tasks[0], other), number, actions, end):
            return
    warnings.warn(
        f"environment: expected tasks of {name} to make a difference, got whole episodes that are alike: "
        f"{PAIRS} pairs of tasks under one seed and the same random actions each. If a task matters only "
        "where random actions do not lead, all is well; if not, there is nothing to teach",
        stacklevel=4,
    )


def _alike(
    env: gym.Env[Any, Any], tasks: tuple[Array, Array], seed: int, actions: gym.Space[Any], end: float
) -> bool:
    """Return whether whole episodes of two tasks are seen to be equal; a few steps first, to know sooner."""
    for most in (0, 10, MOST_STEPS):
        ways = []
        for task in tasks:
            # Both tasks must see the same actions, or the episodes would differ by them.
            actions.seed(seed)
            ways.append(_episode(env, task, seed, actions, most, end))
        # None means too late or failed: equality was not seen then, and nothing may be said.
        if None in ways or ways[0] != ways[1]:
            return False
        if ways[0] is not None and ways[0][1]:
            return True
    return False


def _episode(
    env: gym.Env[Any, Any], task: Array, seed: int, actions: gym.Space[Any], most: int, end: float
) -> tuple[list[bytes], bool] | None:
    """Return all that is seen of an episode's first steps, and whether it is over; None if late or failed."""
    try:
        observation, _ = env.reset(seed=seed, options={"task": task.copy()})
        seen = [_bytes(observation)]
        for _ in range(most):
            if time.perf_counter() > end:
                return None
            observation, reward, terminated, truncated, _ = env.step(actions.sample())
            seen.append(_bytes((observation, float(reward), bool(terminated), bool(truncated))))
            if terminated or truncated:
                return seen, True
    except Exception:
        # What fails on a task is named when that task is played.
        return None
    return seen, False


def _bytes(seen: Any) -> bytes:
    """Return something nested as bytes that differ if it differs."""
    # Brackets and keys are written too, so that other nestings of equal numbers give other bytes.
    if isinstance(seen, dict):
        return b"{" + b",".join(repr(key).encode() + _bytes(part) for key, part in seen.items()) + b"}"
    if isinstance(seen, tuple | list):
        return b"(" + b",".join(_bytes(part) for part in seen) + b")"
    # An array of objects holds addresses; its text is the best that can be compared.
    values = np.asarray(seen)
    if values.dtype.hasobject:
        return repr(seen).encode()
    return str(values.shape).encode() + values.tobytes()


def _another(shown: Any, task: Array) -> bool:
    """Return whether what an environment shows is a task, and not this one; single precision will do."""
    # Anything else, a text say, may describe the task in a way of its own.
    if not isinstance(shown, np.ndarray | np.generic | list | tuple | int | float):
        return False
    values = np.asarray(shown)
    if values.dtype.kind not in "biuf" or values.shape != task.shape:
        return False
    return not np.allclose(values.astype(np.float64), task.astype(np.float64), rtol=1e-5, atol=1e-5)


def _changed(space: gym.Space[Any], observation: Any) -> bool:
    """Return whether an observation loses something as whole numbers of its space."""
    if isinstance(space, gym.spaces.Dict) and isinstance(observation, dict):
        return any(_changed(part, observation.get(key, 0)) for key, part in space.spaces.items())
    # Only spaces of whole numbers can lose something: floats keep their fractions.
    if not isinstance(space, gym.spaces.Box) or not np.issubdtype(space.dtype, np.integer):
        return False
    values = np.asarray(observation)
    if values.dtype.kind not in "biuf" or values.shape != space.shape:
        # Refused when it is played.
        return False
    whole = np.isfinite(values) & (values == np.rint(values))
    return not bool((whole & (values >= space.low) & (values <= space.high)).all())
