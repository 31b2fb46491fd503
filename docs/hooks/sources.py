"""What of the repository the generated pages draw on beside the registry: overviews, results, experiments."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path


@dataclass(frozen=True)
class Sources:
    """What of the repository the pages draw on beside the registry.

    Attributes:
        root: the repository.
    """

    root: Path

    @cached_property
    def results(self) -> dict[str, str]:
        """Pages of results by their file in docs/."""
        folder = self.root / "docs" / "results"
        return {
            f"results/{path.name}": path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.md"))
        }

    @cached_property
    def scripts(self) -> dict[str, str]:
        """The experiments by their file."""
        folder = self.root / "experiments"
        found = [*sorted(folder.glob("[!_]*.py")), *sorted((folder / "suite").glob("[!_]*.py"))]
        return {str(path.relative_to(self.root)): path.read_text(encoding="utf-8") for path in found}

    @cached_property
    def references(self) -> dict[str, list[str]]:
        """Of each teacher what docs/references.md says of its authors' code: the cells of its row."""
        text = (self.root / "docs" / "references.md").read_text(encoding="utf-8")
        rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| `")]
        found: dict[str, list[str]] = {}
        code = ""
        for first, published, *more in rows:
            # A row that says "the same" means the code of the row above it.
            code = published.replace("the same", code)
            for name in re.findall(r"`([^`]+)`", first):
                found[name] = [code, *more]
        return found

    def overview(self, folder: str) -> str:
        """Return the overview page of teachers, families or students."""
        return (self.root / "docs" / f"{folder}.md").read_text(encoding="utf-8")


def groups(overview: str) -> dict[str, list[str]]:
    """Return the names in the tables of an overview page by the heading above them, in the page's order."""
    found: dict[str, list[str]] = {}
    heading = ""
    for line in overview.splitlines():
        if line.startswith("## "):
            heading = line.removeprefix("## ")
        elif line.startswith("| `"):
            first_cell = line.strip("| ").partition(" | ")[0]
            found.setdefault(heading, []).extend(re.findall(r"`([^`]+)`", first_cell))
    return found


def source_file(target: str) -> str:
    """Return the file of a registered name, from the root of the repository."""
    path = target.partition(":")[0].replace(".", "/") + ".py"
    for folder in ("teachers", "envs"):
        path = path.replace(f"teacherstudent/{folder}/", f"{folder}/")
    return path


def mentions(name: str, sources: Sources) -> Iterator[str]:
    """Yield lines that say where results of a name are, which scripts run it, and figures of it."""
    # In tables a name stands first in its line; in prose it is code.
    pattern = re.compile(rf"`{re.escape(name)}`|^ {re.escape(name)}\s", re.M)
    pages = [page for page, text in sources.results.items() if pattern.search(text)]
    titles = [
        f"[{sources.results[page].partition(chr(10))[0].lstrip('# ')}](../{page})"
        for page in pages
        if page != "results/README.md"
    ]
    if titles:
        yield f"- Results: {', '.join(titles)}."
    quoted = re.compile(rf"""["']{re.escape(name)}["']""")
    scripts = [f"`python {path}`" for path, text in sources.scripts.items() if quoted.search(text)]
    if scripts:
        yield f"- Studies with it: {', '.join(scripts)}."
    for path in sorted((sources.root / "experiments" / "results").rglob(f"sampling-{name}.png")):
        yield ""
        # The page stands in docs/teachers/: two folders up is the root.
        yield f"![what {name} sampled over time](../../{path.relative_to(sources.root)})"
