"""Writing a run's policy to a file that other programs read, checked against the policy itself."""

from __future__ import annotations

import importlib.util
import os
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from teacherstudent.contract.student import Act, Exports
from teacherstudent.contract.types import Array, BoolArray
from teacherstudent.recording.disk.files import check_file
from teacherstudent.running.policies.saved import Saved

FORMATS = {".zip": "stable-baselines3", ".pt": "TorchScript", ".onnx": "ONNX"}
"""What the ending of a file's name asks for."""

CHECKED = 256
"""Observations on which the file must act as the policy does."""

_SLOTS = 8
_CLOSE = 1e-5
"""Actions that are numbers may differ by so much of their range: other kernels add up in another order."""


def export(saved: Saved, path: Path | str, *, seed: int = 0) -> int:
    """Write a run's greedy policy; return on how many observations of the family the file was checked.

    Args:
        saved: the run's student.
        path: ``.zip``: as stable-baselines3 writes an algorithm; ``.pt``: TorchScript, ``.onnx``: ONNX, which
            take observations ``(n, ...)`` in float32 and return actions ``(n, ...)``, normalisation included.
        seed: of the episodes from which the observations are.

    Raises:
        ValueError: if the ending is none of these; if the policy cannot be written so (the message says as
            what it can); if the file acts otherwise than the policy.
        ImportError: if a package is missing.
        OSError: if the file cannot be written; an older one of that name is untouched.
    """
    out = check_path(path)
    policy = saved.policy(greedy=True, seed=seed)
    student = saved.student
    if not isinstance(student, Exports):
        raise ValueError(
            f"export: expected a student that exports its policy ('sb3', 'rsl-rl'), got "
            f"{type(student).__name__}"
        )
    seen = observations(saved, policy, seed=seed)
    # Written beside its place first: what acts otherwise must not stay.
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".export-") as folder:
        made = Path(folder) / out.name
        if out.suffix == ".zip":
            acts = student.archive(made)
        else:
            # Frozen: nobody learns by a file, and its outputs are plain tensors.
            network = student.network().requires_grad_(False)
            acts = _WRITERS[out.suffix](network, seen, made)
        _check(policy, acts, seen, out)
        os.replace(made, out)
    return len(_rows(seen))


def check_path(path: Path | str) -> Path:
    """Return a file's path; raise ValueError unless its ending is one of `FORMATS`."""
    out = check_file("export", path)
    if out.suffix not in FORMATS:
        known = ", ".join(f"{ending} ({name})" for ending, name in FORMATS.items())
        raise ValueError(f"export: expected a file that ends in {known}, got {out}")
    return out


def observations(saved: Saved, policy: Act, *, seed: int) -> Any:
    """Return observations of the test tasks, as many as `CHECKED`: an array, or a dictionary of arrays.

    They are those of greedy episodes, so that the file is looked at where the policy goes.
    """
    family = saved.family
    tests = family.test_tasks()
    slots = min(_SLOTS, len(tests))
    envs = family.make_vec(slots)
    found: list[Any] = []
    try:
        first = np.ones(slots, np.bool_)
        # Over all tests and not the first ones: neighbours look alike.
        chosen = np.linspace(0, len(tests) - 1, slots).astype(np.int64)
        number = seed
        obs: Any = None
        while len(found) * slots < CHECKED:
            if first.any():
                options = {"reset_mask": first, "task": tests[chosen]}
                obs, _ = envs.reset(seed=number, options=options)
                number += slots
            # Copied, since environments may write their next observations into the same memory.
            found.append({k: np.array(v) for k, v in obs.items()} if isinstance(obs, dict) else np.array(obs))
            obs, _, terminated, truncated, _ = envs.step(policy(obs, first))
            first = np.asarray(terminated | truncated, np.bool_)
            chosen = np.where(first, (chosen + 1) % len(tests), chosen)
    finally:
        envs.close()
    if isinstance(found[0], dict):
        return {name: np.concatenate([each[name] for each in found]) for name in found[0]}
    return np.concatenate(found)


def _rows(seen: Any) -> Array:
    """Return an array with a row for each observation."""
    rows: Array = next(iter(seen.values())) if isinstance(seen, dict) else seen
    return rows


def _check(policy: Act, acts: Act, seen: Any, out: Path) -> None:
    """Raise ValueError unless two policies act alike on observations, each the first of an episode."""
    first = np.ones(len(_rows(seen)), np.bool_)
    expected = np.asarray(policy(seen, first))
    got = np.asarray(acts(seen, first)).reshape(expected.shape)
    if expected.dtype.kind in "iub":
        alike = got == expected
    else:
        spread = max(1.0, float(np.abs(expected).max()))
        alike = np.abs(got - expected) <= _CLOSE * spread
    differing = int((~alike.reshape(len(alike), -1).all(axis=1)).sum())
    if differing:
        raise ValueError(
            f"export: {out}: expected the actions of the run's policy, got others on {differing} of "
            f"{len(alike)} observations: nothing was written"
        )


def _torchscript(network: Any, seen: Array, path: Path) -> Act:
    """Write a module as TorchScript."""
    import torch

    example = torch.as_tensor(seen[:2], dtype=torch.float32)
    with warnings.catch_warnings(), torch.no_grad():
        # Torch would rather export to formats of its newer versions, which other programs do not read yet.
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.trace(network, example), path)  # type: ignore[no-untyped-call]
        loaded = torch.jit.load(path)  # type: ignore[no-untyped-call]

    def act(obs: Any, first: BoolArray) -> Array:
        del first
        with torch.no_grad():
            actions: Array = loaded(torch.as_tensor(obs, dtype=torch.float32)).numpy()
        return actions

    return act


def _onnx(network: Any, seen: Array, path: Path) -> Act:
    """Write a module as ONNX."""
    for package in ("onnx", "onnxscript", "onnxruntime"):
        if importlib.util.find_spec(package) is None:
            raise ImportError(
                f"export: ONNX needs the package {package}, which is missing: pip install "
                "'teacherstudent[onnx]'"
            )
    import onnxruntime
    import torch

    example = torch.as_tensor(seen[:2], dtype=torch.float32)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (example,),
            path,
            input_names=["observations"],
            output_names=["actions"],
            dynamic_axes={"observations": {0: "n"}, "actions": {0: "n"}},
            dynamo=False,
        )
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])

    def act(obs: Any, first: BoolArray) -> Array:
        del first
        (actions,) = session.run(["actions"], {"observations": np.asarray(obs, np.float32)})
        return np.asarray(actions)

    return act


_WRITERS: dict[str, Callable[[Any, Array, Path], Act]] = {".pt": _torchscript, ".onnx": _onnx}
