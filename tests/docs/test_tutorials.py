"""Tutorials are scripts: they are cut into cells, run, and rendered with what they print and draw."""

import re
from pathlib import Path

import pytest
import tutorials

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted((ROOT / "docs" / "tutorials").glob("*.py"))
SCRIPT = """# %% [markdown]
# # Title
#
# Text with `code`.
# %%
x = 2
print(f"\\x1b[1m{x}\\x1b[0m")
# %%
# show: one.txt
open("one.txt", "w").write("picture");
import matplotlib.pyplot as plt
plt.plot([x, x + 1]);
"""


def written(folder, text):
    """Return a script in a folder."""
    path = folder / "lesson.py"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_script_is_run_and_rendered(tmp_path):
    page = tutorials.run(written(tmp_path, SCRIPT), tmp_path)
    assert page.startswith('# Title\n\nText with `code`.\n\n```python\nx = 2\nprint(f"')
    assert "```\n\n```text\n2\n```\n" in page
    assert "# show" not in page
    assert re.findall(r"!\[what the code above draws\]\((.*)\)", page) == [
        "lesson-2-file0.txt",
        "lesson-2-figure1.png",
    ]
    assert (tmp_path / "lesson-2-file0.txt").read_text() == "picture"
    assert (tmp_path / "lesson-2-figure1.png").stat().st_size > 1000
    assert (tmp_path / "lesson.md").read_text() == page


def test_a_cell_that_raises_is_named_by_its_line(tmp_path):
    path = written(tmp_path, SCRIPT + "# %%\n\n1 / 0\n")
    with pytest.raises(RuntimeError, match=rf"{path}:14: the cell raised ZeroDivisionError"):
        tutorials.run(path, tmp_path)
    assert not (tmp_path / "lesson.md").exists()


@pytest.mark.parametrize("text", ["", "x = 1\n", "# %%\nx = 1\n", "# %% [markdown]\n# No title.\n"])
def test_a_script_without_a_title_is_refused(text):
    with pytest.raises(ValueError, match="expected a first line"):
        tutorials.cells(text)


@pytest.mark.parametrize("path", SCRIPTS, ids=[path.stem for path in SCRIPTS])
def test_tutorials_are_well_formed(path):
    """The site's build runs them; here their form is checked, which costs nothing."""
    found = tutorials.cells(path.read_text(encoding="utf-8"))
    code = [cell for cell in found if cell.is_code]
    assert len(code) >= 4
    assert len(found) - len(code) >= 4, "expected text between the cells of code"
    for cell in code:
        compile(cell.text, str(path), "exec")


def test_the_quick_one_runs(tmp_path):
    page = tutorials.run(ROOT / "docs" / "tutorials" / "run_folder.py", tmp_path)
    assert "finished at 10000.0" in page
    assert page.rstrip().endswith("True\n```")


def test_every_script_is_in_the_menu():
    text = (ROOT / "docs" / "hooks" / "events.py").read_text(encoding="utf-8")
    listed = re.search(r"^TUTORIALS = \{\n(.*?)^\}", text, re.M | re.S)[1]
    names = re.findall(r'^    "(\w+)":', listed, re.M)
    assert sorted(names) == [path.stem for path in SCRIPTS]
    assert len(names) >= 8
