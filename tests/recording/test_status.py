from __future__ import annotations

import numpy as np
import pytest

from teacherstudent.recording.disk import plain
from teacherstudent.recording.runs import Run
from teacherstudent.recording.status import FAILED_SHOWN, Means, Status, read_status


def test_a_damaged_status_is_named(write_run):
    folder = write_run("a")
    (folder / "status.json").write_text("nonsense")
    with pytest.raises(ValueError, match=r"status.json: expected JSON"):
        Run.load(folder).status()


def test_means_by_hand():
    means = Means({})
    means.add({"score": np.array([1.0, 2.0]), "length": np.array([4, 6]), "success": np.array([True, False])})
    again = Means(means.state())
    again.add({"score": np.array([6.0]), "length": np.array([2]), "success": np.array([False])})
    assert again.take() == {"episodes": 3, "return": 3.0, "length": 4.0, "success": pytest.approx(1 / 3)}
    assert again.take() == {}


def test_notes_are_added_and_the_last_failed_tasks_are_kept(tmp_path, synthetic):
    manifest = synthetic.manifest(score_name="return", sessions=[{"started": "now"}])
    state = {"spent": 0.0, "seconds": 0.0, "test": None, "ledger": {}}
    status = Status(tmp_path / "status.json", manifest, state, [{"id": -5}])
    assert read_status(tmp_path / "status.json")["status"] == "running"
    status.note("slow")
    status.note("long")
    status.failed([{"id": i} for i in range(FAILED_SHOWN)])
    status.seen(3, 1.5, {"cost/train": np.float32(3)})
    status.end("failed", ValueError("boom"), 2.0)
    found = read_status(tmp_path / "status.json")
    assert (found["note"], found["spent"], found["seconds"]) == ("slow; long", 3.0, 2.0)
    assert [task["id"] for task in found["failed_tasks"]] == list(range(FAILED_SHOWN))
    assert (found["error"]["type"], found["error"]["message"]) == ("ValueError", "boom")
    assert status.state() == {"spent": 3.0, "test": None, "ledger": {"cost/train": 3.0}}


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({}, "status: expected .*, got None"),
        ({"status": 3}, "status: expected .*, got 3"),
        ({"status": "failed", "error": "boom"}, "error: expected .* or null, got 'boom'"),
        (
            {"status": "failed", "ledger": {"cost/train": "1"}},
            "ledger: cost/train: expected a number, got '1'",
        ),
        ({"status": "failed", "spent": None}, "spent: expected a number, got None"),
        ({"status": "failed", "budget": True}, "budget: expected a number, got True"),
    ],
)
def test_what_is_no_status_is_refused_by_name(tmp_path, entries, message):
    plain.write_sealed(tmp_path / "status.json", entries)
    with pytest.raises(ValueError, match=f"status.json: {message}"):
        read_status(tmp_path / "status.json")
