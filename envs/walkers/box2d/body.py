"""The bodies of the walkers: hull, legs, motors, and the contacts that end an episode or mark a step."""

from __future__ import annotations

from typing import Any, Final

import Box2D
import numpy as np
from Box2D.b2 import contactListener, fixtureDef, polygonShape, revoluteJointDef

from teacherstudent.envs.walkers.embodiments import Embodiment
from teacherstudent.envs.walkers.physics.constants import (
    INITIAL_RANDOM,
    LEG_DOWN,
    SCALE,
    SPEED_HIP,
    SPEED_KNEE,
    TERRAIN_HEIGHT,
    TERRAIN_STARTPAD,
    TERRAIN_STEP,
)

PAIR_COLOURS = (((178, 101, 152), (127, 76, 101)), ((128, 51, 102), (77, 26, 51)))
HULL_COLOURS = ((127, 51, 229), (76, 76, 127))


class BodyFixtures:
    """The Box2D fixture definitions of one embodiment; made once, as every new one leaks a little memory."""

    def __init__(self, measures: Embodiment) -> None:
        self.leg_height: Final = measures.leg_height / SCALE
        width = measures.leg_width / SCALE
        corners = [(x / SCALE, y / SCALE) for x, y in measures.hull]
        common = {
            "restitution": 0.0,
            "categoryBits": 0x0020,
            "maskBits": 0x001,
        }  # collide with the ground only
        self.hull: Final = fixtureDef(
            shape=polygonShape(vertices=corners), density=5.0, friction=0.1, **common
        )
        self.upper: Final = fixtureDef(
            shape=polygonShape(box=(width / 2, self.leg_height / 2)), density=1.0, **common
        )
        self.lower: Final = fixtureDef(
            shape=polygonShape(box=(0.8 * width / 2, self.leg_height / 2)), density=1.0, **common
        )


class Body:
    """A walker put into a world on the start pad.

    Attributes:
        hull: the hull's body.
        parts: upper and lower leg of every leg in turn.
        joints: hip and knee of every leg in turn.
        contacts: what touches the ground.

    Args:
        world: the Box2D world; its contact listener is set.
        measures: the embodiment.
        fixtures: its fixture definitions.
        rng: draws the sideways force that acts on the hull during the first step.
    """

    def __init__(
        self, world: Any, measures: Embodiment, fixtures: BodyFixtures, rng: np.random.Generator
    ) -> None:
        height = fixtures.leg_height
        x, y = TERRAIN_STEP * TERRAIN_STARTPAD / 2, TERRAIN_HEIGHT + 2 * height
        self.hull = world.CreateDynamicBody(position=(x, y), fixtures=fixtures.hull)
        self.hull.color1, self.hull.color2 = HULL_COLOURS
        # gymnasium pushes the hull sideways before the first step, so that episodes differ.
        self.hull.ApplyForceToCenter((rng.uniform(-INITIAL_RANDOM, INITIAL_RANDOM), 0), True)
        self.parts: list[Any] = []
        self.joints: list[Any] = []
        # The hull's half width, since anchors of -1 and 1 stand for its ends.
        half_hull = (max(x for x, _ in measures.hull) - min(x for x, _ in measures.hull)) / 2 / SCALE
        for anchor in measures.anchors:
            leg_x = x + float(np.interp(anchor, [-1, 1], [-half_hull, half_hull]))
            for side, colours in zip((-1, 1), PAIR_COLOURS, strict=True):
                # The upper part hangs on the hull, the lower one on the upper one.
                above = self.hull
                for k, fixture in enumerate((fixtures.upper, fixtures.lower)):
                    part = world.CreateDynamicBody(
                        position=(leg_x, y - (k + 0.5) * height - LEG_DOWN),
                        angle=side * 0.05,
                        fixtures=fixture,
                    )
                    part.color1, part.color2 = colours
                    joint = revoluteJointDef(
                        bodyA=above,
                        bodyB=part,
                        localAnchorA=(anchor, LEG_DOWN) if k == 0 else (0, -height / 2),
                        localAnchorB=(0, height / 2),
                        enableMotor=True,
                        enableLimit=True,
                        maxMotorTorque=measures.torque,
                        motorSpeed=side if k == 0 else 1,
                        lowerAngle=-0.8 if k == 0 else -1.6,
                        upperAngle=1.1 if k == 0 else -0.1,
                    )
                    self.joints.append(world.CreateJoint(joint))
                    self.parts.append(part)
                    above = part
        # Lower parts are the feet.
        self.contacts = Contacts(self.hull, self.parts[1::2])
        world.contactListener = self.contacts

    def drive(self, action: np.ndarray[Any, Any], torque: float) -> None:
        """Set the motors: full speed in the action's direction, torque by its size."""
        directions = np.sign(action).tolist()
        torques = (torque * np.minimum(np.abs(action), 1.0)).tolist()
        # Hips have even numbers, knees odd ones.
        for i, joint in enumerate(self.joints):
            joint.motorSpeed = (SPEED_KNEE if i % 2 else SPEED_HIP) * directions[i]
            joint.maxMotorTorque = torques[i]

    def joint_state(self) -> list[float]:
        """Return, for every leg, hip angle and speed, knee angle and speed, and its contact flag."""
        state: list[float] = []
        for i, touching in enumerate(self.contacts.feet):
            hip = self.joints[2 * i]
            knee = self.joints[2 * i + 1]
            # gymnasium adds 1 to the knee's angle.
            state += (hip.angle, hip.speed / SPEED_HIP, knee.angle + 1.0, knee.speed / SPEED_KNEE, touching)
        return state


class Contacts(contactListener):  # type: ignore[misc]  # Box2D is untyped
    """Notes when the hull or a lower leg touches the ground.

    As in gymnasium, a foot's flag follows its last event: standing on two edges and leaving one clears it.

    Attributes:
        fallen: whether the hull has touched the ground.
        feet: for each leg 1.0 if its lower part touches the ground, else 0.0.
    """

    def __init__(self, hull: Any, lower: list[Any]) -> None:
        super().__init__()
        self.fallen = False
        self.feet = [0.0] * len(lower)
        self._hull = hull
        self._lower = lower

    def BeginContact(self, contact: Any) -> None:  # noqa: N802  # Box2D's name
        """Note a new contact."""
        self._note(contact, 1.0)

    def EndContact(self, contact: Any) -> None:  # noqa: N802  # Box2D's name
        """Note the end of a contact."""
        self._note(contact, 0.0)

    def _note(self, contact: Any, touching: float) -> None:
        # Either fixture may be the walker's.
        bodies = contact.fixtureA.body, contact.fixtureB.body
        if touching and self._hull in bodies:
            self.fallen = True
        for i, part in enumerate(self._lower):
            if part in bodies:
                self.feet[i] = touching


def new_world() -> Any:
    """Return an empty Box2D world.

    A fresh one for every episode: then an episode depends on nothing that was there before, and throwing the
    world away is cheaper than destroying its bodies one by one.
    """
    return Box2D.b2World()
