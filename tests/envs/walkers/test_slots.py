"""Compiled walkers as a batch: exact repetition in any batch, exact resumption, stability, cache."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import numba
import numpy as np
import pytest

from teacherstudent import spaces
from teacherstudent.contract.registry import FAMILIES
from teacherstudent.envs.walkers.ground.tracks import GIVEN, HEXAGONS, LEVELS, SEQUENCE, STUMPS
from teacherstudent.envs.walkers.physics.rig import BODY_ROWS, MANIFOLDS
from teacherstudent.envs.walkers.slots import CompiledWalkerEnv, WalkerSlots
from teacherstudent.recording.disk.checkpoint import load, save
from teacherstudent.simulation import kernels
from teacherstudent.simulation.counters import uniform_array
from teacherstudent.simulation.draws import normal, stream_of, uniform
from teacherstudent.simulation.trigonometry import cosine_sine

STUMP_SPACE = spaces.Parameters(stump_height=(0, 3), obstacle_spacing=(0, 6))
LEVEL_SPACE = spaces.Parameters(
    roughness=(0, 10), pit_low=(0, 10), pit_high=(0, 10), stump_low=(0, 5), stump_high=(0, 5),
    stair_low=(0, 5), stair_high=(0, 5), stair_steps=(1, 9),
)  # fmt: skip
KINDS = {
    STUMPS: STUMP_SPACE,
    HEXAGONS: FAMILIES.make("hexagon-tracks").space,
    SEQUENCE: FAMILIES.make("stump-sequence").space,
    LEVELS: LEVEL_SPACE,
}
THREADS = numba.config.NUMBA_NUM_THREADS


def slots_of(n, kind=STUMPS, **options):
    return WalkerSlots(n, space=KINDS[kind], kind=kind, **options)


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


# --- repetition -----------------------------------------------------------------------------------------


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


# --- resumption -----------------------------------------------------------------------------------------


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


# --- bad input ------------------------------------------------------------------------------------------


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


# --- stability ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "walker"), [*((kind, "default") for kind in KINDS), (LEVELS, "quadruped")])
def test_random_play_stays_finite_and_in_one_piece(kind, walker):
    """40 000 steps each: no contact is left out, and joints and speeds stay as Box2D's."""
    n, steps = 256, 160
    slots, rng = slots_of(n, kind, walker=walker, max_steps=120), np.random.default_rng(0)
    slots.reset(seed=0)
    rig, rows, most, gaps, speeds = slots._rig, slots._layout[1], 0, [], []
    parts = len(rig.parents)
    for _ in range(steps):
        seen, rewards, terminated, truncated, _ = slots.step(rng.uniform(-1, 1, (n, parts)))
        done = terminated | truncated
        assert np.isfinite(seen).all()
        assert np.isfinite(rewards).all()
        most = max(most, int(slots._now["ints"][:, rows.counts : rows.counts + parts].max()))
        gaps.append(joint_gaps(slots))
        speeds.append(np.abs(bodies(slots)[:, :, 3:5]).max())
        if done.any():
            slots.reset(options={"reset_mask": done})
    assert most < MANIFOLDS
    assert np.median(gaps) < 0.01
    assert np.quantile(gaps, 0.999) < 0.5  # Box2D's own, under random actions
    assert max(speeds) < 100  # m/s: 2 m a step
    assert np.isfinite(slots._now["floats"]).all()


def bodies(slots):
    """Return ``(n, bodies, 6)``: centres, angles, velocities."""
    count = BODY_ROWS * (1 + len(slots._rig.parents))
    rows = slots._now["floats"][:, :count].transpose(0, 2, 1).reshape(-1, count)[: slots.num_envs]
    return rows.reshape(slots.num_envs, -1, BODY_ROWS)


def joint_gaps(slots):
    """Return how far apart the two sides of each joint are (m)."""
    state, rig = bodies(slots), slots._rig

    def at(body, anchor):
        c, s = np.cos(state[:, body, 2]), np.sin(state[:, body, 2])
        x, y = anchor.T
        return state[:, body, 0] + c * x - s * y, state[:, body, 1] + s * x + c * y

    own, parent = at(np.arange(len(rig.parents)) + 1, rig.joints[:, 2:4]), at(rig.parents, rig.joints[:, :2])
    return np.hypot(own[0] - parent[0], own[1] - parent[1])


# --- numbers --------------------------------------------------------------------------------------------


def test_cosine_and_sine_are_right_to_two_ten_millionths():
    angles = np.concatenate([np.linspace(-50, 50, 20001), np.linspace(-2000, 2000, 20001)]).astype(np.float32)
    table = np.array([cosine_sine(angle) for angle in angles], float)
    assert table[:, 0] == pytest.approx(np.cos(angles.astype(float)), abs=2e-7)
    assert table[:, 1] == pytest.approx(np.sin(angles.astype(float)), abs=2e-7)


def test_kernels_and_arrays_draw_the_same_numbers():
    seeds, episodes, draws = (
        np.array([0, 1, 2**40], np.uint64),
        np.array([0, 5, 9]),
        np.array([0, 3, 1 << 20]),
    )
    array = uniform_array(seeds, episodes, draws)
    alone = [uniform(np.uint64(stream_of(s, e)), d) for s, e, d in zip(seeds, episodes, draws, strict=True)]
    assert alone == pytest.approx(array, abs=2**-23)


def test_draws_are_uniform_and_independent():
    streams = [stream_of(np.uint64(seed), episode) for seed in range(40) for episode in range(10)]
    table = np.array([[uniform(np.uint64(stream), draw) for draw in range(50)] for stream in streams], float)
    assert table.min() >= 0
    assert table.max() < 1
    counts = np.histogram(table, 20, (0, 1))[0]
    assert ((counts - 1000) ** 2 / 1000).sum() < 43.8  # chi squared, 19 degrees of freedom: one in a thousand
    for a, b in ((table[:, :-1], table[:, 1:]), (table[:-1], table[1:])):
        assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 0.03
    bells = np.array(
        [[normal(np.uint64(stream), draw) for draw in range(0, 50, 2)] for stream in streams], float
    )
    assert bells.mean() == pytest.approx(0, abs=0.03)
    assert bells.std() == pytest.approx(1, abs=0.03)
    assert (np.abs(bells) < 1.96).mean() == pytest.approx(0.95, abs=0.01)


# --- cache ----------------------------------------------------------------------------------------------

USE = """
import time
from teacherstudent.contract.registry import FAMILIES
from teacherstudent.envs.walkers.cpu import start_some, step_all
slots = FAMILIES.make("stump-tracks").make_vec(2)
slots.reset(seed=0)
slots.step([[0.0] * 4] * 2)
for kernel in (start_some, step_all):
    print(sum(kernel.stats.cache_hits.values()), sum(kernel.stats.cache_misses.values()))
"""


def test_a_second_process_compiles_nothing():
    slots = FAMILIES.make("stump-tracks").make_vec(2)
    slots.reset(seed=0)
    slots.step(np.zeros((2, 4)))  # fills the cache
    start = time.perf_counter()
    lines = subprocess.run([sys.executable, "-c", USE], check=True, capture_output=True, text=True).stdout
    assert lines.split("\n")[:2] == ["1 0", "1 0"]
    assert time.perf_counter() - start < 30  # compiling takes a minute


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
