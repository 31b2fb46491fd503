"""The compiled kernels of the CPU."""

from __future__ import annotations

import subprocess
import sys
import time

import numpy as np

from teacherstudent.contract.registry import FAMILIES

USE = """
import time
from teacherstudent.contract.registry import FAMILIES
from teacherstudent.envs.walkers.cpu import start_some, step_all
slots = FAMILIES.make("stump-tracks").make_vec(2)
slots.reset(seed=0)
slots.step([[0.0] * 4] * 2)
for kernel in (start_some, step_all):
    print(sum(kernel.stats.cache_hits.values()), sum(kernel.stats.cache_misses.values()))
"""


def test_a_second_process_compiles_nothing():
    slots = FAMILIES.make("stump-tracks").make_vec(2)
    slots.reset(seed=0)
    slots.step(np.zeros((2, 4)))  # fills the cache
    start = time.perf_counter()
    lines = subprocess.run([sys.executable, "-c", USE], check=True, capture_output=True, text=True).stdout
    assert lines.split("\n")[:2] == ["1 0", "1 0"]
    assert time.perf_counter() - start < 30  # compiling takes a minute
