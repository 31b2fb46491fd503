from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from teacherstudent.recording.disk import plain


def test_plain_values():
    value = {
        "array": np.array([[1.0, np.nan], [np.inf, 2.0]]),
        "whole": np.arange(3, dtype=np.uint8),
        "scalars": (np.float32(0.5), np.int64(3), np.bool_(True), None, "x", float("nan")),
        "set": {3, 1},
        "path": Path("a") / "b",
        "seed": np.random.SeedSequence(5, spawn_key=(1, 2)),
        "empty": np.zeros((0, 2)),
    }
    assert json.loads(plain.dumps(value)) == {
        "array": [[1.0, None], [None, 2.0]],
        "whole": [0, 1, 2],
        "scalars": [0.5, 3, True, None, "x", None],
        "set": [1, 3],
        "path": str(Path("a") / "b"),
        "seed": {"entropy": 5, "spawn_key": [1, 2]},
        "empty": [],
    }


def test_floats_survive_exactly():
    values = np.random.default_rng(0).normal(size=100) * 10.0 ** np.arange(-50, 50)
    assert json.loads(plain.dumps(values)) == values.tolist()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"a": {"b": object()}}, r"manifest.a.b: expected numbers"),
        ({"a": [1, object()]}, r"manifest.a\[1\]: expected numbers"),
        ({1: 2}, r"manifest: expected strings as keys, got 1"),
        ({"a": np.array([object()])}, r"manifest.a: expected a numeric array, got dtype object"),
        (lambda: 0, r"manifest: expected numbers"),
    ],
)
def test_what_is_not_plain_is_named(value, message):
    with pytest.raises(TypeError, match=message):
        plain.to_plain(value, "manifest")


def test_a_file_that_cannot_be_encoded_is_not_touched(tmp_path):
    path = tmp_path / "x.json"
    plain.write_json(path, {"a": 1})
    with pytest.raises(TypeError):
        plain.write_json(path, {"a": object()})
    assert plain.read_json(path) == {"a": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_brackets_in_texts_do_not_count(tmp_path):
    value = {"text": "[{" * 200, "list": [[["x"]]]}
    plain.write_sealed(tmp_path / "x.json", value)
    assert plain.read_sealed(tmp_path / "x.json") == {"format": 2, **value}
