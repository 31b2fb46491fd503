"""CartPole-v1's physics with other lengths, forces and gravity, and with pushes; on arrays."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from teacherstudent.contract.types import BoolArray, FloatArray

CARTPOLE_V1: Mapping[str, float] = {"pole_length": 1.0, "force": 10.0, "gravity": 9.8, "push": 0.0}
"""What can vary, with its value in CartPole-v1: full length (m), newtons, m/s^2, m/s of the tip."""

CART_MASS = 1.0  # kg
POLE_MASS = 0.1  # kg
SECONDS_PER_STEP = 0.02
MAX_ANGLE = 12 * 2 * np.pi / 360  # rad
MAX_POSITION = 2.4  # m
START = 0.05  # every coordinate of a start is uniform within +-START
STEPS_PER_PUSH = 50  # one second


def advance(state: FloatArray, right: BoolArray, physics: FloatArray) -> FloatArray:
    """Return the states after one explicit Euler step of CartPole-v1's equations (Florian 2005).

    Args:
        state: ``(n, 4)``: position, velocity, angle from upright, angular velocity.
        right: ``(n,)``: whether the force pushes the cart to the right.
        physics: ``(n, 4)``, columns as in `CARTPOLE_V1`.
    """
    velocity = state[:, 1]
    angle = state[:, 2]
    spin = state[:, 3]
    # The equations are about the pole's centre, which is half its length away from the hinge.
    half = physics[:, 0] / 2
    gravity = physics[:, 2]
    force = np.where(right, physics[:, 1], -physics[:, 1])
    cos = np.cos(angle)
    sin = np.sin(angle)
    total = CART_MASS + POLE_MASS
    moment = POLE_MASS * half
    # The same terms as in gymnasium's CartPoleEnv.step, where `thrust` is called temp.
    thrust = (force + moment * np.square(spin) * sin) / total
    spin_rate = (gravity * sin - cos * thrust) / (half * (4.0 / 3.0 - POLE_MASS * np.square(cos) / total))
    acceleration = thrust - moment * spin_rate * cos / total
    # All rates are those of the state before the step: explicit Euler, as gymnasium's default.
    rates = np.stack([velocity, acceleration, spin, spin_rate], axis=1)
    return np.asarray(state + SECONDS_PER_STEP * rates)


def push(state: FloatArray, to_right: BoolArray, physics: FloatArray) -> FloatArray:
    """Return the states after something hit the poles: each tip gains ``push`` m/s to one side."""
    pushed = state.copy()
    # A tip that gains some speed turns the pole by that speed over its length.
    pushed[:, 3] += np.where(to_right, physics[:, 3], -physics[:, 3]) / physics[:, 0]
    return pushed


def failed(state: FloatArray) -> BoolArray:
    """Return ``(n,)``: which carts have left the track or whose pole has fallen."""
    return (np.abs(state[:, 0]) > MAX_POSITION) | (np.abs(state[:, 2]) > MAX_ANGLE)
