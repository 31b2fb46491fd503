import importlib
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def parse(monkeypatch):
    """The benchmark's command line, from its words."""
    monkeypatch.syspath_prepend(str(FOLDER))
    stages = importlib.import_module("stages")

    def parsed(*words):
        monkeypatch.setattr("sys.argv", ["stages.py", *words])
        return stages._parse()

    return parsed


@pytest.mark.parametrize("sizes", [["28"], ["28", "28"]])
def test_one_size_is_nothing_to_compare(parse, sizes, capsys):
    with pytest.raises(SystemExit) as stopped:
        parse("--sizes", *sizes)
    assert stopped.value.code == 2
    assert f"--sizes: expected at least two different sizes, got {' '.join(sizes)}" in capsys.readouterr().err


def test_two_sizes_are_enough(parse):
    assert parse("--sizes", "16", "28").sizes == [16, 28]
