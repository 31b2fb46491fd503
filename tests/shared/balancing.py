"""A policy that balances the pole of a cart."""

from __future__ import annotations


def upright(state):
    """A simple balancing policy."""
    return (state @ [0.1, 0.2, 1.0, 0.3] > 0).astype(int)
