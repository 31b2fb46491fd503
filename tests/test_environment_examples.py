"""The examples of environments as families run as they stand, where their packages are installed."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted((ROOT / "examples" / "environments").glob("*.py"))
PAGE = ROOT / "docs" / "how-to" / "environments.md"

NEEDS = {
    "highway_traffic": "highway_env",
    "masked_actions": "sb3_contrib",
    "metaworld_ten": "metaworld",
    "minigrid_levels": "minigrid",
    "point_maze_her": "gymnasium_robotics",
}
"""Packages that are no dependency of ours; those that are large are not in the extra ``dev``."""


def test_the_examples_are_there_and_on_their_page():
    page = PAGE.read_text(encoding="utf-8")
    assert len(SCRIPTS) >= 7
    assert set(NEEDS) <= {script.stem for script in SCRIPTS}
    for script in SCRIPTS:
        assert f"examples/environments/{script.name}" in page, script.name


@pytest.mark.parametrize("script", SCRIPTS, ids=[path.stem for path in SCRIPTS])
def test_an_example_runs(script, tmp_path):
    if script.stem in NEEDS:
        reason = f"{script.name} needs {NEEDS[script.stem]}; what it printed stands in {PAGE.name}"
        pytest.importorskip(NEEDS[script.stem], reason=reason)
    command = [sys.executable, str(script), "--quick"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip()


def test_no_example_defines_a_wrapper_that_the_call_makes_needless():
    """Attributes, arguments and lists need none; the one there is hands options to a maze."""
    found = [
        path.stem for path in SCRIPTS if re.search(r"\(gym\.Wrapper\)", path.read_text(encoding="utf-8"))
    ]
    assert found == ["point_maze_her"]
