"""Links of the site: to files of the repository outside docs/, and from names in tables to their pages."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

CODE = re.compile(r"^(?P<indent> *)(?P<fence>```+).*?^(?P=indent)(?P=fence) *$|`[^`\n]+`", re.M | re.S)
"""Blocks of code and code in a line, in which nothing is a link."""
LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")
SHOWN = (".md", ".png", ".gif", ".svg", ".csv", ".txt", ".py")
"""Kinds of files outside docs/ that the site takes in where a page links to them."""


def outside_code(markdown: str, change: Callable[[str], str]) -> str:
    """Return a page of which ``change`` has rewritten all that is no code."""
    parts = []
    end = 0
    for match in CODE.finditer(markdown):
        parts += [change(markdown[end : match.start()]), match[0]]
        end = match.end()
    return "".join([*parts, change(markdown[end:])])


def targets(markdown: str) -> Iterator[str]:
    """Yield what a page's links lead to, but for other sites and places on the page itself."""
    found: list[str] = []

    def note(text: str) -> str:
        found.extend(match["target"] for match in LINK.finditer(text))
        return text

    outside_code(markdown, note)
    for target in found:
        if not target.startswith(("https://", "http://", "mailto:", "#")):
            yield target


def place(target: str, page: str) -> str:
    """Return which file of the repository a link means, named from the root, without its anchor.

    Args:
        target: as it stands in the link.
        page: the file that the link stands in, from the root: ``docs/concepts.md``.
    """
    return posixpath.normpath(posixpath.join(posixpath.dirname(page), target.partition("#")[0]))


def site_place(path: str) -> str:
    """Return where the site has a file of the repository: ``docs/`` is its root."""
    # The repository's front page and the site's say the same.
    if path == "README.md":
        return "index.md"
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    return f"repository/{path}"


def linked_files(pages: Mapping[str, str], root: Path) -> set[str]:
    """Return the files outside docs/ that pages link to, and those that these link to in turn.

    Args:
        pages: text by path from the root.
        root: the repository.

    Raises:
        ValueError: if a link leads to no file, or to one that the site cannot show.
    """
    found: set[str] = set()
    waiting = dict(pages)
    while waiting:
        page, text = waiting.popitem()
        for target in targets(text):
            path = place(target, page)
            if path.startswith("docs/") or path in found or path == "README.md":
                continue
            if not (root / path).is_file() or not path.endswith(SHOWN):
                raise ValueError(
                    f"{page}: expected links to files {SHOWN}, which the site shows, got {target}"
                )
            found.add(path)
            if path.endswith(".md"):
                waiting[path] = (root / path).read_text(encoding="utf-8")
    return found


def rewritten(markdown: str, page: str) -> str:
    """Return a page with links that lead to the same files on the site.

    Args:
        markdown: its text.
        page: its file, from the root of the repository.
    """
    here = posixpath.dirname(site_place(page))

    def link(match: re.Match[str]) -> str:
        target = match["target"]
        if target.startswith(("https://", "http://", "mailto:", "#")):
            return match[0]
        _, hash_sign, anchor = target.partition("#")
        new = os.path.relpath(site_place(place(target, page)), here or ".")
        return f"]({new}{hash_sign}{anchor})"

    return outside_code(markdown, lambda text: LINK.sub(link, text))


def named_rows(markdown: str, folder: str, names: Collection[str]) -> str:
    """Return a page in whose tables the names in first cells are links to their own pages.

    Args:
        markdown: the page, which stands beside the folder.
        folder: where the pages of the names are: ``"teachers"``.
        names: those that have one.
    """
    return re.sub(r"^\| `[^|]+\|", lambda row: _named(row[0], folder, names), markdown, flags=re.M)


def named_tables(markdown: str, folder: str, names: Collection[str]) -> str:
    """Return a page in whose tables all names are links to their pages (arguments as `named_rows`)."""
    return re.sub(r"^\|.*\|$", lambda row: _named(row[0], folder, names), markdown, flags=re.M)


def _named(text: str, folder: str, names: Collection[str]) -> str:
    """Return a text in which names are links; those that stand in a link already stay as they are."""

    def link(match: re.Match[str]) -> str:
        name = match["name"]
        if name not in names:
            return match[0]
        return f"[`{name}`]({folder}/{name}.md)"

    return re.sub(r"(?<!\[)`(?P<name>[^`]+)`", link, text)
