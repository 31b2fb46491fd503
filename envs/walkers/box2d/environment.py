"""The walker on tracks with obstacles: the environment that stump, hexagon and sequence tracks share.

The benchmark of Portelas, Colas, Hofmann and Oudeyer, "Teacher algorithms for curriculum learning of Deep RL
in continuously parameterized environments" (CoRL 2019, https://arxiv.org/abs/1910.07224), on gymnasium's
BipedalWalker. Physics, reward, observation and the three walkers are those of the authors' code.
`teacherstudent.envs.walkers.box2d.levels` puts the same walkers on rough ground.

Deviations from the authors' code:
- Rays report the closest hit, as gymnasium's BipedalWalker-v3 does, not the first that Box2D happens to find.
- The quadruped's second pair of legs reports ground contact; in the authors' code these flags stay 0.
- Its torque cost is divided by 8 once, however often an environment is configured.
- All noise comes from the environment's own generator (the hexagons' came from NumPy's global one).
- The ground reaches to the end of the track; it could end up to 1.3 m before the finish line.
- There is no point-like ground edge at the end of the start pad.
- Clouds are not drawn; the background does not take part in the random numbers.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, ClassVar, Protocol, TypeAlias, cast

import numpy as np
from gymnasium.envs.box2d.bipedal_walker import BipedalWalker
from gymnasium.spaces import Box

from teacherstudent.contract import spaces
from teacherstudent.contract.types import Array
from teacherstudent.envs.walkers.box2d.body import Body, BodyFixtures, new_world
from teacherstudent.envs.walkers.box2d.lidar import DIRECTIONS, Lidar
from teacherstudent.envs.walkers.embodiments import embodiment, observation_space
from teacherstudent.envs.walkers.physics.constants import (
    FPS,
    SCALE,
    TERRAIN_GRASS,
    TERRAIN_HEIGHT,
    TERRAIN_LENGTH,
    TERRAIN_STARTPAD,
    TERRAIN_STEP,
    VIEWPORT_H,
    VIEWPORT_W,
)
from teacherstudent.envs.walkers.terrain import TaskSpace

Point: TypeAlias = tuple[float, float]
Polygon: TypeAlias = list[Point]

FINISH = (TERRAIN_LENGTH - TERRAIN_GRASS) * TERRAIN_STEP
_ITERATIONS = (6 * 30, 2 * 30)  # Box2D's velocity and position iterations
GREEN = (76, 204, 76)
EARTH = (102, 153, 76)
WHITE = (255, 255, 255)
GREY = (153, 153, 153)


class Rays(Protocol):
    """A range finder."""

    def cast(self, x: float, y: float) -> list[float]:
        """Return for each ray from ``(x, y)`` the share of its length that is free, 1 if it hits nothing."""


class WalkerGround(BipedalWalker):
    """A walker on a track; subclasses build it.

    A track is a function of the task and of the environment's generator, an episode of these and the actions.
    It has no cap on steps of its own; the registered environments and the families cap episodes at 2000.

    Args:
        space: the task space; a reset without a task draws one uniformly.
        walker: "default", "short" or "quadruped".
        render_mode: "human", "rgb_array" or None.

    Raises:
        ValueError: if there is no such walker.
    """

    rays: Rays

    def __init__(self, space: TaskSpace, walker: str, render_mode: str | None) -> None:
        super().__init__(render_mode=render_mode)
        self.task_space = space
        self.task: Array | None = None
        self.measures = embodiment(walker)
        self._fixtures = BodyFixtures(self.measures)
        motors = 2 * self.measures.legs
        self.action_space = Box(-1.0, 1.0, (motors,), np.float32)
        self.observation_space = observation_space(self.measures.legs)

    @abstractmethod
    def _build_track(self, task: Array) -> None:
        """Set ``terrain``, ``terrain_poly`` and ``cloud_poly`` to what is drawn, and ``rays``."""

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Array, dict[str, Any]]:
        """Build the track of ``options["task"]`` (or of a uniform draw) and put the walker on its start pad.

        Raises:
            ValueError: if the task is not in the task space.
        """
        # Not BipedalWalker's reset, which would build its own terrain: only gymnasium's seeding.
        super(BipedalWalker, self).reset(seed=seed)
        task = (options or {}).get("task")
        if task is None:
            task = spaces.sample(self.task_space, self.np_random, 1)[0]
        self.task = spaces.check_tasks(self.task_space, np.asarray(task)[None], "task")[0]
        self.world = new_world()
        self._build_track(self.task)
        self.body = Body(self.world, self.measures, self._fixtures, self.np_random)
        self.hull = self.body.hull
        self.legs = self.body.parts
        self.joints = self.body.joints
        self.drawlist = [*self.terrain, *self.legs, self.hull]
        # There is no potential yet: the first step gains nothing.
        self.prev_shaping = None
        self.scroll = 0.0
        self.lidar_render = 0
        # gymnasium's reset takes one step without a command, and returns what it sees.
        observation = self.step(np.zeros(2 * self.measures.legs))[0]
        return observation, {"task": self.task.copy()}

    def step(self, action: Array) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        """Drive the motors for one fiftieth of a second."""
        action = np.asarray(action, np.float64)
        self.body.drive(action, self.measures.torque)
        self.world.Step(1.0 / FPS, *_ITERATIONS)
        hull = self.body.hull
        position = hull.position
        velocity = hull.linearVelocity
        angle = hull.angle
        x, y = position.x, position.y
        # gymnasium's layout and scales: the hull, each leg, the rays.
        observation = np.array(
            [
                angle,
                2.0 * hull.angularVelocity / FPS,
                0.3 * velocity.x * (VIEWPORT_W / SCALE) / FPS,
                0.3 * velocity.y * (VIEWPORT_H / SCALE) / FPS,
                *self.body.joint_state(),
                *self.rays.cast(x, y),
            ],
            np.float32,
        )
        shaping = 130 * x / SCALE - 5.0 * abs(angle)
        reward = 0.0 if self.prev_shaping is None else shaping - self.prev_shaping
        self.prev_shaping = shaping
        reward -= self.measures.torque_cost * float(np.minimum(np.abs(action), 1.0).sum())
        fallen = self.body.contacts.fallen or x < 0
        # A fall costs 100 in place of the step's reward, as in gymnasium.
        if fallen:
            reward = -100.0
        if self.render_mode == "human":
            self.render()
        return observation, reward, fallen or x > FINISH, False, {}

    def render(self) -> Any:
        """Return or show a frame, drawn by gymnasium's BipedalWalker."""
        x, y = self.body.hull.position
        # gymnasium's drawing reads these: how far to scroll, and where rays end.
        self.scroll = x - VIEWPORT_W / SCALE / 5
        ends = [
            (x + f * dx, y + f * dy) for f, (dx, dy) in zip(self.rays.cast(x, y), DIRECTIONS, strict=True)
        ]
        self.lidar: Any = [SimpleNamespace(p1=(x, y), p2=end) for end in ends]
        return cast("Any", super()).render()

    def _put(self, corners: Sequence[Point], polygons: list[Polygon]) -> list[Any]:
        """Put edges of ground between the corners, and obstacles; return the obstacles' fixtures."""
        ground = self.world.CreateStaticBody()
        obstacles = self.world.CreateStaticBody()
        ground.color1, ground.color2 = GREEN, GREEN
        obstacles.color1, obstacles.color2 = WHITE, GREY
        fixtures = []
        for polygon in polygons:
            # gymnasium's definitions are used again, as every new one leaks a little memory.
            self.fd_polygon.shape.vertices = polygon
            fixtures.append(obstacles.CreateFixture(self.fd_polygon))
        for edge in pairwise(corners):
            self.fd_edge.shape.vertices = list(edge)
            ground.CreateFixture(self.fd_edge)
        self.terrain = [obstacles, ground]
        self.cloud_poly: list[Any] = []
        return fixtures


class WalkerTrack(WalkerGround):
    """A walker on a flat track with groups of obstacles; subclasses say what a group looks like."""

    spacing: ClassVar[float] = 8.0
    """Metres of flat ground behind a group of obstacles, unless `gap` says otherwise."""

    @abstractmethod
    def group(self, task: Array, x: float) -> tuple[list[Polygon], float]:
        """Return the obstacles of a group that starts at ``x``, and where it ends (metres)."""

    def gap(self, task: Array) -> float:
        """Return the metres of flat ground between groups."""
        return self.spacing

    def _build_track(self, task: Array) -> None:
        """Lay groups of obstacles from the start pad to the end, and edges of ground between their ends."""
        x = TERRAIN_STARTPAD * TERRAIN_STEP
        end = TERRAIN_LENGTH * TERRAIN_STEP
        corners = [0.0, x]
        polygons = []
        # The ground goes on below obstacles; its edges end where a group ends, and where the next one begins.
        while x < end:
            group, x = self.group(task, x)
            polygons += group
            corners.append(x)
            x += self.gap(task)
            corners.append(x)
        fixtures = self._put([(x, TERRAIN_HEIGHT) for x in corners], polygons)
        # The edges lie in one line, so rays need to meet one line only.
        self.rays = Lidar((0.0, corners[-1], TERRAIN_HEIGHT), fixtures)
        top = [(0.0, TERRAIN_HEIGHT), (corners[-1], TERRAIN_HEIGHT)]
        self.terrain_poly = [([*top, (corners[-1], 0.0), (0.0, 0.0)], EARTH)]


def box(left: float, right: float, height: float) -> Polygon:
    """Return an upright rectangle that stands on the ground."""
    low, high = TERRAIN_HEIGHT, TERRAIN_HEIGHT + height
    return [(left, low), (right, low), (right, high), (left, high)]
