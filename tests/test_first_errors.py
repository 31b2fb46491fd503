"""The likeliest errors of somebody new: each names the remedy, or the page that explains it."""

import re
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest

from teacherstudent import Parameters, Plan, envs, family_from_gymnasium, spaces, students, teachers
from teacherstudent.contract.checks import DOCS, see
from teacherstudent.running.experiment import Experiment
from teacherstudent.students.competence import CompetenceStudent


class Windy(gym.Env):
    """An environment as it was before its owner heard of tasks."""

    observation_space = gym.spaces.Box(-10, 10, (2,), np.float32)
    action_space = gym.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.zeros(2, np.float32), {}

    def step(self, action):
        return np.zeros(2, np.float32), 0.0, False, False, {}


SPACE = Parameters(wind=(0, 1))
CARTPOLE = "cartpole-parameters"


def budget(cost):
    options = {"n_envs": 4, "options": {"n_steps": 128}}
    Experiment(teacher="alp-gmm", family=CARTPOLE, plan=Plan(budget=cost), student_options=options).check()


ERRORS = {
    "an environment without a task space": (
        lambda: family_from_gymnasium(Windy, max_episode_steps=9),
        ("space=Parameters(wind=(0, 1))", "docs/how-to/own-environment.md"),
    ),
    "an environment that ignores its task": (
        lambda: family_from_gymnasium(Windy, space=SPACE, max_episode_steps=9),
        ("it never looks there", "gym.Wrapper", "docs/how-to/own-environment.md"),
    ),
    "an environment in the place of its class": (
        lambda: family_from_gymnasium(Windy(), space=SPACE),
        ("give its class, Windy, with env_options",),
    ),
    "an environment in the place of a family": (
        lambda: Experiment(teacher="random", family=f"{__name__}:Windy", plan=Plan(budget=9)).build(),
        ("family_from_gymnasium makes a family", "docs/how-to/own-environment.md#a-family-with-a-name"),
    ),
    "no seed": (
        lambda: teachers.make("alp-gmm", envs.make(CARTPOLE)),
        ("teacher 'alp-gmm': expected a seed, seed=0 say",),
    ),
    "no seed of a teacher of a space": (
        lambda: teachers.make("alp-gmm", SPACE),
        ("teacher 'alp-gmm': expected a seed, seed=0 say",),
    ),
    "a misspelt option in Python": (
        lambda: teachers.make("alp-gmm", SPACE, seed=0, fitrate=9),
        ("unknown option 'fitrate' (did you mean 'fit_rate'?)",),
    ),
    "an option of PPO beside those of the student": (
        lambda: students.make("sb3", envs.make(CARTPOLE), seed=0, n_steps=64),
        ("what it hands on goes into options={'n_steps': ...}",),
    ),
    "half of a name": (lambda: envs.make("cartpole"), ("did you mean 'cartpole-parameters'?",)),
    "a teacher in the place of a family": (lambda: envs.make("riac"), ("'riac' (which is a teacher)",)),
    "a file in the place of a name": (
        lambda: envs.make("my_env.py"),
        ("a name in a file is given as my_env:NAME",),
    ),
    "a teacher of another kind of space": (
        lambda: teachers.make("accel", spaces.Discrete(4), seed=0),
        ("expected a space of type Box or Levels, got Discrete(4)", "docs/teachers.md"),
    ),
    "a student for another kind of tasks": (
        lambda: students.make("sb3", envs.make("digits-stages"), seed=0),
        ("expected a family with environments", "docs/students.md"),
    ),
    "a budget below a round": (
        lambda: budget(100),
        ("n_envs times n_steps of PPO", "docs/how-to/own-environment.md#budgets-and-broken-environments"),
    ),
    "a budget in which the teacher never acts": (
        lambda: Experiment(
            teacher="alp-gmm", family="toy-grid", student="competence", plan=Plan(budget=30)
        ).check(),
        ("may_never_act", "docs/when-a-curriculum-helps.md"),
    ),
    "an oracle without a line": (
        lambda: teachers.make("oracle", SPACE, seed=0, difficulty_step=(1.0,)),
        ("give mastered=...", "teachers.make('oracle', family)"),
    ),
    "data that are not there": (
        lambda: envs.make("fashion-stages").data,
        ("apt-get install dataset-fashion-mnist", "docs/how-to/set-up.md#data-sets"),
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_names_its_remedy(name, monkeypatch):
    monkeypatch.delenv("TEACHERSTUDENT_DATA", raising=False)
    call, words = ERRORS[name]
    if "data" in name:
        monkeypatch.setattr("pathlib.Path.is_file", lambda self: False)
    with pytest.raises((ValueError, TypeError, FileNotFoundError)) as caught:
        call()
    said = str(caught.value)
    for word in words:
        assert word in said, said


def test_a_keyword_may_name_the_space_and_a_family_needs_no_seed():
    family = envs.make("toy-grid")
    teacher = teachers.make("random", space=family.space, seed=0)
    assert len(teacher.ask(3)) == 3
    assert isinstance(students.make("competence", family, seed=0), CompetenceStudent)


ROOT = Path(__file__).parents[1]
CALL = re.compile(r"""\bsee\(["']([^"']+)["']\)""")


def anchors(text):
    """Return the anchors of a page's headings."""
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_every_page_to_which_an_error_sends_is_there():
    folders = [ROOT / "teacherstudent", ROOT / "envs", ROOT / "teachers"]
    files = [path for folder in folders for path in sorted(folder.rglob("*.py"))]
    pages = {page for path in files for page in CALL.findall(path.read_text(encoding="utf-8"))}
    assert len(pages) >= 6
    for page in pages:
        name, _, anchor = page.partition("#")
        text = (ROOT / DOCS / name).read_text(encoding="utf-8")
        assert not anchor or anchor in anchors(text), page
    assert "expected a seed" + see("concepts.md") == "expected a seed (see docs/concepts.md)"
