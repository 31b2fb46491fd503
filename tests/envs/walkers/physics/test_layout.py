"""Constants are Box2D's and gymnasium's, and scratch has room for every contact and no more."""

import Box2D
import pytest
from gymnasium.envs.box2d import bipedal_walker as original

from teacherstudent.envs.walkers.physics import layout
from teacherstudent.envs.walkers.physics.rig import MANIFOLDS
from teacherstudent.envs.walkers.physics.touch import contact_row


def test_constants_are_box2d_s():
    assert pytest.approx(Box2D.b2_linearSlop) == layout.LINEAR_SLOP
    assert pytest.approx(Box2D.b2_angularSlop) == layout.ANGULAR_SLOP
    assert pytest.approx(2 * Box2D.b2_polygonRadius) == layout.SKINS
    assert pytest.approx(Box2D.b2_maxTranslation) == layout.MAX_TRANSLATION
    assert pytest.approx(Box2D.b2_maxRotation) == layout.MAX_ROTATION
    assert pytest.approx(Box2D.b2_maxLinearCorrection) == layout.MAX_CORRECTION
    assert pytest.approx(Box2D.b2_maxAngularCorrection) == layout.MAX_ANGULAR_CORRECTION


def test_constants_are_gymnasium_s():
    assert pytest.approx(original.TERRAIN_STEP) == layout.STEP
    assert pytest.approx(original.TERRAIN_HEIGHT) == layout.GROUND
    assert pytest.approx(original.TERRAIN_STARTPAD * original.TERRAIN_STEP) == layout.PAD
    assert pytest.approx(original.LIDAR_RANGE) == layout.LIDAR_RANGE
    assert pytest.approx((original.LEG_FD.friction * original.FRICTION) ** 0.5) == layout.FRICTION
    assert pytest.approx((original.TERRAIN_LENGTH - original.TERRAIN_GRASS) * original.TERRAIN_STEP) == (
        layout.FINISH
    )
    assert pytest.approx(1 / original.FPS) == layout.DT


@pytest.mark.parametrize("parts", [4, 8])
def test_the_last_contact_ends_with_the_scratch(parts):
    rows = [contact_row(parts, part, k) for part in range(parts) for k in range(MANIFOLDS)]
    ends = [row + layout.CONTACT_WORK for row in rows]
    assert rows[1:] == ends[:-1]
    assert ends[-1] == layout.work_rows(parts)
    assert rows[0] == 2 * (parts + 1) + 18 * parts
