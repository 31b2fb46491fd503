import importlib.util

import pytest

from teacherstudent import Experiment, Plan, Study
from teacherstudent.cli import main
from teacherstudent.recording.recorder import Recorder
from teacherstudent.recording.runs import Run
from teacherstudent.recording.sinks import kinds


@pytest.mark.parametrize(
    ("log", "error", "message"),
    [
        (("wandbb",), ValueError, r"got 'wandbb'.*'wandb'"),
        (("tensorboard", "tensorboard"), ValueError, "each name once"),
        (5, TypeError, "expected names of"),
        ((True,), TypeError, "expected names of"),
    ],
)
def test_names_that_are_none_are_refused(log, error, message):
    with pytest.raises(error, match=message):
        kinds.check_log(log)
    with pytest.raises(error, match=message):
        Experiment(teacher="random", family="toy-grid", plan=Plan(budget=1), log=log)
    with pytest.raises(error, match=message):
        Study(name="s", family="toy-grid", teachers={"random": {}}, budget=1, log=log)


def test_one_name_stands_for_itself_and_none_for_nowhere():
    assert kinds.check_log("wandb") == ("wandb",)
    assert kinds.check_log(()) == ()


@pytest.fixture(name="nothing_installed")
def _nothing_installed(monkeypatch):
    find = importlib.util.find_spec
    missing = [package for package, _ in kinds.SERVICES.values()]
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name in missing else find(name, *more)
    )


@pytest.mark.parametrize("name", kinds.SERVICES)
def test_a_missing_package_is_named_with_its_extra_before_anything_starts(
    name, tmp_path, synthetic, nothing_installed, capsys
):
    message = rf"log: '{name}' needs the package {name}.*pip install 'teacherstudent\[{name}\]'"
    with pytest.raises(ImportError, match=message):
        Recorder(tmp_path / "run", manifest=synthetic.manifest(), log=(name,))
    # Reading a run of another machine needs no service.
    experiment = Experiment(teacher="random", family="goal-maze", plan=Plan(budget=1), log=(name,))
    with pytest.raises(ImportError, match=message):
        experiment.check()
    words = ["run", "--teacher", "random", "--family", "goal-maze", "--budget", "9e4", "--log", name]
    assert main([*words, "--out", str(tmp_path / "out")]) == 2
    assert f"teacherstudent[{name}]" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


class Service:
    """A service that fails when it is told to."""

    def __init__(self, logged):
        self.logged = logged
        self.calls = []
        self.works = True

    def append(self, scalars, *, step):
        if not self.works:
            raise ConnectionError("no network")
        self.calls.append((step, dict(scalars)))

    def position(self):
        return {}

    def close(self, status):
        self.calls.append(status)


@pytest.fixture(name="service")
def _service(monkeypatch):
    """Return the services that were opened, in the place of real ones."""
    opened = []

    def make(logged):
        opened.append(Service(logged))
        return opened[-1]

    monkeypatch.setattr(kinds, "check_installed", lambda names: None)
    monkeypatch.setattr(kinds, "_class_of", lambda name: make)
    return opened


def test_a_service_takes_what_tensorboard_takes(tmp_path, synthetic, service):
    recorder = Recorder(tmp_path, manifest=synthetic.manifest(), log=("wandb",))
    recorder.tests(synthetic.tests(30), spent=10.0, ledger={"cost/train": 10.0})
    recorder.close("finished")
    (one,) = service
    assert one.calls == [
        (10.0, {"test/return": 0.3, "test/mastered_percent": 30.0, "ledger/cost/train": 10.0}),
        "finished",
    ]
    assert one.logged.config["seed"] == synthetic.manifest()["seed"]
    assert one.logged.name.startswith(one.logged.group + "/seed-")
    assert not (tmp_path / "tensorboard").exists()


def test_a_resumed_run_has_the_identity_of_its_first_session(tmp_path, synthetic, service):
    recorder = Recorder(tmp_path / "a", manifest=synthetic.manifest(), log=("wandb", "mlflow"))
    state = recorder.state_dict()
    recorder.close("interrupted")
    Recorder(tmp_path / "a", manifest=synthetic.manifest(), log=("wandb",), resume=state).close("finished")
    Recorder(tmp_path / "b", manifest=synthetic.manifest(), log=("wandb",)).close("finished")
    first, second, third, other = [one.logged.identity for one in service]
    assert first == second == third != other


def test_a_service_that_fails_later_is_left_alone_and_the_run_says_so(tmp_path, synthetic, service):
    recorder = Recorder(tmp_path, manifest=synthetic.manifest(), log=("mlflow",))
    service[0].works = False
    for spent in (5.0, 6.0):
        recorder.tests(synthetic.tests(30), spent=spent, ledger={})
    recorder.close("finished")
    note = Run.load(tmp_path).status()["note"]
    assert note == (
        "mlflow took no scalars from cost 5 on (ConnectionError: no network); the run folder has them all"
    )
    assert len(Run.load(tmp_path).curve().spent) == 2


@pytest.mark.usefixtures("service")
def test_a_service_that_does_not_begin_ends_the_run_at_once(tmp_path, synthetic, monkeypatch):
    def fail(logged):
        raise PermissionError("not logged in")

    monkeypatch.setattr(kinds, "_class_of", lambda name: fail)
    with pytest.raises(
        RuntimeError, match=r"log: wandb: .*PermissionError: not logged in; leave 'wandb' out"
    ):
        Recorder(tmp_path, manifest=synthetic.manifest(), log=("wandb",))
    assert Run.load(tmp_path).status()["status"] == "failed"


def test_an_experiment_reads_its_log_back(tmp_path, write_run):
    experiment = Experiment(teacher="random", family="goal-maze", plan=Plan(budget=1), log=("wandb",))
    manifest = experiment.manifest()
    write_run("run", **{name: manifest[name] for name in ("teacher", "family", "student", "log")})
    assert Experiment.from_folder(tmp_path / "run").log == ("wandb",)
