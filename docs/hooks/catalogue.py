"""Pages of all registered teachers, families and students, made from the registry and the docstrings."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import commands
import docstrings
import links
from options import factory_docstring, options_section
from sources import Sources, groups, mentions, source_file

from teacherstudent.contract import registry, spaces
from teacherstudent.contract.family import HasEasy, HasTarget, RLFamily

KINDS = {
    "Box": "numbers in a box (`Parameters`)",
    "Parameters": "named training knobs (`Parameters`)",
    "Discrete": "a list (`Discrete`)",
    "Levels": "levels (`Levels`)",
}
"""What the kinds of task spaces are called."""


def entries(which: registry.Registry[Any]) -> list[registry.Entry]:
    """Return what the package itself registers: examples that have run may have added more."""
    return [entry for entry in which.entries() if entry.target.startswith("teacherstudent.")]


def names(which: registry.Registry[Any]) -> list[str]:
    """Return the names that the package itself registers."""
    return [entry.name for entry in entries(which)]


def facts_table(rows: dict[str, str]) -> Iterator[str]:
    """Yield a table of what is to be known at a glance; empty values are left out."""
    yield "| | |"
    yield "|---|---|"
    for name, value in rows.items():
        if value:
            yield f"| {name} | {value} |"
    yield ""


def command_section(command: str) -> Iterator[str]:
    """Yield a block with a command."""
    yield "## Run it"
    yield ""
    yield "```bash"
    yield commands.wrapped(command)
    yield "```"
    yield ""


def text_section(title: str, paragraphs: list[str]) -> Iterator[str]:
    """Yield a section of a docstring's paragraphs, if there are any."""
    if paragraphs:
        yield f"## {title}"
        yield ""
        for paragraph in paragraphs:
            yield docstrings.markdown(paragraph)
            yield ""


def code(items: Any) -> str:
    """Return names as code, in their order, with commas between."""
    return ", ".join(f"`{item}`" for item in items)


def teacher_page(entry: registry.Entry, sources: Sources) -> str:
    """Return the page of a teacher."""
    factory: Any = registry.TEACHERS.get(entry.name)
    said = factory_docstring(factory)
    does, differs = said.split()
    accepts = ", ".join(KINDS[kind.__name__] for kind in factory.accepts)
    rows = {
        "papers": ", ".join(
            f"[{docstrings.address_name(each)}]({each})"
            for each in docstrings.addresses(factory.__doc__ or "")
        ),
        "tasks": accepts,
        "a task lasts for": f"one {factory.granularity}",
        "needs the signals": code(sorted(factory.needs)) or "none",
        "needs, of measured rows": code(sorted(factory.measures)),
        "members of the student": {1: ""}.get(factory.members, str(factory.members)),
        "weighs examples": {True: "yes"}.get(hasattr(factory, "weigh"), ""),
        "source": f"`{source_file(entry.target)}`",
    }
    lines = [f"# {entry.name}", "", docstrings.markdown(said.summary), "", *facts_table(rows)]
    if command := commands.of_teacher(entry.name):
        lines += command_section(command)
    else:
        lines += ["It is made in Python: [teachers](../teachers.md).", ""]
    lines += text_section("What it does", does)
    lines += text_section("What differs from the paper and its code", differs)
    lines += [*options_section(factory), ""]
    lines += _authors_code(sources.references[entry.name])
    if found := list(mentions(entry.name, sources)):
        lines += ["## Seen in", "", *found]
    return "\n".join(lines) + "\n"


def _authors_code(row: list[str]) -> Iterator[str]:
    """Yield what docs/references.md says of the published code."""
    yield "## The authors' code"
    yield ""
    titles = ("published code", "how to have its behaviour", "differs, not to be had")
    yield from facts_table(dict(zip(titles, row, strict=False)))
    yield "What these words mean: [teachers and the code of their authors](../references.md)."
    yield ""


def family_page(entry: registry.Entry, sources: Sources) -> str:
    """Return the page of a family."""
    factory: Any = registry.FAMILIES.get(entry.name)
    said = factory_docstring(factory)
    does, differs = said.split()
    lines = [f"# {entry.name}", "", docstrings.markdown(said.summary), ""]
    lines += facts_table(_family_facts(entry, factory))
    lines += command_section(commands.of_family(entry.name))
    lines += text_section("What it is", does)
    lines += text_section("What differs from the references", differs)
    lines += [*options_section(factory), ""]
    if found := list(mentions(entry.name, sources)):
        lines += ["## Seen in", "", *found]
    return "\n".join(lines) + "\n"


def _family_facts(entry: registry.Entry, factory: Callable[..., Any]) -> dict[str, str]:
    """Return what is to be known of a family at a glance.

    A family that needs files (Fashion-MNIST) is described by its class alone: the site is built without them.
    """
    source = {"source": f"`{source_file(entry.target)}`"}
    try:
        family = factory()
    except FileNotFoundError:
        return {"needs": "a data set: [set up](../how-to/set-up.md#data-sets)", **source}
    students = "`sb3`, `rsl-rl`"
    if not isinstance(family, RLFamily):
        students = f"`{family.usual_student}`"
    described = spaces.describe(family.space)
    accepted = [name for name in names(registry.TEACHERS) if _accepts(name, family)]
    return {
        "tasks": docstrings.cell(_space_text(family.space, described)),
        "test set": f"{len(family.test_tasks())} tasks, `{family.test_set}`",
        "a task is mastered above": "" if family.mastered is None else f"{family.mastered:g}",
        "scores lie between": ""
        if family.score_range is None
        else "{:g} and {:g}".format(*family.score_range),
        "costs are counted in": family.cost_unit,
        "says which tasks are": ", ".join(_says(family)),
        "students": students,
        "teachers that accept its tasks": ", ".join(
            f"[`{name}`](../teachers/{name}.md)" for name in accepted
        ),
        **source,
    }


def _space_text(space: Any, described: dict[str, Any]) -> str:
    """Return a sentence about a task space."""
    ranges = spaces.ranges(space) if isinstance(space, spaces.Parameters) else {}
    if ranges:
        named = ", ".join(f"`{name}` {low:g} to {high:g}" for name, (low, high) in ranges.items())
        return f"{len(ranges)} numbers: {named}"
    if isinstance(space, spaces.Discrete):
        return f"a list of {space.n:,}, from {space.start} on"
    return f"levels, arrays of shape {tuple(space.shape)} ({described['kind']})"


def _says(family: Any) -> Iterator[str]:
    """Yield which further facts of its tasks a family knows."""
    if isinstance(family, HasTarget):
        yield "wanted (`target`)"
    if isinstance(family, HasEasy):
        yield "easy (`easy`)"
    if family.difficulty_step is not None:
        yield "harder (`difficulty_step`)"


def _accepts(name: str, family: Any) -> bool:
    """Return whether a teacher accepts a family's tasks; schedules of knobs look at names as well."""
    factory: Any = registry.TEACHERS.get(name)
    knobs_only = {kind.__name__ for kind in factory.accepts} <= {
        "Parameters"
    } or factory.granularity == "chunk"
    if knobs_only and family.usual_student != "supervised":
        return False
    return isinstance(family.space, factory.accepts)


def student_page(entry: registry.Entry, sources: Sources) -> str:
    """Return the page of a student."""
    del sources
    factory: Any = registry.STUDENTS.get(entry.name)
    said = factory_docstring(factory)
    does, differs = said.split()
    lines = [f"# {entry.name}", "", docstrings.markdown(said.summary), ""]
    lines += facts_table({"source": f"`{source_file(entry.target)}`"})
    lines += command_section(commands.of_student(entry.name))
    lines += _offers(commands.of_student(entry.name))
    lines += text_section("What it does", [*does, *differs])
    lines += options_section(factory)
    return "\n".join(lines) + "\n"


def _offers(command: str) -> Iterator[str]:
    """Yield a table of the signals that the student of a command can report."""
    _, _, student = commands.experiment(command).build()
    offers = student.offers
    student.close()
    yield "## Signals"
    yield ""
    yield "What it can tell teachers of a row, by how long a task binds it, in the run of the command above:"
    yield ""
    yield "| a task lasts for one | signal | unit | |"
    yield "|---|---|---|---|"
    for granularity, signals in offers.items():
        for name, signal in signals.items():
            remarks = []
            if not signal.free:
                remarks.append("computed where it is asked for")
            if not signal.measured:
                remarks.append("not of rows that are only measured")
            yield f"| {granularity} | `{name}` | {signal.unit} | {', '.join(remarks)} |"
    yield ""


PAGES: dict[str, tuple[registry.Registry[Any], Callable[[registry.Entry, Sources], str]]] = {
    "teachers": (registry.TEACHERS, teacher_page),
    "families": (registry.FAMILIES, family_page),
    "students": (registry.STUDENTS, student_page),
}
"""By folder: the registry, and what makes a page."""


def pages(folder: str, root: Path) -> dict[str, str]:
    """Return the pages of a folder by their file in docs/: ``teachers/riac.md``."""
    which, make = PAGES[folder]
    sources = Sources(root)
    found = {f"{folder}/{entry.name}.md": make(entry, sources) for entry in entries(which)}
    # They are written as if they stood in docs/, where their links to results are looked up.
    return {uri: links.rewritten(text, posixpath.join("docs", uri)) for uri, text in found.items()}


def navigation(folder: str, root: Path) -> list[Any]:
    """Return the folder's part of the menu: its overview, then its pages under the overview's headings."""
    overview = Sources(root).overview(folder)
    menu: list[Any] = [f"{folder}.md"]
    for heading, found in groups(overview).items():
        own = [f"{folder}/{name}.md" for name in found]
        if heading:
            menu.append({heading: own})
        else:
            menu.extend(own)
    return menu
