from __future__ import annotations

import pytest

from teacherstudent.recording.manifest import check_manifest, check_same
from teacherstudent.recording.recorder import Recorder
from teacherstudent.recording.runs import Run


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": None}, None),
        ({"family": "tracks"}, "family: expected a mapping with a name"),
        ({"extra": object()}, "manifest.extra: expected numbers"),
    ],
)
def test_bad_manifests(tmp_path, synthetic, change, message):
    manifest = synthetic.manifest(**change)
    if message is None:
        del manifest["seed"]
        message = r"missing \['seed'\]"
    with pytest.raises((ValueError, TypeError), match=message):
        Recorder(tmp_path / "run", manifest=manifest)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"manifest.json: expected JSON"),
        ("[]", r"manifest.json: expected a JSON object, got list"),
        ("{}", r"manifest.json: expected the manifest of a run, got one without a format number"),
        ('{"format": 99}', r"manifest.json: expected format 2 or older, got 99; a newer"),
        ('{"format": 1}', r"manifest.json: manifest: expected .* missing \['budget'"),
    ],
)
def test_bad_manifests_are_named(tmp_path, text, message):
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        Run.load(tmp_path)


def test_older_manifests_are_of_the_only_choice_there_was(synthetic):
    found = check_manifest(synthetic.manifest(teacher={"name": "mine"}))
    assert (found["cost_unit"], found["score_name"]) == ("environment steps", "return")
    assert found["teacher"] == {"name": "mine", "options": {}}


def test_the_first_difference_to_the_run_that_is_resumed_is_named(synthetic):
    there = synthetic.manifest(settings={"size": 1})
    check_same(there, synthetic.manifest(budget=9.0, settings={"size": 1}), "here")
    with pytest.raises(ValueError, match=r"^here: seed: expected 0 .*got 1"):
        check_same(there, synthetic.manifest(seed=1, settings={"size": 2}), "here")  # names before settings
    with pytest.raises(ValueError, match=r"^here: settings.*size"):
        check_same(there, synthetic.manifest(settings={"size": 2}, test_set="other"), "here")
    check_same(synthetic.manifest(), synthetic.manifest(settings={"size": 2}), "here")  # an older folder
