"""Episodes of compiled walkers: where they end."""

from __future__ import annotations

import numpy as np
import pytest
from walker_slots import slots_of
from walker_twins import FORCE

from teacherstudent.contract.registry import FAMILIES
from teacherstudent.envs.walkers.box2d import environment as walker_track
from teacherstudent.envs.walkers.episode import check_stuck, limits_of
from teacherstudent.envs.walkers.ground.tracks import GIVEN
from teacherstudent.envs.walkers.physics.rig import BODY_ROWS
from teacherstudent.envs.walkers.slots import WalkerSlots
from teacherstudent.simulation.lanes import WIDTH


def shift(slots, slot, x):
    """Carry a walker until its hull's centre of mass is at ``x``."""
    floats = slots._now["floats"][slot // WIDTH, :, slot % WIDTH]
    bodies = floats[: BODY_ROWS * (1 + slots.single_action_space.shape[0])].reshape(-1, BODY_ROWS)
    bodies[:, 0] += x - bodies[0, 0]


def test_the_ends_of_the_track_end_the_episode():
    slots = FAMILIES.make("stump-tracks", solver="exact").make_vec(3)
    slots.reset(seed=0, options={"task": [[0.0, 6.0]] * 3})
    shift(slots, 1, -0.5)
    shift(slots, 2, walker_track.FINISH + 0.5)
    _, rewards, terminated, truncated, _ = slots.step(np.zeros((3, 4)))
    assert terminated.tolist() == [False, True, True]
    assert not truncated.any()
    assert rewards[1] == -100.0
    assert rewards[2] > 100  # all the way at once
    assert abs(rewards[0]) < 1


def test_an_episode_is_cut_at_its_cap_and_not_before():
    slots = WalkerSlots(2, space=FORCE, kind=GIVEN, max_steps=5)
    for slot in range(2):
        slots.set_track(slot, np.array([(0.0, 10 / 3), (95.0, 10 / 3)]), [])
    slots.reset(seed=0)
    for step in range(5):
        if step == 2:  # counts start again with the episode
            slots.reset(options={"reset_mask": np.array([False, True])})
        _, _, terminated, truncated, _ = slots.step(np.zeros((2, 4)))
        assert not terminated.any()
        assert truncated.tolist() == [step == 4, False]


def flat(n, **options):
    """Walkers on flat ground that nothing pushes."""
    slots = WalkerSlots(n, space=FORCE, kind=GIVEN, **options)
    for slot in range(n):
        slots.set_track(slot, np.array([(0.0, 10 / 3), (95.0, 10 / 3)]), [])
    slots.reset(seed=0, options={"task": np.zeros((n, 1))})
    return slots


def advance(slots, slot, metres):
    rows = slots._now["floats"][slot // WIDTH, :, slot % WIDTH]
    shift(slots, slot, rows[0] + metres)


def cuts(slots, steps, moves):
    """Return the steps after which each slot is cut first; ``moves`` is {step: (slot, metres)}."""
    first = {}
    for step in range(1, steps + 1):
        if step in moves:
            advance(slots, *moves[step])
        slots._now["done"][:] = False
        _, _, terminated, truncated, _ = slots.step(np.zeros((slots.num_envs, 4)))
        assert not terminated.any()
        for slot in np.flatnonzero(truncated):
            first.setdefault(int(slot), step)
    return first


def test_a_walker_is_cut_once_it_is_stuck():
    """By hand: nothing moves but what is carried, and 5 steps without half a metre are the end."""
    moves = {3: (1, 0.6), 4: (2, 0.4), 5: (2, 0.4), 2: (3, -0.6), 6: (3, 0.7)}
    found = cuts(flat(4, stuck=(5, 0.5)), 12, moves)
    assert found[0] == 5
    assert found[1] == 8  # it got farther in step 3
    assert found[2] == 10  # two steps of 0.4 are one of 0.8, in step 5
    assert found[3] == 5  # coming back is no progress
    assert cuts(flat(4), 12, moves) == {}


def test_both_limits_hold():
    assert cuts(flat(1, stuck=(9, 0.5), max_steps=4), 4, {}) == {0: 4}


def test_stuck_walkers_are_cut_as_a_loop_in_python_says():
    rng = np.random.default_rng(0)
    n, steps, patience, metres = 12, 150, 8, 0.002
    free, cut = slots_of(n), slots_of(n, stuck=(patience, metres))
    for slots in (free, cut):
        slots.reset(seed=list(range(n)), options={"task": np.tile([0.0, 6.0], (n, 1))})
    rig = free._rig

    def place(slot):
        x, _, angle = free.view(slot).poses[0].astype(np.float64)
        return x - (np.cos(angle) * rig.origin[0] - np.sin(angle) * rig.origin[1])

    best, since = [place(slot) for slot in range(n)], [0] * n
    ended = np.zeros(n, bool)
    seen = []
    for _ in range(steps):
        actions = rng.uniform(-1, 1, (n, 4))
        for slots in (free, cut):
            slots._now["done"][:] = False
        _, _, terminated, truncated, _ = free.step(actions)
        assert not truncated.any()
        got = cut.step(actions)
        assert np.array_equal(got[2], terminated)
        for slot in np.flatnonzero(~ended):
            since[slot] += 1
            if place(slot) >= best[slot] + metres:
                best[slot], since[slot] = place(slot), 0
            expected = since[slot] >= patience and not terminated[slot]
            assert got[3][slot] == expected
            if expected:
                seen.append(int(free._now["ints"][slot // WIDTH, free._layout[1].steps, slot % WIDTH]))
        ended |= terminated | got[3]
    assert len(set(seen)) > 3  # not all at once


def test_how_long_a_walker_has_been_stuck_is_saved():
    slots = flat(2, stuck=(6, 0.5))
    cuts(slots, 3, {2: (1, 0.6)})
    other = flat(2, stuck=(6, 0.5))
    other.set_state(slots.get_state())
    assert cuts(other, 6, {}) == cuts(slots, 6, {}) == {0: 3, 1: 5}


@pytest.mark.parametrize(
    ("stuck", "match"),
    [
        (5, r"stuck: expected \(steps, metres\) or None, got 5"),
        ((5,), r"stuck: expected \(steps, metres\) or None, got \(5,\)"),
        ((0, 0.5), "stuck: steps: expected a whole number of at least 1, got 0"),
        ((2.5, 0.5), "stuck: steps: expected a whole number of at least 1, got 2.5"),
        ((2**31, 0.5), "stuck: steps: expected a whole number of at most 2147483647, got 2147483648"),
        ((5, 0.0), "stuck: metres: expected a finite number above 0, got 0.0"),
        ((5, np.nan), "stuck: metres: expected a finite number above 0, got nan"),
        ((5, "far"), "stuck: metres: expected a finite number above 0, got 'far'"),
    ],
)
def test_bad_limits_are_refused(stuck, match):
    with pytest.raises(ValueError, match=match):
        check_stuck(stuck)
    with pytest.raises(ValueError, match=match):
        limits_of(None, stuck)
    with pytest.raises(ValueError, match=match):
        FAMILIES.make("stump-tracks", stuck=stuck)
