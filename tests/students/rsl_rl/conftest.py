"""A family of tensors for students, and tests of GPUs."""

import pytest
import torch
from lines import LineFamily

from teacherstudent.students.rsl_rl import student as rsl_rl


@pytest.fixture(autouse=True)
def _skip_without_gpu(request):
    if request.node.get_closest_marker("gpu") and not torch.cuda.is_available():
        pytest.skip("needs a CUDA device, and torch sees none")


@pytest.fixture
def line(monkeypatch):
    """Return a family of tensors, which the student otherwise takes on a GPU only."""
    monkeypatch.setattr(
        rsl_rl, "make_tensor_envs", lambda family, n, device, **_: family.make_tensors(n, device)
    )
    return LineFamily()
