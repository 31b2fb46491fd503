import copy
import re

import numpy as np
import pytest

from teacherstudent.recording.positions import check_positions, check_readings
from teacherstudent.recording.recorder import START, Recorder


def test_the_start_and_what_recorders_say_are_positions(tmp_path, synthetic):
    assert check_positions(START) == START
    recorder = Recorder(tmp_path, manifest=synthetic.manifest(), log=())
    recorder.episodes(synthetic.outcomes(np.random.default_rng(0), 5), spent=5.0)
    state = recorder.state_dict()
    recorder.close("interrupted")
    assert check_positions(state)["episodes"]["rows"] == 5


@pytest.mark.parametrize(
    ("where", "value", "error", "message"),
    [
        (
            ("episodes", "rows"),
            -1,
            ValueError,
            "episodes: rows: expected a whole number of at least 0, got -1",
        ),
        (("episodes", "parts"), True, ValueError, "episodes: parts: expected a whole number"),
        (("tests", "count"), 1.5, ValueError, "tests: count: expected a whole number"),
        (("teacher",), {}, ValueError, "teacher: expected an entry 'bytes', got []"),
        (("failed",), 3, TypeError, "failed: expected a mapping of names to values, got 3"),
        (("events", "files"), [1], ValueError, "events: files: expected a list of names, got [1]"),
        (("seconds",), float("nan"), ValueError, "seconds: expected a finite number of at least 0, got nan"),
        (("spent",), -0.5, ValueError, "spent: expected a finite number of at least 0, got -0.5"),
        (("ledger",), {"cost/train": "1"}, TypeError, "ledger: cost/train: expected a number, got '1'"),
        (("episodes", "means"), {"return": None}, TypeError, "means: return: expected a number, got None"),
    ],
)
def test_numbers_that_no_recorder_writes_are_refused_by_name(where, value, error, message):
    state = copy.deepcopy(START)
    inner = state
    for name in where[:-1]:
        inner = inner[name]
    inner[where[-1]] = value
    with pytest.raises(error, match=re.escape(f"recorder: state: {message}")):
        check_positions(state)


def test_every_entry_must_be_there():
    for name in START:
        with pytest.raises(ValueError, match=rf"recorder: state: expected .*; missing \['{name}'\]"):
            check_positions({other: value for other, value in START.items() if other != name})


def test_readings_are_floats_nan_and_truth_values_too():
    found = check_readings("here", {"a": np.int64(3), "b": np.True_, "c": float("inf"), "d": np.nan})
    assert (found["a"], found["b"], found["c"]) == (3.0, 1.0, float("inf"))
    assert np.isnan(found["d"])
    assert {type(value) for value in found.values()} == {float}
