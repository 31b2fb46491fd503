"""The examples on data of one's own run as they stand, and learn; the page says what they print."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted((ROOT / "examples" / "own_data").glob("*.py"))
PAGE = (ROOT / "docs" / "how-to" / "own-data.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("script", SCRIPTS, ids=[path.stem for path in SCRIPTS])
def test_an_example_runs_and_learns(script, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(script)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=tmp_path, env=environment, timeout=280
    )
    assert done.returncode == 0, done.stderr[-2000:]
    last = done.stdout.splitlines()[-1]
    if "r2" in last:
        assert float(re.search(r"r2 ([\d.]+)", last)[1]) > 0.35
    else:
        assert float(re.search(r"([\d.]+) %", last)[1]) > 80
    # Digits may differ between machines, the words may not.
    words = re.sub(r"[\d.]+", "N", last)
    assert words in re.sub(r"[\d.]+", "N", PAGE)
    assert f"examples/own_data/{script.name}" in PAGE
