import asyncio

import paced
import pytest

from teacherstudent.recording.lock import FolderLock
from teacherstudent.recording.runs import Run
from teacherstudent.running.engines import attendant as module
from teacherstudent.running.engines.attendant import Attendant
from teacherstudent.running.engines.work import preparation

VARIABLES = {"OMP_NUM_THREADS": "1"}


@pytest.fixture(autouse=True)
def student(tmp_path, monkeypatch):
    paced.write(tmp_path, monkeypatch)
    monkeypatch.chdir(tmp_path)


def run(attendant, experiment, folder, **more):
    return attendant.run(experiment, folder, more.pop("resume", False), preparation(), VARIABLES, **more)


def test_a_run_is_stopped_with_a_checkpoint_and_goes_on(tmp_path):
    async def stopped():
        attendant = Attendant("riac/seed-0")
        assert repr(attendant) == "riac/seed-0"
        running = asyncio.ensure_future(
            run(attendant, paced.experiment(pause=0.05, budget=10**6), tmp_path / "a")
        )
        while not (tmp_path / "a" / "checkpoints").exists():
            await asyncio.sleep(0.05)
        await attendant.stop()
        return await running

    assert asyncio.run(stopped()).status == "interrupted"
    there = Run.load(tmp_path / "a").status()
    assert there["status"] == "interrupted"
    again = paced.experiment(pause=0.05, budget=there["spent"] + 10)
    assert asyncio.run(run(Attendant("x"), again, tmp_path / "a", resume=True)).status == "finished"
    assert Run.load(tmp_path / "a").status()["spent"] == there["spent"] + 10


def test_a_run_that_moved_waits_for_the_process_that_had_it(tmp_path, monkeypatch):
    folder = tmp_path / "a"
    folder.mkdir()
    lock = FolderLock(folder)

    async def waits():
        running = asyncio.ensure_future(
            run(Attendant("x"), paced.experiment(), folder, resume=True, moved=True)
        )
        await asyncio.sleep(0.5)
        assert not running.done()
        assert not (folder / "manifest.json").exists()
        lock.release()
        return await running

    assert asyncio.run(waits()).status == "finished"
    lock = FolderLock(folder)
    monkeypatch.setattr(module, "LOCK_SECONDS", 0.2)
    ending = asyncio.run(run(Attendant("x"), paced.experiment(), folder, resume=True, moved=True))
    lock.release()
    assert ending.status == "failed"
    assert "still written by another process" in ending.error


def test_a_run_that_is_stopped_before_its_process_has_started_has_not_begun(tmp_path):
    async def early():
        attendant = Attendant("x")
        await attendant.stop()
        return await run(attendant, paced.experiment(), tmp_path / "a")

    assert asyncio.run(early()).status == "not started"
    assert not (tmp_path / "a").exists()
