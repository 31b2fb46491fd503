import os

import pytest

from teacherstudent.running.engines.threads import cores, environment, thread_variables

NAMES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


@pytest.mark.parametrize(
    ("said", "threads", "found"),
    [
        ({}, None, ["1", "1", "1", "3"]),
        ({}, 4, ["4", "4", "4", "3"]),
        ({"OMP_NUM_THREADS": "2"}, None, ["2", "2", "2", "3"]),
        ({"OMP_NUM_THREADS": "2", "MKL_NUM_THREADS": "5"}, None, ["2", "2", "5", "3"]),
        ({"OMP_NUM_THREADS": "2", "NUMBA_NUM_THREADS": "7"}, 1, ["1", "1", "1", "7"]),
    ],
)
def test_what_is_asked_for_counts_more_than_the_environment(monkeypatch, said, threads, found):
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    variables = thread_variables(threads, 3)
    assert [variables[name] for name in NAMES] == found


def test_variables_hold_in_the_block_alone(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    with environment({"OMP_NUM_THREADS": "4", "MKL_NUM_THREADS": "4"}):
        assert (os.environ["OMP_NUM_THREADS"], os.environ["MKL_NUM_THREADS"]) == ("4", "4")
    assert os.environ["OMP_NUM_THREADS"] == "2"
    assert "MKL_NUM_THREADS" not in os.environ


def test_there_is_a_core():
    assert 1 <= cores() <= (os.cpu_count() or 1)
