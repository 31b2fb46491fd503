"""Runs tests of CUDA kernels in Numba's simulator, in a process of their own."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

needs_numba_cuda = pytest.mark.skipif(
    importlib.util.find_spec("numba_cuda") is None, reason="needs numba-cuda: its simulator runs the kernels"
)
_FOLDER = "SIMULATED_RUNS"


def simulate(tests, folder):
    """Run a file of tests in the simulator, which is chosen before numba is imported.

    Returns:
        The finished process, and the folder for the runs that the tests keep.
    """
    switches = {"NUMBA_ENABLE_CUDASIM": "1", "NUMBA_DISABLE_JIT": "1", _FOLDER: str(folder)}
    command = [sys.executable, "-m", "pytest", "-q", "-n0", "-W", "ignore::RuntimeWarning", str(tests)]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, env=os.environ | switches, capture_output=True, text=True, cwd=root)
    return done, folder


def runs_folder():
    """Return the folder for runs, within the simulator."""
    return Path(os.environ[_FOLDER])


def cuda_modules(code):
    """Return the modules of numba.cuda that are loaded once some code has run, in a process of its own."""
    code += "; import sys; print(*(name for name in sys.modules if name.startswith('numba.cuda')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.split()
