"""What a family knows of its tasks and a teacher takes where its constructor has an argument for it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from teacherstudent.contract.family import Family, HasEasy, HasTarget
from teacherstudent.contract.types import generator

FACTS = ("score_range", "mastered", "difficulty_step")
"""What `Teacher.from_family` takes from a family where a teacher has such an option."""
TOLD = 512
"""How many tasks of a family's target, and of its easy tasks, a teacher is told."""


def facts_for(make: Callable[..., Any], family: Family) -> dict[str, Any]:
    """Return the facts of a family, by name, that a teacher's class or factory takes.

    Besides `FACTS` these are ``target`` and ``easy``: `TOLD` tasks each, always the same ones, of a family
    that has them (`HasTarget`, `HasEasy`). A class that hands further options on to its base
    (``**options``) takes what the base takes.
    """
    taken = _parameters(make)
    known = {name: getattr(family, name) for name in FACTS if name in taken}
    # The draws have a generator of their own, so that equal families tell equal facts.
    if "target" in taken and isinstance(family, HasTarget):
        known["target"] = family.target(generator(0), TOLD)
    if "easy" in taken and isinstance(family, HasEasy):
        known["easy"] = family.easy(generator(1), TOLD)
    return {name: value for name, value in known.items() if value is not None}


def takes(make: Callable[..., Any], name: str) -> bool:
    """Return whether a teacher's class or factory, or a base that it hands options on to, takes an option."""
    return name in _parameters(make)


def _parameters(make: Callable[..., Any]) -> set[str]:
    """Return the names that a class or factory takes, those of base classes too where it hands options on."""
    classes = make.__mro__ if isinstance(make, type) else (make,)
    found: set[str] = set()
    for one in classes:
        # A class without a constructor of its own has that of a base, which comes later.
        if isinstance(one, type) and "__init__" not in vars(one):
            continue
        parameters = inspect.signature(one).parameters
        found |= parameters.keys()
        if not any(each.kind is each.VAR_KEYWORD for each in parameters.values()):
            break
    return found
