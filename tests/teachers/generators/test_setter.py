import numpy as np
import pytest
import torch
from torch.nn import functional

from teacherstudent.teachers.generators.setter import Setter, SetterOptions
from teacherstudent.testing.sessions import difference

SMALL = {"judge": (16,), "hidden": 8, "blocks": 1, "layers": 1, "batch_size": 64}


def test_losses_by_hand():
    """The losses of the first step, from the networks before it, in the order of the draws."""
    setter, twin = (Setter(2, SetterOptions(**SMALL, noise=0.2), seed=0) for _ in range(2))
    points, success = np.array([[0.2, 0.3], [0.9, 0.5], [0.4, 0.4]]), np.array([1.0, 0.0, 0.5])
    found = setter.train(points, success, 1, np.random.default_rng(5))
    rng = np.random.default_rng(5)
    rows = rng.integers(3, size=64)
    as32 = lambda x: torch.tensor(np.asarray(x), dtype=torch.float32)  # noqa: E731
    probability = torch.sigmoid(twin._judge(as32(points[rows]))[:, 0])
    told = as32(success[rows])
    cross = -(told * probability.log() + (1 - told) * (1 - probability).log()).mean()
    assert found["judge_loss"] == pytest.approx(cross.item(), rel=1e-4)
    wanted = as32(rng.random(64))[:, None]
    made, log_p = twin._flow(as32(rng.standard_normal((64, 2))), wanted)
    assert found["coverage_loss"] == pytest.approx(log_p.mean().item(), rel=1e-4)
    # The judge has taken its step before it is asked: its own weights after it.
    logit = (wanted / (1 - wanted)).log()
    distance = functional.mse_loss(setter._judge(made), logit)
    assert found["feasibility_loss"] == pytest.approx(distance.item(), rel=1e-3)
    # Only rows with a success are valid, and the noise moves them up by a fifth at most.
    chosen = points[[0, 2]][rng.integers(2, size=64)] + 0.2 * rng.random((64, 2))
    _, log_p = twin._flow.infer(as32(chosen), as32(rng.random(64))[:, None])
    assert found["validity_loss"] == pytest.approx(-log_p.mean().item(), rel=1e-3)


def test_the_judge_learns_what_is_solved_and_the_setter_goes_there():
    rng = np.random.default_rng(0)
    points = rng.random((500, 2))
    success = (points[:, 0] < 0.4).astype(float)
    setter = Setter(2, SetterOptions(**SMALL, lr=3e-3, noise=0.01), seed=0)
    setter.train(points, success, 400, rng)
    assert setter.judged(np.array([[0.1, 0.5]]))[0] > 0.7
    assert setter.judged(np.array([[0.9, 0.5]]))[0] < 0.3
    made = setter.make(rng.standard_normal((500, 2)), rng.random(500))
    assert (made[:, 0] < 0.5).mean() > 0.7
    # Coverage: the other coordinate plays no role, so the tasks spread over it.
    assert made[:, 1].std() > 0.15
    easy, hard = (setter.make(rng.standard_normal((500, 2)), np.full(500, f)) for f in (0.95, 0.05))
    assert easy[:, 0].mean() < hard[:, 0].mean()


def test_without_a_success_nothing_is_valid():
    setter = Setter(1, SetterOptions(**SMALL), seed=0)
    found = setter.train(np.array([[0.5]]), np.zeros(1), 2, np.random.default_rng(0))
    assert set(found) == {"judge_loss", "feasibility_loss", "coverage_loss"}


def test_extreme_tasks_and_feasibilities_stay_finite():
    setter = Setter(3, SetterOptions(**SMALL, noise=1.0), seed=0)
    points = np.array([[0.0, 0.0, 1.0], [1.0, 1.0, 1.0]])
    rng = np.random.default_rng(0)
    losses = setter.train(points, np.ones(2), 20, rng)
    assert np.isfinite(list(losses.values())).all()
    made = setter.make(10 * rng.standard_normal((50, 3)), np.tile([0.0, 1.0], 25))
    assert ((made >= 0) & (made <= 1)).all()


def test_a_state_goes_on_exactly():
    rng = np.random.default_rng(0)
    points, success = rng.random((50, 2)), rng.random(50).round()
    one, other = (Setter(2, SetterOptions(**SMALL), seed=seed) for seed in (0, 1))
    one.train(points, success, 3, rng)
    other.load_state_dict("x", one.state_dict())
    for setter in (one, other):
        setter.train(points, success, 3, np.random.default_rng(3))
    assert difference(one.state_dict(), other.state_dict()) is None


@pytest.mark.parametrize(
    "wrong", [{"judge": 3}, {"hidden": 0}, {"blocks": 0}, {"layers": 1.5}, {"lr": 2}, {"noise": -1}]
)
def test_wrong_options_are_refused_by_name(wrong):
    (name,) = wrong
    with pytest.raises(ValueError, match=f"networks: {name}: expected"):
        SetterOptions(**wrong)
