"""Which tasks a command line means: test tasks by number or name, or values of a task's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from teacherstudent.contract import spaces
from teacherstudent.contract.checks import closest
from teacherstudent.contract.family import Family
from teacherstudent.contract.types import Array


def chosen_tasks(family: Family, tests: Sequence[str], values: Sequence[Sequence[str]]) -> Array:
    """Return tasks ``(n, *space.shape)``: the test tasks first; the first test task if none is named.

    Args:
        family: whose tasks they are.
        tests: numbers of test tasks, from 0 on, or names.
        values: of each further task the words ``NAME=VALUE``, or one number or name of a listed task.

    Raises:
        ValueError: if a test or a value is none; the message names what there is.
    """
    of_tests = family.test_tasks()
    if not tests and not values:
        return of_tests[:1]
    rows = [of_tests[_number(word, family, len(of_tests))] for word in tests]
    rows += [_task(family, words) for words in values]
    return np.stack(rows)


def _number(word: str, family: Family, count: int) -> int:
    """Return the number of a test task."""
    names = list(family.test_names or ())
    if word in names:
        return names.index(word)
    if word.isdecimal() and int(word) < count:
        return int(word)
    known = f"a number from 0 to {count - 1}"
    if names:
        known += f" or one of {names}"
    raise ValueError(f"--test: expected {known}, got {word!r}{closest(word, names)}")


def _task(family: Family, words: Sequence[str]) -> Array:
    """Return the task that some words describe."""
    space = family.space
    if spaces.describe(space)["kind"] == "Parameters":
        parameters = spaces.as_parameters(space, "--task")
        given = dict(word.partition("=")[::2] for word in words)
        names = list(parameters.names)
        if given.keys() != set(names):
            raise ValueError(
                f"--task: expected a value for each of {names}, such as {names[0]}=1, got {list(words)}"
            )
        pairs = zip(names, parameters.dimensions, strict=True)
        row = [_value(name, given[name], dimension) for name, dimension in pairs]
    elif space.shape == () and len(words) == 1:
        row = [_listed(words[0], spaces.describe(space))]
    else:
        raise ValueError(
            f"--task: expected a space of parameters, or a list and one word, for tasks by their values, got "
            f"{space} and {list(words)}: choose a test task (--test)"
        )
    task = np.array(row, space.dtype).reshape((1, *(space.shape or ())))
    found: Array = spaces.check_tasks(family.test_space or space, task, "--task")[0]
    return found


def _value(name: str, text: str, dimension: spaces.Dimension) -> float:
    """Return the number of a parameter that a word stands for; a choice is told by its word."""
    options = {str(value): value for value in dimension.values}
    if text in options:
        return dimension.number(options[text])
    if options:
        raise ValueError(f"--task: {name}: expected {dimension}, got {text!r}{closest(text, options)}")
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"--task: {name}: expected a number, got {text!r}") from None


def _listed(word: str, described: Any) -> int:
    """Return the number of a listed task."""
    labels = [str(label) for label in described.get("labels") or ()]
    if word in labels:
        return labels.index(word) + int(described.get("start", 0))
    if word.lstrip("-").isdecimal():
        return int(word)
    known = f"a number or one of {labels}" if labels else "a number"
    raise ValueError(f"--task: expected {known}, got {word!r}{closest(word, labels)}")
