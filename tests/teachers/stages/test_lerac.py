"""LeRaC: the spread of learning rates, and the rates of the paper."""

import numpy as np
from knob_paths import make, value


def test_lerac_reaches_zero_spread_at_its_share():
    teacher = make("lerac", share=0.2)
    found = [value(teacher, "lr_spread", p) for p in (0, 0.05, 0.1, 0.15, 0.2, 1)]
    np.testing.assert_allclose(found, [5, 3.75, 2.5, 1.25, 0, 0], atol=1e-12)


def test_lerac_gives_the_papers_rates():
    # from 1e-5 to 0.1 in k = 5 steps, four decades below: 1e-5, 6.31e-5, 3.981e-4, 2.512e-3, 1.585e-2, 0.1
    teacher = make("lerac", spread=4, share=1)
    rates = [0.1 * 10 ** -value(teacher, "lr_spread", step / 5) for step in range(6)]
    np.testing.assert_allclose(rates, [1e-5, 6.31e-5, 3.981e-4, 2.512e-3, 1.585e-2, 0.1], rtol=2e-4)
