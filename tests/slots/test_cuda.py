"""What slots on a GPU share, with tensors on the CPU and a launcher that only takes notes."""

import importlib

import numpy as np
import pytest
import torch
from cuda_simulator import needs_numba_cuda


@pytest.fixture
def slots():
    """Return slots of two numbers each, and a list of what has been launched."""
    module = importlib.import_module("teacherstudent.slots.cuda")
    made = object.__new__(module.CudaSlots)
    launched = []
    made.what, made.num_envs, made.device = "twos", 3, torch.device("cpu")
    made._kernels = module.Kernels(step="step", start="start", lay="lay")
    made._now = {"observation": torch.ones(3, 2), "steps": torch.zeros(3, dtype=torch.int32)}
    made._given = {"actions": torch.zeros(3)}
    made._arguments = {"lay": (1, 2), "start": (3,), "step": (4,)}
    made._results = made._zeros(torch.float32), made._zeros(torch.bool), made._zeros(torch.bool)
    made._launch = lambda *call: launched.append(call)
    return made, launched


@needs_numba_cuda
def test_a_refused_state_changes_nothing(slots):
    made, launched = slots
    state = made.get_state()
    for wrong, message in (
        ({"observation": state["observation"] * 2}, "steps"),
        (
            {"observation": state["observation"] * 2, "steps": np.zeros(2, np.int32)},
            r"steps: .*\(3,\).*\(2,\)",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            made.set_state(wrong)
    assert made._now["observation"].eq(1).all()
    assert not launched


@needs_numba_cuda
def test_a_state_is_a_copy_and_what_follows_from_it_is_laid_anew(slots):
    made, launched = slots
    state, addresses = made.get_state(), [values.data_ptr() for values in made._now.values()]
    made._now["steps"] += 5
    assert state["steps"].tolist() == [0, 0, 0]
    made.set_state(state)
    assert made._now["steps"].tolist() == [0, 0, 0]
    assert [values.data_ptr() for values in made._now.values()] == addresses  # kernels hold them
    assert launched == [("lay", 1, 2)]


@needs_numba_cuda
def test_arguments_are_put_where_kernels_read_them(slots):
    made, launched = slots
    address = made._given["actions"].data_ptr()
    made._put("actions", torch.arange(3.0))
    assert made._given["actions"].tolist() == [0, 1, 2]
    assert made._given["actions"].data_ptr() == address
    for wrong in (torch.zeros(2), torch.zeros(3, device="meta")):
        with pytest.raises(ValueError, match=r"actions: expected shape \(3,\) on cpu, got"):
            made._put("actions", wrong)
    assert made._started() is made._now["observation"]
    assert made._stepped() == (made._now["observation"], *made._results)
    assert launched == [("start", 3), ("step", 4)]
