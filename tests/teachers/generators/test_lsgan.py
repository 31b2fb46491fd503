import numpy as np
import pytest
import torch

from teacherstudent.teachers.generators.lsgan import LSGAN, GanOptions
from teacherstudent.testing.sessions import difference

SMALL = GanOptions(maker=(16, 16), critic=(16,), batch_size=32)


def near(points, place, radius=0.35):
    return (np.linalg.norm(points - place, axis=1) < radius).mean()


def test_losses_by_hand():
    """One step of the critic and one of the maker, restated with torch's own layers."""
    options = GanOptions(maker=(3,), critic=(4,), batch_size=2, lr=0.01)
    gan, twin = (LSGAN(2, options, seed=0) for _ in range(2))
    points, good = np.array([[0.5, 0.1], [-0.3, 0.2]]), np.array([True, False])
    found = gan.train(points, good, 1, np.random.default_rng(7))
    noise = torch.tensor(np.random.default_rng(7).standard_normal((2, 2)), dtype=torch.float32)
    made = twin._maker(noise).detach()
    real = twin._critic(torch.tensor(points, dtype=torch.float32))[:, 0]
    fake = twin._critic(made)[:, 0]
    loss = ((real[0] - 1) ** 2 + (real[1] + 1) ** 2 + ((fake + 1) ** 2).sum()) / 4
    assert found["critic_loss"] == pytest.approx(loss.item(), rel=1e-5)
    gradients = torch.autograd.grad(loss, list(twin._critic.parameters()))
    # RMSProp's first step: the mean square is a tenth of the gradient's square, so all steps are as long.
    with torch.no_grad():
        for parameter, gradient in zip(twin._critic.parameters(), gradients, strict=True):
            parameter -= 0.01 * gradient / (0.1 * gradient.square()).sqrt().clamp(min=1e-10)
    for ours, theirs in zip(gan._critic.parameters(), twin._critic.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)
    maker_loss = (twin._critic(twin._maker(noise)) - 1).square().mean()
    assert found["maker_loss"] == pytest.approx(maker_loss.item(), rel=1e-4)


def test_made_points_become_like_the_good_ones():
    rng = np.random.default_rng(0)
    points = rng.uniform(-1, 1, (200, 2))
    place = np.array([0.5, -0.5])
    good = np.linalg.norm(points - place, axis=1) < 0.35
    gan = LSGAN(2, SMALL, seed=0)
    noise = rng.standard_normal((500, 2))
    before = near(gan.make(noise), place)
    gan.train(points, good, 400, rng)
    assert before < 0.3
    assert near(gan.make(noise), place) > 0.7


def test_batches_go_round_the_points_in_their_order():
    seen = []
    gan = LSGAN(1, GanOptions(maker=(2,), critic=(2,), batch_size=4), seed=0)
    original = gan._critic.forward

    def forward(x):
        seen.append(x.detach().double().numpy()[:, 0].round(3).tolist())
        return original(x)

    gan._critic.forward = forward
    gan.train(np.arange(6)[:, None] / 10, np.ones(6, bool), 3, np.random.default_rng(0))
    # Every step asks the critic twice; the first four rows of its own step are the labelled ones.
    assert [rows[:4] for rows in seen[::2]] == [[0, 0.1, 0.2, 0.3], [0.4, 0.5, 0, 0.1], [0.2, 0.3, 0.4, 0.5]]


def test_a_state_goes_on_exactly():
    rng = np.random.default_rng(0)
    points, good = rng.uniform(-1, 1, (50, 2)), rng.random(50) < 0.5
    one, other = LSGAN(2, SMALL, seed=0), LSGAN(2, SMALL, seed=1)
    one.train(points, good, 5, rng)
    other.load_state_dict("x", one.state_dict())
    for gan in (one, other):
        gan.train(points, good, 5, np.random.default_rng(3))
    assert difference(one.state_dict(), other.state_dict()) is None


@pytest.mark.parametrize(
    "wrong",
    [{"maker": ()}, {"critic": (0,)}, {"lr": 0}, {"batch_size": 0}, {"iterations": -1}, {"pretrain": 0.5}],
)
def test_wrong_options_are_refused_by_name(wrong):
    (name,) = wrong
    with pytest.raises(ValueError, match=f"gan: {name}: expected"):
        GanOptions(**wrong)
