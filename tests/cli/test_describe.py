import sys

import pytest

from teacherstudent.cli import main
from teacherstudent.cli.docstrings import options
from teacherstudent.contract.registry import FAMILIES, STUDENTS, TEACHERS


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")


def described(capsys, name):
    assert main(["describe", name]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("registry", [TEACHERS, FAMILIES, STUDENTS], ids=lambda registry: registry.kind)
def test_everything_registered_is_described_with_all_of_its_options(registry, capsys):
    for entry in registry.entries():
        shown = described(capsys, entry.name)
        assert shown.startswith(f"{registry.kind} {entry.name}\n{entry.summary}")
        for option in options(registry.get(entry.name)):
            assert f"\n{option.name} " in shown


def test_a_teacher_says_its_spaces_its_signals_and_how_an_option_is_given(capsys):
    shown = described(capsys, "accel")
    assert "Spaces: Box, Levels" in shown
    assert "Signals of every row: episodes" in shown
    assert "--teacher-options score=..." in shown
    # The docstring of ACCEL says "as of `PLR`", which would tell a reader nothing.
    assert "as of `PLR`" not in shown


def test_a_class_of_a_file_in_the_current_folder_is_described(tmp_path, monkeypatch, capsys):
    (tmp_path / "near_here.py").write_text('class Own:\n    """Mine."""\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", list(sys.path))
    assert described(capsys, "near_here:Own").startswith("near_here:Own\nMine.")


def test_a_misspelt_name_brings_the_nearest_of_any_kind(capsys):
    for wrong, right in (("rica", "riac"), ("stumptracks", "stump-tracks"), ("clasifier", "classifier")):
        assert main(["describe", wrong]) == 2
        assert f"unknown name '{wrong}' (did you mean '{right}'?)" in capsys.readouterr().err
