"""A batch of mazes stepped by a compiled kernel, as a gymnasium vector environment."""

from __future__ import annotations

from typing import Any, Final

import gymnasium as gym
import numba
import numpy as np
import numpy.typing as npt
from gymnasium.spaces import Box, Dict, Discrete

from teacherstudent.contract.checks import check_whole, is_one_of
from teacherstudent.contract.types import Array, IntArray
from teacherstudent.envs.mazes.batch.kernels import (
    HEADING,
    LARGEST_LOOK,
    LOOKS,
    MARGIN,
    PIXELS,
    PLACE,
    POSE,
    SHARES,
    VIEW,
    Limits,
    Mazes,
    View,
    lay_all,
    side_of,
    start_some,
    step_parallel,
    step_range,
)
from teacherstudent.envs.mazes.batch.picture import draw_agents
from teacherstudent.envs.mazes.codes import MAX_STEPS, keys_of
from teacherstudent.envs.mazes.space import MazeLevels
from teacherstudent.simulation.kernels import Results, thread_count
from teacherstudent.slots.batch import BatchSlots
from teacherstudent.slots.requests import Step, check_live
from teacherstudent.slots.single import OneSlotEnv

_SLOTS_PER_CHUNK = 2048
"""Waking a thread takes as long as stepping about so many slots."""
_ONE: Final = np.float32(1)


def limits_of(levels: Array, steps: IntArray, other: int = MAX_STEPS) -> Limits:
    """Return the caps of given levels ``(m, rows, columns)`` and of all others."""
    # Only caps that differ are kept: without any, kernels need no hash.
    own = steps != other
    keys, first = np.unique(keys_of(levels[own]), return_index=True)
    return Limits(keys, steps[own][first].astype(np.int64), other)


NO_LIMITS: Final = Limits(np.empty(0, np.int64), np.empty(0, np.int64), MAX_STEPS)


class MazeSlots(BatchSlots):
    """``n`` mazes with autoreset disabled; minigrid's view and actions, dcd's and jaxued's reward.

    The agent sees 5 x 5 cells: it stands in the middle of the last row and looks towards the first. Three
    channels say type, colour and state of a cell: (1, 0, 0) free, (2, 5, 0) wall, (8, 1, 0) goal. It sees
    through walls, unless the level has walls that hide: what they hide is (0, 0, 0). Its own cell looks free.

    - ``observation="flat"``: float32 ``(79,)`` in 0..1: the image ``[row, column, channel]`` divided by 10
      and flattened, then the heading, one-hot: right, down, left, up.
    - ``observation="dict"``: ``image``, uint8 ``(5, 5, 3)``, undivided, and ``direction``, float32 ``(4,)``.

    Actions: 0 turn left, 1 turn right, 2 go forward; 3 to 6 pass, as there is nothing to use. An episode ends
    at the goal, with reward ``1 - 0.9 * steps / cap``, or at the cap; all other rewards are 0. Nothing is
    random but the levels that are drawn when a reset brings none: these depend on the slot's seed and on the
    episodes since it was seeded.

    Implements `teacherstudent.contract.family.Snapshot`; states are exact.

    Args:
        n: number of slots.
        space: the mazes.
        observation: "flat" or "dict".
        actions: 7, or 3 without those that pass.
        limits: caps on steps; `limits_of` makes them.
        threads: over how many threads a step is spread; None for all that Numba has.

    Raises:
        ValueError: if an option is not one of these, or a number is out of range.
    """

    what = "maze"
    task_space: MazeLevels
    single_action_space: Discrete

    def __init__(
        self,
        n: int,
        *,
        space: MazeLevels,
        observation: str = "flat",
        actions: int = 7,
        limits: Limits = NO_LIMITS,
        threads: int | None = None,
    ) -> None:
        super().__init__(
            n,
            space=space,
            observations=observation_space(observation),
            actions=action_space(actions),
            render_modes=("rgb_array",),
        )
        self._limits = limits
        self._threads = thread_count(threads)
        # Parts of the state that are observed; they are replaced, never written to again.
        self._parts: tuple[str, ...] = ("image", "direction")
        if observation == "flat":
            self._parts = ("observation",)
        self._now |= {"pose": np.zeros((n, POSE), np.int32)} | self._nothing_seen()
        # Grids follow from the levels: they are no part of the state.
        side = side_of(self._now["task"].shape[1])
        self._mazes = Mazes(np.zeros((n, side**2), np.uint8), self._now["pose"], side)

    def step(self, actions: npt.ArrayLike) -> Step:
        """Step every slot; every slot must have an episode in flight.

        Raises:
            RuntimeError: if one has none.
            ValueError: if actions are of another number, or one does not exist.
        """
        now = self._now
        n = self.num_envs
        check_live(now["done"])
        chosen = np.asarray(actions)
        if chosen.shape != (n,) or chosen.dtype.kind not in "iu" or not self._exist(chosen):
            raise ValueError(
                f"actions: expected {n} whole numbers below {self.single_action_space.n}, got {actions!r}"
            )
        # New arrays, since a caller may still hold the last observations.
        now |= {name: np.empty_like(now[name]) for name in self._parts}
        rewards = np.empty(n)
        (terminated, truncated) = np.empty((2, n), np.bool_)
        results = Results(rewards, terminated, truncated)
        slots = chosen.astype(np.int64, copy=False), self._mazes, self._view(), results
        # Several chunks a thread let a quick thread take more; few slots stay on one thread.
        chunks = min(4 * self._threads, n // _SLOTS_PER_CHUNK)
        if self._threads == 1 or chunks < 2:
            step_range(0, n, *slots)
        else:
            # Set before every launch, since other slots may have set another number.
            numba.set_num_threads(self._threads)
            step_parallel(chunks, *slots)
        now["done"] = terminated | truncated
        return self._observations(), rewards, terminated, truncated, {"is_success": terminated.copy()}

    def compile(self) -> None:
        """Compile the kernels, or load them from disk."""
        self._rehearse()

    def render(self) -> tuple[Array, ...]:
        """Return one frame for each slot, ``(height, width, 3)`` uint8."""
        levels = self._now["task"]
        pose = self._now["pose"]
        # Places count the grid's cells, with its margin.
        rows, columns = np.divmod(pose[:, PLACE], side_of(levels.shape[1]))
        agents = np.stack([rows - MARGIN, columns - MARGIN, pose[:, HEADING]], axis=1)
        return tuple(draw_agents(levels, agents))

    def _start(self, slots: IntArray) -> Any:
        # Copies, since slots that go on keep their rows and a caller may hold the arrays.
        self._now |= {name: self._now[name].copy() for name in self._parts}
        now = self._now
        start_some(slots, now["task"], self._limits, self._mazes, self._view())
        return self._observations()

    def _draw(self, slots: IntArray) -> Array:
        return self.task_space.draw_by_seeds(self._now["seed"][slots], self._now["episode"][slots])

    def _restore(self) -> None:
        # A state that is put back has arrays of its own.
        self._mazes = self._mazes._replace(poses=self._now["pose"])
        lay_all(self._now["task"], self._mazes.grids)

    def _exist(self, actions: Array) -> bool:
        # As unsigned numbers those below 0 are the largest: one pass finds both ends.
        largest = np.maximum.reduce(actions.astype(np.int64, copy=False).view(np.uint64))
        return bool(int(largest) < self.single_action_space.n)

    def _view(self) -> View:
        """Return how the slots see, and where kernels write it."""
        # Flat observations are one array: the image is its start, the heading its end.
        first, last = self._now[self._parts[0]], self._now[self._parts[-1]]
        if first is last:
            return View(SHARES, first, last, PIXELS, _ONE)
        return View(LOOKS, first, last, 0, _ONE)

    def _observations(self) -> Any:
        """Return the present observations; they are not written to again."""
        if len(self._parts) == 1:
            return self._now["observation"]
        image = self._now["image"].reshape(-1, VIEW, VIEW, 3)
        return {"image": image, "direction": self._now["direction"]}

    def _nothing_seen(self) -> dict[str, Array]:
        """Return the observations before the first episode."""
        n = self.num_envs
        seen: dict[str, Array] = {
            "observation": np.zeros((n, PIXELS + 4), np.float32),
            "image": np.zeros((n, PIXELS), np.uint8),
            "direction": np.zeros((n, 4), np.float32),
        }
        return {name: seen[name] for name in self._parts}


def observation_space(observation: str) -> gym.Space[Any]:
    """Return the observations of one slot, or raise ValueError unless "flat" or "dict"."""
    if is_one_of(observation, ["flat"]):
        return Box(0.0, 1.0, (PIXELS + 4,), np.float32)
    if is_one_of(observation, ["dict"]):
        image = Box(0, LARGEST_LOOK, (VIEW, VIEW, 3), np.uint8)
        return Dict({"image": image, "direction": Box(0.0, 1.0, (4,), np.float32)})
    raise ValueError(f"observation: expected 'flat' or 'dict', got {observation!r}")


def action_space(actions: int) -> Discrete:
    """Return so many actions, or raise ValueError unless 3 or 7."""
    if check_whole("actions", actions) not in (3, 7):
        raise ValueError(f"actions: expected 3 or 7, got {actions!r}")
    return Discrete(actions)


class MazeEnv(OneSlotEnv[MazeSlots]):
    """A batch of one of `MazeSlots`: agrees with any slot of it step for step.

    Args:
        render_mode: "rgb_array" or None.
        slots: further arguments of `MazeSlots`.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 10}

    def __init__(self, *, render_mode: str | None = None, **slots: Any) -> None:
        if render_mode not in (None, "rgb_array"):
            raise ValueError(f"render_mode: expected 'rgb_array' or None, got {render_mode!r}")
        # One thread, since waking others takes longer than one maze's step.
        super().__init__(MazeSlots(1, threads=1, **slots), render_mode=render_mode)

    def render(self) -> Any:
        """Return a frame, ``(height, width, 3)`` uint8."""
        if self.render_mode is None:
            return None
        return self._slot.render()[0]
