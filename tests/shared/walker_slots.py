"""Slots of compiled walkers on every kind of track."""

from __future__ import annotations

from teacherstudent import spaces
from teacherstudent.contract.registry import FAMILIES
from teacherstudent.envs.walkers.ground.tracks import HEXAGONS, LEVELS, SEQUENCE, STUMPS
from teacherstudent.envs.walkers.slots import WalkerSlots

STUMP_SPACE = spaces.Parameters(stump_height=(0, 3), obstacle_spacing=(0, 6))
LEVEL_SPACE = spaces.Parameters(
    roughness=(0, 10), pit_low=(0, 10), pit_high=(0, 10), stump_low=(0, 5), stump_high=(0, 5),
    stair_low=(0, 5), stair_high=(0, 5), stair_steps=(1, 9),
)  # fmt: skip
KINDS = {
    STUMPS: STUMP_SPACE,
    HEXAGONS: FAMILIES.make("hexagon-tracks").space,
    SEQUENCE: FAMILIES.make("stump-sequence").space,
    LEVELS: LEVEL_SPACE,
}


def slots_of(n, kind=STUMPS, **options):
    return WalkerSlots(n, space=KINDS[kind], kind=kind, **options)
