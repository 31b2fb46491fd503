"""Where a step of the compiled walker goes: its parts one after the other, and the solver's iterations."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from teacherstudent.envs.walkers.cpu import new_work
from teacherstudent.envs.walkers.episode import finish_step, limits_of, observe
from teacherstudent.envs.walkers.physics import step as physics
from teacherstudent.envs.walkers.physics.joints import set_angle
from teacherstudent.envs.walkers.physics.layout import Solver, work_rows
from teacherstudent.envs.walkers.physics.rig import ANGLE, BODY_ROWS
from teacherstudent.envs.walkers.slots import SOLVERS, WalkerSlots
from teacherstudent.simulation.kernels import jit
from teacherstudent.simulation.lanes import WIDTH, load

PARTS = (
    "copying a state (not part of a step)",
    "contacts: which, where",
    "masses; velocity iterations",
    "position iterations",
    "continuous collision",
    "reward, end, observation, rays",
)
_meet, _clear, _note = physics._meet_ground, physics._clear_missing, physics._note_poses
_accelerate, _prepare = physics._accelerate, physics._prepare
_velocities, _positions, _integrate = physics._solve_velocities, physics._solve_positions, physics._integrate
_impacts = physics._stop_at_impacts
_LIMITS = limits_of(2000, None)


def profile(make: Callable[..., WalkerSlots], quick: bool) -> None:
    """Print for two walkers and all solvers what each part of a step costs one thread."""
    n, rounds = (16, 3) if quick else (512, 7)
    for walker in ("default",) if quick else ("default", "quadruped"):
        slots = _played(make(walker, "default", 1, n), 5 if quick else 150)
        for name in SOLVERS:
            print(f"\n{walker}, {name}: microseconds a step of one walker, one thread; {n} walkers")
            seconds = [_seconds(slots, part, SOLVERS[name], rounds) for part in range(len(PARTS))]
            parts = np.diff(seconds, prepend=0.0) / n * 1e6
            for part, cost in zip(PARTS, parts, strict=True):
                print(f"  {part:<40}{cost:>8.2f}{100 * cost / parts[1:].sum():>7.0f} %")
            print(f"  {'a step':<40}{parts[1:].sum():>8.2f}")
            print(f"  mean velocity iterations: {_iterations(slots, SOLVERS[name], 0):.1f}", end=", ")
            print(f"position iterations: {_iterations(slots, SOLVERS[name], 1):.1f}")


def _played(slots: WalkerSlots, steps: int) -> WalkerSlots:
    """Play at random."""
    rng = np.random.default_rng(0)
    slots.reset(seed=0)
    for _ in range(steps):
        _, _, terminated, truncated, _ = slots.step(rng.uniform(-1, 1, slots.action_space.shape or ()))
        if (terminated | truncated).any():
            slots.reset(options={"reset_mask": terminated | truncated})
    return slots


def _seconds(slots: WalkerSlots, part: int, solver: Solver, rounds: int) -> float:
    """Return the least time of all walkers' steps up to a part."""
    now, rows = slots._now, slots._layout[1]
    size = work_rows(len(slots._rig.parents))
    args = (
        slots._rig,
        rows,
        solver,
        slots._tracks,
        now["floats"],
        now["ints"],
        size,
        now["observation"].copy(),
    )
    _until(part, *args)
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        _until(part, *args)
        times.append(time.perf_counter() - start)
    return min(times)


def _until(  # noqa: C901  # a straight line that ends anywhere
    last: Any, rig: Any, rows: Any, solver: Any, tracks: Any, state: Any, ints: Any, size: Any, seen: Any
) -> None:
    """Do the parts of a step until a last one, for all groups, without keeping anything."""
    parts = len(rig.parents)
    work, commands = new_work(parts, size), np.full((parts, WIDTH), np.float32(0.5))
    floats, whole = np.zeros_like(state[0]), np.zeros_like(ints[0])
    for group in range(len(state)):
        floats[:], whole[:] = state[group], ints[group]
        first = group * WIDTH
        if last >= 1:
            for body in range(parts + 1):
                set_angle(work.rows, body, load(floats, BODY_ROWS * body + ANGLE, None), None)
            for lane in range(WIDTH):
                _meet(rig, rows, tracks, floats, whole, work, first + lane, lane)
            _clear(parts, work, WIDTH, None)
            _note(parts, floats, work, WIDTH, None)
        if last >= 2:
            _accelerate(rig, rows, floats, WIDTH, None)
            _prepare(rig, rows, floats, work, commands, None)
            _velocities(rig, rows, solver, floats, work, None)
        if last >= 3:
            for body in range(parts + 1):
                _integrate(floats, work, body, None)
            _positions(rig, rows, solver, floats, work, None)
        if last >= 4:
            for lane in range(WIDTH):
                _impacts(rig, rows, solver, tracks, floats, whole, work, first + lane, lane, lane)
        if last >= 5:
            for lane in range(WIDTH):
                finish_step(rig, rows, floats, whole, commands, lane, _LIMITS)
                observe(rig, rows, tracks, floats, whole, first + lane, lane, seen[first + lane])


_until = jit(_until)


def _iterations(slots: WalkerSlots, solver: Solver, which: int) -> float:
    """Return how many iterations walkers take on average until nothing moves any more by the tolerance.

    Found from outside: a walker took more than k iterations if k at most give it another state.
    """
    state, kept, layout = slots.get_state(), slots._now["done"].copy(), slots._layout
    actions = np.full(slots.action_space.shape or (), 0.5)

    def after(most: int) -> Any:
        slots.set_state(state)
        limits = list(solver)
        limits[which] = most
        slots._layout = (*layout[:2], Solver(*limits))
        slots.step(actions)
        floats = slots._now["floats"].transpose(0, 2, 1).reshape(-1, slots._now["floats"].shape[1])
        return floats[: slots.num_envs].copy()

    full = solver[which]
    ks = np.unique(np.concatenate([np.arange(min(8, full)), np.geomspace(8, full, 12).astype(int)]))
    final = after(full)
    more = [(after(int(k)) != final).any(axis=1).mean() for k in ks]
    slots._layout = layout
    slots.set_state(state)
    slots._now["done"][:] = kept
    return float(np.trapezoid(more, ks) + 0.5 * (more[0] + more[-1]))
