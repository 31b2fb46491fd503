"""The family of goals in mazes: its tasks, its facts by counting, its options."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from wrong_values import faults

from teacherstudent import envs, spaces, teachers
from teacherstudent.contract.family import HasEasy, HasOutline, HasTarget
from teacherstudent.envs.goals.family import GoalMaze
from teacherstudent.slots.tensor_envs import make_tensor_envs


def counted(family, n=400_000):
    """Return the share of uniform tasks that can be solved."""
    return family.feasible(spaces.sample(family.space, np.random.default_rng(0), n)).mean()


@pytest.mark.parametrize("margin", [0.0, 5.0, 10.0, 20.0])
@pytest.mark.parametrize("layout", ["rooms", "spiral"])
def test_the_share_within_reach_is_what_counting_finds(layout, margin):
    family = GoalMaze(layout=layout, margin=margin)
    assert family.feasible_share == pytest.approx(counted(family), abs=0.002)


def test_shares_within_reach_by_hand():
    # four rooms of 25 cells and four doors, in a box of 11 + 2 x 10 cells along each side
    assert GoalMaze().feasible_share == 104 / 31**2
    # a start lies in a free cell as often as 104 of the maze's 121 cells are free
    assert GoalMaze(start="task").feasible_share == pytest.approx(104 / 31**2 * 104 / 121)
    assert counted(GoalMaze(start="task")) == pytest.approx(104 / 31**2 * 104 / 121, abs=0.001)


def test_touched_walls_add_borders_to_what_is_within_reach():
    family = GoalMaze(layout=["S"], margin=4.0, walls="touch")
    # a square of one cell and what lies within half a cell of it: four strips and a disc's four quarters
    assert family.feasible_share == pytest.approx((1 + 2 + np.pi / 4) / 81, abs=0.001)
    assert counted(family) == pytest.approx((1 + 2 + np.pi / 4) / 81, abs=0.001)
    assert GoalMaze(walls="touch", tolerance=True).feasible_share > GoalMaze(walls="touch").feasible_share


@pytest.mark.parametrize("walls", ["clean", "touch"])
def test_a_greedy_walk_reaches_what_is_said_to_be_within_reach_and_nothing_else(walls):
    """In a maze without inner walls straight lines lead everywhere."""
    family = GoalMaze(layout=["....", "....", "S..."], margin=2.0, walls=walls)
    tasks = spaces.sample(family.space, np.random.default_rng(3), 600)
    vec = family.make_vec(len(tasks))
    seen, _ = vec.reset(seed=0, options={"task": tasks})
    found = np.zeros(len(tasks), np.bool_)
    done = np.zeros(len(tasks), np.bool_)
    for _ in range(60):
        # Goals beside the border are reached from just inside it, if at all.
        aim = np.clip(tasks, 1e-4, [3.9999, 2.9999]) * [2 / 4, 2 / 3] - 1
        seen, _, terminated, truncated, _ = vec.step(np.clip((aim - seen[:, :2]) * [4, 3], -1, 1))
        found |= terminated & ~done
        done |= terminated
        if terminated.any():
            seen, _ = vec.reset(options={"reset_mask": terminated | truncated, "task": tasks})
    wrong = found != family.feasible(tasks)
    # beyond the border what counts ends at half a cell, which a walk reaches up to a ten-thousandth
    assert wrong.mean() < 0.01
    assert found.any()
    assert not found.all()


def test_tests_are_the_middles_of_all_free_cells():
    family = GoalMaze()
    tasks = family.test_tasks()
    assert tasks.shape == (104, 2)
    assert family.feasible(tasks).all()
    assert np.array_equal(tasks % 1, np.full((104, 2), 0.5))
    assert len(np.unique(tasks, axis=0)) == 104
    assert family.test_set == "goal-maze/rooms-11x11-104cells"
    assert (family.mastered, family.score_range, family.test_actions) == (0.5, (0.0, 1.0), "sampled")


def test_tasks_hold_what_was_asked_for():
    family = GoalMaze(layout=[".#", "S."], margin=1.0, tolerance=True, start="task")
    assert family.space.names == ("x", "y", "tolerance", "start_x", "start_y")
    assert family.space.low.tolist() == [-1.0, -1.0, 0.25, 0.0, 0.0]
    assert family.space.high.tolist() == [3.0, 3.0, 2.0, 2.0, 2.0]
    assert family.test_tasks().tolist() == [
        [0.5, 0.5, 0.5, 0.5, 0.5],
        [1.5, 0.5, 0.5, 0.5, 0.5],
        [0.5, 1.5, 0.5, 0.5, 0.5],
    ]


def test_the_target_is_uniform_over_free_cells():
    family = GoalMaze()
    assert isinstance(family, HasTarget)
    drawn = family.target(np.random.default_rng(0), 104_000)
    assert family.feasible(drawn).all()
    _, counts = np.unique(drawn.astype(int), axis=0, return_counts=True)
    assert len(counts) == 104
    # about 1 000 in each cell: five standard deviations
    assert np.abs(counts - 1000).max() < 5 * np.sqrt(1000)


def test_easy_goals_are_near_the_start_and_not_behind_a_wall():
    family = GoalMaze(layout=["...", "S#.", "..."])
    assert isinstance(family, HasEasy)
    drawn = family.easy(np.random.default_rng(0), 1000)
    assert family.feasible(drawn).all()
    assert {tuple(cell) for cell in drawn.astype(int).tolist()} == {(0, 0), (0, 1), (0, 2), (1, 0), (1, 2)}


def test_an_untrained_walk_solves_easy_tasks_now_and_then_and_uniform_ones_seldom():
    family = GoalMaze()
    rng = np.random.default_rng(0)
    solved = {}
    for name, tasks in (
        ("easy", family.easy(rng, 500)),
        ("uniform", spaces.sample(family.space, rng, 500)),
    ):
        vec = family.make_vec(500)
        vec.reset(seed=0, options={"task": tasks})
        ended = np.zeros(500, np.bool_)
        for _ in range(100):
            _, _, terminated, truncated, _ = vec.step(rng.uniform(-1, 1, (500, 2)))
            ended |= terminated
            if (terminated | truncated).any():
                vec.reset(options={"reset_mask": terminated | truncated, "task": tasks})
        solved[name] = ended.mean()
    assert solved["easy"] > 0.5
    assert solved["uniform"] < 0.05


def test_the_cap_on_steps_grows_with_the_way():
    assert GoalMaze().max_steps == 100
    # six rows of 11 cells and five doors: the last cell is 70 cells away
    assert GoalMaze(layout="corridor").max_steps == 280
    assert GoalMaze(layout="corridor", max_steps=5).max_steps == 5


def test_the_outline_is_the_walls_and_the_border():
    family = GoalMaze(layout=["#..", "S.#"])
    assert isinstance(family, HasOutline)
    assert family.outline()[:2].tolist() == [[2, 0, 1, 1], [0, 1, 1, 1]]
    below, above, left, right = family.outline()[2:].tolist()
    assert (below, above) == ([-0.25, -0.25, 3.5, 0.25], [-0.25, 2, 3.5, 0.25])
    assert (left, right) == ([-0.25, 0, 0.25, 2], [3, 0, 0.25, 2])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layout": "labyrinth"}, "layout: expected one of"),
        ({"walls": "soft"}, "walls: expected one of ['clean', 'touch'], got 'soft'"),
        ({"start": "middle"}, "start: expected 'layout', 'anywhere', 'task' or a list of free cells"),
        ({"start": [(5, 0)]}, "start: expected a list of free cells"),
        ({"margin": -1.0}, "margin: expected a finite number of at least 0"),
        ({"radius": 0.0}, "radius: expected a finite number above 0"),
        ({"max_steps": 0}, "max_steps: expected a whole number of at least 1"),
        ({"tolerance": 1}, "tolerance: expected True or False"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        GoalMaze(**options)


def test_wrong_options_end_in_one_clear_error():
    assert faults(envs.get("goal-maze"), {}, lambda family: family.test_tasks()) == []


def test_on_the_host_tensors_are_those_of_the_slots():
    family = GoalMaze()
    there = make_tensor_envs(family, 3, torch.device("cpu"))
    vec = family.make_vec(3)
    tasks = family.test_tasks()[:3]
    seeds = torch.arange(3)
    seen = there.start(torch.ones(3, dtype=torch.bool), torch.from_numpy(tasks), seeds)
    assert np.array_equal(seen.numpy(), vec.reset(seed=[0, 1, 2], options={"task": tasks})[0])
    assert np.array_equal(there.step(torch.ones(3, 2))[0].numpy(), vec.step(np.ones((3, 2)))[0])


@pytest.mark.parametrize("name", ["alp-gmm", "accel", "plr"])
def test_teachers_of_tasks_and_of_levels_take_it(name):
    family = GoalMaze()
    teacher = teachers.make(name, family.space, seed=0)
    asked = teacher.ask(16)
    assert asked.tasks.shape == (16, 2)
