"""Kernels on a GPU: which device, and the package that they need."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import sys
from types import SimpleNamespace

import pytest
import torch
from cuda_simulator import needs_numba_cuda

from teacherstudent.envs.walkers.stump_tracks import stump_tracks


@needs_numba_cuda
def test_only_cuda_devices():
    with pytest.raises(ValueError, match="device: expected one of type 'cuda', got 'cpu'"):
        stump_tracks().make_tensors(2, torch.device("cpu"))


def test_numba_cuda_is_asked_for(monkeypatch):
    for name in ("simulation.cuda", "slots.cuda", "envs.walkers.cuda"):
        monkeypatch.delitem(sys.modules, f"teacherstudent.{name}", raising=False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match="numba-cuda is missing"):
        stump_tracks().make_tensors(2, torch.device("cuda"))


class Kernel:
    """What numba-cuda compiles, as far as a launch needs it, without a device."""

    def __init__(self):
        self.compiled, self.launched = [], []

    def __getitem__(self, grid):
        blocks, threads, stream = grid
        return SimpleNamespace(griddim=(blocks, 1, 1), blockdim=(threads, 1, 1), stream=stream, sharedmem=0)

    def typeof_pyval(self, argument):
        return type(argument)

    def compile(self, types):
        self.compiled.append(types)
        return SimpleNamespace(launch=self.launch)

    def launch(self, arguments, griddim, blockdim, stream, sharedmem):
        self.launched.append((arguments, griddim, blockdim, stream, sharedmem))


@needs_numba_cuda
def test_types_are_looked_up_once_for_each_stream(monkeypatch):
    """Numba's own launch looks them up each time, which takes longer for named tuples than all the rest."""
    module = importlib.import_module("teacherstudent.simulation.cuda")
    now = SimpleNamespace(cuda_stream=7)
    monkeypatch.setattr(torch.cuda, "device", lambda device: contextlib.nullcontext())
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: now)
    monkeypatch.setattr(module.cuda, "external_stream", lambda stream: f"stream {stream}")
    kernel, launch = Kernel(), module.Launcher(70, torch.device("cuda"))
    launch(kernel, 1, 2.0)
    launch(kernel, 3, 4.0)
    now.cuda_stream = 8
    launch(kernel, 5, 6.0)
    assert kernel.compiled == [(int, float)] * 2
    grid = (3, 1, 1), (32, 1, 1)  # 70 threads in whole blocks
    assert kernel.launched == [
        ((1, 2.0), *grid, "stream 7", 0),
        ((3, 4.0), *grid, "stream 7", 0),
        ((5, 6.0), *grid, "stream 8", 0),
    ]
