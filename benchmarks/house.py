"""How the code reads: density, lengths, folders, and tests that are found by the name of what they test.

    python benchmarks/house.py [FOLDER]

FOLDER is the checkout to measure; this one if left out. Lines of code are those that are neither blank, nor
comments, nor docstrings.
"""

import ast
import io
import itertools
import statistics
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

PACKAGES = ("teacherstudent", "envs", "teachers")
AIMS = {
    "tuple assignments per 1 000 lines of code": "below 8",
    "conditional expressions per 1 000 lines of code": "below 14",
    "comment lines, %": "above 4",
    "files in the fullest folder": "at most 12",
    "source files with a test file in their place, %": "above 75",
    "longest function, lines": "below 60",
    "isinstance of kinds of spaces elsewhere": "at most 7",
    "public functions and methods without a docstring": "0",
}
KINDS = frozenset({"Box", "Discrete", "Examples", "Levels", "Listed", "Parameters"})
"""Kinds of spaces. Code asks `teacherstudent.contract.spaces` for what it needs not for kinds."""
KINDS_LIVE = "teacherstudent/contract/tasks"


@dataclass
class Counts:
    """What is counted over all files."""

    lines: int = 0
    code: int = 0
    comments: int = 0
    packed: int = 0
    conditionals: int = 0
    comprehensions: int = 0
    nested: int = 0
    longest_file: int = 0
    undocumented: int = 0
    functions: list[int] = field(default_factory=list)

    def add(self, source: str) -> None:
        """Count one file."""
        tree = ast.parse(source)
        self.lines += source.count("\n")
        self.longest_file = max(self.longest_file, source.count("\n"))
        commented = comment_lines(source)
        self.comments += len(commented)
        documented = {line for node in ast.walk(tree) for line in docstring_lines(node)}
        text = {number for number, line in enumerate(source.splitlines(), 1) if line.strip()}
        self.code += len(text - documented - commented)
        self.undocumented += sum(1 for _ in undocumented(tree))
        for node in ast.walk(tree):
            self._add_node(node)

    def _add_node(self, node: ast.AST) -> None:
        comprehensions = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Tuple):
            self.packed += isinstance(node.targets[0], ast.Tuple)
        elif isinstance(node, ast.IfExp):
            self.conditionals += 1
        elif isinstance(node, comprehensions):
            self.comprehensions += 1
            inside = (found for child in ast.iter_child_nodes(node) for found in ast.walk(child))
            self.nested += any(isinstance(found, comprehensions) for found in inside)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            self.functions.append(length - len(docstring_lines(node)))


def undocumented(tree: ast.Module) -> Iterator[str]:
    """Yield the names of public functions, and of public methods of public classes, without a docstring.

    What sets a property is documented by what reads it.
    """
    public = [node for node in tree.body if not getattr(node, "name", "_").startswith("_")]
    # A class stands for its methods: what is within a function is nobody's business.
    parts = [node.body if isinstance(node, ast.ClassDef) else [node] for node in public]
    for each in itertools.chain.from_iterable(parts):
        function = isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
        if not function or each.name.startswith("_") or ast.get_docstring(each) is not None:
            continue
        if not any(ast.unparse(one).endswith(".setter") for one in each.decorator_list):
            yield each.name


def looks_at_kinds(tree: ast.Module) -> Iterator[int]:
    """Yield the lines in which `isinstance` is asked for a kind of space."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "isinstance":
            words = {ast.unparse(part).rpartition(".")[2] for part in ast.walk(node.args[1])}
            if words & KINDS:
                yield node.lineno


def kinds_elsewhere(root: Path, files: list[Path]) -> list[str]:
    """Return where code outside the package's spaces looks at kinds of spaces, as ``file:line``."""
    found = []
    for path in files:
        place = path.relative_to(root).as_posix()
        if place.startswith(KINDS_LIVE) or place == f"{KINDS_LIVE.rpartition('/')[0]}/spaces.py":
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found += [f"{place}:{line}" for line in looks_at_kinds(tree)]
    return found


def comment_lines(source: str) -> set[int]:
    """Return the numbers of the lines that hold nothing but a comment."""
    found = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and token.line.lstrip().startswith("#"):
            found.add(token.start[0])
    return found


def docstring_lines(node: ast.AST) -> range:
    """Return the numbers of the lines of a node's docstring; strings below an attribute count too."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        if isinstance(node.value.value, str):
            return range(node.lineno, (node.end_lineno or node.lineno) + 1)
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(node) is not None:
        return docstring_lines(node.body[0])
    return range(0)


def source_files(root: Path) -> Iterator[Path]:
    """Yield the packages' files, each once, whatever links lead to it."""
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            if not any(parent.is_symlink() for parent in path.parents):
                yield path


def mirrored(root: Path, files: list[Path]) -> float:
    """Return the share of files, the faces of packages left out, that have a test file in their place."""
    places = [path.relative_to(root) for path in files if not path.name.startswith("__")]
    below = [Path(*path.parts[1:]) if path.parts[0] == "teacherstudent" else path for path in places]
    return statistics.fmean((root / "tests" / path.parent / f"test_{path.name}").exists() for path in below)


def measure(root: Path) -> dict[str, float]:
    """Return every figure by its name."""
    files = list(source_files(root))
    counts = Counts()
    for path in files:
        counts.add(path.read_text(encoding="utf-8"))
    folders = Counter(path.parent for path in files if path.name != "__init__.py")
    thousand = counts.code / 1000
    return {
        "files": len(files),
        "lines": counts.lines,
        "lines of code": counts.code,
        "tuple assignments per 1 000 lines of code": counts.packed / thousand,
        "conditional expressions per 1 000 lines of code": counts.conditionals / thousand,
        "comprehensions per 1 000 lines of code": counts.comprehensions / thousand,
        "nested comprehensions per 1 000 lines of code": counts.nested / thousand,
        "comment lines, %": 100 * counts.comments / counts.lines,
        "functions": len(counts.functions),
        "longest function, lines": max(counts.functions),
        "longest file, lines": counts.longest_file,
        "folders": len(folders),
        "files in a folder, median": statistics.median(folders.values()),
        "files in the fullest folder": max(folders.values()),
        "source files with a test file in their place, %": 100 * mirrored(root, files),
        "isinstance of kinds of spaces elsewhere": len(kinds_elsewhere(root, files)),
        "public functions and methods without a docstring": counts.undocumented,
    }


def main(words: list[str]) -> int:
    """Print the table."""
    given = [word for word in words if word != "--quick"]
    root = Path(given[0]) if given else Path(__file__).parents[1]
    for name, value in measure(root).items():
        print(f"{name:<50} {value:>10.6g}   {AIMS.get(name, '')}".rstrip())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
