import re
from pathlib import Path

from teacherstudent.contract.pages import DOCS, see

ROOT = Path(__file__).parents[2]
CALL = re.compile(r"""see\(["']([^"']+)["']\)""")
FOLDERS = [ROOT / "teacherstudent", ROOT / "envs", ROOT / "teachers"]


def anchors(text):
    """Return the anchors of a page's headings."""
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_every_page_to_which_an_error_sends_is_there():
    sources = [
        path.read_text(encoding="utf-8") for folder in FOLDERS for path in sorted(folder.rglob("*.py"))
    ]
    pages = {page for source in sources for page in CALL.findall(source)}
    assert len(pages) >= 6
    for page in pages:
        name, _, anchor = page.partition("#")
        text = (ROOT / DOCS / name).read_text(encoding="utf-8")
        assert not anchor or anchor in anchors(text), page


def test_a_message_ends_with_the_path_of_the_page():
    assert "expected a seed" + see("concepts.md") == "expected a seed (see docs/concepts.md)"
