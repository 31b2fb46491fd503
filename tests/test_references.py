"""docs/references.md says of every teacher which published code there is, and how its behaviour is had."""

import inspect
import re
from pathlib import Path

import pytest

from teacherstudent.contract.registry import TEACHERS

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docs" / "references.md").read_text()
ROWS = [row.strip("| ").split(" | ") for row in TEXT.splitlines() if row.startswith("| `")]
OURS = [entry.name for entry in TEACHERS.entries() if entry.target.startswith("teacherstudent.")]


def test_every_teacher_has_one_row_and_every_row_a_teacher():
    named = [name for row in ROWS for name in re.findall(r"`([^`]+)`", row[0])]
    assert sorted(named) == sorted(OURS)


@pytest.mark.parametrize("name", OURS)
def test_what_has_a_paper_variant_says_so_and_nothing_else(name):
    (row,) = (row for row in ROWS if f"`{name}`" in row[0])
    has = "variant" in inspect.signature(TEACHERS.get(name)).parameters
    assert ('variant="paper"' in " ".join(row[1:])) == has


def test_readme_points_to_the_table():
    assert "(docs/references.md)" in (ROOT / "README.md").read_text()
