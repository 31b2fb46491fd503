"""Where errors send a reader: the page of the documentation that explains them."""

from __future__ import annotations

DOCS = "docs/"
"""Where the pages are, as a path in the repository: the one place to change if they move."""


def see(page: str) -> str:
    """Return the end of a message, ``" (see docs/how-to/own-environment.md)"``.

    Args:
        page: the page below `DOCS`, with an anchor where one heading explains it all.
    """
    return f" (see {DOCS}{page})"
