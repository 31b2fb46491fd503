"""What docstrings and signatures say of options: name, default, meaning."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from teacherstudent.contract.registry import FAMILIES, STUDENTS, TEACHERS

GIVEN = frozenset({"self", "space", "family", "seed"})
"""What a run gives to a constructor, so that it is no option."""

_SECTION = re.compile(r"^(Args|Attributes|Raises|Returns|Yields):$")
_ARGUMENT = re.compile(r"^    (\*{0,2}\w+(?:, \w+)*): (.*)$")

_AS_OF = re.compile(r"^as of `(\w+)`")


@dataclass(frozen=True)
class Option:
    """An option of a constructor.

    Attributes:
        name: its keyword.
        default: as it is written in Python; empty if there is none, and the option must be given.
        meaning: what the docstring says of it; empty if it says nothing.
    """

    name: str
    default: str
    meaning: str


def body(thing: Any) -> str:
    """Return a docstring without its sections: what the thing is and does."""
    lines: list[str] = []
    for line in (inspect.getdoc(thing) or "").splitlines():
        if _SECTION.match(line):
            break
        lines.append(line)
    return "\n".join(lines).rstrip()


def options(make: Callable[..., Any]) -> list[Option]:
    """Return the options of a class or function, those of base classes too that it hands options on to."""
    found: dict[str, Option] = {}
    for one in _makers(make):
        meanings = _meanings(one)
        for parameter in inspect.signature(one).parameters.values():
            variable = parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
            if parameter.name not in GIVEN | found.keys() and not variable:
                meaning = _looked_up(one, parameter.name, meanings.get(parameter.name, ""))
                found[parameter.name] = Option(parameter.name, _default(parameter), meaning)
    return list(found.values())


def _looked_up(make: Callable[..., Any], name: str, meaning: str) -> str:
    """Return what a meaning such as "as of `PLR`." refers to, where that is a base class or registered."""
    referred = _AS_OF.match(meaning)
    if referred is None:
        return meaning
    for one in _called(referred[1], make):
        # What the other class says may refer to a third one in its turn.
        if one is not make and name in (said := _meanings(one)):
            return _looked_up(one, name, said[name])
    return meaning


def _called(name: str, make: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    """Yield the bases of a class, and what is registered, whose own name this is."""
    if isinstance(make, type):
        yield from (base for base in make.__mro__[1:] if base.__name__ == name)
    for registry in (TEACHERS, FAMILIES, STUDENTS):
        yield from (registry.get(e.name) for e in registry.entries() if e.target.endswith(f":{name}"))


def _makers(make: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    """Yield what takes the options: a function, or a class and the bases that get what it does not know."""
    if not isinstance(make, type):
        yield make
        return
    for one in make.__mro__:
        # A class without a constructor of its own has that of a base, which comes later.
        if "__init__" not in vars(one):
            continue
        yield one
        kinds = [parameter.kind for parameter in inspect.signature(one).parameters.values()]
        if inspect.Parameter.VAR_KEYWORD not in kinds:
            return


def _default(parameter: inspect.Parameter) -> str:
    if parameter.default is parameter.empty:
        return ""
    # A function as a default shows its name: its address would tell nobody anything.
    if callable(parameter.default):
        return getattr(parameter.default, "__name__", repr(parameter.default))
    return repr(parameter.default)


def _meanings(thing: Any) -> dict[str, str]:
    """Return what the section Args of a docstring says, by name."""
    found: dict[str, str] = {}
    inside = False
    names: list[str] = []
    for line in (inspect.getdoc(thing) or "").splitlines():
        if section := _SECTION.match(line):
            inside = section[1] == "Args"
        elif inside and (argument := _ARGUMENT.match(line)):
            # One line may explain several options: "low, high: the ends of the range".
            names = [name.strip("* ") for name in argument[1].split(",")]
            found |= dict.fromkeys(names, argument[2].strip())
        elif inside and line.startswith("     "):
            found |= {name: f"{found[name]} {line.strip()}" for name in names}
    return found
