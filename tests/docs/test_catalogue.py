"""There is a page for everything registered, with what it must say."""

import re
from pathlib import Path

import catalogue
import links
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def pages():
    """Return all generated pages by their place."""
    return {uri: text for folder in catalogue.PAGES for uri, text in catalogue.pages(folder, ROOT).items()}


def test_everything_registered_has_a_page(pages):
    expected = {
        f"{folder}/{name}.md"
        for folder, (which, _) in catalogue.PAGES.items()
        for name in catalogue.names(which)
    }
    assert set(pages) == expected
    assert len(pages) > 60


def test_a_page_says_what_it_must(pages):
    for uri, text in pages.items():
        assert text.startswith(f"# {Path(uri).stem}\n"), uri
        assert "## Options" in text, uri
        assert "## Run it" in text or uri == "teachers/again.md", uri
        assert "``" not in text.replace("```", ""), uri


def test_links_of_pages_lead_somewhere(pages):
    for uri, text in pages.items():
        for target in links.targets(text):
            path = links.place(target, f"docs/{uri}")
            there = path.removeprefix("docs/")
            outside = there.removeprefix("repository/")
            assert there in pages or (ROOT / path).is_file() or (ROOT / outside).is_file(), (uri, target)


def test_a_teacher_s_page_has_its_paper_signals_deviations_and_results(pages):
    text = pages["teachers/sfl.md"]
    assert "| papers | [arXiv:2408.15099](https://arxiv.org/abs/2408.15099)" in text
    assert re.search(r"\| needs the signals \| `episodes`, `success` \|", text)
    assert "| a task lasts for | one rollout |" in text
    assert "[" in re.search(r"- Results: (.*)", text)[1]
    assert "## What differs from the paper and its code" in pages["teachers/riac.md"]
    assert "sampling-alp-gmm.png" in pages["teachers/alp-gmm.md"]


def test_a_family_s_page_has_its_space_and_teachers(pages):
    text = pages["families/stump-tracks.md"]
    assert "`stump_height` 0 to 3, `obstacle_spacing` 0 to 6" in text
    assert "[`riac`](../teachers/riac.md)" in text
    assert "exp3s" not in text
    assert "[`exp3s`]" in pages["families/parity.md"]
    assert "lerac" not in pages["families/goal-maze.md"]


def test_a_student_s_page_has_its_signals(pages):
    assert "| rollout | `max_return` | return |" in pages["students/sb3.md"]


def test_the_menu_has_every_page_once_under_the_overview_s_headings(pages):
    menu = catalogue.navigation("teachers", ROOT)
    assert menu[0] == "teachers.md"
    below = [page for part in menu[1:] for page in next(iter(part.values()))]
    assert sorted(below) == sorted(uri for uri in pages if uri.startswith("teachers/"))
    assert "Teachers of levels" in {title for part in menu[1:] for title in part}
