"""A batch of walkers on a GPU: one thread for each walker, from the kernels that step them on the CPU too.

A thread copies its walker's state from device memory, where it lies as ``(rows, n)`` so that a warp reads
neighbouring addresses, into memory of its own, steps it there and copies it back. Measures and layout of the
walker are constants of the compiled code: every embodiment has kernels of its own.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np
import torch
from gymnasium.spaces import Box
from torch import Tensor

from teacherstudent.envs.walkers.embodiments import embodiment, observation_space
from teacherstudent.envs.walkers.episode import (
    Episode,
    Limits,
    Setting,
    finish_step,
    limits_of,
    observe,
    start_episode,
)
from teacherstudent.envs.walkers.ground.tracks import GIVEN, empty_tracks, lay_track
from teacherstudent.envs.walkers.physics.layout import (
    MAX_CORNERS,
    SHAPE_COLUMNS,
    ZERO,
    Solver,
    Tracks,
    Work,
    work_rows,
)
from teacherstudent.envs.walkers.physics.rig import MANIFOLDS, MARK_ROWS, rig_of, rows_of
from teacherstudent.envs.walkers.physics.step import advance
from teacherstudent.envs.walkers.slots import SOLVERS, check_solver
from teacherstudent.envs.walkers.terrain import TaskSpace
from teacherstudent.simulation.cuda import cuda, shared
from teacherstudent.simulation.draws import stream_of
from teacherstudent.simulation.kernels import Results
from teacherstudent.slots.cuda import CudaSlots, Kernels, compile_kernels

# constants of the kernels; here the default walker's, `_kernels` puts another walker's in their place
_RIG = rig_of(embodiment("default"))
_ROWS = rows_of(4)
_PARTS = 4
_BODIES = 5
_FLOATS = _ROWS.floats
_INTS = _ROWS.ints
_WORK = work_rows(4)
_NAN = np.float32(np.nan)
_F32, _I32 = np.float32, np.int32


class _Walkers(NamedTuple):
    """Where all walkers are in their episodes.

    Attributes:
        floats: ``(rows, n)`` float32.
        ints: likewise, int32.
        done: ``(n,)`` bool: no episode is in flight.
    """

    floats: Any
    ints: Any
    done: Any


class _Episodes(NamedTuple):
    """What the tracks of all walkers follow from.

    Attributes:
        tasks: ``(n, dimensions)`` float32.
        seeds: ``(n,)``.
        started: ``(n,)`` bool: there is a track.
    """

    tasks: Any
    seeds: Any
    started: Any


class _Asked(NamedTuple):
    """Which episodes a start asks for.

    Attributes:
        mask: ``(n,)`` bool: in which slots.
        tasks: ``(n, dimensions)`` float32.
        seeds: ``(n,)``.
        low: ``(dimensions,)``: bounds of the tasks, the same in every call.
        high: likewise.
    """

    mask: Any
    tasks: Any
    seeds: Any
    low: Any
    high: Any


def _step(
    solver: Solver, limits: Limits, tracks: Tracks, walkers: _Walkers, actions: Any, observations: Any,
    results: Results,
) -> None:  # fmt: skip
    """Step every walker; one that has finished stays as it is, and its reward is not a number."""
    e = cuda.grid(1)
    # Unpacked first: read by their names further below, bundles take more registers.
    floats, ints, done = walkers
    rewards, terminated, truncated = results
    # Blocks are whole: the last one may have more threads than there are walkers.
    if e >= len(done):
        return
    if done[e]:
        rewards[e] = _NAN
        terminated[e] = False
        truncated[e] = False
        return
    # A thread's own arrays have one lane, number 0.
    state = cuda.local.array((_FLOATS, 1), _F32)
    whole = cuda.local.array((_INTS, 1), _I32)
    commands = cuda.local.array((_PARTS, 1), _F32)
    work = Work(
        cuda.local.array((_WORK, 1), _F32), cuda.local.array((_PARTS, 1), _I32),
        cuda.local.array((MAX_CORNERS, SHAPE_COLUMNS), _F32), cuda.local.array((MANIFOLDS, MARK_ROWS), _I32),
        cuda.local.array((1, _BODIES, 3), _F32), cuda.local.array(_PARTS, _I32),
    )  # fmt: skip
    # The solver reads and writes its rows many times: that is done in the thread's own memory.
    for i in range(_FLOATS):
        state[i, 0] = floats[i, e]
    for i in range(_INTS):
        whole[i, 0] = ints[i, e]
    wrong = ZERO
    for i in range(_PARTS):
        commands[i, 0] = actions[e, i]
        # The sum is not a number if any action is not finite.
        wrong += ZERO * actions[e, i]
    advance(_RIG, _ROWS, solver, tracks, state, whole, work, commands, e, 1, 0)
    reward, over, cut = finish_step(_RIG, _ROWS, state, whole, commands, 0, limits)
    rewards[e] = reward + wrong
    terminated[e] = over
    truncated[e] = cut
    done[e] = over or cut
    observe(_RIG, _ROWS, tracks, state, whole, e, 0, observations[e])
    for i in range(_FLOATS):
        floats[i, e] = state[i, 0]
    for i in range(_INTS):
        ints[i, e] = whole[i, 0]


def _start(
    solver: Solver, kind: Any, tracks: Tracks, walkers: _Walkers, asked: _Asked, episodes: _Episodes,
    observations: Any,
) -> None:  # fmt: skip
    """Start an episode in the walkers of the mask; of a task outside the space nothing is a number."""
    e = cuda.grid(1)
    floats, ints, done = walkers
    tasks, seeds, started = episodes
    if e >= len(done) or not asked.mask[e]:
        return
    # A kernel cannot raise: a task outside the space starts no episode, and shows in the observation.
    inside = True
    for i in range(len(asked.low)):
        value = asked.tasks[e, i]
        tasks[e, i] = value
        inside = inside and asked.low[i] <= value <= asked.high[i]
    # The seed is kept in the state: after a restore the track is laid from it.
    seeds[e] = asked.seeds[e]
    started[e] = inside
    done[e] = not inside
    if not inside:
        for i in range(observations.shape[1]):
            observations[e, i] = _NAN
        return
    state = cuda.local.array((_FLOATS, 1), _F32)
    whole = cuda.local.array((_INTS, 1), _I32)
    commands = cuda.local.array((_PARTS, 1), _F32)
    work = Work(
        cuda.local.array((_WORK, 1), _F32), cuda.local.array((_PARTS, 1), _I32),
        cuda.local.array((MAX_CORNERS, SHAPE_COLUMNS), _F32), cuda.local.array((MANIFOLDS, MARK_ROWS), _I32),
        cuda.local.array((1, _BODIES, 3), _F32), cuda.local.array(_PARTS, _I32),
    )  # fmt: skip
    setting = Setting(_RIG, _ROWS, solver, kind, tracks)
    # The number of the episode is always 0: every start brings a seed of its own.
    start_episode(setting, Episode(tasks[e], seeds[e], 0), state, whole, work, commands, e, 0)
    observe(_RIG, _ROWS, tracks, state, whole, e, 0, observations[e])
    for i in range(_FLOATS):
        floats[i, e] = state[i, 0]
    for i in range(_INTS):
        ints[i, e] = whole[i, 0]


def _lay(kind: Any, tracks: Tracks, episodes: _Episodes) -> None:
    """Lay the tracks of the walkers that have been started again."""
    e = cuda.grid(1)
    if e >= len(episodes.started) or not episodes.started[e]:
        return
    points = cuda.local.array((MAX_CORNERS, SHAPE_COLUMNS), _F32)
    # The number of the episode is 0, as in `_start`.
    lay_track(kind, episodes.tasks[e], stream_of(episodes.seeds[e], 0), tracks, e, points)


@functools.cache
def _kernels(walker: str) -> Kernels:
    """Return the kernels of a walker; they are compiled when they are first launched."""
    rig = rig_of(embodiment(walker))
    parts = len(rig.parents)
    rows = rows_of(parts)
    constants = {
        "_RIG": rig,
        "_ROWS": rows,
        "_PARTS": parts,
        "_BODIES": parts + 1,
        "_FLOATS": rows.floats,
        "_INTS": rows.ints,
        "_WORK": work_rows(parts),
    }
    return compile_kernels(Kernels(_step, _start, _lay), walker, constants)


class CudaWalkers(CudaSlots):
    """``n`` walkers on a GPU, as `teacherstudent.slots.tensor_envs.TensorEnvs`; nothing waits for the device.

    Physics, tracks, rewards and ends are those of `teacherstudent.envs.walkers.slots.WalkerSlots`, from the
    same source, and an episode is a function of its seed, task and actions. A GPU rounds some operations
    otherwise than a CPU (fused products, logarithms): trajectories agree at first and part later, as those of
    a chaotic system do.

    What cannot be checked without waiting shows as not a number: the observation of a task outside the space,
    the reward of an action that is not finite, or of a step of a slot that has no episode in flight.

    Implements `teacherstudent.contract.family.Snapshot`; states are exact. Tracks are laid again from task
    and seed.

    Args:
        n: number of slots.
        device: a CUDA device.
        space: the task space.
        kind: of the tracks, from `teacherstudent.envs.walkers.ground.tracks`; not `GIVEN`.
        walker: "default", "short" or "quadruped".
        solver: a name of `teacherstudent.envs.walkers.slots.SOLVERS`.
        max_steps: cap that truncates an episode; None for none.
        stuck: as `teacherstudent.envs.walkers.slots.WalkerSlots` takes it.

    Raises:
        ValueError: if there is no such walker or solver, a number is out of range, or the device is of
            another type.
    """

    what = "walker"

    def __init__(
        self,
        n: int,
        *,
        device: torch.device,
        space: TaskSpace,
        kind: int,
        walker: str = "default",
        solver: str = "default",
        max_steps: int | None = None,
        stuck: tuple[int, float] | None = None,
    ) -> None:
        check_solver(solver)
        if kind == GIVEN:
            raise ValueError("kind: expected tracks that are laid from tasks, got GIVEN")
        parts = len(rig_of(embodiment(walker)).parents)
        super().__init__(
            n,
            device=device,
            observations=observation_space(embodiment(walker).legs),
            actions=Box(-1.0, 1.0, (parts,), np.float32),
        )
        self.task_space = space
        self._kernels = _kernels(walker)
        self._now = self._empty(parts, len(space.names))
        self._given = self._inputs(parts, space)
        self._arguments = self._share(SOLVERS[solver], kind, limits_of(max_steps, stuck))

    def _empty(self, parts: int, dimensions: int) -> dict[str, Tensor]:
        """Return the state of slots before their first episode."""
        n = self.num_envs
        rows = rows_of(parts)
        return {
            "floats": self._zeros(torch.float32, rows.floats, n),
            "ints": self._zeros(torch.int32, rows.ints, n),
            "observation": self._zeros(torch.float32, n, *(self.single_observation_space.shape or ())),
            "task": self._zeros(torch.float32, n, dimensions),
            "seed": self._zeros(torch.int64),
            "started": self._zeros(torch.bool),
            "done": ~self._zeros(torch.bool),
        }

    def _inputs(self, parts: int, space: TaskSpace) -> dict[str, Tensor]:
        """Return where arguments are put, and the bounds of the tasks."""
        n = self.num_envs
        return {
            "actions": self._zeros(torch.float32, n, parts),
            "mask": self._zeros(torch.bool),
            "task": self._zeros(torch.float32, n, len(space.names)),
            "seed": self._zeros(torch.int64),
            "low": torch.from_numpy(space.low.astype(np.float32)).to(self.device),
            "high": torch.from_numpy(space.high.astype(np.float32)).to(self.device),
        }

    def _share(self, solver: Solver, kind: int, limits: Limits) -> dict[str, tuple[Any, ...]]:
        """Return the kernels' arguments."""
        now, given, results = self._shared()
        tracks = Tracks._make(
            shared(torch.from_numpy(part).to(self.device)) for part in empty_tracks(self.num_envs, kind)
        )
        walkers = _Walkers(now["floats"], now["ints"], now["done"])
        episodes = _Episodes(now["task"], now["seed"], now["started"])
        asked = _Asked(given["mask"], given["task"], given["seed"], given["low"], given["high"])
        seen = now["observation"]
        return {
            "step": (solver, limits, tracks, walkers, given["actions"], seen, results),
            "start": (solver, kind, tracks, walkers, asked, episodes, seen),
            "lay": (kind, tracks, episodes),
        }
