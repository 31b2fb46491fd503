"""Every registered family keeps the contract, with every embodiment, in both simulators of the walker."""

from __future__ import annotations

import pytest

from teacherstudent.contract.family import RLFamily
from teacherstudent.contract.registry import FAMILIES
from teacherstudent.testing import check_family

WALKERS = ("bipedal-levels", "hexagon-tracks", "stump-sequence", "stump-tracks")
EPISODES = {"cartpole-parameters": 500, "goal-maze": 100, "maze": 250, "point-mass": 100}
CAPS = EPISODES | dict.fromkeys(WALKERS, 2000)


@pytest.mark.parametrize("name", FAMILIES.names())
def test_family(name):
    check_family(lambda: FAMILIES.make(name), max_steps=CAPS.get(name))


@pytest.mark.parametrize("name", WALKERS)
def test_walkers_in_box2d(name):
    check_family(lambda: FAMILIES.make(name, simulator="box2d"), max_steps=CAPS[name])


@pytest.mark.parametrize("embodiment", ["short", "quadruped"])
@pytest.mark.parametrize("name", WALKERS)
def test_embodiments(name, embodiment):
    check_family(lambda: FAMILIES.make(name, embodiment=embodiment), steps=50)


@pytest.mark.parametrize("embodiment", ["short", "quadruped"])
def test_embodiments_in_box2d(embodiment):
    check_family(lambda: FAMILIES.make("stump-tracks", embodiment=embodiment, simulator="box2d"), steps=50)


@pytest.mark.parametrize("solver", ["exact", "fast"])
def test_solvers(solver):
    check_family(lambda: FAMILIES.make("stump-tracks", solver=solver), steps=50)


@pytest.mark.parametrize(
    "options",
    [{"tolerance": True, "walls": "touch"}, {"start": "task", "layout": "spiral"}, {"start": "anywhere"}],
)
def test_forms_of_the_goal_maze(options):
    check_family(lambda: FAMILIES.make("goal-maze", **options))


def test_every_capped_family_is_a_family_of_environments():
    for name in CAPS:
        assert isinstance(FAMILIES.make(name), RLFamily)
