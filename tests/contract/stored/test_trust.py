"""Names in the files of a run import and call nothing, unless the user trusts them and they fit."""

from __future__ import annotations

import json
import sys

import pytest
from editing import edit

from teacherstudent import family_from_gymnasium, spaces, teachers
from teacherstudent.cli import main
from teacherstudent.contract.accounts.plan import Plan
from teacherstudent.contract.registry import FAMILIES, STUDENTS, TEACHERS
from teacherstudent.contract.stored.trust import UntrustedNameError, names_from
from teacherstudent.recording.runs import Run
from teacherstudent.running.experiment import Experiment
from teacherstudent.students.classifier import losses
from teacherstudent.students.classifier.networks import backbones
from teacherstudent.students.sb3 import options as sb3_options

PLAN = Plan(budget=60, test_every=30)
MODULE = '''
import pathlib
pathlib.Path(__file__).with_name("imported").touch()

from teacherstudent import Family, Teacher
from teacherstudent.envs.toy_grid import ToyGrid
from teacherstudent.students.competence import CompetenceStudent
from teacherstudent.teachers.random import UniformTeacher


class OwnGrid(ToyGrid):
    """A family."""


class OwnTeacher(UniformTeacher):
    """A teacher."""


class OwnStudent(CompetenceStudent):
    """A student."""


class Stranger:
    """None of these."""

    def __init__(self, *args, **options):
        pathlib.Path(__file__).with_name("called").touch()


def grid(cells: int = 10) -> OwnGrid:
    return OwnGrid(cells=cells)


def teach(space, *, seed) -> Teacher:
    return OwnTeacher(space, seed=seed)


def untold(**options):
    pathlib.Path(__file__).with_name("called").touch()


def wrong(**options) -> int:
    pathlib.Path(__file__).with_name("called").touch()


def unknown(**options) -> "Nobody":
    pathlib.Path(__file__).with_name("called").touch()
'''


@pytest.fixture
def module(tmp_path, monkeypatch):
    """The folder of a module that notes when it is imported, or when a stranger in it is called."""
    place = tmp_path / "modules"
    place.mkdir()
    (place / "own_module.py").write_text(MODULE)
    monkeypatch.syspath_prepend(place)
    monkeypatch.setenv("PYTHONPATH", str(place))
    sys.modules.pop("own_module", None)
    yield place
    sys.modules.pop("own_module", None)


def half(folder, **names):
    """A run of toy-grid that was stopped half-way; then its manifest names something else."""
    names = {"teacher": "random", "family": "toy-grid", "student": "competence"} | names
    rounds = iter(range(1000))
    experiment = Experiment(**names, plan=PLAN)
    experiment.run(folder, stop=lambda: next(rounds) > 20)
    return folder


@pytest.mark.parametrize(
    ("role", "name"),
    [
        ("family", "own_module:OwnGrid"),
        ("family", "subprocess:check_output"),
        ("teacher", "own_module:OwnTeacher"),
        ("student", "own_module:OwnStudent"),
        ("student", "own_module:Stranger"),
    ],
)
def test_a_manifest_imports_nothing(tmp_path, module, capsys, role, name):
    folder = half(tmp_path / "run")
    edit(folder / "manifest.json", lambda manifest: manifest[role].update(name=name, options={}))
    assert main(["resume", str(folder)]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert f"{role}: expected a registered name in the files of a run, got '{name}'" in said
    assert "--trust" in said
    with pytest.raises(UntrustedNameError):
        Experiment.from_folder(folder).build()
    assert not (module / "imported").exists()
    assert "own_module" not in sys.modules


@pytest.mark.parametrize("name", ["Stranger", "untold", "wrong", "unknown"])
@pytest.mark.parametrize("role", ["family", "teacher", "student"])
def test_what_a_trusted_manifest_names_is_checked_before_it_is_called(tmp_path, module, role, name):
    folder = half(tmp_path / "run")
    edit(folder / "manifest.json", lambda manifest: manifest[role].update(name=f"own_module:{name}"))
    with pytest.raises(
        UntrustedNameError, match=rf"{role}: expected a subclass of .*got 'own_module:{name}'"
    ):
        Experiment.from_folder(folder, trust=True).build()
    assert (module / "imported").exists()
    assert not (module / "called").exists()


def test_runs_of_own_modules_are_resumed_with_trust(tmp_path, module, capsys):
    own = {
        "family": "own_module:grid",
        "teacher": "own_module:teach",
        "student": "own_module:OwnStudent",
    }
    half(tmp_path / "runs" / "own", **own)
    half(tmp_path / "runs" / "plain")
    assert main(["resume", str(tmp_path / "runs")]) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "own left out: family: expected a registered name" in said
    assert Run.load(tmp_path / "runs" / "plain").status()["status"] == "finished"
    assert Run.load(tmp_path / "runs" / "own").status()["status"] == "interrupted"
    assert main(["resume", str(tmp_path / "runs"), "--trust"]) == 0
    assert Run.load(tmp_path / "runs" / "own").status()["status"] == "finished"
    assert main(["resume", str(tmp_path / "runs")]) == 0  # nothing is left to do, so that nothing is named


def test_names_that_the_user_gives_are_taken(tmp_path, module):
    experiment = Experiment(
        teacher="own_module:OwnTeacher", family="own_module:grid", student="competence", plan=PLAN
    )
    rounds = iter(range(1000))
    experiment.run(tmp_path / "run", stop=lambda: next(rounds) > 20)
    assert experiment.run(tmp_path / "run", resume=True).spent == 60


MOMENTS = {
    "teacher": lambda: TEACHERS.get("own_module:OwnTeacher"),
    "family": lambda: FAMILIES.make("own_module:OwnGrid"),
    "student": lambda: STUDENTS.get("own_module:OwnStudent"),
    "compose": lambda: teachers.make(
        "compose", spaces.Parameters(bandwidth=(4, 8)), seed=0, parts=["own_module:OwnTeacher"]
    ),
    "algorithm": lambda: sb3_options.algorithm("own_module:Stranger"),
    "policy": lambda: sb3_options.resolve({"policy_kwargs": {"activation_fn": "own_module:Stranger"}}, None),
    "backbone": lambda: backbones.make("own_module:untold", classes=2, channels=1, size=8, options={}),
    "loss": lambda: losses.reduction("own_module:untold"),
    "environment": lambda: family_from_gymnasium("own_module:Stranger"),
    "environment id": lambda: family_from_gymnasium("own_module:Own-v0"),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_every_option_that_imports_asks_first(module, moment):
    with names_from("file"), pytest.raises(UntrustedNameError, match=r"own_module.*--trust"):
        MOMENTS[moment]()
    assert not (module / "imported").exists()


def test_parts_of_libraries_are_taken_and_checked():
    contrib = pytest.importorskip("sb3_contrib")
    with names_from("file"):
        assert sb3_options.algorithm("sb3_contrib:RecurrentPPO") is contrib.RecurrentPPO
        found = sb3_options.resolve({"policy_kwargs": {"activation_fn": "torch.nn:ReLU"}}, None)
        assert found["policy_kwargs"]["activation_fn"].__name__ == "ReLU"
        sb3_options.resolve({"policy_kwargs": {"optimizer_class": "torch.optim:Adam"}}, None)
        with pytest.raises(TypeError, match="on- or off-policy algorithm"):
            sb3_options.algorithm("stable_baselines3.common.vec_env:DummyVecEnv")
        for name in (
            "torch.nn:init",
            "torch.nn.functional:relu",
            "stable_baselines3.common.utils:set_random_seed",
        ):
            with pytest.raises(UntrustedNameError, match="policy_kwargs: expected a subclass of Module"):
                sb3_options.resolve({"policy_kwargs": {"x": name}}, None)
        for name in ("torch.nnx:A", "torch:load", "stable_baselines3_own:A"):
            with pytest.raises(UntrustedNameError, match="--trust"):
                sb3_options.resolve({"policy_kwargs": {"x": name}}, None)
    with names_from("trusted file"):
        sb3_options.resolve({"policy_kwargs": {"x": "torch:tanh"}}, None)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda m: m["teacher"].update(name="rica"), "unknown teacher 'rica'"),
        (lambda m: m["teacher"].update(label="../x\x1b"), "label: expected printable characters"),
        (lambda m: m["teacher"].update(label=3), r"teacher\.label: expected a text, got 3"),
        (lambda m: m["teacher"].update(options=[1]), r"teacher\.options: expected names and values"),
        (lambda m: m.update(budget="many"), "budget: expected a number, got 'many'"),
        (lambda m: m.update(budget=-1), "budget: expected a finite cost above 0"),
        (lambda m: m.update(seed="x"), "seed: expected an int"),
        (lambda m: m.update(keep=0), "keep: expected at least 1"),
        (lambda m: m.update(test_every="x"), "expected a manifest of an experiment"),
        (lambda m: m.update(kinds={"teacher_options": [["a", "tuple"]]}), "expected what was written"),
        (lambda m: m.update(sessions=3), "sessions: expected a list"),
        (lambda m: m.update(space=[]), "space: expected a described space"),
        (lambda m: m.update(mastered="high"), "mastered: expected a number"),
        (lambda m: m.update(test_set=None), "test_set: expected a text"),
        (
            lambda m: m["teacher"].pop("label"),
            r"resume it by the script that made it.*run\(..., resume=True\)",
        ),
    ],
)
def test_manifests_of_wrong_kinds_are_refused_by_name(tmp_path, capsys, change, words):
    folder = half(tmp_path / "run")
    edit(folder / "manifest.json", change)
    assert main(["resume", str(folder)]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert str(folder) in said.replace(" ", "") or "unknown teacher" in said
    with pytest.raises(ValueError, match=words):
        Experiment.from_folder(folder).check_names()


def test_the_manifest_says_nothing_of_trust(tmp_path):
    folder = half(tmp_path / "run")
    assert "source" not in json.dumps(Run.load(folder).manifest)
    assert Experiment.from_folder(folder) == Experiment.from_folder(folder, trust=True)
