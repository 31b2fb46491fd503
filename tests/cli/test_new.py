import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from teacherstudent.cli import main
from teacherstudent.cli.new import SPACES, Names

ROOT = Path(__file__).parents[2]
SMALL = ["n_envs=4", 'options={"n_steps": 64, "batch_size": 64}']
RUNS = {
    "parameters": ["--family", "windy_walk:windy_walk", "--student-options", *SMALL],
    "discrete": ["--family", "windy_walk:windy_walk", "--student-options", *SMALL],
    "levels": ["--family", "windy_walk:windy_walk", "--student-options", *SMALL],
    "teacher": ["--family", "toy-grid", "--student", "competence"],
    "student": ["--family", "cartpole-parameters", "--student", "windy_walk:WindyWalk"],
}
"""How each kind of file is run."""


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")


def write(kind, *words):
    """Write a file as the kind says, and return the words that a run of it takes."""
    if kind in SPACES:
        return main(["new", "family", "windy-walk", "--space", kind, *words])
    return main(["new", kind, "windy-walk", *words])


def call(*words):
    """Run a program in the current folder, as a user does who has installed the package."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PYTHONSAFEPATH": "1"}
    environment.pop("PYTEST_ADDOPTS", None)
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.mark.parametrize("kind", [*SPACES, "teacher", "student", "experiment"])
def test_what_is_written_passes_its_own_test_and_the_linter(kind):
    assert write(kind) == 0
    said = call(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_windy_walk.py")
    assert " passed" in said
    config = ["--config", str(ROOT / "pyproject.toml"), "--no-cache", "--ignore", "D,I"]
    call(sys.executable, "-m", "ruff", "check", *config, "windy_walk.py", "test_windy_walk.py")


@pytest.mark.parametrize("kind", RUNS)
def test_what_is_written_runs_by_its_name_from_the_folder_where_it_lies(kind):
    write(kind)
    teacher = "random"
    if kind == "teacher":
        teacher = "windy_walk:WindyWalk"
    words = [*RUNS[kind], "--teacher", teacher, "--budget", "1000", "--out", "runs"]
    said = call(sys.executable, "-m", "teacherstudent", "run", *words, "--test-every", "500")
    assert "1 runs: 1 finished" in said


def test_all_is_said_that_is_needed_next(capsys):
    write("levels")
    said = capsys.readouterr().out
    assert "wrote windy_walk.py\nwrote test_windy_walk.py\n" in said
    assert "python -m pytest -q test_windy_walk.py" in said
    assert "teacherstudent run --family windy_walk:windy_walk --teacher random plr --budget 20000 " in said
    assert """--student-options 'options={"n_steps":128,"batch_size":256}'""" in said
    assert main(["new", "teacher", "mine", "--out", "deep/mine_too.py"]) == 0
    said = capsys.readouterr().out
    assert "cd deep\n" in said
    assert "random mine_too:Mine" in said
    assert (Path("deep") / "test_mine_too.py").is_file()


def test_every_line_of_what_is_written_is_documented():
    for kind in (*SPACES, "teacher", "student"):
        write(kind, "--out", f"a_{kind}.py")
        tree = ast.parse(Path(f"a_{kind}.py").read_text(encoding="utf-8"))
        parts = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)]
        assert len(parts) > 4
        for node in parts:
            if not node.name.startswith("_"):
                assert ast.get_docstring(node), f"{kind}: {node.name}"


@pytest.mark.parametrize("there", ["windy_walk.py", "test_windy_walk.py"])
def test_nothing_is_overwritten(capsys, there):
    Path(there).write_text("mine")
    assert write("teacher") == 2
    assert f"{there}: expected no such file yet" in capsys.readouterr().err
    assert [path.read_text() for path in Path().iterdir()] == ["mine"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["teacher", "Windy Walk"], "expected small letters, digits and hyphens, like 'windy-walk'"),
        (["teacher", "../evil"], "expected small letters"),
        (["teacher", "alp-gmm"], "expected one that no teacher of the package has, got 'alp-gmm'"),
        (["family", "random"], "expected one that no installed module has, got 'random'"),
        (["family", "class"], "expected a file that Python can import"),
        (["family", "class", "--out", "fine_file.py"], "expected no word of Python itself, got 'class'"),
        (["student", "mine", "--out", "mine.txt"], "expected a file that Python can import"),
        (["student", "mine", "--out", "my-mine.py"], "expected a file that Python can import"),
        (["teacher", "mine", "--space", "levels"], "--space: expected it with a family alone"),
    ],
)
def test_bad_names_are_refused_and_nothing_is_written(capsys, words, message):
    assert main(["new", *words]) == 2
    assert message in capsys.readouterr().err
    assert not list(Path().iterdir())


def test_names_follow_from_one():
    words = Names("windy-walk-2", Path("a/other.py")).words
    assert words == {
        "name": "windy-walk-2",
        "file": "other.py",
        "module": "other",
        "function": "windy_walk_2",
        "class": "WindyWalk2",
    }
