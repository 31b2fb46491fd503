"""Imports run one way, packages are complete, and files keep the house rules that a tool can see."""

import ast
import functools
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CODE = ROOT / "teacherstudent"
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(
        [*CODE.rglob("*.py"), *(CODE / "envs").glob("*.py"), *(CODE / "teachers").glob("*.py")]
    )
}
FIRST = {
    "purposes": set(),
    "types": {"purposes"},
    "settings": set(),
    "trust": set(),
    "dimensions": {"purposes", "types"},
    "listed": {"purposes", "types"},
    "spaces": {"purposes", "types", "dimensions", "listed"},
    "saved": {"purposes", "types"},
    "outstanding": {"purposes", "types"},
    "demand": {"purposes", "types"},
    "family": {"purposes", "types", "dimensions", "listed", "spaces", "settings"},
    "teacher": {
        "purposes",
        "types",
        "dimensions",
        "listed",
        "spaces",
        "settings",
        "outstanding",
        "saved",
        "family",
    },
    "student": {"purposes", "types", "demand"},
    "registry": {
        "demand",
        "listed",
        "purposes",
        "types",
        "dimensions",
        "spaces",
        "settings",
        "trust",
        "outstanding",
        "saved",
        "teacher",
        "student",
        "family",
    },
}
"""The project's modules that the first layers may import, even indirectly."""
LATER = ("loop", "plan", "recording", "comparing", "experiment", "cli", "__main__", "testing")
"""Modules that teachers, families and students may not import, even indirectly."""


def imports(path):
    """Return the modules that a file imports anywhere; torch only if it is imported for more than types."""
    found = set()
    for_types = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            for_types |= {
                line for line in map(ast.unparse, node.body) if line.startswith("from torch import")
            }
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and ast.unparse(node) not in for_types:
            assert node.level == 0, f"{path}: relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@functools.cache
def uses(module):
    """Return the project's modules that a module imports itself."""
    return {
        name if name in MODULES else name.rpartition(".")[0]
        for name in imports(MODULES[module])
        if name.split(".")[0] == "teacherstudent"
    }


@functools.cache
def reaches(module):
    """Return the project's modules that are loaded when a module is imported."""
    found, waiting = set(), [module]
    while waiting:
        new = uses(waiting.pop()) - found
        found |= new
        waiting += new
    return frozenset(found)


def inside(package):
    return [name for name in MODULES if name.startswith(f"teacherstudent.{package}.")]


def named(module):
    return "teacherstudent." + module


def test_the_modules_were_found():
    assert {named("types"), named("teachers.riac"), named("envs.toy_grid"), "teacherstudent"} <= set(MODULES)
    assert uses(named("spaces")) == {named("types"), named("dimensions"), named("listed")}
    assert named("types") in reaches(named("teachers.riac"))
    for module in MODULES:
        assert uses(module) <= set(MODULES), module


@pytest.mark.parametrize("module", FIRST)
def test_the_first_layers_import_downwards(module):
    allowed = {named(name) for name in FIRST[module]} | {"teacherstudent"}
    assert reaches(named(module)) <= allowed


@pytest.mark.parametrize(
    ("package", "forbidden"),
    [
        ("teachers", ("envs", "students", "rl")),
        ("envs", ("teachers", "students")),
        ("students", ("teachers",)),
    ],
)
def test_packages_do_not_know_each_other(package, forbidden):
    prefixes = tuple(named(name) for name in (*forbidden, *LATER))
    for module in inside(package):
        wrong = [name for name in reaches(module) if name.startswith(prefixes)]
        assert not wrong, f"{module} must not import {wrong}"


NETWORKS = {"minimax", "paired", "repaired"}
"""Teachers that train a network of their own; the others work without torch."""


def test_teachers_know_no_environment_and_no_model():
    outside = ("stable_baselines3", "Box2D", "gymnasium.envs", "gymnasium.make", "pygame")
    for module in inside("teachers"):
        own = module.rpartition(".")[2] in NETWORKS
        for name in {module, *reaches(module)}:
            forbidden = outside if own else (*outside, "torch")
            wrong = [found for found in imports(MODULES[name]) if found.startswith(forbidden)]
            assert not wrong, f"{module} must not import {wrong} (through {name})"


def test_the_framework_knows_no_algorithm_by_name():
    single = tuple(named(package) + "." for package in ("teachers", "envs", "students"))
    own = (*single, named("testing"))
    for module in MODULES:
        if not module.startswith(own):
            wrong = [name for name in uses(module) if name.startswith((single[0], single[2]))]
            assert not wrong, f"{module} must not import {wrong}"


def test_no_module_imports_itself_by_a_detour():
    assert not [module for module in MODULES if module in reaches(module)]


def test_only_the_entry_point_imports_the_command_line():
    for module in MODULES:
        if module != named("__main__"):
            assert named("cli") not in uses(module), module


def test_packages_have_one_name():
    files = [p for folder in ("tests", "experiments", "benchmarks") for p in (ROOT / folder).rglob("*.py")]
    for path in [*MODULES.values(), *files]:
        wrong = {name.split(".")[0] for name in imports(path)} & {"envs", "teachers", "experiments", "tests"}
        assert not wrong, f"{path}: import teacherstudent.{wrong.pop()} instead"


def test_the_package_list_equals_the_folders():
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    folders = {name for name, path in MODULES.items() if path.name == "__init__.py"}
    assert set(listed["packages"]) == folders
    assert len(listed["packages"]) == len(folders)
    assert listed["package-dir"] == {
        "teacherstudent": "teacherstudent",
        "teacherstudent.envs": "envs",
        "teacherstudent.teachers": "teachers",
    }
    for name in ("envs", "teachers"):
        assert (CODE / name).resolve() == ROOT / name
        assert not [p for p in (ROOT / name).iterdir() if p.is_dir() and p.name != "__pycache__"], (
            "keep it flat"
        )


def test_every_module_says_what_it_is():
    for module, path in MODULES.items():
        first = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").split("\n")[0]
        assert len(first) > 10, module
        assert first.endswith("."), module


def test_no_module_leaves_work_undone():
    for path in MODULES.values():
        assert "NotImplementedError" not in path.read_text(encoding="utf-8"), path


def test_functions_are_compiled_where_a_cache_has_no_folder_too():
    for module, path in MODULES.items():
        if module not in (named("simulation.compiled"), named("simulation.kernels")):  # both see to that
            assert "njit" not in path.read_text(encoding="utf-8"), module


def test_pickle_passes_between_processes_only():
    for module, path in MODULES.items():
        if not module.startswith(named("rl.process_")):  # pipes between a run and its own workers
            assert not {"pickle", "cPickle", "dill", "joblib"} & imports(path), module
