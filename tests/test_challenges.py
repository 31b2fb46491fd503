"""The script of TeachMyAgent's challenges: every study can be built, and hides what it says."""

import importlib
import sys
from pathlib import Path

import pytest

from teacherstudent import Study
from teacherstudent.contract.registry import FAMILIES, TEACHERS
from teacherstudent.contract.stored.settings import settings_of

SUITE = Path(__file__).parents[1] / "experiments" / "suite"
ALWAYS = ["random", "alp-gmm", "riac", "covar-gmm", "spdl"]


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(str(SUITE))
    return importlib.import_module("challenges")


def test_every_run_of_every_study_can_be_begun(script):
    for challenge in script.FAMILIES:
        for knowledge in script.HIDDEN:
            study = script.make_study(challenge, knowledge)
            quick = study.version(quick=True).experiments()
            assert [run.name for run in quick] == ["random", "alp-gmm"]
            for run in [*study.experiments()[: len(study.teachers)], *quick]:
                run.check()


def test_a_teacher_is_left_out_exactly_where_it_cannot_work(script):
    family = FAMILIES.make("stump-tracks")
    for knowledge, facts in script.HIDDEN.items():
        for name in script.TEACHERS:
            options = dict(script.entry(name, facts, rugged=False).options)
            if name in script.left_out(knowledge):
                with pytest.raises(ValueError, match=f"{script.NEEDS[name]}: expected"):
                    TEACHERS.make(name, family, seed=0, **options)
            else:
                TEACHERS.make(name, family, seed=0, **options)


def test_levels_of_knowledge_differ_in_what_teachers_are_told(script):
    told = {}
    for knowledge in script.HIDDEN:
        study = script.make_study("unfeasible", knowledge)
        runs = {run.name: run for run in study.experiments()[: len(study.teachers)]}
        told[knowledge] = {name: settings_of(run.build()[1]) for name, run in runs.items()}
    assert list(told["no"]) == ALWAYS
    assert set(told["low"]) == {*ALWAYS, "intermediate", "setter-solver", "goal-gan"}
    assert set(told["high"]) == set(script.TEACHERS)
    ranges = [told[knowledge]["alp-gmm"].get("score_range") for knowledge in ("no", "low", "high")]
    assert ranges == [None, [-150.0, 350.0], [-150.0, 350.0]]
    easy = [told[knowledge]["spdl"].get("easy") for knowledge in ("no", "low", "high")]
    assert easy[:2] == [None, None]
    assert easy[2]["shape"] == [512, 2]
    assert told["low"]["intermediate"]["mastered"] == 230.0


def test_challenges_are_what_they_are_called(script):
    def made(challenge):
        run = script.make_study(challenge, "high").experiments()[1]
        family, teacher, student = run.build()
        student.close()
        return family, teacher, student

    assert made("unfeasible")[0].space.high[0] == 9.0
    assert made("trivial")[0].space.low[0] == -3.0
    assert made("forgetting")[2].metrics()["resets"] == 0.0
    assert type(made("rugged")[1]).__name__ == "RuggedTeacher"
    kinds = [type(made(f"diverse-short-{name}")[2].model).__name__ for name in ("ppo", "sac")]
    assert kinds == ["PPO", "SAC"]
    # Two legs have 4 motors, four have 8.
    motors = [made(f"diverse-{name}-ppo")[2].model.action_space.shape for name in ("short", "quadruped")]
    assert motors == [(4,), (8,)]
    tests = {made(challenge)[0].test_set for challenge in script.FAMILIES}
    assert len(tests) == 1


def test_the_command_line_names_the_study_and_who_is_left_out(script, monkeypatch, capsys):
    seen = []
    monkeypatch.setattr(Study, "main", lambda study, words: seen.append((study.name, words)) or 0)
    words = ["--challenge", "trivial", "--knowledge", "low", "--seeds", "1"]
    monkeypatch.setattr(sys, "argv", ["challenges.py", *words])
    assert script.main() == 0
    assert seen == [("suite/challenges-trivial-low", ["--seeds", "1"])]
    assert capsys.readouterr().out == "adr is left out: it cannot work without the fact 'easy'\n"
