from teacherstudent.running.engines.interface import Engine, Settings
from teacherstudent.running.parallel import run_all


class Dry:
    """Starts nothing; says that every other run failed."""

    distant = False

    def __init__(self):
        self.calls = []
        self.started = []

    def open(self, runs, settings):
        self.calls.append(("open", len(runs), settings))
        return "nowhere"

    def free(self):
        return True

    def start(self, experiment, folder):
        self.started.append(folder)

    def look(self):
        return []

    def stop(self):
        self.calls.append("stop")

    def ending(self, folder):
        return None

    def close(self):
        self.calls.append("close")


def test_any_engine_runs_a_study(tmp_path):
    engine = Dry()
    assert isinstance(engine, Engine)
    assert not isinstance(object(), Engine)
    said = []
    runs = [(object(), tmp_path / name) for name in "ab"]
    results = run_all(runs, engine=engine, jobs=2, threads=3, resume=True, say=said.append)
    assert [result.status for result in results] == ["not started", "not started"]
    assert engine.started == [tmp_path / "a", tmp_path / "b"]
    assert engine.calls == [("open", 2, Settings(jobs=2, threads=3, resume=True)), "close"]
    assert said == ["nowhere"]
