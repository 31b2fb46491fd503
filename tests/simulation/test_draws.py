"""Draws of kernels: uniform, normal, and the same as those of arrays."""

from __future__ import annotations

import numba
import numpy as np
import pytest

from teacherstudent.simulation.counters import uniform_array
from teacherstudent.simulation.draws import normal, stream_of, uniform


def test_kernels_and_arrays_draw_the_same_numbers():
    seeds, episodes, draws = (
        np.array([0, 1, 2**40], np.uint64),
        np.array([0, 5, 9]),
        np.array([0, 3, 1 << 20]),
    )
    array = uniform_array(seeds, episodes, draws)
    alone = [uniform(np.uint64(stream_of(s, e)), d) for s, e, d in zip(seeds, episodes, draws, strict=True)]
    assert alone == pytest.approx(array, abs=2**-23)


def test_draws_are_uniform_and_independent():
    streams = [stream_of(np.uint64(seed), episode) for seed in range(40) for episode in range(10)]
    table = np.array([[uniform(np.uint64(stream), draw) for draw in range(50)] for stream in streams], float)
    assert table.min() >= 0
    assert table.max() < 1
    counts = np.histogram(table, 20, (0, 1))[0]
    assert ((counts - 1000) ** 2 / 1000).sum() < 43.8  # chi squared, 19 degrees of freedom: one in a thousand
    for a, b in ((table[:, :-1], table[:, 1:]), (table[:-1], table[1:])):
        assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 0.03
    bells = np.array(
        [[normal(np.uint64(stream), draw) for draw in range(0, 50, 2)] for stream in streams], float
    )
    assert bells.mean() == pytest.approx(0, abs=0.03)
    assert bells.std() == pytest.approx(1, abs=0.03)
    assert (np.abs(bells) < 1.96).mean() == pytest.approx(0.95, abs=0.01)


@numba.njit
def _uniforms(seed, episode, n):
    stream, out = stream_of(seed, episode), np.empty(n, np.float32)
    for i in range(n):
        out[i] = uniform(stream, i)
    return out


@numba.njit
def _normals(seed, n):
    stream, out = stream_of(seed, 0), np.empty(n, np.float32)
    for i in range(n):
        out[i] = normal(stream, 2 * i)
    return out


def test_both_kinds_of_uniform_draws_are_one():
    draws = np.arange(1000)
    array = uniform_array(np.full(1, 7, np.uint64), np.full(1, 3), draws)
    kernel = _uniforms(7, 3, 1000)
    np.testing.assert_allclose(kernel, array, atol=2**-23)
    assert kernel.max() < 1
    assert kernel.min() >= 0


def test_draws_are_uniform_and_differ_by_seed_and_episode():
    first = _uniforms(0, 0, 100_000)
    assert abs(first.mean() - 0.5) < 4 / np.sqrt(12 * 100_000)
    counts = np.histogram(first, 64, (0, 1))[0]
    assert ((counts - 100_000 / 64) ** 2 / (100_000 / 64)).sum() < 63 + 5 * np.sqrt(2 * 63)
    for other in (_uniforms(1, 0, 100_000), _uniforms(0, 1, 100_000)):
        assert abs(np.corrcoef(first, other)[0, 1]) < 0.02


def test_normal_draws_are_normal():
    from scipy.stats import kstest

    assert kstest(_normals(5, 20_000), "norm").pvalue > 1e-3
