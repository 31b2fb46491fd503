import importlib.util

import numpy as np
import pytest
import torch
from stable_baselines3 import PPO
from swings import write

from teacherstudent.running.policies import exporting
from teacherstudent.running.policies.saved import opened

OBS = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
ONNX = all(importlib.util.find_spec(name) for name in ("onnx", "onnxscript", "onnxruntime"))
needs_onnx = pytest.mark.skipif(not ONNX, reason="the extra onnx is not installed")


def expected(saved, obs):
    return saved.policy(greedy=True, seed=0)(obs, np.ones(len(obs), np.bool_))


CASES = {
    "box": {},
    "discrete": {"family_options": {"actions": "discrete"}},
    "normalised": {"family_options": {"large": True}, "normalize": True},
    "sac": {"algorithm": "SAC", "options": {"learning_starts": 10, "batch_size": 8, "buffer_size": 100}},
    "dqn": {
        "family_options": {"actions": "discrete"},
        "algorithm": "DQN",
        "options": {"learning_starts": 10, "batch_size": 8, "buffer_size": 100},
    },
    "rsl-rl": {"student": "rsl-rl", "n_steps": 8, "normalize": True},
    "rsl-rl discrete": {"student": "rsl-rl", "n_steps": 8, "family_options": {"actions": "discrete"}},
}


@pytest.mark.parametrize("case", CASES)
def test_a_module_acts_as_the_policy_does(tmp_path, case):
    if CASES[case].get("student") == "rsl-rl":
        pytest.importorskip("rsl_rl", reason="the extra rsl-rl is not installed")
    write(tmp_path / "run", **CASES[case])
    scale = 100
    with opened(tmp_path / "run", trust=True) as saved:
        assert exporting.export(saved, tmp_path / "p.pt") == exporting.CHECKED
        if ONNX:
            exporting.export(saved, tmp_path / "p.onnx")
        right = expected(saved, scale * OBS)
    found = torch.jit.load(tmp_path / "p.pt")(torch.from_numpy(scale * OBS)).numpy()
    assert found.dtype == right.dtype
    assert np.allclose(found, right, atol=1e-5)
    # A policy that always does the same would prove nothing.
    assert len(np.unique(right.round(4), axis=0)) > 1
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix) == ["p.onnx", "p.pt"][not ONNX :]


@needs_onnx
def test_onnx_takes_any_number_of_observations(tmp_path):
    import onnxruntime

    write(tmp_path / "run")
    with opened(tmp_path / "run", trust=True) as saved:
        exporting.export(saved, tmp_path / "p.onnx")
        right = expected(saved, OBS)
    session = onnxruntime.InferenceSession(str(tmp_path / "p.onnx"))
    for rows in (1, 50):
        (found,) = session.run(["actions"], {"observations": OBS[:rows]})
        assert np.allclose(found, right[:rows], atol=1e-5)


def test_the_librarys_own_file_loads_without_this_package(tmp_path):
    write(tmp_path / "run")
    with opened(tmp_path / "run", trust=True) as saved:
        exporting.export(saved, tmp_path / "p.zip")
        right = expected(saved, OBS)
    found, _ = PPO.load(tmp_path / "p.zip").predict(OBS, deterministic=True)
    assert np.array_equal(found, right)


def test_what_a_file_would_lack_is_refused(tmp_path):
    write(tmp_path / "run", normalize=True)
    with opened(tmp_path / "run", trust=True) as saved:
        with pytest.raises(
            ValueError, match=r"normalised, which .* does not hold: export it as .pt or .onnx"
        ):
            exporting.export(saved, tmp_path / "p.zip")
        with pytest.raises(ValueError, match=r"ends in .zip \(stable-baselines3\), .pt .*got .*p.h5"):
            exporting.export(saved, tmp_path / "p.h5")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_memory_is_exported_in_the_librarys_file_alone(tmp_path):
    pytest.importorskip("sb3_contrib", reason="the extra recurrent is not installed")
    write(tmp_path / "run", algorithm="sb3_contrib:RecurrentPPO", options={"n_steps": 16, "batch_size": 16})
    with opened(tmp_path / "run", trust=True) as saved:
        with pytest.raises(ValueError, match=r"a recurrent one: export it as a .zip"):
            exporting.export(saved, tmp_path / "p.pt")
        assert exporting.export(saved, tmp_path / "p.zip") == exporting.CHECKED


def test_rsl_rl_has_no_zip(tmp_path):
    pytest.importorskip("rsl_rl", reason="the extra rsl-rl is not installed")
    write(tmp_path / "run", student="rsl-rl", n_steps=8)
    with (
        opened(tmp_path / "run", trust=True) as saved,
        pytest.raises(ValueError, match=r"expected a file .pt or .onnx for rsl-rl"),
    ):
        exporting.export(saved, tmp_path / "p.zip")


def test_a_file_that_acts_otherwise_does_not_stay(tmp_path, monkeypatch):
    write(tmp_path / "run")
    (tmp_path / "p.pt").write_bytes(b"older")
    wrong = exporting._WRITERS[".pt"]

    def shifted(network, seen, path):
        act = wrong(network, seen, path)
        return lambda obs, first: act(obs, first) + (np.arange(len(obs)) == 3)[:, None] * 1e-3

    monkeypatch.setitem(exporting._WRITERS, ".pt", shifted)
    with (
        opened(tmp_path / "run", trust=True) as saved,
        pytest.raises(ValueError, match="got others on 1 of 256 observations: nothing was written"),
    ):
        exporting.export(saved, tmp_path / "p.pt")
    assert (tmp_path / "p.pt").read_bytes() == b"older"


def test_a_missing_package_is_named(tmp_path, monkeypatch):
    write(tmp_path / "run")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None)
    with (
        opened(tmp_path / "run", trust=True) as saved,
        pytest.raises(ImportError, match=r"pip install 'teacherstudent\[onnx\]'"),
    ):
        exporting.export(saved, tmp_path / "p.onnx")
