import sys
from dataclasses import replace
from pathlib import Path

import paced
import pytest

from teacherstudent.running.engines.surroundings import surroundings


@pytest.fixture
def needs(tmp_path, monkeypatch):
    paced.write(tmp_path, monkeypatch)
    runs = [(paced.experiment(seed), tmp_path / "runs" / "toy-grid" / str(seed)) for seed in (0, 1)]
    with surroundings(runs) as found:
        yield found


def test_this_machine_lacks_nothing_and_no_folder_is_made(needs, tmp_path):
    assert needs.modules == ("paced_student",)
    assert (needs.missing(), needs.differs()) == ("", "")
    # The mark is in the nearest folder that is there.
    assert Path(needs.mark).parent == tmp_path
    assert not (tmp_path / "runs").exists()


def test_the_mark_goes_with_the_block(tmp_path):
    with surroundings([(paced.experiment(), tmp_path / "a")]) as found:
        assert Path(found.mark).exists()
    assert not Path(found.mark).exists()
    assert f"{tmp_path} is not the folder there that it is here" in found.missing()


@pytest.mark.parametrize(
    ("name", "words"),
    [("dir", "there is no folder /none, where this was started"), ("init_main_from_path", "no script /none")],
)
def test_a_machine_without_the_folder_or_the_script_is_named(needs, name, words):
    found = replace(needs, like={**needs.like, name: "/none"}).missing()
    assert words in found
    assert "all machines share" in found


def test_a_module_is_looked_for_where_the_first_machine_has_it_and_not_imported(needs, tmp_path):
    (tmp_path / "loud.py").write_text("raise SystemExit\n")
    sys.path.remove(str(tmp_path))
    there = replace(needs, modules=("loud",))
    assert there.missing() == ""
    elsewhere = replace(there, like={**needs.like, "sys_path": []})
    assert "the module 'loud' cannot be imported (there is no such module)" in elsewhere.missing()
    inside = replace(there, modules=("nowhere.at_all",)).missing()
    assert "the module 'nowhere.at_all' cannot be imported (ModuleNotFoundError" in inside


def test_other_versions_are_named(needs):
    other = replace(needs, versions={**needs.versions, "numpy": "1.0"})
    assert other.differs().endswith("instead of 1.0")
    assert other.differs().startswith("numpy ")
