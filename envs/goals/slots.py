"""A batch of points in mazes stepped by compiled kernels, as a gymnasium vector environment."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium.spaces import Box

from teacherstudent.contract import spaces
from teacherstudent.contract.types import Array, FloatArray, IntArray
from teacherstudent.envs.goals.kernels import AIM, REACH, SEEN, World, aim_all, start_some, step_all
from teacherstudent.envs.goals.picture import draw_points
from teacherstudent.slots.batch import BatchSlots
from teacherstudent.slots.requests import Step, check_live
from teacherstudent.slots.single import OneSlotEnv

# Draws 0 to 2 are the start's, in kernels; from here on they are the task.
_TASK_DRAW = 4


class PointSlots(BatchSlots):
    """``n`` points in mazes with autoreset disabled, each on its way to a place of its own.

    Observations, float32: the point's x and y and the goal's, -1 to 1 from one side of the maze to the other,
    and how near counts in the same unit (along x), where the task says so. Actions: a move along x and along
    y, clipped to -1..1, half a cell each at most. Reward 1 at the goal, which ends the episode, else 0.

    What is random in an episode, the start and tasks that no reset brings, depends on the slot's seed and on
    the episodes since it was seeded.

    Implements `teacherstudent.contract.family.Snapshot`; states are exact.

    Args:
        n: number of slots.
        space: the tasks.
        world: the maze, and what counts in it.

    Raises:
        ValueError: if there is no slot.
    """

    what = "goal maze"
    task_space: spaces.Parameters

    def __init__(self, n: int, *, space: spaces.Parameters, world: World) -> None:
        super().__init__(
            n,
            space=space,
            observations=observation_space(space, world),
            actions=action_space(),
            render_modes=("rgb_array",),
        )
        self._world = world
        self._now |= {
            "place": np.zeros((n, 2), np.float32),
            "steps": np.zeros(n, np.int64),
            # A part of the state that is observed; it is replaced, never written to again.
            "observation": np.zeros((n, *(self.single_observation_space.shape or ())), np.float32),
        }
        # What slots aim at follows from the tasks: it is no part of the state.
        self._targets = np.zeros((n, AIM), np.float32)

    def step(self, actions: npt.ArrayLike) -> Step:
        """Step every slot; every slot must have an episode in flight.

        Raises:
            RuntimeError: if one has none.
            ValueError: if actions have another shape, or one is not finite.
        """
        now = self._now
        check_live(now["done"])
        moves = np.ascontiguousarray(actions, np.float32)
        if moves.shape != (self.num_envs, 2) or not np.isfinite(moves).all():
            raise ValueError(
                f"actions: expected finite numbers, shape {self.action_space.shape}, got {actions!r}"
            )
        # New arrays, since a caller may still hold the last ones.
        now["observation"] = np.empty_like(now["observation"])
        (terminated, truncated) = np.empty((2, self.num_envs), np.bool_)
        step_all(
            self._world, moves, now["place"], self._targets, now["steps"], now["observation"], terminated,
            truncated,
        )  # fmt: skip
        now["done"] = terminated | truncated
        rewards = terminated.astype(np.float64)
        return now["observation"], rewards, terminated, truncated, {"is_success": terminated.copy()}

    def render(self) -> tuple[Array, ...]:
        """Return one frame for each slot, ``(height, width, 3)`` uint8."""
        targets = self._targets
        goals = np.stack([targets[:, 0], targets[:, 1], targets[:, REACH]], axis=1)
        # The first two dimensions of the box are where goals can be.
        low, high = self.task_space.low[:2], self.task_space.high[:2]
        return tuple(draw_points(self._world.free, low, high, self._now["place"], goals))

    def _start(self, slots: IntArray) -> Array:
        now = self._now
        # A copy, since slots that go on keep their rows and a caller may hold the array.
        now["observation"] = now["observation"].copy()
        start_some(
            self._world, slots, now["task"], now["seed"], now["episode"], now["place"], self._targets,
            now["steps"], now["observation"],
        )  # fmt: skip
        return now["observation"]

    def _draw(self, slots: IntArray) -> Array:
        drawn = self._uniform(slots, _TASK_DRAW + np.arange(len(self.task_space.names)))
        return spaces.from_unit(self.task_space, drawn)

    def _restore(self) -> None:
        aim_all(self._world, self._now["task"], self._targets)


def observation_space(space: spaces.Parameters, world: World) -> Box:
    """Return the observations of one slot."""
    scale = world.scale.astype(np.float64)
    low = np.append([-1.0, -1.0], _seen(space.low, scale))
    high = np.append([1.0, 1.0], _seen(space.high, scale))
    if world.tolerance_at >= 0:
        low = np.append(low, space.low[world.tolerance_at] * scale[0])
        high = np.append(high, space.high[world.tolerance_at] * scale[0])
    return Box(low.astype(np.float32), high.astype(np.float32), dtype=np.float32)


def action_space() -> Box:
    """Return the actions of one slot."""
    return Box(-1.0, 1.0, (2,), np.float32)


def observation_size(world: World) -> int:
    """Return how many numbers a slot observes."""
    return SEEN + int(world.tolerance_at >= 0)


def _seen(goal: Array, scale: FloatArray) -> FloatArray:
    """Return how a goal is observed, in the kernels' own steps, so that no rounding leaves the bounds."""
    place = goal[:2].astype(np.float32).astype(np.float64)
    return np.asarray(place * scale - 1.0)


class GoalMazeEnv(OneSlotEnv[PointSlots]):
    """A batch of one of `PointSlots`: agrees with any slot of it step for step.

    Args:
        render_mode: "rgb_array" or None.
        slots: further arguments of `PointSlots`.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 10}

    def __init__(self, *, render_mode: str | None = None, **slots: Any) -> None:
        if render_mode not in (None, "rgb_array"):
            raise ValueError(f"render_mode: expected 'rgb_array' or None, got {render_mode!r}")
        super().__init__(PointSlots(1, **slots), render_mode=render_mode)

    def render(self) -> Any:
        """Return a frame, ``(height, width, 3)`` uint8."""
        if self.render_mode is None:
            return None
        return self._slot.render()[0]
