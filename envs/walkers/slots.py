"""A batch of walkers stepped by compiled kernels, as a gymnasium vector environment."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numba
import numpy as np
import numpy.typing as npt
from gymnasium.spaces import Box
from gymnasium.vector.utils import batch_space

from teacherstudent.contract import spaces
from teacherstudent.contract.types import Array, IntArray
from teacherstudent.envs.walkers.cpu import Walkers, lay_some, start_some, step_all
from teacherstudent.envs.walkers.embodiments import embodiment, observation_space
from teacherstudent.envs.walkers.episode import Episode, limits_of
from teacherstudent.envs.walkers.ground.tracks import GIVEN, empty_tracks, give_track
from teacherstudent.envs.walkers.physics.constants import RAYS
from teacherstudent.envs.walkers.physics.layout import Solver, Tracks, work_rows
from teacherstudent.envs.walkers.physics.rig import BODY_ROWS, rig_of, rows_of
from teacherstudent.envs.walkers.terrain import TaskSpace, TerrainLevels
from teacherstudent.envs.walkers.view import WalkerView
from teacherstudent.simulation.kernels import Results, thread_count
from teacherstudent.simulation.lanes import WIDTH
from teacherstudent.slots.batch import BatchSlots
from teacherstudent.slots.requests import Step, check_live
from teacherstudent.slots.single import OneSlotEnv

if TYPE_CHECKING:
    from teacherstudent.envs.walkers.box2d.picture import WalkerPicture

SOLVERS: Final[Mapping[str, Solver]] = {
    "default": Solver(180, 60, np.float32(1e-3)),
    "exact": Solver(180, 60, np.float32(0)),
    "fast": Solver(20, 5, np.float32(1e-3)),
}
"""``default``: Box2D's iterations as gymnasium sets them, ended for a walker once no impulse changes by 1e-3;
``exact``: all of them; ``fast``: a ninth of them, about as far from Box2D as Box2D itself with so few."""

_CHUNKS_PER_THREAD = 4
_TASK_DRAW = 1 << 20  # draws below belong to the track


class WalkerSlots(BatchSlots):
    """``n`` walkers on tracks of their own, autoreset disabled: reward, observation and end of gymnasium's.

    The rigid-body solver is Box2D's (hull and legs, motors and limits, contacts with friction and warm
    starts, continuous collision), in float32. What it leaves out: contacts do not move the hull, as the first
    one ends the episode. All that is random in an episode is a function of the slot's seed and of the number
    of episodes since it was seeded: equal seeds, tasks and actions give equal episodes in any slot of any
    batch. The terrain of a level comes from the level's own seed.

    Implements `teacherstudent.contract.family.Snapshot`; states are exact. Tracks are laid again from task
    and seed. Implements `teacherstudent.contract.family.Narrows` too, and
    `teacherstudent.contract.student.Compiles`.

    Args:
        n: number of slots.
        space: the task space.
        kind: of the tracks, from `teacherstudent.envs.walkers.ground.tracks`.
        walker: "default", "short" or "quadruped".
        solver: a name of `SOLVERS`.
        max_steps: cap that truncates an episode; None for none.
        stuck: steps and metres: an episode is truncated too after so many steps in which the hull did not get
            so much farther; None for never.
        threads: over how many threads a step is spread; None for all that Numba has.

    Raises:
        ValueError: if there is no such walker or solver, or a number is out of range.
    """

    what = "walker"
    task_space: TaskSpace

    def __init__(
        self,
        n: int,
        *,
        space: TaskSpace,
        kind: int,
        walker: str = "default",
        solver: str = "default",
        max_steps: int | None = None,
        stuck: tuple[int, float] | None = None,
        threads: int | None = None,
    ) -> None:
        check_solver(solver)
        self._rig = rig_of(embodiment(walker))
        super().__init__(
            n,
            space=space,
            observations=observation_space(embodiment(walker).legs),
            actions=Box(-1.0, 1.0, (len(self._rig.parents),), np.float32),
            render_modes=("rgb_array",),
        )
        self.walker = walker
        self._layout = kind, rows_of(len(self._rig.parents)), SOLVERS[solver]
        self._limits = limits_of(max_steps, stuck)
        self._threads = thread_count(threads)
        self._tracks = empty_tracks(n, kind)
        self._now |= self._unmoved()
        self._picture: WalkerPicture | None = None

    def step(self, actions: npt.ArrayLike) -> Step:
        """Step every slot; every slot must have an episode in flight.

        Raises:
            RuntimeError: if one has none.
            ValueError: if actions have another shape, or one is not finite.
        """
        now = self._now
        n = self.num_envs
        check_live(now["done"])
        commands = np.ascontiguousarray(actions, np.float32)
        if commands.shape != (n, len(self._rig.parents)) or not np.isfinite(commands).all():
            raise ValueError(
                f"actions: expected finite numbers, shape {self.action_space.shape}, got {actions!r}"
            )
        # A new array, since a caller may still hold the last observations.
        observations = now["observation"] = np.empty_like(now["observation"])
        rewards = np.empty(n)
        (terminated, truncated) = np.empty((2, n), np.bool_)
        _, rows, solver = self._layout
        self._limit_threads()
        # Several chunks a thread, so that a thread with quick walkers takes another one.
        chunks = min(len(now["floats"]), _CHUNKS_PER_THREAD * self._threads)
        results = Results(rewards, terminated, truncated)
        step_all(
            self._rig, rows, solver, self._tracks, self._walkers(), commands, self._limits, observations,
            results, chunks,
        )  # fmt: skip
        now["done"] = terminated | truncated
        return observations, rewards, terminated, truncated, {}

    def narrowed(self, slots: IntArray) -> WalkerSlots:
        """Return these slots alone, as a batch that goes on with their episodes; nothing is shared."""
        part = copy.copy(self)
        part.num_envs = len(slots)
        part.observation_space = batch_space(self.single_observation_space, len(slots))
        part.action_space = batch_space(self.single_action_space, len(slots))
        part._picture = None
        part._tracks = Tracks._make(values[slots] for values in self._tracks)
        lanes = ("floats", "ints")
        # A copy for each slot, as indexing by an array makes one.
        part._now = {name: values[slots] for name, values in self._now.items() if name not in lanes}
        part._now |= part._unmoved() | {"observation": part._now["observation"]}
        # Slots lie in groups of lanes: a slot's rows move from its old lane to its new one.
        new = np.arange(len(slots))
        for name in lanes:
            rows = self._now[name][slots // WIDTH, :, slots % WIDTH]
            part._now[name][new // WIDTH, :, new % WIDTH] = rows
        return part

    def compile(self) -> None:
        """Compile the kernels, or load them from disk."""
        self._rehearse()

    def set_track(self, slot: int, corners: Array, obstacles: list[Array]) -> None:
        """Give a slot of kind `GIVEN` a track of its own, for its next episodes.

        The task of such slots is the sideways force on the hull in the first step (N).

        Args:
            slot: the slot.
            corners: ``(m, 2)``: the ground from left to right (m).
            obstacles: convex polygons of at most six corners each, ``(k, 2)``, in any order.

        Raises:
            ValueError: if the slots' tracks are of another kind, or there is no room.
        """
        # Kernels cannot lengthen arrays: a track must fit into what there is.
        room = self._tracks.x.shape[1], *self._tracks.corners.shape[1:3]
        sizes = len(corners), len(obstacles), max((len(solid) for solid in obstacles), default=0)
        if self._layout[0] != GIVEN or any(size > most for size, most in zip(sizes, room, strict=True)):
            raise ValueError(
                f"track: expected slots with given tracks, corners and obstacles up to {room}, got {sizes}"
            )
        give_track(self._tracks, slot, np.asarray(corners, np.float32), obstacles)

    def view(self, slot: int) -> WalkerView:
        """Return what a picture of a slot shows."""
        # Slots lie in groups of lanes.
        floats = self._now["floats"][slot // WIDTH, :, slot % WIDTH]
        # The first three rows of a body are its pose.
        bodies = floats[: BODY_ROWS * (len(self._rig.parents) + 1)].reshape(-1, BODY_ROWS)[:, :3]
        corners, obstacles = self._tracks.lengths[slot]
        return WalkerView(
            rig=self._rig,
            poses=bodies.copy(),
            ground=np.stack([self._tracks.x[slot, :corners], self._tracks.y[slot, :corners]], axis=1),
            obstacles=[
                self._tracks.corners[slot, i, : self._tracks.sides[slot, i], :2].copy()
                for i in range(obstacles)
            ],
            rays=self._now["observation"][slot, -RAYS:].copy(),
        )

    def render_slot(self, slot: int) -> Array:
        """Return a frame of one slot, ``(400, 600, 3)`` uint8, drawn by gymnasium's BipedalWalker.

        Raises:
            ImportError: if Box2D or pygame is missing.
        """
        if self._picture is None:
            self._picture = _picture("rgb_array")
        return np.asarray(self._picture.draw(self.view(slot)))

    def render(self) -> tuple[Array, ...]:
        """Return one frame for each slot."""
        return tuple(self.render_slot(slot) for slot in range(self.num_envs))

    def close_extras(self, **kwargs: Any) -> None:
        """Close the picture."""
        if self._picture is not None:
            self._picture.close()  # type: ignore[no-untyped-call]  # gymnasium's

    def _walkers(self) -> Walkers:
        """Return where the walkers are."""
        return Walkers(self._now["floats"], self._now["ints"], work_rows(len(self._rig.parents)))

    def _limit_threads(self) -> None:
        # Set before every launch, since other slots may have set another number.
        numba.set_num_threads(self._threads)

    def _start(self, slots: IntArray) -> Array:
        now = self._now
        # A copy, since slots that go on keep their rows and a caller may hold the array.
        observations = now["observation"] = now["observation"].copy()
        kind, rows, solver = self._layout
        episodes = Episode(now["task"].astype(np.float32), now["seed"], now["episode"])
        self._limit_threads()
        start_some(
            self._rig, rows, solver, kind, self._tracks, self._walkers(), slots, episodes, observations
        )
        return observations

    def _draw(self, slots: IntArray) -> Array:
        # Tasks are drawn with numbers that no track uses.
        unit = self._uniform(slots, _TASK_DRAW + np.arange(len(self.task_space.names)))
        if isinstance(self.task_space, TerrainLevels):
            return self.task_space.from_unit(unit)
        return spaces.from_unit(self.task_space, unit)

    def _restore(self) -> None:
        # Slots that were never started have no track.
        slots = np.flatnonzero(self._now["episode"] >= 0)
        task, seed, episode = (self._now[name] for name in ("task", "seed", "episode"))
        lay_some(self._layout[0], self._tracks, slots, task.astype(np.float32), seed, episode)

    def _further(self) -> dict[str, Array]:
        # A track that was given cannot be laid again from its task: it is saved.
        if self._layout[0] == GIVEN:
            return self._tracks._asdict()
        return {}

    def _unmoved(self) -> dict[str, Array]:
        """Return the walkers and what they see before their first episode."""
        n = self.num_envs
        # Rounded up: the last group may have lanes without a walker.
        groups = -(-self.num_envs // WIDTH)
        rows = self._layout[1]
        return {
            "floats": np.zeros((groups, rows.floats, WIDTH), np.float32),
            "ints": np.zeros((groups, rows.ints, WIDTH), np.int32),
            "observation": np.zeros((n, *(self.single_observation_space.shape or ())), np.float32),
        }


def check_solver(solver: str) -> None:
    """Raise ValueError unless there is a solver of that name, TypeError if it is no name."""
    if not isinstance(solver, str):
        raise TypeError(f"solver: expected a name, got {solver!r}")
    if solver not in SOLVERS:
        raise ValueError(f"solver: expected one of {list(SOLVERS)}, got {solver!r}")


class CompiledWalkerEnv(OneSlotEnv[WalkerSlots]):
    """A batch of one of `WalkerSlots`: agrees with any slot of it step for step, starts included.

    It has no cap on steps of its own.

    Args:
        render_mode: "human", "rgb_array" or None.
        slots: further arguments of `WalkerSlots`.

    Raises:
        ImportError: if there is a render mode, and Box2D or pygame is missing.
    """

    metadata = {"render_modes": ["human", "rgb_array"], "render_fps": 50}

    def __init__(self, *, render_mode: str | None = None, **slots: Any) -> None:
        super().__init__(WalkerSlots(1, threads=1, **slots), render_mode=render_mode)
        # Most environments are never drawn; where one is to be, a package that is missing is named at once.
        self._picture: WalkerPicture | None = None
        if render_mode is not None:
            self._picture = _picture(render_mode)

    def render(self) -> Any:
        """Return or show a frame, drawn by gymnasium's BipedalWalker."""
        if self._picture is None:
            return None
        return self._picture.draw(self._slot.view(0))

    def close(self) -> None:
        """Close the window."""
        if self._picture is not None:
            self._picture.close()  # type: ignore[no-untyped-call]  # gymnasium's


def _picture(render_mode: str) -> WalkerPicture:
    # Imported only where something is drawn, as Box2D is an optional extra.
    from teacherstudent.envs.walkers.box2d.picture import WalkerPicture

    return WalkerPicture(render_mode)
