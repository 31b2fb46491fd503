import pytest

from teacherstudent.cli import main
from teacherstudent.contract.registry import FAMILIES, STUDENTS, TEACHERS


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")


def test_list_names_everything_with_a_line(capsys):
    assert main(["list"]) == 0
    shown = capsys.readouterr().out
    for registry in (TEACHERS, FAMILIES, STUDENTS):
        for entry in registry.entries():
            assert entry.name in shown
            assert entry.summary[:40] in shown
            assert len(entry.summary) > 20


def test_a_theme_stands_beside_the_first_of_its_names(capsys):
    assert main(["list"]) == 0
    words = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["bandits", "exp3s"] in [line[:2] for line in words]
    assert ["replay", "accel"] in [line[:2] for line in words]
    assert "plr" in [line[0] for line in words if line]
    assert [line[0] for line in words if line].count("bandits") == 1
    # A folder that holds one family or student alone says nothing more than its name.
    assert "sb3" in [line[0] for line in words if line]
