"""A batch of points in mazes on a GPU: one thread each, from the kernels that step them on the CPU too."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np
import torch

from teacherstudent.contract import spaces
from teacherstudent.envs.goals.kernels import AIM, World, act, aim, see, stand
from teacherstudent.envs.goals.slots import action_space, observation_size, observation_space
from teacherstudent.simulation.cuda import cuda, shared
from teacherstudent.simulation.kernels import Results
from teacherstudent.slots.cuda import CudaSlots, Kernels, compile_kernels

_NAN = np.float32(np.nan)
_ZERO = np.float32(0)
_ONE = np.float32(1)


class _Points(NamedTuple):
    """Where all points are in their episodes.

    Attributes:
        places: ``(n, 2)`` float32.
        targets: ``(n, AIM)`` float32: what they aim at.
        steps: ``(n,)``: taken.
        done: ``(n,)`` bool: no episode is in flight.
    """

    places: Any
    targets: Any
    steps: Any
    done: Any


class _Asked(NamedTuple):
    """Which episodes a start asks for.

    Attributes:
        mask: ``(n,)`` bool: in which slots.
        tasks: ``(n, dimensions)`` float64.
        seeds: ``(n,)``.
        low: ``(dimensions,)``: bounds of the tasks, the same in every call.
        high: likewise.
    """

    mask: Any
    tasks: Any
    seeds: Any
    low: Any
    high: Any


def _step(world: World, points: _Points, actions: Any, observations: Any, results: Results) -> None:
    """Step every point; one that has finished stays as it is, and its reward is not a number."""
    e = cuda.grid(1)
    # Blocks are whole: the last one may have more threads than there are points.
    if e >= len(points.done):
        return
    if points.done[e]:
        results.rewards[e] = _NAN
        results.terminated[e] = False
        results.truncated[e] = False
        return
    points.steps[e] += 1
    reached, cut = act(world, points.places[e], points.targets[e], points.steps[e], actions[e])
    # A kernel cannot raise: an action that is not finite shows in the reward, as no number times 0 is one.
    reward = _ZERO * actions[e, 0] + _ZERO * actions[e, 1]
    if reached:
        reward += _ONE
    results.rewards[e] = reward
    results.terminated[e] = reached
    results.truncated[e] = cut
    points.done[e] = reached or cut
    see(world, points.places[e], points.targets[e], observations[e])


def _start(world: World, points: _Points, asked: _Asked, tasks: Any, observations: Any) -> None:
    """Start an episode in the points of the mask; of a task outside the space nothing is a number."""
    e = cuda.grid(1)
    if e >= len(points.done) or not asked.mask[e]:
        return
    # A kernel cannot raise: a task outside the space starts no episode, and shows in the observation.
    inside = True
    for i in range(len(asked.low)):
        value = asked.tasks[e, i]
        tasks[e, i] = value
        inside = inside and asked.low[i] <= value <= asked.high[i]
    points.done[e] = not inside
    if not inside:
        for i in range(observations.shape[1]):
            observations[e, i] = _NAN
        return
    aim(world, tasks[e], points.targets[e])
    # The number of the episode is always 0: every start brings a seed of its own.
    stand(world, tasks[e], asked.seeds[e], 0, points.places[e])
    points.steps[e] = 0
    see(world, points.places[e], points.targets[e], observations[e])


def _lay(world: World, tasks: Any, targets: Any) -> None:
    """Write what every point's task means."""
    e = cuda.grid(1)
    if e < len(tasks):
        aim(world, tasks[e], targets[e])


@functools.cache
def _kernels() -> Kernels:
    """Return the kernels; they are compiled when they are first launched."""
    return compile_kernels(Kernels(_step, _start, _lay), "goal_maze", {})


class CudaPoints(CudaSlots):
    """``n`` points in mazes on a GPU, as `teacherstudent.slots.tensor_envs.TensorEnvs`.

    Equal to `teacherstudent.envs.goals.slots.PointSlots` in its first episodes after a seed, from the same
    source; nothing waits for the device.

    What cannot be checked without waiting shows as not a number: the observation of a task outside the space,
    the reward of an action that is not finite, or of a step of a slot that has no episode in flight.

    Implements `teacherstudent.contract.family.Snapshot`; states are exact.

    Args:
        n: number of slots.
        device: a CUDA device.
        space: the tasks.
        world: the maze, and what counts in it.

    Raises:
        ValueError: if there is no slot, or the device is of another type.
    """

    what = "goal maze"

    def __init__(self, n: int, *, device: torch.device, space: spaces.Parameters, world: World) -> None:
        super().__init__(
            n, device=device, observations=observation_space(space, world), actions=action_space()
        )
        self.task_space = space
        self._kernels = _kernels()
        dimensions = len(space.names)
        # What a saved state holds; what is aimed at is left out, since the tasks give it.
        self._now = {
            "task": self._zeros(torch.float64, n, dimensions),
            "place": self._zeros(torch.float32, n, 2),
            "steps": self._zeros(torch.int64),
            "observation": self._zeros(torch.float32, n, observation_size(world)),
            "done": ~self._zeros(torch.bool),
        }
        # Calls copy their arguments into these arrays, so that kernels are always launched on the same ones.
        self._given = {
            "mask": self._zeros(torch.bool),
            "task": self._zeros(torch.float64, n, dimensions),
            "seed": self._zeros(torch.int64),
            "actions": self._zeros(torch.float32, n, 2),
            "low": torch.from_numpy(space.low.copy()).to(self.device),
            "high": torch.from_numpy(space.high.copy()).to(self.device),
        }
        self._arguments = self._share(world)

    def _share(self, world: World) -> dict[str, tuple[Any, ...]]:
        """Return the kernels' arguments."""
        free, starts, scale = (
            shared(torch.from_numpy(part).to(self.device)) for part in (world.free, world.starts, world.scale)
        )
        there = world._replace(free=free, starts=starts, scale=scale)
        now, given, results = self._shared()
        targets = shared(self._zeros(torch.float32, self.num_envs, AIM))
        points = _Points(now["place"], targets, now["steps"], now["done"])
        asked = _Asked(given["mask"], given["task"], given["seed"], given["low"], given["high"])
        seen = now["observation"]
        return {
            "step": (there, points, given["actions"], seen, results),
            "start": (there, points, asked, now["task"], seen),
            "lay": (there, now["task"], targets),
        }
