"""One maze as a gymnasium environment."""

from __future__ import annotations

from typing import Any

from teacherstudent.envs.maze_slots import MazeSlots
from teacherstudent.rl.one_slot_env import OneSlotEnv


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
