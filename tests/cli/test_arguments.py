import argparse
import sys

import pytest

from teacherstudent.cli.arguments import import_from_here, option


def test_a_value_is_json_or_text():
    assert option("n=3") == ("n", 3)
    assert option('sizes={"a": [1]}') == ("sizes", {"a": [1]})
    assert option("variant=paper") == ("variant", "paper")
    assert option("rule=a=b") == ("rule", "a=b")
    for wrong in ("n", "=3"):
        with pytest.raises(argparse.ArgumentTypeError, match="expected KEY=VALUE"):
            option(wrong)


def test_files_of_the_current_folder_are_found_last_and_only_for_names_of_modules(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = list(sys.path)
    import_from_here(["random", "sb3"])
    assert sys.path == before
    import_from_here(["random", "mine:Family"])
    import_from_here(["mine:Family"])
    assert sys.path == [*before, str(tmp_path)]
