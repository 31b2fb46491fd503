"""A family whose tasks the adapters serve."""

import pytest

from teacherstudent import envs


@pytest.fixture
def family():
    return envs.make("cartpole-parameters")
