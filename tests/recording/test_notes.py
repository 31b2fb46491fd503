from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from teacherstudent.contract.types import Assignment, Outcomes
from teacherstudent.recording.notes import Notes
from teacherstudent.recording.recorder import Recorder
from teacherstudent.recording.runs import Run


def asked(ids, **notes):
    return Assignment(ids=ids, tasks=np.zeros((len(ids), 2)), notes=notes)


def test_notes_of_the_teacher_are_logged_when_rows_come_back(tmp_path, synthetic):
    recorder = Recorder(tmp_path, manifest=synthetic.manifest(), log=())
    batch = synthetic.outcomes(np.random.default_rng(0), 3)
    recorder.asked(asked([0, 1], kind=np.array([0, 2], np.int8), chance=[0.5, 0.25], parent=[0, -(2**62)]))
    recorder.asked(asked([2, 3], kind=np.array([1, 1], np.int8), chance=[1.0, 0.125], parent=[5, 6]))
    recorder.episodes(batch.select([2, 0]), spent=1.0)
    state = recorder.state_dict()
    recorder.close("interrupted")
    recorder = Recorder(tmp_path, manifest=synthetic.manifest(), resume=state, log=())
    recorder.dropped(np.array([3]))
    strange = dataclasses.replace(batch.select([0]), ids=[-1])
    recorder.episodes(Outcomes.concatenate([batch.select([1]), strange]), spent=2.0)
    recorder.close("finished")
    table = Run.load(tmp_path).episodes()
    assert table["id"].tolist() == [2, 0, 1, -1]
    assert table["kind"].tolist() == [1, 0, 2, 0]
    assert table["parent"].tolist() == [5, 0, -(2**62), 0]
    np.testing.assert_array_equal(table["chance"], [1.0, 0.5, 0.25, np.nan])


def test_notes_have_the_names_of_the_first_and_free_ones(tmp_path, synthetic):
    for name in ("score", "purpose", "length"):
        recorder = Recorder(tmp_path / name, manifest=synthetic.manifest(), log=())
        recorder.asked(asked([0, 1, 2], **{name: np.zeros(3)}))
        with pytest.raises(ValueError, match=rf"notes: expected those of the first assignment, \['{name}'\]"):
            recorder.asked(asked([5], other=[1]))
        with pytest.raises(ValueError, match="notes: expected ids above 2, got 2"):
            recorder.asked(asked([2], **{name: [1.0]}))
        for other in ([1], [[1.0, 2.0]]):
            with pytest.raises(
                ValueError, match=rf"notes: {name}: expected float64 of shape \(n,\), as the first"
            ):
                recorder.asked(asked([5], **{name: other}))
        with pytest.raises(ValueError, match=rf"new names for the teacher's notes, got \['{name}'\]"):
            recorder.episodes(synthetic.outcomes(np.random.default_rng(0), 3), spent=2.0)
        recorder.close("failed")


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"ids": np.array([2, 1])}, "notes: ids: expected ascending ids"),
        ({"ids": np.array([1, 1])}, "notes: ids: expected ascending ids"),
        ({"columns": {"kind": np.array([1])}}, "notes: kind: expected 2 rows of numbers"),
        ({"columns": {"kind": np.array(["a", "b"])}}, "notes: kind: expected 2 rows of numbers"),
    ],
)
def test_damaged_notes_are_refused_and_change_nothing(entries, message):
    notes = Notes()
    notes.put(asked([4, 3], kind=np.array([7, 8])))
    state = notes.state()
    assert (state["ids"].tolist(), state["columns"]["kind"].tolist()) == ([3, 4], [8, 7])
    with pytest.raises(ValueError, match=message):
        Notes().load(state | entries)
    other = Notes()
    other.load(state)
    assert other.take(np.array([4, 9]))["kind"].tolist() == [7, 0]
    assert other.state()["ids"].tolist() == [3]
