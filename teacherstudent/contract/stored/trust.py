"""What a name may do that somebody else may have written: the names in the files of a run folder.

A name such as ``"module:Class"`` imports a module, which runs its code, and what it names is then called. In
a script and on the command line that is what the user asks for. In a manifest it may be anybody's wish: there
only registered names are taken unless the user trusts the file, and then only what can be seen to be a
teacher, a family or a student before it is called.
"""

from __future__ import annotations

import contextlib
import inspect
import typing
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from typing import Any, Literal, TypeAlias

Source: TypeAlias = Literal["user", "trusted file", "file"]
"""Who gives the names: the user, or a file, which the user may have said to trust."""

# A context variable, so that two threads can read files and make experiments without mixing up who said what.
_SOURCE: ContextVar[Source] = ContextVar("who gives the names", default="user")


class UntrustedNameError(ValueError):
    """A file names something that would be imported or called."""


@contextlib.contextmanager
def names_from(source: Source) -> Iterator[None]:
    """Say who gives the names that are looked up in the block."""
    token = _SOURCE.set(source)
    try:
        yield
    finally:
        _SOURCE.reset(token)


def from_a_file() -> bool:
    """Return whether names come from a file now, trusted or not."""
    return _SOURCE.get() != "user"


def untrusted() -> bool:
    """Return whether names come from a file that is not trusted."""
    return _SOURCE.get() == "file"


def check_import(target: str, what: str, libraries: Sequence[str] = ()) -> None:
    """Raise unless ``"module:attribute"`` may be imported; whoever imports by a name asks first.

    Args:
        target: the name.
        what: how messages call it.
        libraries: packages that may be imported whoever gives the name. The caller must check what is found
            in them before it calls it.

    Raises:
        UntrustedNameError: if the name comes from a file that is not trusted.
    """
    if not untrusted():
        return
    module = target.partition(":")[0]
    # The dot keeps "numpy_evil" from passing as a module of "numpy".
    if any(module == name or module.startswith(f"{name}.") for name in libraries):
        return
    raise UntrustedNameError(
        f"{what}: expected a registered name in the files of a run, got {target!r}, which would run code of "
        f"the module {module!r}; if you know that it does no harm, resume with --trust"
    )


def check_found(found: Any, target: str, what: str, kinds: tuple[type, ...]) -> None:
    """Raise unless what a file's name stands for is a class of these kinds, or a function that makes one.

    A function must say by its return annotation what it makes. Names that the user gives are not checked:
    what they make is.

    Args:
        found: what was imported.
        target: its name.
        what: how messages call it.
        kinds: classes; a protocol stands for the classes that have its methods.

    Raises:
        UntrustedNameError: if it is anything else.
    """
    # What the user names is the user's own choice; what it makes is still checked.
    if not from_a_file():
        return
    made = found
    if inspect.isfunction(found):
        try:
            # Annotations are texts here, and resolving one may fail for any missing name.
            made = typing.get_type_hints(found).get("return")
        except (NameError, TypeError, AttributeError):
            made = None
        # `Teacher[Box]` stands for the class Teacher.
        made = typing.get_origin(made) or made
    if not any(_is_one(made, kind) for kind in kinds):
        names = " or ".join(kind.__name__ for kind in kinds)
        raise UntrustedNameError(
            f"{what}: expected a subclass of {names}, or a function that is annotated to return one, got "
            f"{target!r}, which is {found!r}"
        )


def _is_one(found: Any, kind: type) -> bool:
    if not isinstance(found, type):
        return False
    # issubclass cannot check against a protocol with attributes: its methods are looked for.
    if not getattr(kind, "_is_protocol", False):
        return issubclass(found, kind)
    methods = [name for name, part in vars(kind).items() if callable(part) and not name.startswith("_")]
    return all(callable(getattr(found, name, None)) for name in methods)
