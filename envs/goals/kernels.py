"""Kernels of points that look for a place in a maze: start, step and see, one slot at a time.

The same source runs on the CPU and on CUDA. Positions are float32. What is multiplied is exact in float64, so
that a fused product changes nothing and all devices agree.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np

from teacherstudent.simulation.draws import stream_of, uniform
from teacherstudent.simulation.kernels import jit, kernel

X, Y, REACH, TOLERANCE, AIM = range(5)
"""Columns of what a slot aims at: the place; how near counts, 0 if it never does; how near the task says it
is to count. Then their number."""

SEEN: Final = 4
"""Numbers that are observed if the tolerance is not."""

_SPEED = 0.5
_JITTER = np.float64(np.float32(0.2))
"""Across: where in its cell a point starts."""
_F32 = np.float32
_F64 = np.float64


class World(NamedTuple):
    """What all slots share.

    Attributes:
        free: ``(height, width)`` uint8: 1 where a cell is free.
        starts: ``(k, 2)`` float32: the centres of the cells in which points start.
        scale: ``(2,)`` float32: what one cell is in observations, along x and y.
        radius: float32: how near counts, if the task does not say so.
        tolerance_at: the task's column that says how near counts; -1 if none does.
        start_at: the task's column of the start's x, which that of y follows; -1 if there is none.
        touch: whether places in walls count too.
        limit: steps at which an episode is cut.
    """

    free: Any
    starts: Any
    scale: Any
    radius: Any
    tolerance_at: Any
    start_at: Any
    touch: Any
    limit: Any


@kernel
def is_open(free: Any, x: Any, y: Any) -> Any:
    """Return whether a place is in a free cell."""
    # What is not a number fails the comparisons; only then may it become an index.
    if 0 <= x < free.shape[1] and 0 <= y < free.shape[0]:
        return free[int(y), int(x)] != 0
    return False


@kernel
def aim(world: Any, task: Any, target: Any) -> None:
    """Write what a task means to its slot."""
    x = _F32(task[0])
    y = _F32(task[1])
    near = world.radius
    if world.tolerance_at >= 0:
        near = _F32(task[world.tolerance_at])
    target[X] = x
    target[Y] = y
    target[TOLERANCE] = near
    target[REACH] = near
    # Nothing is nearer than 0: a place in a wall is never reached from beside it.
    if not world.touch and not is_open(world.free, x, y):
        target[REACH] = _F32(0)


@kernel
def stand(world: Any, task: Any, seed: Any, episode: Any, place: Any) -> None:
    """Put a point where its episode begins."""
    if world.start_at >= 0:
        place[0] = task[world.start_at]
        place[1] = task[world.start_at + 1]
        return
    stream = stream_of(seed, episode)
    # Which of the cells is draw 0, where in the cell are draws 1 and 2.
    cell = int(_F64(uniform(stream, 0)) * len(world.starts))
    place[0] = _F32(_F64(world.starts[cell, 0]) + _JITTER * (_F64(uniform(stream, 1)) - 0.5))
    place[1] = _F32(_F64(world.starts[cell, 1]) + _JITTER * (_F64(uniform(stream, 2)) - 0.5))


@kernel
def _moved(position: Any, command: Any) -> Any:
    return _F32(_F64(position) + _SPEED * _F64(min(max(command, _F32(-1)), _F32(1))))


@kernel
def act(world: Any, place: Any, target: Any, steps: Any, action: Any) -> Any:
    """Take a point's action; return whether it reached its goal, and whether its time is up.

    The point moves along x, then along y; a wall stops one of them and lets the other go on.

    Args:
        world: see `World`.
        place: ``(2,)`` of the slot, changed.
        target: of the slot.
        steps: taken, this one included.
        action: ``(2,)``.
    """
    x = place[0]
    y = place[1]
    # What starts in a wall never leaves it.
    if not is_open(world.free, x, y):
        return False, steps >= world.limit
    to = _moved(x, action[0])
    if is_open(world.free, to, y):
        x = to
    to = _moved(y, action[1])
    if is_open(world.free, x, to):
        y = to
    place[0] = x
    place[1] = y
    right = _F64(x - target[X])
    up = _F64(y - target[Y])
    reached = right * right + up * up < _F64(target[REACH]) * _F64(target[REACH])
    return reached, (not reached) and steps >= world.limit


@kernel
def see(world: Any, place: Any, target: Any, observation: Any) -> None:
    """Write what a point sees: itself and its goal, -1 to 1 from one side of the maze to the other."""
    scale_x = _F64(world.scale[0])
    scale_y = _F64(world.scale[1])
    observation[0] = _F32(_F64(place[0]) * scale_x - 1.0)
    observation[1] = _F32(_F64(place[1]) * scale_y - 1.0)
    observation[2] = _F32(_F64(target[X]) * scale_x - 1.0)
    observation[3] = _F32(_F64(target[Y]) * scale_y - 1.0)
    if world.tolerance_at >= 0:
        observation[SEEN] = _F32(_F64(target[TOLERANCE]) * scale_x)


@jit
def start_some(
    world: Any, slots: Any, tasks: Any, seeds: Any, episodes: Any, places: Any, targets: Any, steps: Any,
    observations: Any,
) -> None:  # fmt: skip
    """Start an episode in some slots, on their tasks."""
    for i in range(len(slots)):
        e = slots[i]
        aim(world, tasks[e], targets[e])
        stand(world, tasks[e], seeds[e], episodes[e], places[e])
        steps[e] = 0
        see(world, places[e], targets[e], observations[e])


@jit
def step_all(
    world: Any, actions: Any, places: Any, targets: Any, steps: Any, observations: Any, terminated: Any,
    truncated: Any,
) -> None:  # fmt: skip
    """Step every slot."""
    for e in range(len(steps)):
        steps[e] += 1
        terminated[e], truncated[e] = act(world, places[e], targets[e], steps[e], actions[e])
        see(world, places[e], targets[e], observations[e])


@jit
def aim_all(world: Any, tasks: Any, targets: Any) -> None:
    """Write what every slot's task means, after a state has been put back."""
    for e in range(len(tasks)):
        aim(world, tasks[e], targets[e])
