"""What mkdocs calls while it builds the site (mkdocs.yml, ``hooks``).

- Pages of teachers, families and students are made from the registry (`catalogue`), the reference from a
  list of modules (`reference`), tutorials by running their scripts (`tutorials`).
- Files of the repository that pages link to are taken in (`links`), so that a link works both on the site
  and where the repository is read.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import catalogue
import links
import lists
import reference
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
GENERATED: dict[str, str] = {}
"""Pages that no file holds, by their place on the site."""
NAMES = {folder: catalogue.names(which) for folder, (which, _) in catalogue.PAGES.items()}
TUTORIALS = {
    "first_study": "A first study",
    "own_environment": "Your own environment",
    "own_loop_sb3": "Your own loop: stable-baselines3",
    "own_loop_cleanrl": "Your own loop: CleanRL-style",
    "level_design": "Level design on mazes",
    "classifier_stages": "Stages of an image classifier",
    "noisy_labels": "Noisy labels",
    "run_folder": "Reading a run folder",
}
"""Scripts of docs/tutorials in the order in which one reads them, with their titles in the menu."""
PACKAGE = ("teacherstudent", "teachers", "envs")
COUNTS = {"pages": 0, "links": 0}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Make the generated pages, and put them into the menu where a name in <> stands."""
    GENERATED.clear()
    for folder in catalogue.PAGES:
        GENERATED.update(catalogue.pages(folder, ROOT))
    GENERATED.update(reference.pages())
    menus = {folder: catalogue.navigation(folder, ROOT) for folder in catalogue.PAGES}
    menus["tutorials"] = [{title: f"tutorials/{name}.md"} for name, title in TUTORIALS.items()]
    menus["reference"] = reference.navigation()
    menus["repository"] = [links.site_place(path) for path in sorted(_linked(config)) if path.endswith(".md")]
    config.nav = _filled(config.nav, menus)
    return config


def _filled(menu: Any, menus: dict[str, list[Any]]) -> Any:
    """Return a menu in which names in <> are replaced by their pages."""
    if isinstance(menu, dict):
        return {title: _filled(below, menus) for title, below in menu.items()}
    if isinstance(menu, str) and menu.startswith("<"):
        return menus[menu.strip("<>")]
    if not isinstance(menu, list):
        return menu
    filled: list[Any] = []
    for item in menu:
        new = _filled(item, menus)
        if isinstance(item, str) and isinstance(new, list):
            filled.extend(new)
        else:
            filled.append(new)
    return filled


def _linked(config: MkDocsConfig) -> set[str]:
    """Return the files of the repository outside docs/ that the site shows."""
    docs = Path(config.docs_dir)
    pages = {
        f"docs/{path.relative_to(docs)}": path.read_text(encoding="utf-8") for path in docs.rglob("*.md")
    }
    return links.linked_files(pages, ROOT)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add generated pages, and the files outside docs/ that pages link to."""
    for uri, text in GENERATED.items():
        files.append(File.generated(config, uri, content=text))
    rendered = render_tutorials()
    for path in sorted(rendered.iterdir()):
        uri = f"tutorials/{path.name}"
        if path.suffix == ".md":
            GENERATED[uri] = path.read_text(encoding="utf-8")
        files.append(File.generated(config, uri, abs_src_path=str(path)))
    for path in sorted(_linked(config)):
        files.append(File.generated(config, links.site_place(path), abs_src_path=str(ROOT / path)))
    return files


def render_tutorials() -> Path:
    """Run the tutorials, and return the folder of their pages and pictures.

    They are run again only when a script or the package has changed.
    """
    digest = hashlib.sha256()
    scripts = [ROOT / "docs" / "tutorials" / f"{name}.py" for name in TUTORIALS]
    hooks = ROOT / "docs" / "hooks" / "tutorials.py"
    package = [path for name in PACKAGE for path in sorted((ROOT / name).rglob("*.py"))]
    for path in [*scripts, hooks, *package]:
        digest.update(path.read_bytes())
    out = ROOT / "build" / "tutorials" / digest.hexdigest()[:16]
    # A run that was broken off has left fewer pages.
    if not all((out / f"{name}.md").is_file() for name in TUTORIALS):
        # In a process of their own: this one has loaded NumPy, whose threads are set by then.
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
        command = [sys.executable, str(hooks), str(out)]
        # Two at a time, which is as many cores as the smallest machine has.
        halves = [subprocess.Popen([*command, *map(str, scripts[k::2])], env=environment) for k in range(2)]
        if any([half.wait() for half in halves]):
            raise PluginError("a tutorial has failed; what it raised stands above")
    return out


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead the page's links to the files' places on the site."""
    del config, files
    uri = page.file.src_uri
    COUNTS["pages"] += 1
    COUNTS["links"] += sum(1 for _ in links.targets(markdown))
    if uri in GENERATED:
        return markdown
    path = f"docs/{uri}"
    if uri.startswith("repository/"):
        path = uri.removeprefix("repository/")
    folder = uri.removesuffix(".md")
    if folder in NAMES:
        markdown = links.named_rows(markdown, folder, NAMES[folder])
    if uri in ("which-teacher.md", "coming-from.md"):
        markdown = links.named_tables(markdown, "teachers", NAMES["teachers"])
    return lists.deeper(links.rewritten(markdown, path))


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Refuse lists and tables that are read as prose here, though not where the repository is read."""
    del config, files
    for paragraph in re.findall(r"<p>(.*?)</p>", html, re.S):
        # Code that goes on in the next line may begin with a star.
        if re.search(r"\n(?:[-*] |\d+\. |\| )", re.sub(r"<code>.*?</code>", "", paragraph, flags=re.S)):
            raise PluginError(
                f"{page.file.src_uri}: expected an empty line above a list or table: {paragraph}"
            )
    return html


def on_post_build(config: MkDocsConfig) -> None:
    """Say what was checked."""
    del config
    print(f"{COUNTS['pages']} pages, {COUNTS['links']} links between files checked")  # noqa: T201
