import json
import subprocess
import sys

import pytest

from teacherstudent.running.engines.work import FAILED, INTERRUPTED, NOT_STARTED, ending_of

DRIVER = """
import json
import sys
from teacherstudent.running.engines.work import preparation

WHO = __name__

if __name__ == "__main__":
    sys.path.append("of-the-driver")
    print(json.dumps(preparation()))
"""
NODE = """
import json
import sys
from teacherstudent.running.engines.work import become

sys.path.append("of-the-node")
become(json.loads(sys.argv[1]))
print(sys.modules["__main__"].WHO, [path for path in sys.path if path.startswith("of-")])
"""


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        (0, "finished", ""),
        (FAILED, "failed", "Traceback\n"),
        (INTERRUPTED, "interrupted", ""),
        (NOT_STARTED, "not started", ""),
        (7, "died", "the process ended with code 7; see standard error"),
        (-9, "died", "the process was killed by signal 9"),
    ],
)
def test_an_exit_code_says_how_a_run_ended(tmp_path, code, status, error):
    if status == "failed":
        (tmp_path / "crash.txt").write_text(error)
    found = ending_of(code, tmp_path)
    assert (found.status, found.error) == (status, error)


def test_a_process_elsewhere_has_the_script_and_the_paths_of_the_first(tmp_path):
    (tmp_path / "script.py").write_text(DRIVER)
    like = output(str(tmp_path / "script.py"))
    # Nothing but paths: what guards this process's pipes is not among them.
    assert set(json.loads(like)) == {"dir", "sys_path", "init_main_from_path"}
    # The script is there, but what stands below `if __name__ == "__main__"` did not run again.
    assert output("-c", NODE, like) == "__mp_main__ ['of-the-node', 'of-the-driver']\n"


def output(*words):
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
