"""Random walks over public calls: every one is taken, or refused clearly with nothing changed.

``TEACHERSTUDENT_FUZZ`` says how many calls all walks make together; ``TEACHERSTUDENT_FUZZ_SEED`` makes every
walk begin with this seed, which a failure names.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from wrong_values import CLEAR, WRONG

from teacherstudent.testing.sessions import difference

SHORT = 3000
CALLS = int(os.environ.get("TEACHERSTUDENT_FUZZ", SHORT))
"""Calls of all walks together, about."""
FIRST_SEED = int(os.environ.get("TEACHERSTUDENT_FUZZ_SEED", 0))
WALK = 25
"""Calls of one walk, which one seed stands for."""
SECONDS = 30.0
"""Processor time of one call; more of it is called a hang."""
REFUSALS = (TypeError, ValueError, OSError)
_PLACE = re.compile(r"cannot write /.*(make room|resume)|no checkpoint at /", re.DOTALL)
"""What an error of a file's place may say instead of what is expected."""
REFUSED = object()
"""Stands for the result of a call that was refused."""


@dataclass
class Tally:
    """How many calls were made, and what came of them."""

    accepted: dict[str, int] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    begun: float = field(default_factory=time.perf_counter)

    def count(self, kind: str, taken: bool) -> None:
        """Count one call."""
        table = self.accepted if taken else self.refused
        table[kind] = table.get(kind, 0) + 1

    def lines(self) -> list[str]:
        """Return what to print: a line for each kind of walk, and one for all."""
        kinds = sorted({*self.accepted, *self.refused})
        found = [f"{x}: {self.accepted.get(x, 0)} accepted, {self.refused.get(x, 0)} refused" for x in kinds]
        yes, no = sum(self.accepted.values()), sum(self.refused.values())
        seconds = time.perf_counter() - self.begun
        return [*found, f"fuzz: {yes + no} calls, {no} refused, {yes} accepted, {seconds:.0f} seconds"]


TALLY = Tally()


class FaultError(AssertionError):
    """A call that broke a rule; it names the seed that repeats it."""


class Hang(BaseException):  # like KeyboardInterrupt, no `except Exception` takes it
    """A call took too long."""


class Walk:
    """A random sequence of calls.

    Args:
        kind: what is walked over.
        seed: the whole walk follows from it.
    """

    def __init__(self, kind: str, seed: int) -> None:
        self.kind, self.seed = kind, seed
        self.rng = np.random.default_rng(seed)
        self._last: deque[str] = deque(maxlen=12)
        self._made = 0

    def call(self, what: str, call: Callable[[], Any], state: Callable[[], Any] | None = None) -> Any:
        """Return what a call returns, or `REFUSED`; raise `FaultError` if it broke a rule.

        Args:
            what: how messages call it.
            call: the call.
            state: returns all that the call may change, as plain data; compared where it is refused.
        """
        self._made += 1
        self._last.append(what)
        before = None if state is None else state()
        try:
            with _limit(SECONDS):
                found = call()
        except REFUSALS as error:
            TALLY.count(self.kind, False)
            if not (CLEAR.search(str(error)) or (isinstance(error, OSError) and _PLACE.search(str(error)))):
                self.fail(f"refused unclearly: {type(error).__name__}: {str(error)[:400]}", error)
            if state is not None and (where := difference(before, state())):
                self.fail(f"refused, and {where} has changed: {str(error)[:300]}", error)
            return REFUSED
        except Hang as error:
            self.fail(f"took more than {SECONDS} seconds of processor time", error)
        except Exception as error:
            self.fail(f"{type(error).__name__}: {str(error)[:400]}", error)
        TALLY.count(self.kind, True)
        return found

    def fail(self, sentence: str, cause: BaseException | None = None) -> None:
        """Raise `FaultError` with the way to here."""
        way = "\n  ".join(self._last)
        raise FaultError(
            f"{self.kind}, seed {self.seed}, call {self._made}: {sentence}\n  {way}\n"
            f"repeat it with TEACHERSTUDENT_FUZZ_SEED={self.seed}"
        ) from cause

    def chance(self, share: float) -> bool:
        """Return True in this share of calls."""
        return bool(self.rng.random() < share)

    def one_of(self, *things: Any) -> Any:
        """Return one of some things."""
        return things[int(self.rng.integers(len(things)))]

    def odd(self) -> tuple[str, Any]:
        """Return a wrong value and how it is called."""
        name = self.one_of(*WRONG)
        return name, WRONG[name]()

    def or_odd(self, value: Any, share: float = 0.3) -> Any:
        """Return a right value, or, in this share of calls, a wrong one."""
        return self.odd()[1] if self.chance(share) else value


def walks(kind: str, share: float, step: Callable[[Walk], Callable[[], None]], *, least: int = 1) -> None:
    """Make walks of one kind until they have had their share of all calls.

    Args:
        kind: what is walked over.
        share: of all calls.
        step: takes a walk, makes what it works on, and returns what makes the next call or few.
        least: walks at least.
    """
    done, seed = 0, FIRST_SEED
    made = _made(kind)
    target = made + share * CALLS
    while done < least or _made(kind) < target:
        walk = Walk(kind, seed)
        advance, before = step(walk), _made(kind)
        while _made(kind) - before < WALK and (_made(kind) < target or done < least):
            advance()
        done, seed = done + 1, seed + 1


def _made(kind: str) -> int:
    return TALLY.accepted.get(kind, 0) + TALLY.refused.get(kind, 0)


@contextlib.contextmanager
def _limit(seconds: float) -> Iterator[None]:
    """Raise `Hang` in the block after so much processor time; the clock of pytest's own limit is another."""

    def over(number: int, frame: Any) -> None:
        del number, frame
        raise Hang

    old = signal.signal(signal.SIGVTALRM, over)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, old)


def spoil(walk: Walk, state: Any) -> tuple[str, Any]:
    """Return a copy of nested plain data with one entry spoiled, and what was done to it."""
    path, node = [], state
    while isinstance(node, dict | list) and len(node) and (not path or walk.chance(0.85)):
        key = walk.one_of(*node) if isinstance(node, dict) else int(walk.rng.integers(len(node)))
        path.append(key)
        node = node[key]
    what, value = _other(walk, node)
    return f"{'.'.join(map(str, path))} {what}", _put(state, path, value)


_GONE = object()


def _put(node: Any, path: list[Any], value: Any) -> Any:
    if not path:
        return {} if value is _GONE else value
    copy = dict(node) if isinstance(node, dict) else list(node)
    if len(path) == 1 and value is _GONE:
        del copy[path[0]]
    else:
        copy[path[0]] = _put(node[path[0]], path[1:], value)
    return copy


def _other(walk: Walk, entry: Any) -> tuple[str, Any]:
    """Return what may stand in the place of an entry."""
    kind = walk.rng.integers(4)
    if kind == 0:
        return "left out", _GONE
    if kind == 1 or not isinstance(entry, np.ndarray | dict | int | float):
        name, value = walk.odd()
        return f"as {name}", value
    if isinstance(entry, dict):
        return "with an entry more", {**entry, "unknown": 1}
    if not isinstance(entry, np.ndarray):
        value = walk.one_of(-1, -(10**9), 10**11, 2**63, float("nan"), float("inf"), 0.5)
        return f"as {value}", value
    return _other_array(walk, entry)


def _other_array(walk: Walk, entry: np.ndarray[Any, Any]) -> tuple[str, Any]:
    if kind := walk.one_of("axis", "text", "longer", "shorter", "", "", ""):
        return kind, {
            "axis": lambda: entry[None],
            "text": lambda: np.full(entry.shape, "text"),
            "longer": lambda: np.concatenate([np.atleast_1d(entry)] * 2),
            "shorter": lambda: np.atleast_1d(entry)[:-1],
        }[kind]()
    other = entry.copy()
    if entry.size and entry.dtype.kind in "iuf":
        number = walk.one_of(
            -(10**9), -1, 10**9, *((np.nan, np.inf, -np.inf) if entry.dtype.kind == "f" else ())
        )
        with np.errstate(all="ignore"):
            other.flat[int(walk.rng.integers(entry.size))] = np.array(number).astype(entry.dtype)
        return f"with {number} in it", other
    return "as it was", other
