"""Damaged files: checkpoints and run folders with flipped, cut and lost files, and odd manifests."""

import json
import shutil

import numpy as np
import pytest
from walks import REFUSED, spoil, walks

from teacherstudent import envs, students, teachers
from teacherstudent.comparing.compare import compare
from teacherstudent.contract.accounts.plan import Plan
from teacherstudent.recording.disk import checkpoint
from teacherstudent.recording.recorder import Recorder
from teacherstudent.recording.runs import Run
from teacherstudent.running.experiment import Experiment
from teacherstudent.running.loop import run

PLAN = Plan(budget=30, test_every=10, checkpoint_every=10, may_never_act=True)
OPTIONS = {"cells": 3}


def experiment(teacher, seed):
    return Experiment(
        teacher=teacher,
        family="toy-grid",
        student="competence",
        plan=PLAN,
        seed=seed,
        family_options=OPTIONS,
        student_options={"batch": 5},
    )


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two runs that finished and one that was stopped."""
    out = tmp_path_factory.mktemp("whole") / "runs"
    for seed, teacher in enumerate(("random", "riac")):
        one = experiment(teacher, seed)
        one.run(one.folder(out))
    one, rounds = experiment("alp-gmm", 2), iter(range(100))
    one.run(one.folder(out), stop=lambda: next(rounds) > 2)
    return out


def damage(walk, path):
    """Damage one file and return what was done."""
    how = walk.one_of("flip", "flip", "cut", "empty", "delete", "folder", "noise", "swap")
    data = bytearray(path.read_bytes())
    if how == "flip" and data:
        for _ in range(walk.one_of(1, 1, 20)):
            data[int(walk.rng.integers(len(data)))] ^= 1 << int(walk.rng.integers(8))
        path.write_bytes(data)
    elif how == "cut":
        path.write_bytes(data[: int(walk.rng.integers(len(data) + 1))])
    elif how == "delete":
        path.unlink()
    elif how == "folder":
        path.unlink()
        path.mkdir()
    elif how == "noise":
        path.write_bytes(walk.rng.bytes(int(walk.rng.integers(1, 300))))
    elif how == "swap":
        others = sorted(p for p in path.parent.rglob("*") if p.is_file())
        path.write_bytes(walk.one_of(*others).read_bytes())
    else:
        path.write_bytes(b"")
    return f"{how} {path.name}"


def spoil_json(walk, path):
    """Replace one entry of a JSON file, without its digest."""
    value = json.loads(path.read_text())
    value.pop("digest", None)
    how, bad = spoil(walk, {**value, "format": 1} if "format" in value else value)
    try:
        path.write_text(json.dumps(bad))
    except (TypeError, ValueError):
        return "nothing"
    return f"{path.name}: {how}"


class FolderWalk:
    """A copy of the runs that is damaged, read, compared and resumed."""

    def __init__(self, walk, runs, tmp_path):
        self.walk, self.whole, self.out = walk, runs, tmp_path / "runs"
        self.figures = tmp_path / "figures"
        self.advance = self.one

    def one(self):
        walk = self.walk
        shutil.rmtree(self.out, ignore_errors=True)
        shutil.copytree(self.whole, self.out)
        folders = sorted(path.parent for path in self.out.rglob("manifest.json"))
        for _ in range(walk.one_of(1, 1, 2)):
            files = sorted(p for p in self.out.rglob("*") if p.is_file())
            path = walk.one_of(*files)
            jsons = [p for p in files if p.suffix == ".json"]
            said = spoil_json(walk, walk.one_of(*jsons)) if walk.chance(0.4) else damage(walk, path)
            walk.call(f"--- {said}", lambda: None)
        for folder in folders:
            self.read(folder)
        if walk.chance(0.3):
            drawn = self.figures if walk.chance(0.1) else None
            walk.call("compare", lambda: compare([self.out], drawn, include_stopped=walk.chance(0.5)))
        if walk.chance(0.5):
            self.resume(walk.one_of(*folders))

    def read(self, folder):
        run = self.walk.call(f"Run.load({folder.name})", lambda: Run.load(folder))
        if run is REFUSED:
            return
        for name in ("status", "records", "episodes", "tests"):
            self.walk.call(name, getattr(run, name))
        kept = folder / "checkpoints"
        if kept.is_dir():
            self.walk.call("latest", checkpoint.Checkpoints(kept).latest)

    def resume(self, folder):
        one = self.walk.call("from_folder", lambda: Experiment.from_folder(folder))
        if one is REFUSED or one.plan.budget > 1000:
            return
        small = one.student_options.get("batch", 1) in range(1, 100)
        small = small and one.family_options.get("cells", 3) in (1, 2, 3, 4)
        if small:
            self.walk.call("run(resume)", lambda: one.run(folder, resume=True))


def test_run_folders(runs, tmp_path):
    walks("run folders", 0.1, lambda walk: FolderWalk(walk, runs, tmp_path).advance)


def states(runs, tmp_path):
    """Resume from a checkpoint of which one entry is spoiled."""
    source = next(runs.rglob("alp-gmm/*/manifest.json")).parent
    newest = sorted((source / "checkpoints").iterdir())[-1]
    whole = checkpoint.load(newest)

    def begin(walk):
        def make():
            folder = tmp_path / "run"
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(source, folder)
            how, bad = spoil(walk, whole)
            path = folder / "checkpoints" / newest.name
            if walk.call(f"save({how})", lambda: checkpoint.save(path, bad)) is REFUSED:
                return
            if walk.call("load", lambda: checkpoint.load(path)) is REFUSED:
                return
            walk.call("run(resume)", lambda: experiment("alp-gmm", 2).run(folder, resume=True))

        return make

    return begin


def test_spoiled_checkpoints(runs, tmp_path):
    walks("spoiled checkpoints", 0.04, states(runs, tmp_path))


def recorders(tmp_path, synthetic):
    """Give a recorder odd manifests and rows."""

    def begin(walk):
        def make():
            folder = tmp_path / "recorded"
            shutil.rmtree(folder, ignore_errors=True)
            how, manifest = "right", synthetic.manifest()
            if walk.chance(0.6):
                how, manifest = spoil(walk, manifest)
            recorder = walk.call(f"Recorder({how})", lambda: Recorder(folder, manifest=manifest, log=()))
            if recorder is REFUSED:
                return
            rows = synthetic.outcomes(walk.rng, 3)
            spent = walk.or_odd(3.0)
            walk.call(f"episodes({spent!r})", lambda: recorder.episodes(rows, spent=spent))
            metrics = walk.or_odd({"a": walk.or_odd(1.0)}, 0.2)
            walk.call(
                f"teacher({spent!r}, {metrics!r})",
                lambda: recorder.teacher(spent=spent, metrics=metrics, snapshot={}, ledger={"updates": 1.0}),
            )
            walk.call("close", lambda: recorder.close("finished"))
            run = walk.call("Run.load", lambda: Run.load(folder))
            for name in ("status", "records", "episodes", "tests"):
                walk.call(name, getattr(run, name))

        return make

    return begin


def test_recorders(tmp_path, synthetic):
    walks("recorder", 0.03, recorders(tmp_path, synthetic))


def test_checkpoints(tmp_path):
    """Bytes of a checkpoint that are damaged."""
    state = {"a": np.arange(9.0), "b": {"c": [1, 2.5, None, "x", True], "d": np.zeros((2, 0), np.int8)}}

    def begin(walk):
        def make():
            path = tmp_path / "one.npz"
            shutil.rmtree(path) if path.is_dir() else None
            checkpoint.save(path, state)
            how = damage(walk, path)
            found = walk.call(f"load({how})", lambda: checkpoint.load(path))
            if found is not REFUSED and "swap" not in how and not np.array_equal(found["a"], state["a"]):
                walk.fail("a damaged checkpoint was taken with other numbers")

        return make

    walks("checkpoints", 0.03, begin)


def test_own_loops(tmp_path):
    """`run` with parts that are wrong."""
    family = envs.make("toy-grid", cells=3)

    def begin(walk):
        def make():
            folder = tmp_path / "own"
            shutil.rmtree(folder, ignore_errors=True)
            teacher = teachers.make(walk.one_of("random", "riac"), family.space, seed=0)
            student = students.make("competence", family, seed=0, batch=5)
            plan = Plan(budget=20, test_every=10, may_never_act=True)
            given = [family, teacher, student, folder, plan]
            for i in range(len(given)):
                if walk.chance(0.15):
                    given[i] = walk.odd()[1]
            if isinstance(given[3], str | bytes | int):
                given[3] = ""
            more = {name: walk.odd()[1] for name in ("manifest", "resume") if walk.chance(0.2)}
            walk.call(f"run({given!r}, {more!r})", lambda: run(*given, **more))

        return make

    walks("run", 0.02, begin)
