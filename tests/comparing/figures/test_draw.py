from __future__ import annotations

import subprocess
import sys

import pytest
from drawn_runs import THREE, write_pair
from gymnasium.spaces import Discrete

from teacherstudent import spaces
from teacherstudent.comparing.compare import compare


def test_all_figures_of_a_plane_are_written(write_run, tmp_path):
    write_pair(write_run)
    paths = compare([tmp_path / "r"], tmp_path / "out", formats=("png", "svg")).figures
    assert sorted(path.name for path in paths) == sorted(
        f"{name}.{kind}"
        for name in ("curves", "learning", "reliability", "sampling", "tasks", "tests", "worst")
        for kind in ("png", "svg")
    )
    for path in paths:
        assert path.read_bytes().startswith(b"\x89PNG" if path.suffix == ".png" else b"<?xml")


@pytest.mark.parametrize(
    "space", [Discrete(3, start=1), spaces.Parameters(only=(0, 1)), THREE], ids=["discrete", "line", "box"]
)
def test_every_space_has_figures(write_run, tmp_path, space):
    write_run("r/0", space=space)
    names = [path.stem for path in compare([tmp_path / "r"], tmp_path / "out").figures]
    assert {"curves", "learning", "tests"} < set(names)


def test_several_settings_get_files_of_their_own(write_run, tmp_path):
    write_run("r/0", family={"name": "walker", "options": {}})
    write_run("r/1", family={"name": "mypkg:Maze", "options": {}})
    names = {path.name for path in compare([tmp_path / "r"], tmp_path / "out").figures}
    assert {"curves-walker.png", "curves-mypkg-Maze.png"} < names


def test_bad_formats(write_run, tmp_path):
    write_run("r/0")
    with pytest.raises(ValueError, match=r"formats: expected some of .*, got \('gif',\)"):
        compare([tmp_path / "r"], tmp_path / "out", formats=("gif",))


def test_nothing_global_is_touched():
    code = "import sys, teacherstudent.comparing.figures.draw; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
