"""Cart-pole slots that compile, for tests of who compiles what."""

from collections.abc import Callable

import pytest

from teacherstudent.envs.cartpoles import family
from teacherstudent.envs.cartpoles.slots import CartPoleSlots


def slots_that_compile(monkeypatch: pytest.MonkeyPatch, compile_: Callable[[CartPoleSlots], None]) -> None:
    """Let cart-pole families make slots whose `compile` is *compile_*.

    They are of a class of their own: Python keeps in mind which classes have the members of a protocol,
    so a method that is added to a class for one test would be expected of it in all tests after that.
    """
    slots = type("CompilingSlots", (CartPoleSlots,), {"compile": compile_})
    monkeypatch.setattr(family, "CartPoleSlots", slots)
