import subprocess
import sys
from pathlib import Path

import pytest

SHARED = Path(__file__).parents[2] / "shared"

SCRIPT = """
import multiprocessing
import sys

sys.path.insert(0, sys.argv[1])
from faulty import GOOD, faulty
import numpy as np

def started():
    vec = faulty().make_vec(4, processes=2)
    vec.reset(seed=0, options={"task": np.full((4, 1), GOOD)})
    return vec

def forgetful():
    global kept
    kept = started()

if __name__ == "__main__":
    multiprocessing.set_start_method(sys.argv[2])
"""

ENDS = {
    "a variable of the module": "kept = started()",
    "a cycle": "kept = [started()]; kept.append(kept); del kept",
    "an error": "kept = started(); raise ValueError('mine')",
    "a process of a process": "p = multiprocessing.Process(target=forgetful); p.start(); p.join()",
}


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.parametrize("end", ENDS)
def test_python_ends_though_slots_were_not_closed(end, method, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(f"{SCRIPT}    {ENDS[end]}\n")
    done = subprocess.run(
        [sys.executable, script, SHARED, method], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == (1 if end == "an error" else 0), done.stderr
    assert ("ValueError: mine" in done.stderr) == (end == "an error")
