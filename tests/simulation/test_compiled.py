import pickle

import numpy as np

from teacherstudent.simulation.compiled import compiled, compiled_any_order, inlined


@compiled
def twice(x):
    """Return 2 x."""
    return 2 * x


@inlined
def successor(x):
    """Return x + 1."""
    return x + 1


@compiled
def odd(x):
    """Return 2 x + 1."""
    return successor(twice(x))


def test_one_compiled_function_calls_others():
    assert odd(3) == 7
    # Numba runs it, and not Python. What it calls need not be compiled again where it comes from the disk.
    assert odd.dispatcher.nopython_signatures


def test_a_function_travels_by_its_name():
    assert pickle.loads(pickle.dumps(twice)) is twice


def test_a_function_keeps_its_meaning_and_its_name():
    assert twice(3) == 6
    assert twice(np.ones(2)).tolist() == [2, 2]
    assert twice.__name__ == "twice"
    assert compiled_any_order(lambda x: x + x)(1.5) == 3.0


def test_without_a_place_for_the_cache_it_still_compiles():
    scope = {}
    exec(
        "def thrice(x):\n    return 3 * x", scope
    )  # has no file, so there is nowhere to put a cache beside it
    assert compiled(scope["thrice"])(2) == 6
