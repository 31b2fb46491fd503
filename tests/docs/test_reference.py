"""The reference has all that the root package offers, and says how each is imported."""

import types

import reference

import teacherstudent
from teacherstudent import testing

LISTED = [path for _, _, objects in reference.PAGES.values() for path in objects]


def test_all_that_the_package_offers_is_there_once():
    names = [path.rpartition(".")[2] for path in LISTED]
    assert len(names) == len(set(names))
    offered = {
        name
        for name in teacherstudent.__all__
        if not isinstance(getattr(teacherstudent, name), types.ModuleType)
        and not getattr(teacherstudent, name).__module__.startswith("gymnasium.")
    }
    assert offered | set(testing.__all__) <= set(names)


def test_imports_are_the_shortest_and_run():
    for _, _, objects in reference.PAGES.values():
        lines = reference.imports(objects)
        space = {}
        exec("\n".join(lines), space)
        assert {path.rpartition(".")[2] for path in objects} <= set(space)
    assert reference.imports(("teacherstudent.running.study.Study",)) == ["from teacherstudent import Study"]
    assert reference.imports(("teacherstudent.contract.tasks.dimensions.log",)) == [
        "from teacherstudent.contract.spaces import log"
    ]


def test_every_page_is_in_the_menu_and_in_the_index():
    pages = reference.pages()
    assert set(pages) == {"reference/index.md", *(f"reference/{name}.md" for name in reference.PAGES)}
    menu = reference.navigation()
    assert [menu[0], *(page for part in menu[1:] for page in part.values())] == [
        "reference/index.md",
        *(uri for uri in pages if uri != "reference/index.md"),
    ]
    assert "::: teacherstudent.running.loop.run" in pages["reference/running.md"]
    assert all(f"({name}.md)" in pages["reference/index.md"] for name in reference.PAGES)
