import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from teacherstudent import envs, students, teachers
from teacherstudent.contract.registry import FAMILIES, STUDENTS, TEACHERS, Entry, Registry
from teacherstudent.teachers.progress.riac import RIAC

ROOT = Path(__file__).parents[2]


def python(code, cwd=ROOT):
    """Run code in a fresh interpreter."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], cwd=cwd, capture_output=True, text=True, check=False
    )


@pytest.fixture
def registry(tmp_path, monkeypatch):
    """A registry over a package of three files, of which one cannot be imported and one is in a folder."""
    package = tmp_path / "shelf_of_things"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "good.py").write_text(
        textwrap.dedent(
            '''
            """Module line."""
            from tests_registry_of_things import THINGS

            @THINGS.register("good")
            class Good:
                """Does good.

                And more.
                """

                def __init__(self, size=1):
                    self.size = size

            @THINGS.register("function")
            def build(size):
                """Builds."""
                return Good(size)

            @OTHERS.register("elsewhere") if False else (lambda x: x)
            class Elsewhere:
                pass
            '''
        )
    )
    (package / "bad.py").write_text(
        'import not_there_at_all\n@THINGS.register("bad")\nclass Bad:\n    """Cannot be imported."""\n'
    )
    for folder in ("below", "__pycache__", "no.package"):
        (package / folder).mkdir()
        (package / folder / "deep.py").write_text(
            "from tests_registry_of_things import THINGS\n"
            f'@THINGS.register("{folder}")\nclass Deep:\n    """Lies deeper."""\n'
        )
    monkeypatch.syspath_prepend(tmp_path)
    things = Registry("thing", "shelf_of_things", "THINGS")
    module = type(sys)("tests_registry_of_things")
    module.THINGS = things
    monkeypatch.setitem(sys.modules, "tests_registry_of_things", module)
    yield things
    for name in [n for n in sys.modules if n.startswith("shelf_of_things")]:
        del sys.modules[name]


def test_files_are_found_by_their_decorator_and_not_imported(registry):
    assert registry.names() == ["bad", "below", "function", "good"]
    assert registry.entries()[3] == Entry("good", "shelf_of_things.good:Good", "Does good.")
    assert registry.entries()[0].summary == "Cannot be imported."
    assert not any(name.startswith("shelf_of_things.") for name in sys.modules)


def test_a_name_is_imported_when_it_is_used(registry):
    assert registry.make("good", size=3).size == 3
    assert registry.make("function", 4).size == 4
    assert registry.get("good") is sys.modules["shelf_of_things.good"].Good
    assert registry.get("below").__module__ == "shelf_of_things.below.deep"
    assert "shelf_of_things.bad" not in sys.modules


def test_a_file_that_cannot_be_imported_says_why(registry):
    with pytest.raises(ValueError, match=r"thing 'shelf_of_things.bad:Bad': .*No module named 'not_there"):
        registry.get("bad")


def test_unknown_names_get_a_suggestion(registry):
    with pytest.raises(ValueError, match=r"unknown thing 'goood' \(did you mean 'good'\?\): expected one of"):
        registry.get("goood")
    with pytest.raises(
        ValueError, match=r"unknown thing 'zzz': expected one of \['bad', 'below', 'function', 'good'\]"
    ):
        registry.get("zzz")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("shelf_of_things.good:Missing", "has no attribute 'Missing'"),
        ("not_a_module:Good", "No module named 'not_a_module'"),
        (":Good", "expected an importable 'module:attribute'"),
        ("shelf_of_things.good:", "expected an importable 'module:attribute'"),
        ("shelf_of_things.good:__doc__", "expected a class or function, got 'Module line.'"),
    ],
)
def test_broken_targets_are_refused(registry, name, message):
    with pytest.raises(ValueError, match=rf"thing '{name}': .*{message}"):
        registry.get(name)


def test_a_target_needs_no_registration(registry):
    assert registry.get("shelf_of_things.good:Elsewhere").__name__ == "Elsewhere"
    assert registry.get("collections:OrderedDict.fromkeys")("ab") == {"a": None, "b": None}


def test_users_register_their_own(registry):
    @registry.register("mine")
    class Mine:
        """My own."""

    assert registry.get("mine") is Mine
    assert [e.summary for e in registry.entries() if e.name == "mine"] == ["My own."]
    assert registry.register("mine")(Mine) is Mine  # again the same: a module that is reloaded

    with pytest.raises(ValueError, match=r"thing 'good': already registered by shelf_of_things.good:Good"):
        registry.register("good")(Mine)


@pytest.mark.parametrize("name", ["", "a:b"])
def test_bad_names_are_refused(registry, name):
    with pytest.raises(ValueError, match="thing name: expected a non-empty name without a colon"):
        registry.register(name)


def test_the_packages_are_front_doors_of_the_registries():
    assert teachers.get("riac") is TEACHERS.get("riac") is RIAC
    assert teachers.make is not None
    assert envs.names() == FAMILIES.names()
    assert students.names() == STUDENTS.names()
    assert teachers.get("teacherstudent.teachers.progress.riac:RIAC") is RIAC
    with pytest.raises(ValueError, match=r"unknown teacher 'rica' \(did you mean 'riac'\?\)"):
        teachers.make("rica", None)


def test_every_registered_thing_has_a_line_and_can_be_imported():
    for registry in (TEACHERS, FAMILIES, STUDENTS):
        assert registry.names()
        for entry in registry.entries():
            assert 10 < len(entry.summary) < 120, entry
            assert callable(registry.get(entry.name))
            module = registry.get(entry.name).__module__
            assert entry.target.startswith(module + ":"), entry


def test_listing_imports_no_teacher_family_or_student():
    result = python(
        """
        import sys
        from teacherstudent import envs, students, teachers
        assert "riac" in teachers.names() and "toy-grid" in envs.names() and "competence" in students.names()
        teachers.entries(), envs.entries(), students.entries()
        packages = ("teacherstudent.teachers.", "teacherstudent.envs.", "teacherstudent.students.")
        loaded = {n for n in sys.modules if n.startswith(packages)} - {"teacherstudent.envs.gymnasium_ids"}
        heavy = [n for n in ("torch", "numba", "stable_baselines3", "Box2D", "sklearn") if n in sys.modules]
        assert not loaded and not heavy, (loaded, heavy)
        teachers.get("random")
        loaded = {n for n in sys.modules if n.startswith(packages)} - {"teacherstudent.envs.gymnasium_ids"}
        assert loaded == {"teacherstudent.teachers.random"}
        """
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("package", ["envs", "teachers"])
def test_packages_refuse_other_names(package):
    result = python(f"import {package}")
    assert result.returncode != 0
    assert f"ImportError: import this package as teacherstudent.{package}, not as {package}" in result.stderr
    assert python(f"import {package}.random").returncode != 0


def test_a_theme_is_the_folder_where_a_name_lives():
    themes = {entry.name: TEACHERS.theme(entry) for entry in TEACHERS.entries()}
    assert (themes["exp3s"], themes["accel"], themes["random"]) == ("bandits", "replay", "")
