"""Names for teachers, families and students: found by their decorator, imported when first used."""

from __future__ import annotations

import ast
import importlib
import importlib.resources
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from typing import Any, Generic, TypeVar, cast

from teacherstudent.contract.checks import closest
from teacherstudent.contract.facts import facts_for
from teacherstudent.contract.family import Family
from teacherstudent.contract.stored import trust
from teacherstudent.contract.stored.settings import remember
from teacherstudent.contract.student import Student
from teacherstudent.contract.teacher import Teacher

T = TypeVar("T")
_GIVEN = frozenset({"space", "family", "seed"})
"""What a factory is given beside its options."""

C = TypeVar("C", bound=Callable[..., Any])


@dataclass(frozen=True)
class Entry:
    """A registered name: where it lives, and the first line of its docstring."""

    name: str
    target: str
    summary: str


class Registry(Generic[T]):
    """Maps names to factories.

    The files of ``package`` and of its folders are searched for ``@REGISTRY.register("name")`` without
    importing them, so listing is cheap and a file is imported when its name is first used. Users register by
    the same decorator, or pass ``"module:attribute"`` wherever a name is expected.

    Args:
        kind: what is registered, for messages: ``"teacher"``.
        package: the package whose files are searched, those of its folders too.
        variable: the name of this registry in decorators: ``"TEACHERS"``.
        made: the class of what is made; names in files must stand for such classes (`trust`).
    """

    def __init__(self, kind: str, package: str, variable: str, made: type = object) -> None:
        # Classes of what a name makes are checked again when a file gives the name.
        self.kind = kind
        self.made = made
        self._package = package
        self._variable = variable
        self._found: dict[str, Entry] | None = None
        self._loaded: dict[str, Callable[..., Any]] = {}

    def register(self, name: str) -> Callable[[C], C]:
        """Return a decorator that registers a class or function under ``name``.

        Raises:
            ValueError: if the name is empty, holds a colon, or is taken by something else.
        """
        if not name or ":" in name:
            raise ValueError(f"{self.kind} name: expected a non-empty name without a colon, got {name!r}")

        def decorate(factory: C) -> C:
            target = f"{factory.__module__}:{factory.__qualname__}"
            taken = self._entries().get(name)
            # A file that is imported a second time registers the same thing anew, which is no conflict.
            if taken is not None and taken.target != target:
                raise ValueError(f"{self.kind} {name!r}: already registered by {taken.target}, got {target}")
            summary = (factory.__doc__ or "").strip().split("\n")[0]
            self._entries()[name] = Entry(name, target, summary)
            self._loaded[name] = factory
            # Whoever registers a class gets its settings noted, without another decorator.
            if isinstance(factory, type):
                remember(factory)
            return factory

        return decorate

    def entries(self) -> list[Entry]:
        """Return all registered names with a line each, in alphabetical order."""
        return sorted(self._entries().values(), key=lambda e: e.name)

    def names(self) -> list[str]:
        """Return all registered names in alphabetical order."""
        return sorted(self._entries())

    def name_of(self, made: object) -> str | None:
        """Return the name under which an object's class is registered; None if it is not."""
        target = f"{type(made).__module__}:{type(made).__qualname__}"
        return next((entry.name for entry in self.entries() if entry.target == target), None)

    def theme(self, entry: Entry) -> str:
        """Return the folder in which a name lives, ``"bandits"``; empty for one without a folder."""
        inside = entry.target.partition(":")[0].removeprefix(f"{self._package}.")
        return inside.rpartition(".")[0].partition(".")[0]

    def get(self, name: str) -> Callable[..., T]:
        """Return the factory of ``name`` or of ``"module:attribute"``.

        Raises:
            ValueError: if there is none; the message lists what there is.
            UntrustedNameError: if a file gives ``"module:attribute"`` (see `trust`).
        """
        # The name is checked before anything is imported: an import runs code.
        self.check(name)
        if name in self._loaded:
            return self._loaded[name]
        if ":" in name:
            found = self._import(name)
            # A registered name stands in our own files; what
            # "module:attribute" leads to is looked at before it is called.
            trust.check_found(found, name, self.kind, (self.made,))
            return found
        factory = self._import(self._entries()[name].target)
        self._loaded[name] = factory
        return factory

    def check(self, name: str) -> None:
        """Raise what `get` raises for a name, as far as that is known without importing anything."""
        if not isinstance(name, str):
            raise TypeError(f"{self.kind}: expected a registered name or 'module:attribute', got {name!r}")
        # Nothing is imported here: a name is known once its file was read, or its decorator has run.
        if name in self._loaded or name in self._entries():
            return
        if ":" in name:
            trust.check_import(name, self.kind)
            return
        # A wrong name is most often a misspelt one.
        raise ValueError(
            f"unknown {self.kind} {name!r}{self._meant(name)}: expected one of {self.names()} or "
            "'module:attribute'"
        )

    def _meant(self, name: str) -> str:
        """Return what an unknown name may have been meant for, in brackets; empty if nobody knows."""
        for other in _ALL:
            if name in other.names():
                return f" (which is a {other.kind})"
        if name.endswith(".py"):
            return f" (a name in a file is given as {name.removesuffix('.py')}:NAME)"
        return closest(name, self.names())

    def make(self, name: str, /, *args: Any, **options: Any) -> T:
        """Build ``name`` with the given arguments.

        Raises:
            TypeError: for an option that the factory does not have, naming those that it has, or without the
                seed that it asks for.
            ValueError: as `get`; both as the factory does.
        """
        self._check_call(name, options)
        return self.get(name)(*args, **options)

    def _check_call(self, name: str, options: Mapping[str, Any]) -> None:
        """Raise TypeError for unknown options, and where a seed is missing."""
        self.check_options(name, options.keys() - _GIVEN)
        seed = inspect.signature(self.get(name)).parameters.get("seed")
        if seed is not None and seed.default is seed.empty and "seed" not in options:
            raise TypeError(f"{self.kind} {name!r}: expected a seed, seed=0 say, got none")

    def check_options(self, name: str, options: Iterable[str]) -> None:
        """Raise TypeError for options that a factory does not have, naming those that it has."""
        known = inspect.signature(self.get(name)).parameters
        if any(each.kind is each.VAR_KEYWORD for each in known.values()):
            return
        settable = [each for each in known if each not in _GIVEN]
        unknown = sorted(set(options) - set(settable))
        if not unknown:
            return
        hint = closest(unknown[0], settable)
        # What a student hands on to an algorithm is not its own: PPO's n_steps is no option of sb3.
        if "options" in settable:
            hint = f" (what it hands on goes into options={{{unknown[0]!r}: ...}})"
        raise TypeError(
            f"{self.kind} {name!r}: unknown option {unknown[0]!r}{hint}; expected one of {settable}"
        )

    def _import(self, target: str) -> Callable[..., T]:
        module, _, attribute = target.partition(":")
        try:
            found: Any = importlib.import_module(module)
            for part in attribute.split("."):
                found = getattr(found, part)
        except (ImportError, AttributeError, ValueError) as error:
            raise ValueError(
                f"{self.kind} {target!r}: expected an importable 'module:attribute': {error}"
            ) from error
        if not callable(found):
            raise ValueError(f"{self.kind} {target!r}: expected a class or function, got {found!r}")
        return cast("Callable[..., T]", found)

    def _entries(self) -> dict[str, Entry]:
        # The files are read once, and only when the first
        # name is looked up: importing the package stays fast.
        if self._found is None:
            self._found = {}
            # Files are read as text: importing all of them would take seconds.
            for module, file in _modules(self._package, importlib.resources.files(self._package)):
                self._found |= {e.name: e for e in self._scan(module, file.read_text(encoding="utf-8"))}
        return self._found

    def _scan(self, module: str, source: str) -> list[Entry]:
        entries = []
        for node in ast.parse(source).body:
            if not isinstance(node, ast.ClassDef | ast.FunctionDef):
                continue
            for decorator in node.decorator_list:
                # The decorator is matched by its form in the source:
                # exactly `@REGISTRY.register("name")` with a plain text.
                match decorator:
                    case ast.Call(
                        func=ast.Attribute(value=ast.Name(id=self._variable), attr="register"),
                        args=[ast.Constant(value=str(name))],
                    ):
                        summary = (ast.get_docstring(node) or "").split("\n")[0]
                        entries.append(Entry(name, f"{module}:{node.name}", summary))
                    case _:
                        pass
        return entries


def _modules(package: str, folder: Traversable) -> Iterator[tuple[str, Traversable]]:
    """Yield the modules of a package with their files, those of its folders too."""
    for entry in folder.iterdir():
        if entry.name == "__init__.py":
            yield package, entry
        elif entry.name.endswith(".py"):
            yield f"{package}.{entry.name.removesuffix('.py')}", entry
        elif entry.is_dir() and "." not in entry.name and entry.name != "__pycache__":
            yield from _modules(f"{package}.{entry.name}", entry)


class TeacherRegistry(Registry[Teacher[Any]]):
    """Maps names to teachers, which are made for a space or for a family."""

    def make(self, name: str, /, *args: Any, **options: Any) -> Teacher[Any]:
        """Build a teacher; given a family instead of a space, of its space and with its facts.

        Raises:
            ValueError, TypeError: as `get`, and as `Teacher.from_family` does.
        """
        made: Any = self.get(name)
        if not args or not isinstance(args[0], Family):
            return super().make(name, *args, **options)
        # The first argument may be a family: its space goes on
        # in its place, with the facts that the teacher takes.
        family, *more = args
        self._check_call(name, options)
        built: Teacher[Any]
        if isinstance(made, type) and issubclass(made, Teacher):
            built = made.from_family(family, *more, **options)
        else:
            # Options of the user count more than the facts of the family.
            built = made(family.space, *more, **{**facts_for(made, family), **options})
        return built


TEACHERS = TeacherRegistry("teacher", "teacherstudent.teachers", "TEACHERS", Teacher)
FAMILIES: Registry[Any] = Registry("family", "teacherstudent.envs", "FAMILIES", Family)
STUDENTS: Registry[Any] = Registry("student", "teacherstudent.students", "STUDENTS", Student)
_ALL: tuple[Registry[Any], ...] = (TEACHERS, FAMILIES, STUDENTS)
