"""``teacherstudent new``: a working file to begin with, and its test beside it."""

from __future__ import annotations

import argparse
import importlib.resources
import importlib.util
import keyword
import re
import string
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from teacherstudent.cli.arguments import Commands
from teacherstudent.contract.registry import FAMILIES, STUDENTS, TEACHERS
from teacherstudent.recording.disk.files import check_file
from teacherstudent.recording.disk.terminal import shown

KINDS = ("family", "teacher", "student", "experiment")
SPACES = ("parameters", "discrete", "levels")
_REGISTRIES = {"family": FAMILIES, "teacher": TEACHERS, "student": STUDENTS}
# PPO's own rounds are as long as such a budget. The braces are doubled for `str.format`.
_SMALL_ROUNDS = """--student-options 'options={{"n_steps":128,"batch_size":256}}'"""
_NEXT = {
    "family": "teacherstudent run --family $module:$function --teacher random {teacher} --budget 20000 "
    f"{_SMALL_ROUNDS}",
    "teacher": "teacherstudent run --family cartpole-parameters --teacher random $module:$class "
    f"--budget 40000 {_SMALL_ROUNDS}",
    "student": "teacherstudent run --family cartpole-parameters --teacher random alp-gmm "
    "--student $module:$class --budget 200000",
    "experiment": "python $file --quick",
}
_FITTING = {"parameters": "alp-gmm", "discrete": "learning-progress", "levels": "plr"}
"""A teacher for each kind of space, to be tried first."""


def add(commands: Commands) -> None:
    """Add the command ``new``."""
    new = commands.add_parser(
        "new", help="write a family, teacher, student or experiment of your own to edit"
    )
    new.add_argument("kind", choices=KINDS, help="what to begin")
    new.add_argument("name", help="its name, in small letters: windy-walk")
    new.add_argument("--out", help="the file to write (default: windy_walk.py); its test goes beside it")
    new.add_argument(
        "--space",
        choices=SPACES,
        help="what a family's tasks are (default: parameters); other kinds take all",
    )
    new.set_defaults(command=write)


@dataclass(frozen=True)
class Names:
    """How one thing is called: in the registry, as a file, as a class and as a function."""

    name: str
    file: Path

    @property
    def words(self) -> dict[str, str]:
        """What stands for ``$name``, ``$module``, ``$class`` and so on in the templates."""
        module = self.file.stem
        parts = self.name.split("-")
        return {
            "name": self.name,
            "file": self.file.name,
            "module": module,
            "function": "_".join(parts),
            "class": "".join(part.capitalize() for part in parts),
        }

    @property
    def test(self) -> Path:
        """The file of the test."""
        return self.file.with_name(f"test_{self.file.name}")


def write(given: argparse.Namespace, console: Console) -> int:
    """Write the file and its test, and print what to do with them."""
    if given.space is not None and given.kind != "family":
        raise ValueError(
            f"--space: expected it with a family alone, got a {given.kind}, which takes any space"
        )
    names = _names(given.kind, given.name, given.out)
    template = given.kind
    space = given.space or SPACES[0]
    if given.kind == "family":
        template = f"family_{space}"
    texts = {names.file: _filled(template, names), names.test: _filled(f"test_{template}", names)}
    for path in texts:
        if path.exists():
            raise FileExistsError(f"{path}: expected no such file yet, so that nothing is overwritten")
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        # "x" fails where another program has just made the file.
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
        console.print(shown(f"wrote {path}"), soft_wrap=True)
    then = string.Template(_NEXT[given.kind]).substitute(names.words).format(teacher=_FITTING[space])
    console.print("\nTry it, then edit it:", style="bold")
    if names.file.parent != Path():
        console.print(shown(f"  cd {names.file.parent}"), soft_wrap=True)
    console.print(shown(f"  python -m pytest -q {names.test.name}"), soft_wrap=True)
    console.print(shown(f"  {then}"), soft_wrap=True)
    return 0


def _names(kind: str, name: str, out: str | None) -> Names:
    """Return the names of what is to be written.

    Raises:
        ValueError: if a name is taken, or is none that Python can import.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise ValueError(f"name: expected small letters, digits and hyphens, like 'windy-walk', got {name!r}")
    if kind in _REGISTRIES and name in _REGISTRIES[kind].names():
        raise ValueError(f"name: expected one that no {kind} of the package has, got {name!r}")
    if out is None:
        out = f"{name.replace('-', '_')}.py"
    file = Path(check_file("--out", out))
    module = file.stem
    if file.suffix != ".py" or not module.isidentifier() or keyword.iskeyword(module):
        raise ValueError(f"--out: expected a file that Python can import, like windy_walk.py, got {out!r}")
    if keyword.iskeyword(name):
        raise ValueError(f"name: expected no word of Python itself, got {name!r}")
    # A file called numpy.py would be imported in the place of NumPy.
    if not file.exists() and importlib.util.find_spec(module) is not None:
        raise ValueError(
            f"name: expected one that no installed module has, got {module!r}: choose another, or "
            "another --out"
        )
    return Names(name, file)


def _filled(template: str, names: Names) -> str:
    """Return a template's text with the names in it."""
    folder = importlib.resources.files("teacherstudent.cli") / "templates"
    text = (folder / f"{template}.txt").read_text(encoding="utf-8")
    return string.Template(text).substitute(names.words)
