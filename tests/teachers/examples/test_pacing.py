"""Weights by losses, against independent definitions and by hand."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from teacherstudent.teachers.examples.pacing import self_paced_weights, super_loss_weights

LAWS = ("hard", "linear", "logarithmic", "logistic", "mixture", "polynomial")


def regulariser(law, a, t):
    z, b = 1 - a, 1 + np.exp(-a)
    return {
        "hard": lambda w: -a * w,
        "linear": lambda w: a * (w**2 / 2 - w),
        "logarithmic": lambda w: z * w - z**w / np.log(z) if 0 < z < 1 else np.nan,
        "logistic": lambda w: (b - w) * np.log(b - w) + w * np.log(np.maximum(w, 1e-300)) - a * w,
        "mixture": lambda w: -a * np.log(w + 1),
        "polynomial": lambda w: a * (w**t / t - w),
    }[law]


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("age", [0.3, 0.8])
def test_self_paced_weights_minimise(law, age):
    losses = np.array([0.0, 0.05, 0.2, 0.299, 0.45, 0.7, 0.9, 3.0])
    found = self_paced_weights(losses, age, law, power=2.5)
    grid = np.linspace(0, 1, 200_001)
    expected = [grid[np.argmin(grid * loss + regulariser(law, age, 2.5)(grid))] for loss in losses]
    np.testing.assert_allclose(found, expected, atol=2e-5)


def test_self_paced_weights_by_hand():
    losses = np.array([0.0, 0.25, 0.5, 1.0])
    assert self_paced_weights(losses, 0.5, "hard").tolist() == [1, 1, 1, 0]
    assert self_paced_weights(losses, 0.5, "linear").tolist() == [1, 0.5, 0, 0]
    logs = [1, np.log(0.75) / np.log(0.5), 0, 0]
    np.testing.assert_allclose(self_paced_weights(losses, 0.5, "logarithmic"), logs)
    np.testing.assert_allclose(self_paced_weights(losses, 0.5, "mixture"), [1, 1, 0, 0])
    assert self_paced_weights(np.array([0.75]), 1.0, "mixture") == pytest.approx(1 / 3)
    assert self_paced_weights(np.array([0.375]), 0.5, "polynomial", 3.0) == pytest.approx(0.5)
    logistic = self_paced_weights(np.array([0.0, 0.5, 1e4]), 0.5, "logistic")
    np.testing.assert_allclose(logistic, [1, (1 + np.exp(-0.5)) / 2, 0], atol=1e-300)


@pytest.mark.parametrize("law", LAWS)
def test_weights_fall_with_the_loss_and_are_one_without_an_age(law):
    weights = self_paced_weights(np.linspace(0, 5, 100), 0.9, law)
    assert weights[0] == 1
    assert (np.diff(weights) <= 0).all()
    assert self_paced_weights(np.array([0.0, 7.0]), np.inf, law).tolist() == [1, 1]


def test_bad_ages_are_refused():
    for age, law in ((0.0, "hard"), (-1.0, "linear"), (np.nan, "linear"), (1.0, "logarithmic")):
        with pytest.raises(ValueError, match="expected an age above 0"):
            self_paced_weights(np.ones(1), age, law)
    with pytest.raises(ValueError, match="a power above 1"):
        self_paced_weights(np.ones(1), 0.5, "polynomial", 1.0)
    with pytest.raises(ValueError, match="expected a law of"):
        self_paced_weights(np.ones(1), 0.5, "cubic")


@pytest.mark.parametrize(("tau", "strength"), [(1.0, 1.0), (0.3, 0.25), (2.3, 2.0)])
def test_super_loss_weights_minimise_up_to_e(tau, strength):
    losses = np.linspace(0, 6, 25)
    found = super_loss_weights(losses, tau, strength)
    for loss, weight in zip(losses, found, strict=True):
        if (loss - tau) / strength <= -2 / np.e:
            assert weight == pytest.approx(np.e)
            continue
        best = minimize_scalar(
            lambda s, loss=loss: (loss - tau) * s + strength * np.log(s) ** 2,
            bounds=(1e-9, np.e),
            method="bounded",
            options={"xatol": 1e-10},
        )
        assert weight == pytest.approx(best.x, abs=1e-4)


def test_super_loss_weights_by_hand_and_without_nan():
    # b = 2 e: W(e) = 1, so exp(-1); b = 0: 1; b = -2 / e: e
    found = super_loss_weights(np.array([1 + 2 * np.e, 1.0, 1 - 2 / np.e]), 1.0, 1.0)
    np.testing.assert_allclose(found, [1 / np.e, 1, np.e], rtol=1e-5)
    edge = -2 / np.e * (1 + np.linspace(-1e-12, 1e-12, 2001))
    around = super_loss_weights(np.concatenate([edge, np.float32(edge).astype(float), [-1e9, 1e9]]), 0.0, 1.0)
    assert np.isfinite(around).all()
    np.testing.assert_allclose(around[:-1], np.e, rtol=1e-3)
    assert 0 < around[-1] < 1e-6
    assert (np.diff(super_loss_weights(np.linspace(-2, 5, 500), 0.5, 0.7)) <= 0).all()
