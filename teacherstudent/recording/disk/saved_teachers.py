"""A teacher in a file of its own, for loops that users own: plain data, from which it is made anew."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np

from teacherstudent.contract import spaces
from teacherstudent.contract.checks import check_names, check_whole
from teacherstudent.contract.family import Family
from teacherstudent.contract.registry import TEACHERS
from teacherstudent.contract.stored import trust
from teacherstudent.contract.stored.saved import difference
from teacherstudent.contract.stored.settings import arguments_of
from teacherstudent.contract.teacher import Teacher, fit_options, write_with
from teacherstudent.recording.disk import checkpoint
from teacherstudent.recording.disk.files import check_file

_ENTRIES = ("what", "name", "space", "arguments", "missing", "fitted", "state")
_WHAT = "teacher"


def save(teacher: Teacher[Any], path: str | os.PathLike[str]) -> None:
    """Write a teacher to a file, from which `load` makes it anew.

    Raises:
        ValueError: if its class is not registered.
        TypeError: if how it was made is not known.
        WriteError: if the file cannot be written; an older file of that name is untouched.
    """
    file = check_file("Teacher.save", path)
    given, lost = arguments_of(teacher)
    arguments = {name: _plain(value) for name, value in given.items()}
    # What is no data is named, so that whoever loads the file can be asked for it.
    missing = sorted(lost + [name for name, value in arguments.items() if not checkpoint.is_plain(value)])
    content = {
        "what": _WHAT,
        "name": _name_of(teacher),
        "space": spaces.describe(teacher.space),
        "arguments": {name: value for name, value in arguments.items() if name not in missing},
        "missing": missing,
        "fitted": None if teacher.fitted is None else list(teacher.fitted),
        "state": teacher.state_dict(),
    }
    checkpoint.save(file, content)


def load(
    path: str | os.PathLike[str], space: gym.Space[Any] | Family | None = None, **options: Any
) -> Teacher[Any]:
    """Make the teacher that ``teacher.save(path)`` wrote.

    Loading runs no code of the file's: only registered teachers are made. Rows that were open are dropped, as
    no outcome of theirs will come; ``teacher.dropped`` says how many.

    Args:
        path: the file.
        space: the teacher's space, or the family, of spaces of levels and of examples; others are in the
            file.
        options: arguments of the teacher that are no plain data, such as functions, which no file holds;
            others count more than those in the file.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is damaged, of another space, or of a teacher that is not registered.
        TypeError: if the space, or an argument, must be given and is not.
    """
    file = check_file("teachers.load", path)
    # Files of before had no note of the run that options follow.
    content = {"fitted": None, **checkpoint.load(file)}
    where = f"teachers.load: {file}"
    check_names(where, _ENTRIES, content)
    if content["what"] != _WHAT:
        raise ValueError(f"{where}: expected a teacher, got {content['what']!r}")
    arguments, missing = content["arguments"], content["missing"]
    if not isinstance(arguments, Mapping) or not isinstance(missing, list):
        raise ValueError(f"{where}: expected arguments by name, got {arguments!r}")
    lacking = [name for name in missing if name not in options]
    if lacking:
        raise TypeError(
            f"{where}: expected {lacking} to be given, which are no plain data: teachers.load(path, "
            f"{lacking[0]}=...)"
        )
    name = content["name"]
    # Only names that are registered already are looked up: another one would be imported.
    with trust.names_from("file"):
        TEACHERS.check(name)
        teacher = TEACHERS.make(name, _space(content["space"], space, where), **{**arguments, **options})
    _fit(teacher, content["fitted"], where)
    teacher.load_state_dict(content["state"])
    under_way = teacher.outstanding
    teacher.drop(under_way)
    teacher.dropped = len(under_way)
    return teacher


def _fit(teacher: Teacher[Any], fitted: Any, where: str) -> None:
    """Let open options follow the run that those of the saved teacher followed."""
    if fitted is None:
        return
    if not isinstance(fitted, list) or len(fitted) != 2:
        raise ValueError(f"{where}: fitted: expected rows and slots of a run, got {fitted!r}")
    rows, slots = (check_whole(f"{where}: fitted", number, 1) for number in fitted)
    fit_options(teacher, rows, slots)


def _space(described: Any, given: Any, where: str) -> gym.Space[Any]:
    """Return the space that was given, or the one that is described; raise if there is none, or another."""
    if not isinstance(described, Mapping):
        raise ValueError(f"{where}: expected the description of a space, got {described!r}")
    if given is None:
        made = spaces.rebuilt(described)
        if made is None:
            raise TypeError(
                f"{where}: expected the space or the family to be given, as a file cannot hold a "
                f"{described.get('kind')}: teachers.load(path, family)"
            )
        return made
    space = given.space if isinstance(given, Family) else given
    if not isinstance(space, gym.Space):
        raise TypeError(f"{where}: space: expected a space or a family, got {given!r}")
    if difference(spaces.describe(space), dict(described)) is not None:
        raise ValueError(f"{where}: expected a teacher of {spaces.describe(space)}, got one of {described}")
    return space


def _name_of(teacher: Teacher[Any]) -> str:
    """Return the name under which a teacher's class is registered."""
    name = TEACHERS.name_of(teacher)
    if name is None:
        raise ValueError(
            f"{type(teacher).__name__}.save: expected a class that is registered, "
            "@teachers.register('name'), as a file names no other; its state_dict can be saved without that"
        )
    return name


def _plain(value: Any) -> Any:
    """Return an argument as files hold it: tuples as lists; the state of generators is saved beside."""
    if isinstance(value, np.random.SeedSequence):
        return 0
    if isinstance(value, tuple | list):
        return [_plain(part) for part in value]
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, np.generic):
        return value.item()
    return value


write_with(save)
