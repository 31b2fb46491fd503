"""Levels of the bipedal benchmark, laid by kernels: rough ground with pits, stumps and stairs.

The 8-parameter terrain of Parker-Holder et al. 2022 (ACCEL, https://arxiv.org/abs/2203.01302), which is that
of Wang et al. 2019 (POET, https://arxiv.org/abs/1901.01753) with stairs; and gymnasium's hardcore terrain.
"""

from __future__ import annotations

import math
from typing import Any

from teacherstudent.envs.walkers.ground.shapes import box, corner
from teacherstudent.envs.walkers.physics.layout import GROUND, ONE, SCALE, STEP, TWO, ZERO, F
from teacherstudent.simulation.draws import stream_of, uniform
from teacherstudent.simulation.kernels import kernel

ROUGHNESS, PIT_LOW, PIT_HIGH, STUMP_LOW, STUMP_HIGH, STAIR_LOW, STAIR_HIGH, STAIR_STEPS, SEED = range(9)
"""Entries of a level. The last one may be missing: then the terrain is drawn from the slot's stream."""

ACTIVE_PIT = F(0.8)
ACTIVE_STUMP = F(0.2)
ACTIVE_STAIR = F(0.2)
"""A kind of obstacle is there if its largest size is at least that."""

# gymnasium's numbers of cells: the track, the start pad, and twice the least stretch of grass.
_CELLS = 200
_PAD_CELLS = 20
_GRASS = 10
_PIT_DEPTH = 4  # cells
_STUMP_WIDTH = 1  # cells
_STAIR_WIDTH = 4  # cells
_PULL = F(0.01)
_DAMPING = F(0.8)
_LEAST = F(0.05)
_FIRST_DRAW = 1  # draw 0 is the force of the first step
_ON_GRASS, _AT_PIT, _AT_STUMP, _AT_STAIRS = range(4)
_NAMED, _PAPER, _HARDCORE = range(3)  # styles


@kernel
def _between(low: Any, high: Any, stream: Any, draw: Any) -> Any:
    return low + (high - low) * uniform(stream, draw)


@kernel
def _whole(low: Any, high: Any, stream: Any, draw: Any) -> Any:
    """Return a whole number of low to high - 1."""
    # The product may round up to the number of values: hence the minimum.
    return low + min(int(F(high - low) * uniform(stream, draw)), high - low - 1)


@kernel
def _draw_obstacle(task: Any, stream: Any, draw: Any) -> Any:
    """Return one of the kinds of obstacles that the task switches on; grass if it switches on none."""
    pit = task[PIT_HIGH] >= ACTIVE_PIT
    stump = task[STUMP_HIGH] >= ACTIVE_STUMP
    stairs = task[STAIR_HIGH] >= ACTIVE_STAIR
    kinds = int(pit) + int(stump) + int(stairs)
    if kinds == 0:
        return _ON_GRASS
    # One draw for all: count it down over the kinds that are switched on.
    chosen = _whole(0, kinds, stream, draw)
    if stump:
        if chosen == 0:
            return _AT_STUMP
        chosen -= 1
    if stairs:
        if chosen == 0:
            return _AT_STAIRS
        chosen -= 1
    return _AT_PIT


@kernel
def _place_pit(task: Any, stream: Any, draw: Any, tracks: Any, slot: Any, x: Any, y: Any, style: Any) -> Any:
    """Build a pit that starts at ``(x, y)``; return its cells, and from wall to wall in cells."""
    # Low and high are taken in either order.
    low, high = min(task[PIT_LOW], task[PIT_HIGH]), max(task[PIT_LOW], task[PIT_HIGH])
    gap = F(_whole(3, 5, stream, draw)) if style == _HARDCORE else ONE + _between(low, high, stream, draw)
    bottom = y - F(_PIT_DEPTH) * STEP
    # A pit has two walls, each a cell wide; the ground between them goes down.
    box(tracks, slot, x, x + STEP, bottom, y)
    box(tracks, slot, x + gap * STEP, x + (gap + ONE) * STEP, bottom, y)
    # Cells from wall to wall, rounded up, and a cell for each wall.
    return math.ceil(gap) + 2, gap


@kernel
def _place_stump(
    task: Any, stream: Any, draw: Any, tracks: Any, slot: Any, x: Any, y: Any, style: Any
) -> Any:
    """Build a stump that starts at ``(x, y)``; return its width in cells."""
    low, high = min(task[STUMP_LOW], task[STUMP_HIGH]), max(task[STUMP_LOW], task[STUMP_HIGH])
    width = _whole(1, 3, stream, draw) if style == _HARDCORE else _STUMP_WIDTH
    height = F(width) if style == _HARDCORE else max(_LEAST, _between(low, high, stream, draw))
    box(tracks, slot, x, x + F(width) * STEP, y, y + height * STEP)
    return width


@kernel
def _place_stairs(
    task: Any, stream: Any, draw: Any, tracks: Any, slot: Any, x: Any, y: Any, style: Any
) -> Any:
    """Build stairs that start at ``(x, y)``; return the number of steps, and how far each goes up."""
    low, high = min(task[STAIR_LOW], task[STAIR_HIGH]), max(task[STAIR_LOW], task[STAIR_HIGH])
    height = ONE if style == _HARDCORE else max(_LEAST, _between(low, high, stream, draw))
    # Up or down, equally likely; the draw after the one of the height.
    rise = height if uniform(stream, draw + 1) > F(0.5) else -height
    steps = int(task[STAIR_STEPS] + F(0.5))
    if style == _HARDCORE:
        steps = _whole(3, 5, stream, draw + 2)
    elif style == _PAPER:
        steps = _whole(0, steps, stream, draw + 2)
    # Steps are boxes of their own, each a rise further than the last.
    for s in range(steps):
        left = x + F(s * _STAIR_WIDTH) * STEP
        top = y + F(s) * rise * STEP
        box(tracks, slot, left, left + F(_STAIR_WIDTH) * STEP, top - height * STEP, top)
    return steps, rise


@kernel
def _place_obstacle(
    kind: Any, task: Any, stream: Any, draw: Any, tracks: Any, slot: Any, x: Any, y: Any, style: Any,
    cells: Any,
) -> Any:  # fmt: skip
    """Build an obstacle that starts at ``(x, y)``.

    Returns:
        The cells until the grass, ``cells`` behind a stump of the authors' code; the pit from wall to wall in
        cells, or how far a step goes up; the number of steps.
    """
    if kind == _AT_PIT:
        needed, gap = _place_pit(task, stream, draw, tracks, slot, x, y, style)
        return needed, gap, 0
    if kind == _AT_STUMP:
        width = _place_stump(task, stream, draw, tracks, slot, x, y, style)
        # In the authors' code a stump does not reset the counter: the cells that were drawn go on behind it.
        return (cells if style == _PAPER else width), ZERO, 0
    steps, rise = _place_stairs(task, stream, draw, tracks, slot, x, y, style)
    return steps * _STAIR_WIDTH + (0 if style == _HARDCORE else 1), rise, steps


@kernel
def _style(paper: Any, task: Any) -> Any:
    # A negative seed marks the hardcore terrain.
    if len(task) > SEED and task[SEED] < ZERO:
        return _HARDCORE
    return _PAPER if paper else _NAMED


@kernel
def _stairs_ground(base: Any, rise: Any, left: Any, steps: Any, style: Any) -> Any:
    """Return the height of the ground under stairs, ``left`` cells before their end."""
    cells = steps * _STAIR_WIDTH - left
    if style == _HARDCORE:
        # gymnasium slopes the ground under its stairs.
        return base + (F(cells) - rise) / F(_STAIR_WIDTH) * rise * STEP
    return base + (F(cells // _STAIR_WIDTH) * rise + min(rise, ZERO)) * STEP


@kernel
def lay_level(paper: Any, task: Any, stream: Any, tracks: Any, slot: Any) -> None:
    """Lay a slot's level: cell after cell as POET's walker, an obstacle, then 5 to 9 cells of grass.

    With a `SEED` in the level the terrain comes from it alone, without one from the slot's stream. A negative
    one stands for the sizes of gymnasium's hardcore terrain: pits of 3 or 4 cells, stumps of 1 x 1 or 2 x 2,
    3 or 4 steps of height 1; of the parameters only the roughness and which obstacles there are act then.

    Args:
        paper: whether stumps and stairs are those of the authors' code: a stump stands at the start of 5 to 9
            level cells, the grass comes behind them; stairs have 0 to `STAIR_STEPS` - 1 steps.
        task: `ROUGHNESS` to `STAIR_STEPS`, and perhaps `SEED`.
        stream: of the slot.
        tracks: every slot's ground.
        slot: the slot.
    """
    style = _style(paper, task)
    # A level with a seed looks the same in every slot.
    if len(task) > SEED:
        stream = stream_of(int(abs(task[SEED])), 0)
    state = _ON_GRASS
    fresh = False
    counter = _PAD_CELLS
    draw = _FIRST_DRAW
    y = GROUND
    velocity = ZERO
    size = ZERO
    steps = 0
    base = GROUND
    # gymnasium's loop and its names: a state, whether it is fresh, and cells until the next one.
    for i in range(_CELLS):
        x = F(i) * STEP
        if state == _ON_GRASS and not fresh:
            # A weak pull back to the start pad's height keeps the ground from drifting away.
            pull = _PULL if y < GROUND else (-_PULL if y > GROUND else ZERO)
            velocity = _DAMPING * velocity + pull
            # The start pad is flat, and draws nothing.
            if i > _PAD_CELLS:
                velocity += (TWO * uniform(stream, draw) - ONE) / SCALE
                draw += 1
            y += task[ROUGHNESS] * velocity
        elif state != _ON_GRASS and fresh:
            base = y
            counter, size, steps = _place_obstacle(
                state, task, stream, draw, tracks, slot, x, y, style, counter
            )
            # Draws are numbered: an obstacle takes as many whether it uses them or not.
            draw += 2 if style == _NAMED else 3
        elif state == _AT_PIT:
            y = base - F(_PIT_DEPTH) * STEP if counter > 1 else base
            if counter == 1:
                # A pit's width need not be whole: its last corner moves back to the far wall.
                x -= (F(math.ceil(size)) - size) * STEP
        elif state == _AT_STAIRS:
            y = _stairs_ground(base, size, counter, steps, style)
        fresh = False
        corner(tracks, slot, x, y)
        counter -= 1
        # Grass and obstacles take turns.
        if counter == 0:
            counter = _whole(_GRASS // 2, _GRASS, stream, draw)
            state = _draw_obstacle(task, stream, draw + 1) if state == _ON_GRASS else _ON_GRASS
            fresh = True
            draw += 2
