"""Imports run one way, packages are complete, and files keep the house rules that a tool can see."""

import ast
import functools
import runpy
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CODE = ROOT / "teacherstudent"
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for folder in (CODE, CODE / "envs", CODE / "teachers")  # the last two are links, which no search follows
    for path in sorted(folder.rglob("*.py"))
}
LAYERS = """
contract
recording networks simulation
slots teachers testing comparing
envs running
students
adapters reference cli __main__ __init__
"""
"""What stands in a line imports from its own line and those above it, never from one below."""
NEVER = {
    "teachers": ("slots", "testing", "comparing"),
    "envs": ("teachers", "running", "testing", "comparing"),
    "students": ("teachers", "running", "testing", "comparing"),
    "testing": ("slots", "comparing"),
    "comparing": ("slots", "testing"),
    "slots": ("comparing", "testing"),
}
"""What the layers would allow, even indirectly, but for which there is no reason."""


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


def part(module):
    """Return the folder or file below the root in which a module is."""
    return [*module.split("."), "__init__"][1]


def test_the_modules_were_found():
    known = ("contract.types", "teachers.progress.riac", "envs.toy_grid", "students.sb3.student")
    assert {*map(named, known), "teacherstudent"} <= set(MODULES)
    assert uses(named("contract.spaces")) == {
        named(f"contract.tasks.{name}")
        for name in ("boxes", "dimensions", "keys", "kinds", "levels", "listed")
    }
    assert named("contract.types") in reaches(named("teachers.progress.riac"))
    for module in MODULES:
        assert uses(module) <= set(MODULES), module


def test_layers_import_downwards():
    floor = {name: i for i, line in enumerate(LAYERS.split("\n")) for name in line.split()}
    assert set(map(part, MODULES)) == set(floor)
    for module in MODULES:
        wrong = [name for name in uses(module) if floor[part(name)] > floor[part(module)]]
        assert not wrong, f"{module} must not import {wrong}; the layers, the lowest first:\n{LAYERS}"


@pytest.mark.parametrize("package", NEVER)
def test_packages_do_not_know_each_other(package):
    for module in inside(package):
        wrong = [name for name in reaches(module) if part(name) in NEVER[package]]
        assert not wrong, f"{module} must not import {wrong}"


def test_only_the_entry_points_run_anything():
    """Neither the command line nor what runs experiments is imported by anything that these run."""
    for module in MODULES:
        if part(module) not in ("running", "cli", "__main__", "__init__"):
            wrong = [name for name in uses(module) if part(name) in ("running", "cli")]
            assert not wrong, f"{module} must not import {wrong}"


@pytest.mark.parametrize("package", ["teachers", "envs", "students"])
def test_what_is_run_does_not_write_run_folders(package):
    for module in inside(package):
        names = [name for name in reaches(module) if part(name) == "recording"]
        wrong = [name for name in names if not name.startswith(named("recording.disk"))]
        wrong += {named("contract.accounts.plan"), named("contract.accounts.ledger")} & reaches(module)
        assert not wrong, f"{module} must not import {wrong}"


def test_parts_do_not_import_each_other_in_a_circle():
    """The parts of one line too."""
    direct = {name: set() for name in map(part, MODULES)}
    for module in MODULES:
        direct[part(module)] |= {part(name) for name in uses(module)} - {part(module)}
    while direct:
        ends = [name for name in direct if not direct[name] & set(direct)]
        assert ends, f"a circle among {sorted(direct)}"
        for name in ends:
            del direct[name]


NETWORKS = ("teachers.adversaries.", "teachers.generators.")
"""Teachers that train a network of their own; the others work without torch."""


def test_teachers_know_no_environment_and_no_model():
    outside = ("stable_baselines3", "Box2D", "gymnasium.envs", "gymnasium.make", "pygame")
    for module in inside("teachers"):
        own = module.startswith(tuple(map(named, NETWORKS)))
        for name in {module, *reaches(module)}:
            forbidden = outside if own else (*outside, "torch")
            wrong = [found for found in imports(MODULES[name]) if found.startswith(forbidden)]
            assert not wrong, f"{module} must not import {wrong} (through {name})"


def test_the_framework_knows_no_algorithm_by_name():
    for module in MODULES:
        if part(module) not in (
            "teachers",
            "envs",
            "students",
            "testing",
            "adapters",
            "reference",
            "__init__",
        ):
            wrong = [name for name in uses(module) if part(name) in ("teachers", "students")]
            assert not wrong, f"{module} must not import {wrong}"


def test_no_module_imports_itself_by_a_detour():
    assert not [module for module in MODULES if module in reaches(module)]


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


FOLDERS = sorted({path.parent for path in MODULES.values()})


@pytest.mark.parametrize("folder", FOLDERS, ids=[str(path.relative_to(ROOT)) for path in FOLDERS])
def test_a_folder_is_one_subject(folder):
    """It holds 12 files at most, says what is inside, and no file repeats the folder's name."""
    assert (folder / "__init__.py").exists(), "a folder of the package is a package"
    names = [path.stem for path in folder.glob("*.py") if path.stem != "__init__"]
    assert len(names) <= 12, f"{len(names)} files: split it by themes"
    words = {folder.name, folder.name.removesuffix("s"), folder.name.replace("ies", "y")}
    wrong = [name for name in names if words & {name, *name.split("_")}]
    assert not wrong, f"{folder.name}/ says so already: {wrong}"


AT_THE_ENVIRONMENT = {
    "teacherstudent/slots/gymnasium.py": 1,
    "teacherstudent/slots/wrapping/probe.py": 1,
    "teacherstudent/students/sb3/exported.py": 2,
    "teacherstudent/networks/pixels.py": 9,
    "teacherstudent/students/rsl_rl/policy/actions.py": 2,
    "teacherstudent/students/rsl_rl/policy/greedy.py": 1,
    "teacherstudent/students/sb3/pixels.py": 3,
    "teacherstudent/testing/episodes.py": 1,
}
"""Where code may look at the kind of a space: of observations and actions, which are no task spaces."""


def test_kinds_of_task_spaces_are_looked_at_in_one_place():
    """Elsewhere `teacherstudent.contract.spaces` is asked: for numbers, ends, ranges, or a box."""
    house = runpy.run_path(str(ROOT / "benchmarks" / "house.py"), run_name="house")
    found = house["kinds_elsewhere"](ROOT, list(house["source_files"](ROOT)))
    counts = Counter(place.rpartition(":")[0] for place in found)
    more = {path: n for path, n in counts.items() if n > AT_THE_ENVIRONMENT.get(path, 0)}
    assert not more, f"ask teacherstudent.contract.spaces instead: {sorted(found)}"


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


def test_digests_and_keys_are_made_in_one_place():
    """A second place would in time make other values of the same data."""
    places = {"hashlib": "contract.stored.digests", "crc32(": "contract.stored.digests"}
    places["0x9E3779B9"] = "contract.stored.hashes"
    for word, place in places.items():
        found = [module for module, path in MODULES.items() if word in path.read_text(encoding="utf-8")]
        assert found == [named(place)], word


def test_pickle_passes_between_processes_only():
    for module, path in MODULES.items():
        if not module.startswith(named("slots.processes.")):  # pipes between a run and its own workers
            assert not {"pickle", "cPickle", "dill", "joblib"} & imports(path), module


ADAPTERS = ("adapters.gymnasium", "adapters.vector", "adapters.serving", "adapters.playing")
CORE = ("contract", "recording", "comparing", "running", "testing", "teachers", *ADAPTERS)
"""What a team with a stack of its own uses."""

STUDENTS_NEED = ("torch", "stable_baselines3", "Box2D", "rsl_rl")
HEAVY = (*STUDENTS_NEED, "numba", "scipy.stats", "scipy.spatial", "matplotlib", "sklearn", "tensorboard")
"""Libraries that take longer to load than all of the core: it loads them when it first uses them."""

WITHOUT = """
import importlib, sys
from importlib.abc import MetaPathFinder

class Refuse(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name in sys.argv[1].split(","):
            raise ImportError(name)

sys.meta_path.insert(0, Refuse())
for name in sys.argv[2:]:
    importlib.import_module(name)
"""


def imported_without(libraries, *folders):
    """Import the core's modules, but those in some folders, in a process that has no such libraries."""
    prefixes = tuple(map(named, CORE))
    own = tuple(map(named, folders))
    names = [name for name in MODULES if name.startswith(prefixes) and not name.startswith(own)]
    assert len(names) > 100
    command = [sys.executable, "-c", WITHOUT, ",".join(libraries), *names]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-500:]


def test_the_core_needs_neither_torch_nor_stable_baselines3():
    imported_without(STUDENTS_NEED, *NETWORKS)


def test_heavy_libraries_are_loaded_when_they_are_first_used():
    imported_without(HEAVY, *NETWORKS, "comparing.figures", "comparing.page", "comparing.detail")


def test_helpers_of_tests_are_not_called_as_a_script_is():
    """Both are imported by their bare names: the one that comes first would hide the other."""
    helpers = {path.stem for path in (ROOT / "tests" / "shared").glob("*.py")}
    scripts = {path.stem for folder in ("benchmarks", "experiments") for path in (ROOT / folder).glob("*.py")}
    assert len(helpers) > 20
    assert not helpers & scripts
