"""Compiled walkers as a batch: exact repetition in any batch, exact resumption, bad input."""

from __future__ import annotations

import os
import subprocess
import sys

import numba
import numpy as np
import pytest
from walker_slots import KINDS, STUMP_SPACE, slots_of

from teacherstudent import spaces
from teacherstudent.contract.registry import FAMILIES
from teacherstudent.envs.walkers import cpu
from teacherstudent.envs.walkers.ground.tracks import GIVEN, HEXAGONS, LEVELS, STUMPS
from teacherstudent.envs.walkers.slots import CompiledWalkerEnv, WalkerSlots
from teacherstudent.recording.disk.checkpoint import load, save
from teacherstudent.simulation import kernels

THREADS = numba.config.NUMBA_NUM_THREADS


def played(slots, seeds, tasks, actions):
    """Return the bytes of each slot's episode until its end; ``actions`` is ``(steps, n, motors)``."""
    seen = slots.reset(seed=list(map(int, seeds)), options={"task": tasks})[0]
    rows, over = [[row.tobytes()] for row in seen], np.zeros(len(seeds), bool)
    for step in actions:
        slots._now["done"][:] = False
        seen, rewards, terminated, truncated, _ = slots.step(step)
        for i in np.flatnonzero(~over):
            rows[i] += [seen[i].tobytes(), rewards[i].tobytes(), bool(terminated[i])]
        over |= terminated | truncated
    return rows


@pytest.mark.parametrize(
    ("kind", "walker"), [(STUMPS, "default"), (LEVELS, "short"), (HEXAGONS, "quadruped")]
)
def test_an_episode_is_the_same_to_the_bit_in_any_batch(kind, walker):
    rng, n, motors = np.random.default_rng(kind), 13, 8 if walker == "quadruped" else 4
    tasks = spaces.sample(KINDS[kind], rng, n)
    seeds = rng.integers(0, 2**31, n)
    actions = rng.uniform(-1, 1, (90, n, motors)).astype(np.float32)
    expected = played(slots_of(n, kind, walker=walker), seeds, tasks, actions)
    assert len({tuple(rows) for rows in expected}) == n
    for size, threads in ((1, 1), (8, 1), (64, 1), (64, THREADS)):
        chosen = rng.integers(0, n, size)  # in any order, some more than once
        batch = slots_of(size, kind, walker=walker, threads=threads)
        batch.reset()  # not the first episode
        got = played(batch, seeds[chosen], tasks[chosen], actions[:, chosen])
        assert got == [expected[i] for i in chosen]


def test_a_single_environment_plays_the_episode_of_a_slot():
    tasks, actions = np.array([[1.0, 2.0]]), np.random.default_rng(0).uniform(-1, 1, (40, 1, 4))
    slots = slots_of(1)
    seen = slots.reset(seed=[7], options={"task": tasks})[0]
    env = CompiledWalkerEnv(space=STUMP_SPACE, kind=STUMPS)
    assert np.array_equal(env.reset(seed=7, options={"task": tasks[0]})[0], seen[0])
    for step in actions:
        theirs, mine = slots.step(step), env.step(step[0])
        assert np.array_equal(mine[0], theirs[0][0])
        assert mine[1:4] == (theirs[1][0], theirs[2][0], theirs[3][0])


def test_the_same_seed_goes_on_to_other_episodes():
    slots, tasks = slots_of(2), np.array([[1.0, 2.0]] * 2)
    first = slots.reset(seed=[3, 3], options={"task": tasks})[0]
    second = slots.reset(options={"task": tasks})[0]
    again = slots.reset(seed=[3, 4], options={"task": tasks})[0]
    assert np.array_equal(first[0], first[1])
    assert np.array_equal(second[0], second[1])
    assert not np.array_equal(first[0], second[0])
    assert np.array_equal(first[0], again[0])
    assert not np.array_equal(first[0], again[1])


def test_a_reset_with_a_mask_leaves_the_others_alone():
    tasks = spaces.sample(STUMP_SPACE, np.random.default_rng(0), 12)
    slots, alone = slots_of(12), slots_of(12)
    for batch in (slots, alone):
        batch.reset(seed=5, options={"task": tasks})
    mask = np.arange(12) % 3 == 1
    actions = np.random.default_rng(1).uniform(-1, 1, (20, 12, 4))
    for t, step in enumerate(actions):
        if t == 10:
            before = slots._now["observation"].copy()
            new = np.where(mask[:, None], [1.0, 1.0], np.nan)
            seen, infos = slots.reset(options={"reset_mask": mask, "task": new})
            assert np.array_equal(seen[~mask], before[~mask])
            assert np.array_equal(infos["_task"], mask)
            assert (infos["task"][mask] == 1).all()
        mine, theirs = slots.step(step), alone.step(step)
        assert np.array_equal(mine[0][~mask], theirs[0][~mask])
    assert (mine[0][mask] != theirs[0][mask]).any(axis=1).all()


def test_without_a_task_slots_draw_their_own():
    slots = slots_of(2000, HEXAGONS)
    tasks = slots.reset(seed=0)[1]["task"]
    assert tasks.min() >= 0
    assert tasks.max() <= 4
    assert tasks.mean(axis=0) == pytest.approx(np.full(12, 2.0), abs=0.15)
    assert np.abs(np.corrcoef(tasks.T) - np.eye(12)).max() < 0.1


def on(slots, steps=60):
    """Play on, through resets without seeds and tasks; return all that is seen."""
    rng, seen = np.random.default_rng(9), []
    for _ in range(steps):
        observations, rewards, terminated, truncated, _ = slots.step(
            rng.uniform(-1, 1, slots.action_space.shape)
        )
        done = terminated | truncated
        if done.any():
            observations = slots.reset(options={"reset_mask": done})[0]
        seen += [observations.tobytes(), rewards.tobytes(), done.tobytes()]
    return seen


@pytest.mark.parametrize("kind", KINDS)
def test_a_state_goes_on_to_the_bit_through_a_file(kind, tmp_path):
    slots, other = (slots_of(11, kind, max_steps=50) for _ in range(2))
    slots.reset(seed=1)
    on(slots, 30)
    save(tmp_path / "state", slots.get_state())
    expected = on(slots)
    other.set_state(load(tmp_path / "state"))
    assert on(other) == expected


def test_given_tracks_are_part_of_the_state():
    ground = np.array([(0.0, 3.3), (50.0, 3.4), (95.0, 3.3)])
    space = spaces.Parameters(force=(-5, 5))
    slots, other = (WalkerSlots(2, space=space, kind=GIVEN) for _ in range(2))
    for slot in range(2):
        slots.set_track(slot, ground, [np.array([(9, 3), (10, 3), (10, 3.5)]) + slot])
    slots.reset(seed=0)
    other.set_state(slots.get_state())
    assert on(other) == on(slots)


def test_a_state_of_other_slots_is_refused():
    state = slots_of(3).get_state()
    with pytest.raises(ValueError, match="expected shape"):
        slots_of(4).set_state(state | {"seed": np.zeros(5, np.int64)})
    del state["task"]
    with pytest.raises(ValueError, match="task"):
        slots_of(3).set_state(state)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"solver": "slow"}, r"solver: expected one of .*'exact'.*got 'slow'"),
        ({"walker": "hexapod"}, r"embodiment: expected one of .*got 'hexapod'"),
        ({"threads": 0}, r"threads: expected 1 to \d+, got 0"),
        ({"threads": THREADS + 1}, r"threads: expected 1 to \d+, got \d+"),
        ({"n": 0}, "slot"),
    ],
)
def test_bad_arguments_are_named(options, match):
    with pytest.raises(ValueError, match=match):
        slots_of(**{"n": 2} | options)


def test_an_unknown_simulator_is_named():
    with pytest.raises(ValueError, match=r"simulator: expected one of .*'box2d'.*got 'mujoco'"):
        FAMILIES.make("stump-tracks", simulator="mujoco")
    with pytest.raises(ValueError, match="solver"):
        FAMILIES.make("stump-sequence", solver="slow")


@pytest.mark.parametrize(
    "actions", [np.zeros((2, 4)), np.zeros(4), np.full((3, 4), np.nan), np.full((3, 4), np.inf)]
)
def test_bad_actions_change_nothing(actions):
    slots, good = slots_of(3), np.full((3, 4), 0.5)
    slots.reset(seed=0)
    state = slots.get_state()
    with pytest.raises(ValueError, match="actions: expected finite numbers"):
        slots.step(actions)
    expected = slots.step(good)[0]
    slots.set_state(state)
    assert np.array_equal(slots.step(good)[0], expected)


def test_finished_slots_are_not_stepped():
    slots = slots_of(2, max_steps=1)
    with pytest.raises(RuntimeError):
        slots.step(np.zeros((2, 4)))
    slots.reset(seed=0)
    assert slots.step(np.zeros((2, 4)))[3].all()
    slots.reset(options={"reset_mask": np.array([True, False])})
    with pytest.raises(RuntimeError):
        slots.step(np.zeros((2, 4)))


@pytest.mark.parametrize(
    "track",
    [
        (np.zeros((401, 2)), []),
        (np.zeros((2, 2)), [np.zeros((7, 2))]),
        (np.zeros((2, 2)), [np.zeros((3, 2))] * 193),
    ],
)
def test_a_track_without_room_is_refused(track):
    slots = WalkerSlots(1, space=spaces.Parameters(force=(-5, 5)), kind=GIVEN)
    with pytest.raises(ValueError, match="track: expected"):
        slots.set_track(0, *track)
    with pytest.raises(ValueError, match="track: expected"):
        slots_of(1).set_track(0, np.zeros((2, 2)), [])


def test_a_change_of_any_kernel_s_file_is_noticed(tmp_path, monkeypatch):
    package = tmp_path / "teacherstudent"
    mine = tmp_path / "mine"
    for folder in (package / "simulation", package / "envs" / "walkers", mine):
        folder.mkdir(parents=True)
    files = [package / "envs" / "walkers" / "slots.py", package / "envs" / "slots.py", mine / "slots.py"]
    for file in files:
        file.write_text("a = 1")
        os.utime(file, ns=(0, 0))
    (package / "envs" / "mine").symlink_to(mine)
    (package / "envs" / "mine" / "envs").symlink_to(package / "envs")  # leads back
    monkeypatch.setattr(kernels, "__file__", str(package / "simulation" / "kernels.py"))
    stamp = kernels.sources_stamp.__wrapped__
    stamps = [stamp()]
    named = [name for name, _, _ in stamps[0]]
    assert named == ["envs/mine/slots.py", "envs/slots.py", "envs/walkers/slots.py"]
    assert stamp() == stamps[0]
    for file in files:
        os.utime(file, ns=(1, 1))
        stamps.append(stamp())
    assert len(set(stamps)) == 4


@pytest.mark.parametrize("kind", [STUMPS, LEVELS])
def test_some_of_the_slots_go_on_alone_to_the_bit(kind):
    rng = np.random.default_rng(0)
    whole = slots_of(21, kind)
    whole.reset(seed=list(range(21)), options={"task": spaces.sample(KINDS[kind], rng, 21)})
    actions = rng.uniform(-1, 1, (60, 21, 4))
    for step in actions[:20]:
        whole._now["done"][:] = False
        whole.step(step)
    whole._now["done"][:] = False
    chosen = np.array([20, 3, 9, 8, 16, 0, 1, 12, 15, 7])
    part = whole.narrowed(chosen)
    again = part.narrowed(np.array([4, 2, 9]))  # once more, before both go on
    assert (part.num_envs, part.action_space.shape, part.observation_space.shape) == (10, (10, 4), (10, 24))
    for step in actions[20:]:
        for batch, slots in ((whole, np.arange(21)), (part, chosen), (again, chosen[[4, 2, 9]])):
            batch._now["done"][:] = False
            found = batch.step(step[slots])
            if batch is whole:
                expected = found
            for mine, theirs in zip(found[:4], expected[:4], strict=True):
                np.testing.assert_array_equal(mine, theirs[slots])


def test_compiling_compiles_all_that_an_episode_needs_and_changes_nothing():
    slots = slots_of(9)
    slots.reset(seed=3)
    slots.step(np.full((9, 4), 0.5))
    before = slots.get_state()
    slots.compile()
    after = slots.get_state()
    for name, values in before.items():
        np.testing.assert_array_equal(after[name], values)
    known = [len(kernel.signatures) for kernel in (cpu.step_all, cpu.start_some, cpu.lay_some)]
    other = slots_of(2)
    other.compile()
    other.reset(seed=0)
    other.step(np.zeros((2, 4)))
    other.set_state(other.get_state())
    assert known == [len(kernel.signatures) for kernel in (cpu.step_all, cpu.start_some, cpu.lay_some)]


FRESH = """
from teacherstudent.contract.registry import FAMILIES
from teacherstudent.envs.walkers import cpu
slots = FAMILIES.make("stump-tracks").make_vec(2)
slots.compile()
kernels = (cpu.step_all, cpu.start_some, cpu.lay_some)
assert [len(kernel.signatures) for kernel in kernels] == [1, 1, 1]
slots.reset(seed=0)
slots.step([[0.0] * 4] * 2)
slots.narrowed(__import__("numpy").array([1])).step([[0.0] * 4])
assert [len(kernel.signatures) for kernel in kernels] == [1, 1, 1]
"""


def test_nothing_is_left_to_compile():
    subprocess.run([sys.executable, "-c", FRESH], check=True)
