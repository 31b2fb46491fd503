"""What stands elsewhere in the repository is found for each name."""

from pathlib import Path

import sources

ROOT = Path(__file__).parents[2]


def test_names_are_grouped_by_the_headings_of_an_overview():
    page = "# T\n\n| `a` | `x` |\n\n## One\n\n| `b`, `c` | text |\n\n## Two\n\n| `d` | |\n"
    assert sources.groups(page) == {"": ["a"], "One": ["b", "c"], "Two": ["d"]}


def test_a_row_that_says_the_same_has_the_code_of_the_row_above(tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "references.md").write_text(
        "| teacher | code | how | not |\n|---|---|---|---|\n"
        "| `a` | [c](https://c.org), read | x | y |\n| `b`, `d` | the same | z | |\n"
    )
    found = sources.Sources(tmp_path).references
    assert found["a"] == ["[c](https://c.org), read", "x", "y"]
    assert found["b"] == found["d"]
    assert found["b"][:2] == ["[c](https://c.org), read", "z"]


def test_results_and_scripts_that_have_a_name_are_found():
    lines = "\n".join(sources.mentions("robust-plr", sources.Sources(ROOT)))
    assert "(../results/mazes.md)" in lines
    assert "`python experiments/robust_plr.py`" in lines
    assert "experiments/jest.py" not in lines


def test_the_file_of_a_registered_name_is_that_of_the_repository():
    for target, path in {
        "teacherstudent.teachers.progress.riac:RIAC": "teachers/progress/riac.py",
        "teacherstudent.students.competence:CompetenceStudent": "teacherstudent/students/competence.py",
    }.items():
        assert sources.source_file(target) == path
        assert (ROOT / path).is_file()
