"""The constants are gymnasium's."""

from gymnasium.envs.box2d import bipedal_walker as original

from teacherstudent.envs.walkers.physics import constants


def test_every_constant_is_gymnasium_s():
    names = {name for name in vars(constants) if name.isupper()} - {"RAYS"}
    assert len(names) > 10
    for name in names - {"HULL_POLY"}:
        assert getattr(constants, name) == getattr(original, name), name
    assert list(constants.HULL_POLY) == original.HULL_POLY
    walker = original.BipedalWalker()
    walker.reset(seed=0)
    assert len(walker.lidar) == constants.RAYS
