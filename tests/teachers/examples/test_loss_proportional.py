"""Examples in proportion to their losses, by hand."""

import numpy as np
from example_teachers import make, tell

from teacherstudent.contract.types import Outcomes


def test_loss_proportional_by_hand():
    teacher = make("loss-proportional", 4, explore=0.2)
    np.testing.assert_allclose(teacher.probabilities(), 0.25)
    teacher.tell(
        Outcomes(
            ids=[-1] * 3,
            tasks=[3, 4, 5],
            score=[0] * 3,
            cost=[1] * 3,
            signals={"loss": np.array([1.0, 0, 3])},
        )
    )
    # 1, 0, 3, and 3 for the unknown one: 0.8 * (1, 0, 3, 3) / 7 + 0.05
    np.testing.assert_allclose(teacher.probabilities(), 0.8 * np.array([1, 0, 3, 3]) / 7 + 0.05)
    squares = make("loss-proportional", 4, explore=0, power=2)
    tell(squares, squares.ask(4), [1.0, 2, 0, 2])
    np.testing.assert_allclose(squares.probabilities(), np.array([1, 4, 0, 4]) / 9)
    assert sorted(squares.ask(3).tasks.tolist()) == [3, 4, 6]
    first = np.concatenate([teacher.ask(1).tasks for _ in range(4000)])
    np.testing.assert_allclose(np.bincount(first - 3) / 4000, teacher.probabilities(), atol=0.04)
    assert sorted(teacher.ask(4).tasks.tolist()) == [3, 4, 5, 6]  # without replacement
    assert np.bincount(teacher.ask(9).tasks - 3).min() >= 2  # more than there are
