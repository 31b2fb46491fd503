"""The batched walkers' kernels over all slots, on the CPU: lanes within a group, threads over groups."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import prange

from teacherstudent.envs.walkers.episode import Episode, Setting, finish_step, observe, start_episode
from teacherstudent.envs.walkers.ground.tracks import lay_track
from teacherstudent.envs.walkers.physics.layout import MAX_CORNERS, SHAPE_COLUMNS, Work
from teacherstudent.envs.walkers.physics.rig import MANIFOLDS, MARK_ROWS
from teacherstudent.envs.walkers.physics.step import advance
from teacherstudent.simulation.draws import stream_of
from teacherstudent.simulation.kernels import Results, kernel, parallel_kernel
from teacherstudent.simulation.lanes import WIDTH


class Walkers(NamedTuple):
    """Where all walkers are in their episodes.

    Attributes:
        floats: ``(groups, rows, lanes)`` float32.
        ints: likewise, int32.
        work_size: `work_rows` of the walker: scratch that a step of a group needs.
    """

    floats: Any
    ints: Any
    work_size: Any


@kernel
def new_work(parts: Any, rows: Any) -> Any:
    """Return scratch for one thread."""
    return Work(
        np.zeros((rows, WIDTH), np.float32),
        np.zeros((parts, WIDTH), np.int32),
        np.zeros((MAX_CORNERS, SHAPE_COLUMNS), np.float32),
        np.zeros((MANIFOLDS, MARK_ROWS), np.int32),
        np.zeros((WIDTH, parts + 1, 3), np.float32),
        np.zeros(parts, np.int32),
    )


# Rig, rows, solver and tracks are arguments of their own: Numba's parallel loops take named tuples apart, but
# only those that are arguments, not one that lies in another.
@parallel_kernel
def step_all(
    rig: Any, rows: Any, solver: Any, tracks: Any, walkers: Walkers, actions: Any, limits: Any,
    observations: Any, results: Results, chunks: Any,
) -> None:  # fmt: skip
    """Step every slot.

    Args:
        rig: the walker.
        rows: layout of its state.
        solver: iterations and tolerance.
        tracks: every slot's ground.
        walkers: where they are, changed.
        actions: ``(n, parts)``.
        limits: when an episode is cut.
        observations: ``(n, size)``, written.
        results: written.
        chunks: into how many parts the groups are split over threads.
    """
    state, ints, work_size = walkers
    rewards, terminated, truncated = results
    n = len(actions)
    groups = len(state)
    parts = len(rig.parents)
    for chunk in prange(chunks):
        # Every chunk has its own scratch: threads share nothing that is written.
        work = new_work(parts, work_size)
        commands = np.zeros((parts, WIDTH), np.float32)
        # Products rounded down cut the groups into parts that differ by one group at most.
        for group in range(chunk * groups // chunks, (chunk + 1) * groups // chunks):
            first = group * WIDTH
            # The last group may have lanes without a walker.
            count = min(WIDTH, n - first)
            # Actions come slot by slot, lanes lie side by side.
            for lane in range(count):
                for motor in range(parts):
                    commands[motor, lane] = actions[first + lane, motor]
            advance(rig, rows, solver, tracks, state[group], ints[group], work, commands, first, count, None)
            for lane in range(count):
                slot = first + lane
                reward, over, cut = finish_step(rig, rows, state[group], ints[group], commands, lane, limits)
                rewards[slot] = reward
                terminated[slot] = over
                truncated[slot] = cut
                observe(rig, rows, tracks, state[group], ints[group], slot, lane, observations[slot])


@parallel_kernel
def lay_some(kind: Any, tracks: Any, slots: Any, tasks: Any, seeds: Any, episodes: Any) -> None:
    """Lay the tracks of the given slots again, as `start_some` laid them."""
    for i in prange(len(slots)):
        # Within the loop, since every turn of it may run on another thread.
        points = np.zeros((MAX_CORNERS, SHAPE_COLUMNS), np.float32)
        slot = slots[i]
        lay_track(kind, tasks[slot], stream_of(seeds[slot], episodes[slot]), tracks, slot, points)


@parallel_kernel
def start_some(
    rig: Any, rows: Any, solver: Any, kind: Any, tracks: Any, walkers: Walkers, slots: Any, episodes: Episode,
    observations: Any,
) -> None:  # fmt: skip
    """Start an episode in each of the given slots; ``episodes`` has a row for every slot."""
    state, ints, work_size = walkers
    tasks, seeds, numbers = episodes
    parts = len(rig.parents)
    for i in prange(len(slots)):
        slot = slots[i]
        group = slot // WIDTH
        lane = slot % WIDTH
        # Starts are rare beside steps, so that scratch for each costs little.
        work = new_work(parts, work_size)
        actions = np.zeros((parts, WIDTH), np.float32)
        start_episode(
            Setting(rig, rows, solver, kind, tracks), Episode(tasks[slot], seeds[slot], numbers[slot]),
            state[group], ints[group], work, actions, slot, lane,
        )  # fmt: skip
        observe(rig, rows, tracks, state[group], ints[group], slot, lane, observations[slot])
