"""Calls with one argument replaced by something of a wrong kind or size, and what must come of them."""

from __future__ import annotations

import inspect
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from teacherstudent.testing.sessions import ContractError

WRONG: dict[str, Callable[[], Any]] = {
    "None": lambda: None,
    "True": lambda: True,
    "text": lambda: "x",
    "an empty text": lambda: "",
    "bytes": lambda: b"x",
    "a list of texts": lambda: ["x"],
    "an empty list": lambda: [],
    "a list of one": lambda: [1],
    "three numbers": lambda: (1, 2, 3),
    "a falling pair": lambda: (2.0, -2.0),
    "a pair with nan": lambda: (float("nan"), 1.0),
    "a pair with inf": lambda: (0.0, float("inf")),
    "an empty mapping": dict,
    "a mapping": lambda: {"no_such_name": 1},
    "a mapping of numbers": lambda: {1: 2},
    "a set": lambda: {1},
    "-1": lambda: -1,
    "0": lambda: 0,
    "3": lambda: 3,
    "-0.5": lambda: -0.5,
    "0.3": lambda: 0.3,
    "2.5": lambda: 2.5,
    "nan": lambda: float("nan"),
    "inf": lambda: float("inf"),
    "-inf": lambda: float("-inf"),
    "1e300": lambda: 1e300,
    "1e18": lambda: 10**18,
    "2**70": lambda: 2**70,
    "numpy nan": lambda: np.float64("nan"),
    "numpy 2": lambda: np.int64(2),
    "a complex number": lambda: 1j,
    "an array": lambda: np.zeros((2, 2)),
    "an array of texts": lambda: np.array(["x", "y"]),
    "an object": object,
    "a function": lambda: len,
    "a class": lambda: int,
}
"""What no argument is likely to be; some of it is right for some."""


CLEAR = re.compile(
    r"expected.*(got|missing|unknown)|unknown.*expected|was never issued|is not outstanding", re.DOTALL
)
"""What a clear error says."""


def parameters(target: Callable[..., Any]) -> list[str]:
    """Return the names of the arguments of a function or class."""
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return [name for name, p in inspect.signature(target).parameters.items() if p.kind in kinds]


def calls(target: Callable[..., Any], base: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield every argument with every wrong value: the argument's name, the value's, and the arguments."""
    for name in parameters(target):
        for label, make in WRONG.items():
            yield name, label, {**base, name: make()}


def complaint(call: Callable[[], Any], use: Callable[[Any], Any] = lambda made: None) -> str | None:
    """Return what is wrong with what comes of a call: None if it is refused clearly, or taken and usable.

    Args:
        call: makes something of perhaps wrong arguments.
        use: works with what was made: an argument that was taken must not end in an error here.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            use(call())
        except (TypeError, ValueError, FileNotFoundError) as error:
            said = str(error)
            if CLEAR.search(said):
                return None
            return f"{type(error).__name__}: {said[:160]}"
        except ContractError:
            return None  # a sentence of a conformance kit
        except Exception as error:  # anything else is of the inside
            return f"{type(error).__name__}: {str(error)[:160]}"
    return None


def faults(
    target: Callable[..., Any], base: Mapping[str, Any], use: Callable[[Any], Any] = lambda made: None
) -> list[str]:
    """Return what is wrong with a target's errors, a line for each call."""
    target(**base)  # the arguments that stay are right
    found = []
    for name, label, arguments in calls(target, base):
        said = complaint(lambda arguments=arguments: target(**arguments), use)
        if said is not None:
            found.append(f"{name} = {label}: {said}")
    return found
