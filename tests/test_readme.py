"""README and docs: their code runs, links lead somewhere, tables are those of the committed files."""

import importlib.util
import re
import shlex
from pathlib import Path

import pytest

from teacherstudent.cli import _parser
from teacherstudent.contract.registry import FAMILIES, STUDENTS, TEACHERS

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(
    r"^(?:<!-- not run: (?P<why>[^\n]+) -->\n+)?```python\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL
)
FENCED = re.compile(r"^( *)```.*?^\1```$", re.MULTILINE | re.DOTALL)


def load_include():
    """Return docs/include.py as a module."""
    spec = importlib.util.spec_from_file_location("include", ROOT / "docs" / "include.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


include = load_include()
PAGES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in [*include.pages(), *sorted((ROOT / "experiments").rglob("*.md"))]
}
README = PAGES["README.md"]


def blocks():
    """Return every Python block that runs, named by its page and place."""
    found = []
    for page, text in PAGES.items():
        for number, match in enumerate(BLOCK.finditer(text)):
            if not match["why"]:
                found.append(pytest.param(page, match["code"], id=f"{page}-{number}"))
    return found


@pytest.mark.parametrize(("page", "code"), blocks())
def test_examples_run_as_they_stand(page, code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(code, page, "exec"), {"__name__": "readme"})


def test_every_block_of_python_is_seen_and_one_that_does_not_run_says_why():
    for page, text in PAGES.items():
        seen = len(BLOCK.findall(text))
        assert text.count("```python") == seen, page
        marked = re.findall(r"^<!-- not run", text, re.MULTILINE)
        assert len(marked) == sum(1 for match in BLOCK.finditer(text) if match["why"]), page
    assert len(blocks()) >= 7
    (match,) = BLOCK.finditer("Text.\n\n<!-- not run: needs a GPU -->\n```python\n1 / 0\n```\n")
    assert (match["why"], match["code"]) == ("needs a GPU", "1 / 0\n")


def test_a_teacher_costs_at_most_five_lines_in_a_learn_loop():
    codes = [match["code"] for match in BLOCK.finditer(PAGES["docs/how-to/own-training-loop.md"])]
    block = next(code for code in codes if "model.learn" in code)
    plain = ["PPO", "model", "from stable_baselines3"]
    added = [line for line in block.splitlines() if line and not any(line.startswith(p) for p in plain)]
    assert len(added) <= 5


def test_readme_fits_on_a_screen():
    lines = README.splitlines()
    assert len(lines) <= 140
    assert [line for line in lines if len(line) > 120] == []


def test_the_first_two_commands_are_the_main_job_and_the_tests():
    install = 'python3 -m venv .venv && . .venv/bin/activate && pip install -e ".[dev]" && '
    commands = re.findall(r"^```bash\n(.*?)\n```$", README, re.MULTILINE | re.DOTALL)
    assert commands[:2] == [
        install + "python experiments/goal_maze.py",
        install + "python -m pytest -n auto",
    ]


def test_scripts_that_are_named_exist():
    text = "\n".join(PAGES.values())
    scripts = set(re.findall(r"python ((?:experiments|benchmarks|docs)/[\w/]+\.py)", text))
    assert len(scripts) >= 20
    for script in scripts:
        assert (ROOT / script).is_file(), script


def test_commands_are_understood():
    lines = [
        line
        for text in PAGES.values()
        for block in re.findall(r"^```bash\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
        for line in block.splitlines()
        if line.startswith("teacherstudent ")
    ]
    assert len(lines) >= 3
    for line in lines:
        _parser().parse_args(shlex.split(line, comments=True)[1:])


def names(text):
    """Return the names in the first cells of a page's tables."""
    return re.findall(r"`([^`]+)`", "\n".join(re.findall(r"^\| (`[^|]+)\|", text, re.MULTILINE)))


@pytest.mark.parametrize(
    ("page", "registry"), [("teachers", TEACHERS), ("families", FAMILIES), ("students", STUDENTS)]
)
def test_a_page_lists_exactly_what_is_registered(page, registry):
    ours = [e.name for e in registry.entries() if e.target.startswith("teacherstudent.")]  # examples add some
    assert sorted(names(PAGES[f"docs/{page}.md"])) == sorted(ours)


def prose(text):
    """Return a page without its blocks of code."""
    return FENCED.sub("", text)


def headings(text):
    """Return the anchors that GitHub gives a page's headings."""
    titles = re.findall(r"^#+ (.+)$", prose(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    text = re.sub(r"`[^`]*`", "", prose(PAGES[page]))
    for link in re.findall(r"\[[^\]]*\]\(([^)]+)\)", text):
        if link.startswith(("https://", "http://")):
            continue
        target, _, anchor = link.partition("#")
        path = (ROOT / page).parent / target if target else ROOT / page
        assert path.resolve().is_relative_to(ROOT), link
        assert path.exists(), link
        if anchor:
            assert anchor in headings(path.read_text(encoding="utf-8")), link


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page != "CHANGELOG.md"]
)  # which tells of the past
def test_files_that_are_named_exist(page):
    folders = r"(?:\.ci|benchmarks|docs|envs|experiments|teachers|teacherstudent|tests)"
    for span in re.findall(r"`([^`\n]+)`", prose(PAGES[page])):
        for path in re.findall(rf"(?<![\w/.]){folders}/[\w./-]+", span):
            assert (ROOT / path).exists(), path


def test_readme_reaches_every_page():
    reached = {"README.md"}
    waiting = ["README.md"]
    while waiting:
        page = waiting.pop()
        for link in re.findall(r"\]\(([^)#]+\.md)(?:#[^)]*)?\)", prose(PAGES[page])):
            target = str(((ROOT / page).parent / link).resolve().relative_to(ROOT))
            if target not in reached:
                reached.add(target)
                waiting.append(target)
    assert set(PAGES) <= reached


def test_tables_of_results_are_those_of_the_committed_files():
    assert include.main(["--check"]) == 0, "python docs/include.py"
    included = {match["path"] for text in PAGES.values() for match in include.REGION.finditer(text)}
    committed = {str(path.relative_to(ROOT)) for path in (ROOT / "experiments/results").rglob("*.txt")}
    assert included == committed


COMPARISON = """maze: at 10 steps

 teacher   solved
 plr         12.0

maze: compared

 teacher    minus
 plr         -1.0

- maze: a note,
continued.
- Another.
"""


def page_of(folder, text):
    """Return a new page beside a file of results."""
    (folder / "table.txt").write_text(COMPARISON, encoding="utf-8")
    page = folder / "page.md"
    page.write_text(text, encoding="utf-8")
    return page


def test_a_region_is_filled_and_filling_it_again_changes_nothing(tmp_path):
    page = page_of(tmp_path, "Before.\n\n<!-- include: table.txt -->\nold\n<!-- end -->\n\nAfter.\n")
    text = include.filled(page, tmp_path)
    region = f"<!-- include: table.txt -->\n```text\n{COMPARISON.strip()}\n```\n<!-- end -->"
    assert text == f"Before.\n\n{region}\n\nAfter.\n"
    page.write_text(text, encoding="utf-8")
    assert include.filled(page, tmp_path) == text
    page.write_text(text.replace("12.0", "12.1"), encoding="utf-8")
    assert include.filled(page, tmp_path) == text


def test_a_region_holds_some_of_a_file_s_tables(tmp_path):
    page = page_of(tmp_path, '<!-- include: table.txt only "notes" "compared" "maze: c" -->\n<!-- end -->\n')
    assert include.filled(page, tmp_path).splitlines()[1:-1] == [
        "```text",
        "maze: compared",
        "",
        " teacher    minus",
        " plr         -1.0",
        "",
        "- maze: a note,",
        "continued.",
        "- Another.",
        "```",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<!-- include: missing.txt -->\n<!-- end -->\n", "page.md: include missing.txt: expected a file"),
        ("<!-- include: ../outside.txt -->\n<!-- end -->\n", "expected a file of the repository"),
        ('<!-- include: table.txt only "cost" -->\n<!-- end -->\n', 'expected a table with "cost" above it'),
        ("<!-- include: table.txt -->\n", "page.md: expected"),
        ("<!-- include: table.txt only cost -->\n<!-- end -->\n", "page.md: expected"),
        ("<!--include: table.txt -->\n<!-- end -->\n", "page.md: expected"),
        ("<!-- include: table.txt -->\n<!-- include: table.txt -->\n<!-- end -->\n", "page.md: expected"),
        ("<!-- include: page.md -->\n```\n<!-- end -->\n", "expected text without"),
    ],
)
def test_a_wrong_region_is_refused_by_name(tmp_path, text, message):
    (tmp_path / "outside.txt").write_text("secret", encoding="utf-8")
    folder = tmp_path / "root"
    folder.mkdir()
    with pytest.raises(ValueError, match=re.escape(message)):
        include.filled(page_of(folder, text), folder)
