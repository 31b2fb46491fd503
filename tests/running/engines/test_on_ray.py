"""Runs on a Ray cluster of several nodes, which are processes of this machine."""

import contextlib
import importlib
import os
import re
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import paced
import pytest

from teacherstudent.recording.disk.owner import Owner
from teacherstudent.recording.runs import Run
from teacherstudent.running.engines.interface import Ending, Engine, Settings
from teacherstudent.running.engines.on_ray import LOSSES, TRIES, RayEngine
from teacherstudent.running.parallel import run_all

NODE = {"object_store_memory": 8 * 10**7}


def without_ray(monkeypatch):
    real = importlib.import_module

    def load(name, *more):
        if name.partition(".")[0] == "ray":
            raise ImportError("no ray")
        return real(name, *more)

    monkeypatch.setattr("teacherstudent.running.engines.on_ray.importlib.import_module", load)


def test_a_missing_package_is_named_in_one_sentence(monkeypatch, tmp_path, capsys):
    from teacherstudent.cli import main

    without_ray(monkeypatch)
    with pytest.raises(ImportError, match=r"pip install 'teacherstudent\[ray\]'"):
        RayEngine()
    words = [
        "run",
        "--teacher",
        "random",
        "--family",
        "toy-grid",
        "--student",
        "competence",
        "--budget",
        "50",
    ]
    assert main([*words, "--engine", "ray", "--out", str(tmp_path / "runs")]) == 2
    said = capsys.readouterr().err
    assert "the package ray is missing" in said
    assert "Traceback" not in said
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"address": 3}, TypeError, "address: expected a text"),
        ({"address": "ray://10.0.0.1:10001"}, ValueError, "address: expected the cluster's own"),
        ({"num_gpus": -1}, ValueError, "num_gpus: expected a number of at least 0, got -1"),
        ({"num_cpus": float("nan")}, ValueError, "num_cpus: expected a number of at least 0"),
    ],
)
def test_bad_options_are_refused(monkeypatch, given, error, words):
    without_ray(monkeypatch)
    with pytest.raises(error, match=words):
        RayEngine(**given)


class LosingRay:
    """Stands in for Ray: whoever is asked to stand by a run is lost at once, after it has begun or before."""

    class exceptions:  # noqa: N801
        class RayError(Exception):
            pass

        class RayTaskError(RayError):
            pass

    def __init__(self, *, begins):
        self.begins = begins
        self.resumed = []
        self.moved = []
        self.killed = 0

    def remote(self, cls):
        def run(experiment, folder, resume, like, variables, moved):
            self.resumed.append(resume)
            self.moved.append(moved)
            return "answer"

        call, where = SimpleNamespace(remote=run), SimpleNamespace(remote=lambda: "where")
        made = SimpleNamespace(run=call, where=where)
        return SimpleNamespace(options=lambda **_: SimpleNamespace(remote=lambda name: made))

    def wait(self, answers, timeout):
        return answers, []

    def get(self, answer):
        if answer == "where" and self.begins:
            return "node-7"
        raise self.exceptions.RayError("the node died")

    def kill(self, attendant):
        self.killed += 1


@pytest.mark.parametrize(
    ("begins", "tries", "words"),
    [
        (True, LOSSES, f"lost its machine {LOSSES} times without getting on (the last one: node-7)"),
        (False, TRIES, f"found no machine that takes it on in {TRIES} tries"),
    ],
)
def test_a_run_that_is_lost_again_and_again_has_died(monkeypatch, tmp_path, caplog, begins, tries, words):
    losing = LosingRay(begins=begins)
    monkeypatch.setitem(sys.modules, "ray", losing)
    engine = RayEngine()
    engine._variables = {"OMP_NUM_THREADS": "1"}
    folder = tmp_path / "riac" / "seed-0"
    engine.start(paced.experiment(), folder)
    for _ in range(tries - 1):
        assert engine.look() == [folder]
    assert engine.look() == []
    assert engine.ending(folder).status == "died"
    assert words in engine.ending(folder).error
    assert "the node died" in engine.ending(folder).error
    # A run that has begun is resumed, and waits for the process that had it.
    assert losing.moved == losing.resumed == [False, *[begins] * (tries - 1)]
    assert losing.killed == tries
    lost = "node-7 was lost at a cost of 0 of 0; the run goes on elsewhere from its last checkpoint"
    assert caplog.text.count(lost) == begins * (tries - 1)


class HangingRay(LosingRay):
    """Stands in for Ray: one run hangs, one waits for room; somebody presses Ctrl-C twice."""

    def __init__(self):
        super().__init__(begins=True)
        self.told = []

    def remote(self, cls):
        def attendant(name):
            def tell(what):
                return SimpleNamespace(remote=lambda: self.told.append((name, what)))

            run = SimpleNamespace(remote=lambda *_: f"answer of {name}")
            where = SimpleNamespace(remote=lambda: f"where is {name}")
            return SimpleNamespace(run=run, where=where, stop=tell("stop"), kill=tell("kill"))

        return SimpleNamespace(options=lambda **_: SimpleNamespace(remote=attendant))

    def wait(self, answers, timeout):
        killed = ("t/0", "kill") in self.told
        if timeout and not killed:
            raise KeyboardInterrupt
        done = answers if "where is t/0" in answers or (killed and "answer of t/0" in answers) else []
        return done, []

    def get(self, answer):
        return "node-7" if answer.startswith("where") else Ending("died", "killed by signal 9")


def test_a_second_interrupt_kills_what_hangs_and_what_waits_has_not_begun(monkeypatch, tmp_path):
    hanging = HangingRay()
    monkeypatch.setitem(sys.modules, "ray", hanging)
    engine = RayEngine()
    engine._variables = {"OMP_NUM_THREADS": "1"}
    for name in "01":
        engine.start(paced.experiment(), tmp_path / "t" / name)
    engine.stop()
    assert hanging.told == [("t/0", "stop"), ("t/0", "kill")]
    assert engine.ending(tmp_path / "t" / "0") == Ending("died", "killed by signal 9")
    assert engine.ending(tmp_path / "t" / "1") == Ending("not started")
    assert engine.look() == []
    assert hanging.killed == 2


@pytest.fixture(scope="module")
def nodes():
    """Return a cluster whose first node has no room for runs."""
    pytest.importorskip("ray", reason="the extra ray is not installed")
    before = os.environ.get("RAY_AUTH_MODE")
    # Ray would write a token into the home folder.
    os.environ["RAY_AUTH_MODE"] = "disabled"
    from ray.cluster_utils import Cluster

    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False, **NODE}
    )
    for gpus in (1, 0):
        cluster.add_node(num_cpus=1, num_gpus=gpus, **NODE)
    yield cluster
    cluster.shutdown()
    if before is None:
        del os.environ["RAY_AUTH_MODE"]


@pytest.fixture
def student(tmp_path, monkeypatch):
    paced.write(tmp_path, monkeypatch)


def test_runs_that_fail_take_no_other_down_and_results_are_those_of_one_machine(nodes, student, tmp_path):
    ways = [{"how": "raise"}, {}, {"how": "die"}]
    engine = RayEngine(nodes.address)
    assert isinstance(engine, Engine)
    runs = [(paced.experiment(**way), tmp_path / "ray" / str(k)) for k, way in enumerate(ways)]
    results = run_all(runs, engine=engine)
    assert [r.status for r in results] == ["failed", "finished", "died"]
    assert "ZeroDivisionError: in the middle" in results[0].error
    assert "ended with code 7" in results[2].error
    run_all([(paced.experiment(), tmp_path / "local")])
    paced.assert_same(tmp_path / "local", tmp_path / "ray" / "1")
    # What has finished is not run again, and needs no cluster.
    begin = time.monotonic()
    assert run_all(runs[1:2], engine=RayEngine("nowhere:1"), resume=True)[0].status == "finished"
    assert time.monotonic() - begin < 10


def test_what_the_cluster_lacks_is_said_before_anything_starts(nodes, student, tmp_path, monkeypatch):
    runs = [(paced.experiment(), tmp_path / "run")]
    with pytest.raises(ValueError, match=r"expected a machine with 1 CPUs and 2 GPUs for a run, got "):
        run_all(runs, engine=RayEngine(nodes.address, num_gpus=2))
    with pytest.raises(ValueError, match=r"expected a machine with 7 CPUs and 0 GPUs"):
        run_all(runs, engine=RayEngine(nodes.address), threads=7)
    monkeypatch.setattr(
        "teacherstudent.running.engines.surroundings.preparation",
        lambda: {"sys_path": [], "dir": str(tmp_path / "gone")},
    )
    with pytest.raises(ValueError, match=r"engine ray: \S+ \(\S+\): there is no folder .*gone"):
        run_all(runs, engine=RayEngine(nodes.address))
    assert not (tmp_path / "run").exists()


def test_a_process_that_is_connected_already_stays_so(nodes, student, tmp_path):
    import ray

    ray.init(nodes.address, log_to_driver=False)
    try:
        with pytest.raises(ValueError, match="connected to a Ray cluster already"):
            RayEngine(nodes.address).open([(paced.experiment(), tmp_path / "run")], Settings())
        (result,) = run_all([(paced.experiment(), tmp_path / "run")], engine=RayEngine())
        assert result.status == "finished"
        assert ray.is_initialized()
    finally:
        ray.shutdown()


def command(tmp_path, address, *more):
    """Start the command line for a long run."""
    words = ["--teacher", "riac", "--family", "toy-grid", "--student", "paced_student:Paced"]
    words += ["--student-options", "pause=0.1", "--test-every", "20", "--may-never-act", "--no-compare"]
    words += ["--out", str(tmp_path / "runs"), "--engine", "ray", "--address", address, *more]
    return subprocess.Popen(
        [sys.executable, "-m", "teacherstudent", "run", *words],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_the_command_line_shows_what_runs_say_stops_them_and_resumes(nodes, student, tmp_path):
    gpu = ["--num-gpus", "0.5", "--threads", "1"]
    child = command(tmp_path, nodes.address, "--budget", "1e5", "--seeds", "0", *gpu)
    folder = tmp_path / "runs" / "toy-grid" / "riac" / "seed-0"
    until(lambda: (folder / "checkpoints").exists(), child)
    time.sleep(4)  # the display looks a few times a second, the status is written every three
    child.send_signal(signal.SIGINT)
    said, _ = child.communicate(timeout=120)
    assert child.returncode == 1, said
    assert re.search(r"^riac/seed-0 on \S+: \S+/100k steps, test: ", said, re.MULTILINE), said
    # What the run itself prints comes with its name; the one GPU of the cluster was shared out to it.
    assert re.search(r"\(riac/seed-0 pid=\d+.*\)\S* a word of the run 0 1", said), said
    assert "Ray cluster at" in said
    assert f"{folder}: interrupted" in said.replace("\n", "")  # lines are wrapped
    there = Run.load(folder).status()
    assert there["status"] == "interrupted"
    budget = str(there["spent"] + 10)
    child = command(tmp_path, nodes.address, "--budget", budget, "--seeds", "0", "--resume", *gpu)
    said, _ = child.communicate(timeout=120)
    assert child.returncode == 0, said
    assert Run.load(folder).status()["status"] == "finished"


def until(found, child=None, seconds=120):
    end = time.monotonic() + seconds
    while not found():
        time.sleep(0.05)
        assert time.monotonic() < end
        assert child is None or child.poll() is None, child.stdout.read()


def test_runs_of_a_node_that_is_killed_go_on_elsewhere(nodes, student, tmp_path, caplog):
    seeds = (0, 1, 2)
    local = [(paced.experiment(seed, pause=0.1), tmp_path / "local" / str(seed)) for seed in seeds]
    assert {r.status for r in run_all(local, jobs=2)} == {"finished"}
    runs = [(paced.experiment(seed, pause=0.1), tmp_path / "ray" / str(seed)) for seed in seeds]
    victims = []

    def watch(folders):
        for _, folder in runs:
            if not victims and len(list(folder.glob("checkpoints/*.npz"))) > 1:
                victims.append(folder)
                cut_power(nodes, Owner.read(folder / ".lock").pid)

    try:
        results = run_all(runs, engine=RayEngine(nodes.address), watch=watch)
    finally:
        nodes.add_node(num_cpus=1, num_gpus=1, **NODE)
    assert [(r.status, r.error) for r in results] == [("finished", "")] * 3
    assert len(Run.load(victims[0]).manifest["sessions"]) == 2
    assert caplog.text.count("the run goes on elsewhere from its last checkpoint") == 1
    for (_, one), (_, other) in zip(local, runs, strict=True):
        paced.assert_same(one, other)


def cut_power(nodes, pid):
    """Kill the node on which the run of this process is, so that nothing on it can say or save anything."""
    attendant, raylet = forebears(pid)[:2]
    (node,) = [
        node
        for node in nodes.worker_nodes
        if raylet in {each.process.pid for each in node.all_processes["raylet"]}
    ]
    # What stands by the run would tell of its end.
    os.kill(attendant, signal.SIGSTOP)
    os.kill(pid, signal.SIGKILL)
    nodes.remove_node(node, allow_graceful=False)
    with contextlib.suppress(ProcessLookupError):
        os.kill(attendant, signal.SIGKILL)


def forebears(pid):
    """Return the processes that have started a process, the nearest first."""
    found = []
    while pid > 1:
        with open(f"/proc/{pid}/stat") as file:
            pid = int(file.read().rpartition(")")[2].split()[1])
        found.append(pid)
    return found
