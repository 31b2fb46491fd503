"""The options of registered teachers, families and students, with what their docstrings say of them."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

import docstrings

from teacherstudent.contract import registry

GIVEN = ("self", "space", "family", "seed")
"""Arguments that are no options."""


def factory_docstring(factory: Callable[..., Any]) -> docstrings.Docstring:
    """Return the docstring of a class or factory, with the entries that a base class describes."""
    found = docstrings.parse(factory.__doc__ or "")
    if isinstance(factory, type):
        for base in factory.__mro__[1:-1]:
            above = docstrings.parse(base.__doc__ or "").sections.get("Args", {})
            found.sections["Args"] = above | found.sections.get("Args", {})
    return found


def options(factory: Callable[..., Any]) -> list[tuple[inspect.Parameter, str]]:
    """Return a factory's options with what the docstring says of each, empty where it says nothing."""
    said = factory_docstring(factory).sections.get("Args", {})
    parameters = inspect.signature(factory).parameters.values()
    return [
        (each, referred(said.get(each.name, ""), each.name)) for each in parameters if each.name not in GIVEN
    ]


def referred(said: str, name: str) -> str:
    """Return what is said of an option, and where that names a class which says it, what stands there.

    "as of `PLR`." becomes what the docstring of ``PLR`` says of the option.
    """
    match = re.match(r"(?:as of|see) `(?P<target>[\w.]+)`[.,;]?\s*", said)
    if match is None:
        return said
    module, _, attribute = match["target"].rpartition(".")
    if not module:
        # A bare name is that of a registered class.
        (module,) = {
            entry.target.partition(":")[0]
            for entry in registry.TEACHERS.entries()
            if entry.target.endswith(f":{attribute}")
        }
    there = getattr(importlib.import_module(module), attribute)
    sections = docstrings.parse(there.__doc__ or "").sections
    meaning = (sections.get("Args", {}) | sections.get("Attributes", {})).get(name)
    if meaning is None:
        return said
    whole = " ".join([meaning, said[match.end() :]]).strip()
    # What stands there may name another class in turn.
    return referred(whole, name)


def options_section(factory: Callable[..., Any]) -> Iterator[str]:
    """Yield the lines of a table of options."""
    found = options(factory)
    yield "## Options"
    yield ""
    if not found:
        yield "None."
        return
    yield "| option | default | meaning |"
    yield "|---|---|---|"
    for parameter, said in found:
        default = ""
        if parameter.default is not parameter.empty:
            default = f"`{_default(parameter.default)}`"
        yield f"| `{parameter.name}` | {default} | {docstrings.cell(said)} |"


def _default(value: Any) -> str:
    """Return a default as it would be written; a long one is cut."""
    text = repr(value)
    if isinstance(value, float):
        text = f"{value:g}"
    text = text.replace("|", "\\|")
    if len(text) > 60:
        return text[:57] + "..."
    return text
