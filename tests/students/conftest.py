import pytest

from teacherstudent import envs


@pytest.fixture(scope="module")
def cartpole():
    return envs.make("cartpole-parameters")
