from pathlib import Path

import numba
import numpy as np
import pytest

from teacherstudent.simulation import kernels
from teacherstudent.simulation.counters import uniform_array
from teacherstudent.simulation.draws import mix, normal, stream_of, uniform


def test_a_kernel_keeps_its_source():
    @kernels.kernel
    def double(x):
        return 2 * x

    assert double(21) == 42
    assert kernels.source_of(double)(21) == 42
    assert kernels.source_of(len) is None


def test_every_source_counts_in_the_stamp():
    names = {name for name, _, _ in kernels.sources_stamp()}
    package = Path(kernels.__file__).parents[1]
    for folder in ("simulation", "envs"):
        assert {path.relative_to(package).as_posix() for path in (package / folder).rglob("*.py")} <= names


def test_compiled_code_is_stamped_with_all_sources():
    cache = mix._cache._cache_file
    assert cache._source_stamp == kernels.sources_stamp()


def test_threads_are_those_that_numba_has():
    available = numba.config.NUMBA_NUM_THREADS
    assert [kernels.thread_count(threads) for threads in (None, 1, available)] == [available, 1, available]
    for threads in (0, available + 1):
        with pytest.raises(ValueError, match=f"threads: expected 1 to {available}, got {threads}"):
            kernels.thread_count(threads)


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
