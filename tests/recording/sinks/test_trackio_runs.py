import importlib.util
import subprocess
import sys
import textwrap

import pytest

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("trackio") is None, reason="the extra trackio is not installed"
)


def test_a_resumed_run_goes_on_in_the_same_run(tmp_path):
    # In a process of its own: the package reads where it writes when it is imported.
    code = f"""
    import os
    os.environ["TRACKIO_DIR"] = {str(tmp_path / "trackio")!r}
    import numpy as np
    from gymnasium.spaces import Discrete
    from teacherstudent import Outcomes, spaces
    from teacherstudent.recording.recorder import Recorder
    from trackio.sqlite_storage import SQLiteStorage

    named = dict.fromkeys(("family", "teacher", "student"), {{"name": "x", "options": {{}}}})
    manifest = {{**named, "seed": 0, "budget": 9, "test_set": "t", "mastered": None,
                "space": spaces.describe(Discrete(2))}}
    score = Outcomes(ids=[-1], tasks=[1], score=[0.5], cost=[1])
    recorder = Recorder("run", manifest=manifest, log=("trackio",))
    recorder.tests(score, spent=1.0, ledger={{}})
    state = recorder.state_dict()
    recorder.close("interrupted")
    recorder = Recorder("run", manifest=manifest, log=("trackio",), resume=state)
    recorder.tests(score, spent=2.0, ledger={{}})
    recorder.close("finished")
    (run,) = SQLiteStorage.get_runs("teacherstudent")
    print([(row["spent"], row["test/return"]) for row in SQLiteStorage.get_logs("teacherstudent", run)])
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    # The package says something of its own when the process ends.
    assert done.stdout.splitlines()[:1] == ["[(1.0, 0.5), (2.0, 0.5)]"], done.stderr[-2000:]
