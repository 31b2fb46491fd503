"""The examples of own loops over environments run as they stand; a teacher is at most five lines of each."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted(path for name in ("rl", "loops") for path in (ROOT / "examples" / name).glob("[!_]*.py"))
NEEDS = {
    "rllib_ppo": ("ray.rllib", "RLlib takes 100 MB of wheels: pip install 'teacherstudent[rllib]'"),
    "sample_factory_appo": ("sample_factory", "Sample Factory wants NumPy 1: an environment of its own"),
    "tianshou_dqn": ("tianshou", "needs Tianshou: pip install tianshou"),
    "torchrl_ppo": ("torchrl", "needs TorchRL: pip install 'teacherstudent[torchrl]'"),
}
"""Which library a script is about, and why it may be missing."""
PAGE = ROOT / "docs" / "how-to" / "own-training-loop.md"


def test_the_examples_are_there():
    assert len(SCRIPTS) >= 12
    assert set(NEEDS) <= {path.stem for path in SCRIPTS}


@pytest.mark.parametrize("script", SCRIPTS, ids=[path.stem for path in SCRIPTS])
def test_an_example_runs(script):
    if script.stem in NEEDS:
        name, reason = NEEDS[script.stem]
        pytest.importorskip(name, reason=reason)
    command = [sys.executable, str(script), "--quick"]
    # Ray would write a token into the home folder.
    environment = {**os.environ, "RAY_AUTH_MODE": "disabled"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip()


@pytest.mark.parametrize("script", SCRIPTS, ids=[path.stem for path in SCRIPTS])
def test_a_teacher_is_at_most_five_lines(script):
    lines = script.read_text(encoding="utf-8").splitlines()
    marked = [line for line in lines if line.endswith(("# teacher", "# changed"))]
    assert 0 < len(marked) <= 5
    # What is not marked works without the package, but for the print of what was learnt.
    names = r"teacherstudent|Teacher[A-Z]|Level[A-Z]|TaskReset"
    ours = re.compile(names + r"|teachers?\.(make|ask|tell|save)|rounds\.(ask|reset|tell|learn)")
    for line in "\n".join(lines).split('"""', 2)[2].splitlines():
        assert line in marked or not ours.search(line), line
    row = re.search(
        rf"\| (\d) \|[^|\n]*\|[^|\n]*\|[^|\n]*\| `examples/{script.parent.name}/{script.name}`",
        PAGE.read_text(encoding="utf-8"),
    )
    assert row, f"{PAGE.name} has no row for {script.name}"
    assert int(row[1]) == len(marked)
