from pathlib import Path

import numba
import pytest

from teacherstudent.simulation import kernels
from teacherstudent.simulation.draws import mix


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
