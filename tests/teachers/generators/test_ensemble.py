import numpy as np
import pytest
import torch

from teacherstudent.teachers.generators.ensemble import Ensemble, EnsembleOptions
from teacherstudent.testing.sessions import difference

SMALL = EnsembleOptions(networks=4, hidden=(16,), lr=0.01, batch_size=16)


def test_a_step_by_hand():
    """Each network alone, on its own rows, by torch's own layers and Adam."""
    options = EnsembleOptions(networks=2, hidden=(3,), lr=0.01, batch_size=4)
    together = Ensemble(2, options, seed=0)
    points, values = np.random.default_rng(0).random((9, 2)), np.arange(9.0)
    rows = np.random.default_rng(1).integers(9, size=(2, 4))
    alone = []
    for k in range(2):
        network = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Tanh(), torch.nn.Linear(3, 1))
        with torch.no_grad():
            for ours, theirs in ((network[0], together._network[0]), (network[2], together._network[2])):
                ours.weight.copy_(theirs.weight[k].T)
                ours.bias.copy_(theirs.bias[k, 0])
        optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
        inputs = torch.tensor(points[rows[k]], dtype=torch.float32)
        error = torch.nn.functional.mse_loss(network(inputs)[:, 0], torch.tensor(values[rows[k]]).float())
        error.backward()
        optimizer.step()
        alone.append((network, error.item()))
    found = together.train(points, values, 1, np.random.default_rng(1))
    assert found == pytest.approx(np.mean([error for _, error in alone]), rel=1e-5)
    inputs = torch.tensor(points, dtype=torch.float32)
    for k, (network, _) in enumerate(alone):
        expected = network(inputs)[:, 0].detach().numpy()
        np.testing.assert_allclose(together.predict(points)[k], expected, rtol=1e-4, atol=1e-5)


def test_networks_agree_where_they_have_learnt():
    rng = np.random.default_rng(0)
    points = rng.uniform(-1, 0, (300, 1))
    ensemble = Ensemble(1, SMALL, seed=0)
    ensemble.train(points, np.sin(3 * points[:, 0]), 1500, rng)
    seen, unseen = (ensemble.predict(np.linspace(*ends, 50)[:, None]) for ends in ((-0.9, -0.1), (0.5, 1)))
    np.testing.assert_allclose(seen.mean(axis=0), np.sin(3 * np.linspace(-0.9, -0.1, 50)), atol=0.1)
    assert unseen.std(axis=0).mean() > 3 * seen.std(axis=0).mean()


def test_a_state_goes_on_exactly():
    rng = np.random.default_rng(0)
    points, values = rng.random((50, 2)), rng.random(50)
    one, other = Ensemble(2, SMALL, seed=0), Ensemble(2, SMALL, seed=1)
    one.train(points, values, 3, rng)
    other.load_state_dict("x", one.state_dict())
    for ensemble in (one, other):
        ensemble.train(points, values, 3, np.random.default_rng(3))
    assert difference(one.state_dict(), other.state_dict()) is None


@pytest.mark.parametrize("wrong", [{"networks": 1}, {"hidden": ()}, {"lr": 0}, {"batch_size": 0}])
def test_wrong_options_are_refused_by_name(wrong):
    (name,) = wrong
    with pytest.raises(ValueError, match=f"ensemble: {name}: expected"):
        EnsembleOptions(**wrong)
