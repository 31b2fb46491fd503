"""Lists as GitHub reads them, for Python-Markdown, which wants four spaces before what belongs to an item."""

from __future__ import annotations

import re

ITEM = re.compile(r"^(?:[-*] |\d+\. )")


def deeper(markdown: str) -> str:
    """Return a page in which paragraphs of list items stand four spaces in; the source has two or three."""
    lines = []
    inside = 0
    after_blank = False
    fenced = False
    second = False
    for line in markdown.splitlines():
        own = line
        if line.startswith("```"):
            fenced = not fenced
        item = ITEM.match(line)
        if item and not fenced:
            # After a second paragraph of the item above, Python-Markdown wants an empty line.
            if second:
                lines.append("")
            inside = len(item[0])
            second = False
        elif inside and line.startswith(" " * inside) and not fenced:
            own = " " * (4 - inside) + line
            second = second or after_blank
        elif after_blank and line:
            # Text at the margin after an empty line ends the list.
            inside = 0
            second = False
        after_blank = not line
        lines.append(own)
    return "\n".join(lines) + "\n"
