import importlib
import itertools
import types
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def timing(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("_timing")


@pytest.fixture
def clock(timing, monkeypatch):
    """A clock that work moves on by hand."""
    clock = types.SimpleNamespace(now=100.0)
    monkeypatch.setattr(timing, "time", types.SimpleNamespace(perf_counter=lambda: clock.now))
    Work.clock = clock
    return clock


class Work:
    def outer(self):
        self.clock.now += 1
        self.inner(3)
        self.clock.now += 2
        return "done"

    def inner(self, seconds):
        self.clock.now += seconds

    def broken(self):
        self.clock.now += 5
        raise KeyError("broken")


class Heir(Work):
    pass


def target(method, kind="Work"):
    return f"{__name__}:{kind}.{method}"


def test_each_moment_counts_once_for_the_innermost_call(timing, clock):
    with timing.Stopwatch() as watch:
        watch.time(target("outer"), "a")
        watch.time(target("inner"), "b")
        assert Work().outer() == "done"
        clock.now += 50  # outside of everything
        Work().inner(4)
        Work().outer()
    assert watch.seconds == {"a": 2 * (1 + 2), "b": 3 + 4 + 3}


def test_a_call_that_raises_is_counted(timing, clock):
    with timing.Stopwatch() as watch:
        watch.time(target("broken"), "a")
        with pytest.raises(KeyError):
            Work().broken()
        clock.now += 7
        with watch.running("b"):
            clock.now += 1
    assert watch.seconds == {"a": 5, "b": 1}


def test_methods_are_put_back(timing, clock):
    original = Work.inner
    with timing.Stopwatch() as watch:
        watch.time(target("inner"), "a")
        watch.time(target("inner", "Heir"), "b")
        assert "inner" in vars(Heir)
        Heir().inner(2)
    assert Work.inner is original
    assert "inner" not in vars(Heir)
    assert watch.seconds == {"b": 0, "a": 2}


def test_the_device_is_waited_for_before_the_clock_is_read(timing, clock):
    def settle():
        clock.now += 1  # what the device still had to do

    with timing.Stopwatch(settle) as watch, watch.running("a"):
        pass
    assert watch.seconds == {"a": 1}


def test_a_method_that_is_not_there_is_an_error(timing):
    with timing.Stopwatch() as watch, pytest.raises(AttributeError, match="nothing"):
        watch.time(target("nothing"), "a")


@pytest.mark.parametrize("family", ["cartpole-parameters", "maze --lstm 8"])
@pytest.mark.parametrize("student", ["sb3", "rsl-rl"])
def test_every_run_of_a_student_adds_up(timing, student, family, monkeypatch, capsys):
    if student == "rsl-rl":
        pytest.importorskip("rsl_rl")
    training = importlib.import_module("training")
    monkeypatch.setattr(
        "sys.argv", ["training.py", "--quick", "--student", student, "--family", *family.split()]
    )
    training.main()
    lines = capsys.readouterr().out.splitlines()
    table = list(itertools.takewhile(lambda line: not line.startswith("steps a second"), lines[3:]))
    shares = {line[:44].strip(): float(line[44:].split()[1]) for line in table}
    assert shares.pop("all") == 100
    assert sum(shares.values()) == pytest.approx(100, abs=0.1)
    assert min(shares.values()) >= 0
    working = ["environment", "tests", *(timing.INSIDE[part] for part in ("policy", "update", "slots"))]
    assert all(shares[name] > 0 for name in working)


def test_ppo_on_free_environments(timing, monkeypatch, capsys):
    ppo = importlib.import_module("ppo")
    monkeypatch.setattr("sys.argv", ["ppo.py", "--quick", "--threads", "1"])
    ppo.main()
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2].split()[:2] == ["net", "slots"]
    numbers = [float(word.replace(",", "")) for word in lines[-1].split()[4:]]
    rate, parts = numbers[0], numbers[1:]
    assert sum(parts) == pytest.approx(1e6 / rate, abs=0.1)
    assert min(parts) > 0
