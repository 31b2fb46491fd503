"""Episodes of the batched walkers: start, observation, reward, end."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np

from teacherstudent.contract.checks import check_pair, check_real, check_whole
from teacherstudent.envs.walkers.ground.tracks import GIVEN, lay_track
from teacherstudent.envs.walkers.physics.layout import FINISH, GROUND, ONE, START, START_FORCE, TWO, ZERO, F
from teacherstudent.envs.walkers.physics.rays import cast_rays
from teacherstudent.envs.walkers.physics.rig import ANGLE, BODY_ROWS, REFERENCE, SPEED, SPIN, VX, VY, X, Y
from teacherstudent.envs.walkers.physics.step import advance
from teacherstudent.simulation.draws import stream_of, uniform
from teacherstudent.simulation.kernels import kernel, large_kernel
from teacherstudent.simulation.trigonometry import cosine_sine

# gymnasium's scales of speeds: 2 / FPS, and 0.3 * viewport / SCALE / FPS.
_SPIN = F(2 / 50)
_VX = F(0.3 * (600 / 30) / 50)
_VY = F(0.3 * (400 / 30) / 50)
_PROGRESS = F(130 / 30)
_TILT = F(5.0)
_FALL = F(-100.0)
_HULL_VALUES = 4
_LEG_VALUES = 5
_MOST: Final = int(np.iinfo(np.int32).max)
"""Steps are counted in 32 bits."""


class Limits(NamedTuple):
    """When an episode is cut that goes on by itself.

    Attributes:
        steps: after so many.
        stuck_steps: after so many in a row in which the hull did not get farther.
        stuck_metres: by so much, counted from where it was when it last did.
    """

    steps: int
    stuck_steps: int
    stuck_metres: np.float32


class Setting(NamedTuple):
    """What all walkers of a batch share.

    Attributes:
        rig: the walker.
        rows: layout of its state.
        solver: iterations and tolerance.
        kind: of the tracks.
        tracks: every slot's ground.
    """

    rig: Any
    rows: Any
    solver: Any
    kind: Any
    tracks: Any


class Episode(NamedTuple):
    """What an episode is a function of, beside the actions; or a row of each for every slot.

    Attributes:
        task: its parameters.
        seed: of the slot.
        number: of the episode since the slot was seeded.
    """

    task: Any
    seed: Any
    number: Any


def limits_of(max_steps: int | None, stuck: tuple[int, float] | None) -> Limits:
    """Return the limits of episodes; None for none.

    Raises:
        ValueError: if ``stuck`` is not a number of steps and metres above 0.
    """
    steps = _MOST if max_steps is None else int(max_steps)
    if stuck is None:
        return Limits(steps, _MOST, ONE)
    patience, metres = check_stuck(stuck)
    return Limits(steps, patience, F(metres))


def check_stuck(stuck: Any) -> tuple[int, float]:
    """Return the steps and the metres after which a walker counts as stuck.

    Raises:
        ValueError: if they are not a whole number of at least 1 and a number above 0.
    """
    steps, metres = check_pair("stuck", "(steps, metres) or None", stuck)
    return check_whole("stuck: steps", steps, 1, _MOST), check_real("stuck: metres", metres, 0, above=True)


@kernel
def _position(rig: Any, state: Any, lane: Any) -> Any:
    """Return where the hull's origin is (m)."""
    # The state has centres of mass, gymnasium reports the hull's origin.
    c, s = cosine_sine(state[ANGLE, lane])
    x, y = rig.origin[0], rig.origin[1]
    return state[X, lane] - (c * x - s * y), state[Y, lane] - (s * x + c * y)


@kernel
def observe(rig: Any, rows: Any, tracks: Any, state: Any, ints: Any, slot: Any, lane: Any, out: Any) -> None:
    """Write a walker's observation, in gymnasium's layout."""
    x, y = _position(rig, state, lane)
    out[0], out[1] = state[ANGLE, lane], _SPIN * state[SPIN, lane]
    out[2], out[3] = _VX * state[VX, lane], _VY * state[VY, lane]
    parts = len(rig.parents)
    for part in range(parts):
        above = BODY_ROWS * rig.parents[part]
        body = BODY_ROWS * (part + 1)
        angle = state[body + ANGLE, lane] - state[above + ANGLE, lane] - rig.joints[part, REFERENCE]
        speed = (state[body + SPIN, lane] - state[above + SPIN, lane]) / rig.joints[part, SPEED]
        # Five values a leg: hip's angle and speed, knee's angle and speed, and the foot's flag.
        column = _HULL_VALUES + _LEG_VALUES * (part >> 1) + 2 * (part & 1)
        out[column] = angle + ONE if part & 1 else angle
        out[column + 1] = speed
        if part & 1:
            out[column + 2] = F(ints[rows.feet + (part >> 1), lane])
    cast_rays(tracks, slot, x, y, out[_HULL_VALUES + _LEG_VALUES * (parts >> 1) :])


@kernel
def shaping(rig: Any, state: Any, lane: Any) -> Any:
    """Return the potential of which the reward is the gain: progress less tilt."""
    return _PROGRESS * _position(rig, state, lane)[0] - _TILT * abs(state[ANGLE, lane])


@kernel
def finish_step(rig: Any, rows: Any, state: Any, ints: Any, actions: Any, lane: Any, limits: Any) -> Any:
    """Return reward, whether the episode is over, and whether it is cut: its time is up, or it is stuck."""
    potential = shaping(rig, state, lane)
    reward = potential - state[rows.shaping, lane]
    state[rows.shaping, lane] = potential
    # Torque costs by the size of the command, at most 1, as in gymnasium.
    for motor in range(len(rig.parents)):
        reward -= rig.power[1] * min(abs(actions[motor, lane]), ONE)
    x = _position(rig, state, lane)[0]
    fallen = ints[rows.fallen, lane] != 0 or x < ZERO
    ints[rows.steps, lane] += 1
    ints[rows.since, lane] += 1
    # The place moves by whole gains only: a walker that creeps is stuck all the same.
    if x >= state[rows.best, lane] + limits.stuck_metres:
        state[rows.best, lane] = x
        ints[rows.since, lane] = 0
    over = fallen or x > FINISH
    late = ints[rows.steps, lane] >= limits.steps or ints[rows.since, lane] >= limits.stuck_steps
    # A walker that falls when its time is up has failed: it is not cut as well.
    return (_FALL if fallen else reward), over, not over and late


@large_kernel
def start_episode(
    setting: Setting, episode: Episode, state: Any, ints: Any, work: Any, actions: Any, slot: Any, lane: Any
) -> None:
    """Lay the task's track, put the walker on the start pad, and let the world take its first step.

    Args:
        setting: what all walkers share.
        episode: its task, and where its draws come from.
        state: ``(rows, lanes)``.
        ints: likewise.
        work: scratch.
        actions: ``(parts, lanes)``, scratch.
        slot: the slot.
        lane: its lane.
    """
    rig, rows, solver, kind, tracks = setting
    # All that is random in an episode comes from this stream: its track, and the push of the first step.
    stream = stream_of(episode.seed, episode.number)
    lay_track(kind, episode.task, stream, tracks, slot, work.shape)
    # Nothing of the last episode may stay, least of all impulses that the solver would start from.
    for row in range(rows.floats):
        state[row, lane] = ZERO
    for row in range(rows.ints):
        ints[row, lane] = 0
    parts = len(rig.parents)
    for body in range(parts + 1):
        first = BODY_ROWS * body
        state[first + X, lane] = START + rig.start[body, 0]
        state[first + Y, lane] = GROUND + rig.start[body, 1]
        state[first + ANGLE, lane] = rig.start[body, 2]
    for motor in range(parts):
        actions[motor, lane] = ZERO
    force = START_FORCE * (TWO * uniform(stream, 0) - ONE)
    # The task of a track that was given is the force itself.
    state[rows.force, lane] = episode.task[0] if kind == GIVEN else force
    # gymnasium's reset takes one step without a command, and rewards count from there.
    advance(rig, rows, solver, tracks, state, ints, work, actions, slot, 1, lane)
    state[rows.shaping, lane] = shaping(rig, state, lane)
    state[rows.best, lane] = _position(rig, state, lane)[0]
