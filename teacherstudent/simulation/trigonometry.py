"""Cosine and sine of float32 angles, on one lane or on all, the same on every device.

Cody and Waite's reduction to +-pi/4 with pi/2 in three parts, and the Cephes library's polynomials (Moshier):
wrong by less than 2e-7 for angles up to some thousand radians.
"""

from __future__ import annotations

import numpy as np

from teacherstudent.simulation.kernels import kernel
from teacherstudent.simulation.lanes import Value, select, size

_F = np.float32
_QUARTERS = _F(0.6366197723675814)  # 2 / pi
_PI_1, _PI_2, _PI_3 = _F(1.5703125), _F(4.837512969970703e-4), _F(7.549789948768648e-8)  # pi / 2
_ROUND = _F(12582912.0)  # 1.5 * 2^23: adding and subtracting it rounds
_QUARTER = _F(0.25)
_HALF = _F(0.5)
_ONE = _F(1)
_THREE_HALVES = _F(1.5)
_FOUR = _F(4)
_S1, _S2, _S3 = _F(-1.6666654611e-1), _F(8.3321608736e-3), _F(-1.9515295891e-4)
_C1, _C2, _C3 = _F(4.166664568298827e-2), _F(-1.388731625493765e-3), _F(2.443315711809948e-5)


@kernel
def cosine_sine(angle: Value) -> tuple[Value, Value]:
    """Return cosine and sine of an angle (rad)."""
    # How many quarter turns, rounded to a whole number.
    turns = (angle * _QUARTERS + _ROUND) - _ROUND
    # The three parts of pi/2 are short: the first products are exact, and little is lost in the difference.
    x = ((angle - turns * _PI_1) - turns * _PI_2) - turns * _PI_3
    z = x * x
    # Both polynomials in Horner's form, good from -pi/4 to pi/4.
    sine = ((_S3 * z + _S2) * z + _S1) * z * x + x
    cosine = ((_C3 * z + _C2) * z + _C1) * z * z - _HALF * z + _ONE
    quadrant = turns - _FOUR * ((turns * _QUARTER + _ROUND) - _ROUND)  # -2 to 2
    # Odd quadrants exchange sine and cosine; bounds at halves tell whole numbers apart safely.
    odd = (size(quadrant) > _HALF) & (size(quadrant) < _THREE_HALVES)
    c, s = select(odd, -sine, cosine), select(odd, cosine, sine)
    # quadrants: 0 as they are; 1 (-sin, cos); 2 and -2 both negative; -1 (sin, -cos)
    flipped = (size(quadrant) > _THREE_HALVES) | (quadrant < -_HALF)
    return select(flipped, -c, c), select(flipped, -s, s)
