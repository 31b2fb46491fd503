"""Read docstrings in Google's style, and turn their text into Markdown."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass, field

SECTIONS = ("Args", "Attributes", "Raises", "Returns", "Yields")
DEVIATIONS = re.compile(r"^(?:Deviations?\b|``variant=|Where the references differ)")
"""How a paragraph begins that says what differs from a paper or from its code."""


@dataclass
class Docstring:
    """A docstring in parts.

    Attributes:
        summary: its first line.
        paragraphs: the others before the first section, as they stand.
        sections: by title, the entries of the sections: text by name.
    """

    summary: str = ""
    paragraphs: list[str] = field(default_factory=list)
    sections: dict[str, dict[str, str]] = field(default_factory=dict)

    def split(self) -> tuple[list[str], list[str]]:
        """Return the paragraphs that say what it does, and those that say what differs from the paper.

        A list goes with the paragraph above it.
        """
        does: list[str] = []
        differs: list[str] = []
        current = does
        for paragraph in self.paragraphs:
            if DEVIATIONS.match(paragraph):
                current = differs
            elif not re.match(r"^(?:- |\d+\. )", paragraph):
                current = does
            current.append(paragraph)
        return does, differs


def parse(text: str) -> Docstring:
    """Return a docstring in parts.

    Args:
        text: as ``__doc__`` has it.
    """
    blocks = re.split(r"\n\s*\n", inspect.cleandoc(text))
    found = Docstring(summary=" ".join(blocks[0].split()))
    for block in blocks[1:]:
        title, _, rest = block.partition("\n")
        if title.rstrip(":") in SECTIONS and title.endswith(":"):
            found.sections[title.rstrip(":")] = _entries(rest)
        else:
            found.paragraphs.append(block)
    return found


def _entries(text: str) -> dict[str, str]:
    """Return the entries of a section; what is indented further goes on with the entry above it."""
    found: dict[str, str] = {}
    names: list[str] = []
    for line in inspect.cleandoc("\n" + text).splitlines():
        if line.startswith(" "):
            said = " " + line.strip()
        else:
            # One entry may be of several names: "replay, min_fill: as of `PLR`."
            heads, _, said = line.partition(": ")
            names = heads.split(", ")
        for name in names:
            found[name] = (found.get(name, "") + said).strip()
    return found


def markdown(text: str) -> str:
    """Return a docstring's text as Markdown: code in single backticks, no HTML."""
    text = text.replace("``", "`")
    parts = re.split(r"(`[^`]+`)", text)
    # Every second part is code, in which Markdown escapes by itself.
    for i in range(0, len(parts), 2):
        parts[i] = parts[i].replace("<", "&lt;").replace(">", "&gt;")
    return "".join(parts)


def cell(text: str) -> str:
    """Return a text for a cell of a table, where a bar would end the cell."""
    return markdown(" ".join(text.split())).replace("|", "\\|")


def addresses(text: str) -> list[str]:
    """Return the web addresses of a text, each once, in their order."""
    found = re.findall(r"https?://[^\s`),;]+", text)
    return list(dict.fromkeys(address.rstrip(".") for address in found))


def address_name(address: str) -> str:
    """Return what a link to an address is called: ``arXiv:1910.07224``."""
    arxiv = re.fullmatch(r"https://arxiv\.org/abs/(\S+)", address)
    if arxiv:
        return f"arXiv:{arxiv[1]}"
    return re.sub(r"^https?://(?:www\.)?", "", address)
