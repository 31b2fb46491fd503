"""Torch modules, optimisers and generators as plain data, and generators that stay private."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from teacherstudent.fitting.modules import load_module, load_optimizer, module_state, optimizer_state
from teacherstudent.types import Array, State

__all__ = [
    "PrivateGenerators",
    "array_of",
    "load_module",
    "load_optimizer",
    "module_state",
    "optimizer_state",
]


def array_of(values: torch.Tensor | None) -> Array | None:
    """Return a copy of a tensor as an array on the host; None of none."""
    if values is None:
        return None
    found: Array = values.cpu().numpy().copy()
    return found


class PrivateGenerators:
    """Private copies of the global generators, for libraries that only draw from the global ones.

    Inside ``with generators.active():`` the global generators of Python, NumPy and torch (CPU, current CUDA
    device) hold this object's states; afterwards the world has its own back.

    Args:
        seed: all four start from it.
    """

    def __init__(self, seed: int) -> None:
        # Objects of their own, so that the global generators do not move.
        self._python = random.Random(seed).getstate()
        # NumPy's legacy generator takes seeds of 32 bits only.
        self._numpy: Any = np.random.RandomState(seed % 2**32).get_state()
        self._torch = torch.Generator().manual_seed(seed).get_state()
        self._cuda = None
        if torch.cuda.is_available():
            self._cuda = torch.Generator("cuda").manual_seed(seed).get_state()

    @contextmanager
    def active(self) -> Iterator[None]:
        """Swap the states in, and back out at the end."""
        outside = self._read()
        self._write(self._python, self._numpy, self._torch, self._cuda)
        try:
            yield
        finally:
            # Read the private states back before the outside ones take their place.
            self._python, self._numpy, self._torch, self._cuda = self._read()
            self._write(*outside)

    @staticmethod
    def _read() -> tuple[Any, Any, torch.Tensor, torch.Tensor | None]:
        cuda = torch.cuda.get_rng_state() if torch.cuda.is_available() else None
        return random.getstate(), np.random.get_state(), torch.get_rng_state(), cuda  # noqa: NPY002

    @staticmethod
    def _write(python: Any, numpy: Any, cpu: torch.Tensor, cuda: torch.Tensor | None) -> None:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002
        torch.set_rng_state(cpu)
        if cuda is not None:
            torch.cuda.set_rng_state(cuda)

    def state_dict(self) -> State:
        """Return the states as plain data."""
        # These states are nested tuples; written apart they become plain data.
        kind, keys, position, has_gauss, gauss = self._numpy
        version, words, python_gauss = self._python
        return {
            "python": {"version": version, "words": np.array(words, np.int64), "gauss": python_gauss},
            "numpy": {"kind": kind, "keys": keys.copy(), "rest": [position, has_gauss, gauss]},
            "torch": self._torch.numpy().copy(),
            "cuda": array_of(self._cuda),
        }

    def load_state_dict(self, state: State) -> None:
        """Continue from `state_dict`."""
        python = state["python"]
        numpy = state["numpy"]
        # Python's generator insists on a tuple of its own integers.
        self._python = (python["version"], tuple(python["words"].tolist()), python["gauss"])
        self._numpy = (numpy["kind"], numpy["keys"], *numpy["rest"])
        self._torch = torch.from_numpy(np.array(state["torch"]))
        # A file written on a machine with a GPU may be read on one without.
        if state["cuda"] is not None and torch.cuda.is_available():
            self._cuda = torch.from_numpy(np.array(state["cuda"]))
