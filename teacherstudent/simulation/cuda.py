"""The kernels' sources compiled for CUDA: every thread steps one environment, with one lane of its own.

On the CPU a kernel works on a group of lanes; here ``at`` is always a number, and the functions of
`teacherstudent.simulation.lanes` are replaced by what they mean for one lane. Needs the package numba-cuda;
nothing imports this module before environments on a GPU are made. With ``NUMBA_ENABLE_CUDASIM=1`` Numba's
simulator stands in for the GPU, slowly, and the tensors are on the CPU.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import math
import warnings
from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any

import numba
import numpy as np
import torch
from torch import Tensor

from teacherstudent.simulation import lanes
from teacherstudent.simulation.kernels import source_of, sources_stamp

# A sentence that names the package, before Numba says something about a module.
if importlib.util.find_spec("numba_cuda") is None:
    raise ImportError("environments on a GPU: the package numba-cuda is missing: pip install numba-cuda")

cuda: Any = importlib.import_module("numba.cuda")
BLOCK = 32
"""Threads of a block: one warp, so that a few thousand environments spread over all multiprocessors."""

_config: Any = numba.config
SIMULATED = bool(_config.ENABLE_CUDASIM)


def _load(rows: Any, row: Any, at: Any) -> Any:
    # Unsigned: no test for an index from the end.
    return rows[np.uint32(row), np.uint32(at)]


def _store(rows: Any, row: Any, at: Any, value: Any) -> None:
    rows[np.uint32(row), np.uint32(at)] = value


def _select(condition: Any, yes: Any, no: Any) -> Any:
    return yes if condition else no


def _smaller(a: Any, b: Any) -> Any:
    return a if a < b else b


def _larger(a: Any, b: Any) -> Any:
    return a if a > b else b


def _clamp(value: Any, low: Any, high: Any) -> Any:
    raised = value if value > low else low
    return raised if raised < high else high


def _size(a: Any) -> Any:
    return abs(a)


def _root(a: Any) -> Any:
    return math.sqrt(a)


def _any_lane(condition: Any) -> Any:
    return condition


def _first_lane(at: Any) -> Any:
    return at


def _end_lane(at: Any) -> Any:
    return at + 1


# Found by their names: `_load` stands for `lanes.load`.
_LANES: Mapping[Any, Callable[..., Any]] = {
    getattr(lanes, function.__name__.removeprefix("_")): function
    for function in (
        _load, _store, _select, _smaller, _larger, _clamp, _size, _root, _any_lane, _first_lane, _end_lane,
    )
}  # fmt: skip


class CudaCompiler:
    """Compiles kernels from their sources for CUDA; what several of them call is compiled once."""

    def __init__(self) -> None:
        # By identity: what a kernel names is the very object of its module.
        self._made: dict[int, Any] = {id(old): cuda.jit(device=True)(new) for old, new in _LANES.items()}

    def kernel(self, function: Callable[..., None], name: str, constants: Mapping[str, Any]) -> Any:
        """Compile a function that is launched, on first use, and keep the result on disk where possible.

        Args:
            function: plain Python; kernels that it names become device functions.
            name: of the result, different for different constants.
            constants: values of global names that the function mentions.

        Returns:
            What `Launcher` launches.
        """
        assert isinstance(function, FunctionType)
        # A copy, so that kernels of several walkers do not share their constants.
        copy = self._bound(function, constants)
        # Numba finds its file on disk by this name.
        copy.__name__ = copy.__qualname__ = name
        try:
            compiled = cuda.jit(cache=True)(copy)
        except RuntimeError:  # no folder to write to
            return cuda.jit(copy)
        # Numba looks at the function's own file only.
        if not SIMULATED:
            compiled._cache._cache_file._source_stamp = sources_stamp()
        return compiled

    def _bound(self, source: FunctionType, constants: Mapping[str, Any]) -> FunctionType:
        """Return a function whose global names mean what they mean on the device."""
        # Only names that the code mentions: other names of the module may be anything.
        mentioned = {
            name: source.__globals__[name] for name in source.__code__.co_names if name in source.__globals__
        }
        scope = {name: self._on_device(value) for name, value in mentioned.items()} | dict(constants)
        # Numba asks for the module's name, and `len` and `range` are builtins.
        scope |= {name: source.__globals__[name] for name in ("__name__", "__builtins__")}
        copy = FunctionType(source.__code__, scope, source.__name__, source.__defaults__, source.__closure__)
        return copy

    def _on_device(self, value: Any) -> Any:
        """Return the device function of a kernel; anything else as it is."""
        if id(value) not in self._made:
            source = source_of(value)
            if source is None:
                return value
            # Kernels call kernels: those that it names are compiled before it.
            self._made[id(value)] = cuda.jit(device=True)(self._bound(source, {}))
        return self._made[id(value)]


def check_device(device: torch.device) -> torch.device:
    """Return the device with its number, or raise ValueError unless kernels can run there."""
    expected = "cuda"
    note = ""
    if SIMULATED:
        expected = "cpu"
        note = " (Numba's CUDA simulator is on)"
    if device.type != expected:
        raise ValueError(f"device: expected one of type {expected!r}{note}, got {str(device)!r}")
    # A tensor knows the number of the device that was meant.
    return torch.empty(0, device=device).device


def shared(tensor: Tensor) -> Any:
    """Return a tensor as an array for kernels, without a copy."""
    if SIMULATED:
        return tensor.numpy()
    # No waiting: kernels run on the stream on which torch writes the tensor.
    return cuda.as_cuda_array(tensor, sync=False)


class Launcher:
    """Launches kernels with a thread for each environment, on torch's current stream, and waits for nothing.

    A kernel is always launched with arguments of the types that it was launched with first.

    Args:
        n: number of environments.
        device: from `check_device`.
    """

    def __init__(self, n: int, device: torch.device) -> None:
        self._blocks = -(-n // BLOCK)
        self._device = device
        self._configured: dict[tuple[int, int], Callable[..., None]] = {}

    def __call__(self, kernel: Any, *arguments: Any) -> None:
        """Launch a kernel."""
        if SIMULATED:
            kernel[self._blocks, BLOCK](*arguments)
            return
        with torch.cuda.device(self._device):
            # On torch's stream, a kernel follows what torch has queued, and torch follows the kernel.
            stream = int(torch.cuda.current_stream(self._device).cuda_stream)
            # Configuring takes longer than launching: once for each stream is enough.
            key = id(kernel), stream
            if key not in self._configured:
                self._configured[key] = self._configure(kernel, stream, arguments)
            self._configured[key](arguments)

    def _configure(self, kernel: Any, stream: int, arguments: tuple[Any, ...]) -> Callable[..., None]:
        """Return what launches a kernel on a stream when it is given all arguments as one tuple."""
        with warnings.catch_warnings():
            # Few environments make a small grid.
            warnings.simplefilter("ignore")
            launch = kernel[self._blocks, BLOCK, cuda.external_stream(stream)]
        # Numba would look up the types in every launch, and those of named tuples take longer than the rest.
        compiled = kernel.compile(tuple(kernel.typeof_pyval(argument) for argument in arguments))
        return functools.partial(
            compiled.launch,
            griddim=launch.griddim,
            blockdim=launch.blockdim,
            stream=launch.stream,
            sharedmem=launch.sharedmem,
        )
