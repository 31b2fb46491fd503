import paced
import pytest

from teacherstudent.running.engines.interface import Engine, Settings
from teacherstudent.running.engines.processes import Processes


@pytest.fixture
def runs(tmp_path, monkeypatch):
    paced.write(tmp_path, monkeypatch)
    return [(paced.experiment(seed, pause=0.05, budget=10**6), tmp_path / str(seed)) for seed in range(3)]


def test_so_many_runs_as_wanted_are_under_way_and_a_kill_ends_them(runs):
    engine = Processes()
    assert isinstance(engine, Engine)
    assert engine.open(runs, Settings(jobs=1)) == ""
    assert engine.free()
    engine.start(*runs[0])
    assert not engine.free()
    assert engine.look() == [runs[0][1]]
    engine.kill()
    assert engine.look() == []
    assert engine.free()
    assert engine.ending(runs[0][1]).error == "the process was killed by signal 9"
    assert engine.ending(runs[1][1]) is None
