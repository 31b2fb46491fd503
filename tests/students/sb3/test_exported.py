"""Policies of stable-baselines3 as one module and as the library's file: the model's own actions."""

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3 import PPO, SAC
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from teacherstudent.students.sb3.exported import GreedyPolicy, archive


def pendulums(*, normalize):
    envs = DummyVecEnv([lambda: gym.make("Pendulum-v1")] * 2)
    if not normalize:
        return envs
    envs = VecNormalize(envs)
    envs.reset()
    for _ in range(20):
        envs.step(np.ones((2, 1), np.float32))
    return envs


OBSERVATIONS = np.random.default_rng(0).normal(size=(64, 3)).astype(np.float32) * [1, 1, 8]


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("algorithm", [PPO, SAC])
def test_it_acts_as_the_model(algorithm, normalize):
    envs = pendulums(normalize=normalize)
    model = algorithm("MlpPolicy", envs, seed=0, device="cpu")
    obs = OBSERVATIONS.astype(np.float32)
    seen = envs.normalize_obs(obs) if normalize else obs
    expected, _ = model.predict(seen, deterministic=True)
    with torch.no_grad():
        found = GreedyPolicy(model)(torch.from_numpy(obs)).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert np.ptp(found) > 0


def test_a_file_acts_as_the_model_and_holds_no_moments(tmp_path):
    model = PPO("MlpPolicy", pendulums(normalize=False), seed=0, device="cpu")
    obs = OBSERVATIONS.astype(np.float32)
    act = archive(model, tmp_path / "policy.zip")
    np.testing.assert_array_equal(act(obs, np.ones(64, np.bool_)), model.predict(obs, deterministic=True)[0])
    normalized = PPO("MlpPolicy", pendulums(normalize=True), seed=0, device="cpu")
    with pytest.raises(ValueError, match="got one whose observations are normalised"):
        archive(normalized, tmp_path / "other.zip")
    assert not (tmp_path / "other.zip").exists()
