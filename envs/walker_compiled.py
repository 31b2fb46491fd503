"""One compiled walker as a gymnasium environment."""

from __future__ import annotations

from typing import Any

from teacherstudent.envs.walker_picture import WalkerPicture
from teacherstudent.envs.walker_slots import WalkerSlots
from teacherstudent.rl.one_slot_env import OneSlotEnv


class CompiledWalkerEnv(OneSlotEnv[WalkerSlots]):
    """A batch of one of `WalkerSlots`: agrees with any slot of it step for step, starts included.

    It has no cap on steps of its own.

    Args:
        render_mode: "human", "rgb_array" or None.
        slots: further arguments of `WalkerSlots`.
    """

    metadata = {"render_modes": ["human", "rgb_array"], "render_fps": 50}

    def __init__(self, *, render_mode: str | None = None, **slots: Any) -> None:
        super().__init__(WalkerSlots(1, threads=1, **slots), render_mode=render_mode)
        self._picture: WalkerPicture | None = None

    def render(self) -> Any:
        """Return or show a frame, drawn by gymnasium's BipedalWalker."""
        if self.render_mode is None:
            return None
        # Made when it is first needed: most environments are never drawn.
        if self._picture is None:
            self._picture = WalkerPicture(self.render_mode)
        return self._picture.draw(self._slot.view(0))

    def close(self) -> None:
        """Close the window."""
        if self._picture is not None:
            self._picture.close()  # type: ignore[no-untyped-call]  # gymnasium's
