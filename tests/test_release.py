"""A release: its version in three places, and what is in it."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import teacherstudent
from teacherstudent.cli import main

ROOT = Path(__file__).parents[1]


def test_the_version_is_the_same_wherever_it_stands(capsys):
    version = teacherstudent.__version__
    assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (\S+)", changes, re.MULTILINE)
    assert headings[0] == version
    assert headings == sorted(
        headings, key=lambda text: [int(part) for part in text.split(".")], reverse=True
    )
    cited = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.findall(r"^version: (.*)$", cited, re.MULTILINE) == [version]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert "version" not in project["project"]
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "teacherstudent.__version__"}
    # argparse ends the program where it has said its version.
    code = None
    try:
        main(["--version"])
    except SystemExit as ending:
        code = ending.code
    assert (code, capsys.readouterr().out) == (0, f"teacherstudent {version}\n")


def test_the_version_is_read_without_importing_the_package():
    """Whoever builds the package has none of its libraries."""
    code = (
        "import sys; sys.modules['gymnasium'] = None\n"
        "from setuptools.config.expand import read_attr\n"
        f"print(read_attr('teacherstudent.__version__', {{}}, {str(ROOT)!r}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.stdout.strip() == teacherstudent.__version__, done.stderr[-500:]
