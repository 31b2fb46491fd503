"""Kernels on a GPU: which device, and the package that they need."""

from __future__ import annotations

import importlib.util
import sys

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
