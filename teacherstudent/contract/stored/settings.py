"""What families, teachers and students say of themselves: the arguments that they were made with.

They are noted when an object is made, as plain data without the defaults, so that a run that is resumed with
objects of one's own can be compared with the run in the folder. Large arrays are there by a digest, functions
and classes by their names. Small arguments are kept themselves too, so that another object can be made alike.
"""

from __future__ import annotations

import copy
import dataclasses
import enum
import functools
import inspect
import math
import types
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import PurePath
from typing import Any, TypeVar

import numpy as np

from teacherstudent.contract.stored.digests import quick_digest_of

PLACE = frozenset({"budget", "device", "processes", "machine"})
"""Arguments that say how long or where an object works, and not what it does: they may change."""

T = TypeVar("T")

_NOTED = "_noted_settings"
_CALL = "_noted_call"
_GIVEN = frozenset({"self", "space", "family"})
"""Arguments that a manifest holds beside the settings."""
_LISTED = 64
"""Arrays up to this size are listed."""
_HASHED = 2**26
"""Bytes of an array that a digest takes in; of larger ones evenly spread blocks."""
_BLOCKS = 1024
_DEEPEST = 12
_KEPT = 10_000
"""Numbers of an array, and parts of a list, up to which an argument is kept as it was."""
_UNCHANGING = (
    *(bool, int, float, complex, str, bytes, np.generic, np.dtype, enum.Enum, PurePath),
    *(type, types.FunctionType, types.BuiltinFunctionType, np.ufunc, np.random.SeedSequence),
)


class _Call:
    """The arguments of a constructor by their names; a copy shares them, and a pickle leaves them behind.

    Those that another object cannot be made from are named in ``lost``.
    """

    def __init__(self, arguments: Mapping[str, Any] | None = None) -> None:
        self.known = arguments is not None
        given = dict(arguments or {})
        self.lost = sorted(name for name, value in given.items() if name not in _GIVEN and not _plain(value))
        # copies, since who made the object may change what it was made with
        self.arguments = {
            name: value if name in _GIVEN else copy.deepcopy(value)
            for name, value in given.items()
            if name not in self.lost
        }

    def __deepcopy__(self, memo: dict[int, Any]) -> _Call:
        return self

    def __reduce__(self) -> tuple[type[_Call], tuple[()]]:
        return _Call, ()


def _plain(value: Any, depth: int = 0) -> bool:
    """Return whether a value is small data, or code, so that objects made from copies of it are alike."""
    if depth > _DEEPEST:
        return False
    if isinstance(value, np.ndarray):
        return value.size <= _KEPT and not value.dtype.hasobject
    if isinstance(value, functools.partial):
        return _plain([value.func, value.args, value.keywords], depth + 1)
    if isinstance(value, dict):
        return len(value) <= _KEPT and all(_plain(part, depth + 1) for pair in value.items() for part in pair)
    if isinstance(value, list | tuple | set | frozenset):
        return len(value) <= _KEPT and all(_plain(part, depth + 1) for part in value)
    return value is None or isinstance(value, _UNCHANGING)


def remember(cls: type) -> None:
    """Let objects of a class note the arguments that they are made with; a second call does nothing."""
    own = cls.__init__  # type: ignore[misc]  # of the class, to be wrapped
    # A class without a constructor of its own is wrapped
    # with its base; a wrapped one must not be wrapped twice.
    if own is object.__init__ or hasattr(own, _NOTED):
        return

    @functools.wraps(own)
    def init(self: Any, *args: Any, **options: Any) -> None:
        # The outermost constructor comes first and notes what
        # the user gave; those of base classes find it noted.
        if _NOTED not in getattr(self, "__dict__", {_NOTED: None}):
            given = _bound(own, self, args, options)
            # Past the class's own __setattr__: a frozen dataclass would refuse the attribute.
            object.__setattr__(self, _NOTED, None if given is None else _described(own, given))
            object.__setattr__(self, _CALL, _Call(given))
        # Noted before the constructor runs, since that may change a list that it was given.
        own(self, *args, **options)

    setattr(init, _NOTED, True)
    cls.__init__ = init  # type: ignore[misc]


def _bound(
    make: Callable[..., None], made: Any, args: tuple[Any, ...], options: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Return the arguments of a constructor by their names; None if they do not fit, which it will say."""
    try:
        bound = inspect.signature(make).bind(made, *args, **options).arguments
    except TypeError:
        return None
    # The first argument is the object itself.
    return dict(list(bound.items())[1:])


def _described(make: Callable[..., None], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments that differ from their defaults, described."""
    signature = inspect.signature(make)
    found: dict[str, Any] = {}
    for name, value in given.items():
        parameter = signature.parameters[name]
        if parameter.kind is parameter.VAR_KEYWORD:
            found |= {key: describe(part) for key, part in value.items() if key not in PLACE}
        elif name not in _GIVEN | PLACE:
            # Defaults are described too: an array that equals the default is no setting.
            said = describe(value)
            if said != describe(parameter.default):
                found[name] = said
    return found


def maker(thing: T, *names: str) -> Callable[..., T]:
    """Return a function that makes objects as ``thing`` was made, but for the arguments that it is given.

    What was done to ``thing`` since is not done to them. The space and the family are the same objects; all
    else is copied.

    Args:
        thing: an object that has noted its arguments (`remember`).
        names: of the arguments that the function takes, in this order.

    Raises:
        TypeError: if not all arguments are known and small data, or there is none of a name.
    """
    kind = type(thing)
    call = getattr(thing, _CALL, None)
    if not (isinstance(call, _Call) and call.known and hasattr(kind.__init__, _NOTED)):
        raise TypeError(f"how {kind.__name__} was made is not known")
    if lost := sorted(set(call.lost) - set(names)):
        raise TypeError(f"{kind.__name__} was made with {lost}, which is more than small plain data")
    whole = inspect.signature(kind.__init__)
    signature = whole.replace(parameters=list(whole.parameters.values())[1:])  # without self
    if missing := [name for name in names if name not in signature.parameters]:
        raise TypeError(f"{kind.__name__} has no argument {missing[0]!r}")

    def make(*values: Any) -> T:
        arguments = {k: v if k in _GIVEN else copy.deepcopy(v) for k, v in call.arguments.items()}
        arguments |= dict(zip(names, values, strict=True))
        bound = inspect.BoundArguments(signature, OrderedDict(arguments))
        return kind(*bound.args, **bound.kwargs)

    return make


def arguments_of(thing: Any) -> tuple[dict[str, Any], list[str]]:
    """Return the arguments that an object was made with, by name, and the names of those that are not known.

    The space and the family are left out; all else is copied.

    Raises:
        TypeError: if it has noted none.
    """
    call = getattr(thing, _CALL, None)
    if not (isinstance(call, _Call) and call.known):
        raise TypeError(f"how {type(thing).__name__} was made is not known")
    found: dict[str, Any] = {}
    parameters = inspect.signature(type(thing).__init__).parameters
    for name, value in call.arguments.items():
        if name in parameters and parameters[name].kind is inspect.Parameter.VAR_KEYWORD:
            found |= copy.deepcopy(value)
        elif name not in _GIVEN:
            found[name] = copy.deepcopy(value)
    return found, list(call.lost)


def settings_of(thing: Any) -> dict[str, Any] | None:
    """Return what an object says of itself; None if it says nothing.

    That is what its method ``settings()`` returns, or the arguments that it was made with, or a dataclass's
    fields.
    """
    told = getattr(thing, "settings", None)
    # On a class `settings` is a function that lacks its object.
    if callable(told) and not isinstance(thing, type):
        given = told()
        if not isinstance(given, Mapping):
            raise TypeError(f"{type(thing).__name__}.settings: expected names and values, got {given!r}")
        return {str(name): describe(value) for name, value in given.items()}
    noted: dict[str, Any] | None = getattr(thing, _NOTED, None)
    if noted is not None or not dataclasses.is_dataclass(thing) or isinstance(thing, type):
        return noted
    fields = {f.name: describe(getattr(thing, f.name, None)) for f in dataclasses.fields(thing)}
    # A dataclass notes nothing by itself, so its fields stand in; a default counts as said there.
    return {name: value for name, value in fields.items() if name not in PLACE | _GIVEN}


def describe(value: Any, depth: int = 0) -> Any:
    """Return plain data, equal for equal values, different for others as far as they can be told apart."""
    if value is None or isinstance(value, bool | str | int | float | np.generic):
        return _scalar(value)
    # Objects may hold each other, so the walk has to end somewhere.
    if depth > _DEEPEST:
        return "..."
    if isinstance(value, Mapping):
        return {_key(key): describe(part, depth + 1) for key, part in value.items()}
    if isinstance(value, list | tuple):
        parts = [describe(part, depth + 1) for part in value]
        # A long list would fill the manifest: a digest tells it from others all the same.
        if len(parts) > _LISTED:
            return {"length": len(parts), "digest": quick_digest_of(repr(parts).encode())}
        return parts
    if isinstance(value, set | frozenset):
        # Sets have no order, and elements of mixed kinds cannot be compared: their texts can.
        return sorted((describe(part, depth + 1) for part in value), key=repr)
    if isinstance(value, np.ndarray):
        return _array(value)
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, np.random.SeedSequence):
        return {"entropy": describe(value.entropy), "spawn_key": list(value.spawn_key)}
    return _object(value, depth)


def _scalar(value: Any) -> Any:
    if isinstance(value, enum.Enum):
        return f"{type(value).__name__}.{value.name}"
    plain = value.item() if isinstance(value, np.generic) else value
    # JSON has no infinities and no NaN.
    if isinstance(plain, float) and not math.isfinite(plain):
        return str(plain)
    if isinstance(plain, bool | int | float | None):
        return plain
    return str(plain)


def _key(key: Any) -> str:
    if isinstance(key, str):
        return key
    return repr(_scalar(key))


def _array(value: np.ndarray[Any, Any]) -> Any:
    """Return a small array as a list, as if it had been one, and a digest of another."""
    if value.dtype.hasobject:
        # Objects in an array may hold anything, so a few are described, and not deeper.
        return [describe(part, _DEEPEST) for part in value.ravel()[:_LISTED]]
    if value.size <= _LISTED and value.dtype.kind in "biufU":
        return describe(value.tolist())
    rows = value.reshape(-1) if value.flags.c_contiguous else value.ravel()
    # Only large arrays are sampled: hashing gigabytes at every start would take minutes.
    if value.nbytes > _HASHED:
        size = max(1, _HASHED // _BLOCKS // value.itemsize)
        # Evenly spread blocks see most kinds of change, and always the first and the last element.
        starts = np.linspace(0, len(rows) - size, _BLOCKS).astype(np.int64)
        rows = np.concatenate([rows[start : start + size] for start in starts])
    digest = quick_digest_of(np.ascontiguousarray(rows).view(np.uint8).data)
    return {"dtype": value.dtype.str, "shape": list(value.shape), "digest": digest}


def _object(value: Any, depth: int) -> Any:
    """Return what is known of an object: a function's name, a tensor's values, a class and its settings."""
    if isinstance(value, functools.partial):
        return {
            "function": describe(value.func, depth + 1),
            "arguments": describe([value.args, value.keywords], depth + 1),
        }
    if isinstance(value, types.MethodType):
        return {"method": value.__name__, "of": describe(value.__self__, depth + 1)}
    if isinstance(value, type | types.FunctionType | types.BuiltinFunctionType | np.ufunc):
        return _name(value)
    if isinstance(value, np.random.Generator):
        return {"generator": describe(dict(value.bit_generator.state), depth + 1)}
    # Tensors are known by what they can do: importing torch for this would take seconds.
    if hasattr(value, "detach") and hasattr(value, "numpy"):
        return _tensor(value)
    if isinstance(value, np.dtype):
        return value.str
    known = settings_of(value) or {}
    return {"class": type(value).__qualname__, **known}


def _tensor(value: Any) -> Any:
    """Return a tensor's values as an array's; NumPy lacks some of torch's types."""
    held = value.detach().cpu()
    # bfloat16, for one: in float64 every value of the narrower types is exact.
    try:
        return _array(held.numpy())
    except TypeError:
        return _array(held.double().numpy())


def _name(value: Any) -> Any:
    """Return the name of a class or function; of one without a name of its own, what tells it from others."""
    module = getattr(value, "__module__", None) or ""
    name = getattr(value, "__qualname__", getattr(value, "__name__", type(value).__name__))
    # A script is `__main__` when it is run and has a name when it is imported: both are the same function.
    if module == "__main__" or "<lambda>" in name:
        module = ""
    code = getattr(value, "__code__", None)
    whole = name
    if module:
        whole = f"{module.rpartition('.')[2]}:{name}"
    # A named function is known by its name; lambdas and inner functions share names like <lambda>.
    if code is None or "<" not in name:
        return whole
    # What an inner function does lies in its constants, the names it uses, and the values it closes over.
    constants = [part for part in code.co_consts if isinstance(part, bool | str | int | float | None)]
    cells = [cell.cell_contents for cell in value.__closure__ or () if _filled(cell)]
    return {
        "function": whole.rpartition(".")[2],
        "names": list(code.co_names),
        "constants": describe(constants),
        "values": describe(cells, _DEEPEST - 1),
    }


def _filled(cell: Any) -> bool:
    try:
        # A cell is empty while the function that fills it has not come so far.
        return cell.cell_contents is not None
    except ValueError:
        return False
