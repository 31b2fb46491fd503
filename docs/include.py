"""Fill the marked regions of the Markdown pages with committed text files: no table is copied by hand.

    python docs/include.py [--check]

A region begins with a comment that names a file, from the repository's root, and ends with another comment:

    <!-- include: experiments/results/holm.txt -->
    <!-- end -->

The script writes the file between the two, as a block of code. Of a file that ``compare`` wrote, words in
quotes choose some of the tables: each word is a part of the line above a table. ``"notes"`` chooses the
remarks at the end:

    <!-- include: experiments/results/compare/comparison.txt only "at 602,112" "notes" -->
    <!-- end -->

``--check`` writes nothing; the exit code is 1 where a page differs from its files.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REGION = re.compile(
    r'^<!-- include: (?P<path>\S+)(?: only(?P<only>(?: "[^"\n]+")+))? -->\n'
    r"(?P<body>.*?)^<!-- end -->$",
    re.MULTILINE | re.DOTALL,
)
MARK = re.compile(r"^\s{0,3}<!--\s*(include\b|end\b)", re.MULTILINE)
"""What looks like the first or the last line of a region; four spaces make it an example of one."""


def pages(root: Path = ROOT) -> list[Path]:
    """Return the project's Markdown pages."""
    return [*sorted(root.glob("*.md")), *sorted((root / "docs").rglob("*.md"))]


def tables(text: str) -> dict[str, str]:
    """Return the tables of a comparison by the line above each, in the file's order, and its ``notes``."""
    parts: dict[str, list[str]] = {}
    name = ""
    lines = text.splitlines()
    for line, before, after in zip(lines, ["", *lines], [*lines[1:], ""], strict=False):
        if line.startswith("- ") and not before:
            name = "notes"
        elif line and not line.startswith((" ", "-")) and not before and not after:
            name = line
            while name in parts:  # tables that are continued have their title again
                name += " "
        parts.setdefault(name, []).append(line)
    return {name: "\n".join(part).strip("\n") for name, part in parts.items()}


def chosen(text: str, words: list[str], where: str) -> str:
    """Return the tables whose titles hold one of the words, each once, in the file's order.

    Raises:
        ValueError: if no title holds a word.
    """
    parts = tables(text)
    for word in words:
        if not any(word in title for title in parts):
            raise ValueError(f'{where}: expected a table with "{word}" above it, got {list(parts)}')
    found = [part for title, part in parts.items() if any(word in title for word in words)]
    return "\n\n".join(found)


def region(match: re.Match[str], page: Path, root: Path) -> str:
    """Return a whole region anew, its comments included."""
    path = root / match["path"]
    where = f"{page.name}: include {match['path']}"
    if not path.resolve().is_relative_to(root) or not path.is_file():
        raise ValueError(f"{where}: expected a file of the repository, named from its root")
    text = path.read_text(encoding="utf-8").strip("\n")
    if match["only"]:
        text = chosen(text, re.findall(r'"([^"]+)"', match["only"]), where)
    if "```" in text:
        raise ValueError(f"{where}: expected text without ```, which would end the block of code")
    text = "\n".join(line.rstrip() for line in text.splitlines())
    first = match[0].partition("\n")[0]
    return f"{first}\n```text\n{text}\n```\n<!-- end -->"


def filled(page: Path, root: Path = ROOT) -> str:
    """Return a page with its regions filled.

    Raises:
        ValueError: if a region has no end, names no file of the repository, or a table that is not there.
    """
    text = page.read_text(encoding="utf-8")
    if len(MARK.findall(text)) != 2 * len(REGION.findall(text)):
        raise ValueError(
            f'{page.name}: expected `<!-- include: PATH -->` or `<!-- include: PATH only "WORDS" -->`, each '
            "with a line `<!-- end -->` after it, got another comment of this kind, or one without the other"
        )
    return REGION.sub(lambda match: region(match, page, root), text)


def main(arguments: list[str] | None = None) -> int:
    """Fill the pages, or check them; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 if a page differs")
    check = parser.parse_args(arguments).check
    stale = [page for page in pages() if filled(page) != page.read_text(encoding="utf-8")]
    for page in stale:
        name = page.relative_to(ROOT)
        if check:
            sys.stderr.write(f"{name} differs from the files that it includes: python docs/include.py\n")
        else:
            page.write_text(filled(page), encoding="utf-8")
            sys.stdout.write(f"{name}\n")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
