"""Transfer both ways: policies trained in the compiled simulator and in Box2D, each played in both.

    python benchmarks/transfer.py [--steps 1500000] [--policies FOLDER] [--quick]

Two policies learn with the same settings (PPO of stable-baselines3, uniform tasks from flat to ``--height``),
one in each simulator. Each then plays 100 episodes on flat ground and 100 on the published stump test tasks,
in Box2D and in the compiled simulator at every solver. Shown are mean return and share mastered with 95 %
intervals over episodes, and the difference of the mean return to the same policy's in Box2D. With
``--policies`` a policy that lies in the folder is not trained again, and a new one is put there.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _timing import describe_machine

from teacherstudent import envs
from teacherstudent.comparing import stats
from teacherstudent.contract.types import Array, Assignment, FloatArray, Outcomes, generator
from teacherstudent.recording.disk.checkpoint import load, save
from teacherstudent.students.rollouts.play import play
from teacherstudent.students.sb3.student import SB3Student

FAMILY = "stump-tracks"
TRAINED = {"compiled": {"solver": "default"}, "box2d": {}}
PLAYED = {
    "box2d": {"simulator": "box2d"},
    "compiled, default": {"solver": "default"},
    "compiled, exact": {"solver": "exact"},
    "compiled, fast": {"solver": "fast"},
}
PPO: dict[str, Any] = {
    "n_envs": 16,
    "normalize": True,
    "device": "cpu",
    "options": {"n_steps": 512, "batch_size": 1024, "n_epochs": 10},
}
Act = Callable[[Any, Any], Array]


def main() -> None:
    """Train or load both policies and print the table."""
    given = _parse()
    torch.set_num_threads(1)
    print(f"{describe_machine()}; {given.steps:,.0f} steps in each simulator, seed {given.seed}")
    for simulator in TRAINED:
        student = _policy(simulator, given)
        _table(simulator, _greedy(student), given.episodes)
        student.close()


def _policy(simulator: str, given: argparse.Namespace) -> SB3Student:
    """Return a student that has learned in a simulator, now or before."""
    family: Any = envs.make(FAMILY, simulator=simulator, **TRAINED[simulator])
    student = SB3Student(family, seed=given.seed, budget=given.steps, **PPO)
    path = None if given.policies is None else given.policies / simulator
    if path is not None and path.exists():
        _put(student, load(path))
        return student
    start = time.perf_counter()
    scores = _train(student, given)
    print(
        f"\ntrained in {simulator}: {time.perf_counter() - start:,.0f} s, mean return of the last "
        f"{len(scores)} episodes {np.mean(scores):.1f}"
    )
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        save(path, _take(student))
    return student


def _train(student: SB3Student, given: argparse.Namespace) -> FloatArray:
    """Train on uniform tasks up to the height; return the last scores."""
    rng, scores, last = generator(given.seed), np.zeros(0), 0
    while student.spent()["train"] < given.steps:
        n = student.wants()
        tasks = rng.uniform([0.0, 0.0], [given.height, 6.0], (n, 2))
        outcomes = student.train(Assignment(ids=last + np.arange(n), tasks=tasks))
        last += n
        scores = np.concatenate([scores, outcomes.score])[-100:]
    return scores


def _take(student: SB3Student) -> dict[str, Any]:
    """Return what a policy is: its parameters, and how it scales observations."""
    policy = {name: value.cpu().numpy() for name, value in student.model.policy.state_dict().items()}
    scale: Any = student.model.env
    return {"policy": policy, "mean": scale.obs_rms.mean, "variance": scale.obs_rms.var}


def _put(student: SB3Student, state: dict[str, Any]) -> None:
    student.model.policy.load_state_dict(
        {name: torch.as_tensor(value) for name, value in state["policy"].items()}
    )
    scale: Any = student.model.env
    scale.obs_rms.mean, scale.obs_rms.var = state["mean"], state["variance"]


def _greedy(student: SB3Student) -> Act:
    scale: Any = student.model.env

    def act(observations: Any, first: Any) -> Array:
        return np.asarray(student.model.predict(scale.normalize_obs(observations), deterministic=True)[0])

    return act


def _table(simulator: str, act: Act, episodes: int) -> None:
    print(f"\npolicy trained in {simulator}, {episodes} episodes each")
    print(f"{'track':<8}{'played in':<20}{'mean return':>28}{'mastered, %':>26}{'return less Box2D':>30}")
    for track in ("flat", "stumps"):
        reference: FloatArray | None = None
        for name, options in PLAYED.items():
            outcomes = _play(options, act, track, episodes)
            mastered = _mean(100.0 * np.asarray(outcomes.signals["success"], np.float64), stats.PERCENT)
            line = f"{track:<8}{name:<20}{_show(_mean(outcomes.score)):>28}{_show(mastered):>26}"
            if reference is None:
                reference = outcomes.score
            else:
                line += f"{_show(_difference(outcomes.score, reference)):>30}"
            print(line, flush=True)


def _play(options: dict[str, Any], act: Act, track: str, episodes: int) -> Outcomes:
    family: Any = envs.make(FAMILY, **options)
    tests = np.array([[0.0, 6.0]]) if track == "flat" else family.test_tasks()
    tasks = np.resize(tests, (episodes, 2))
    vec = family.make_vec(min(episodes, 50))
    try:
        return play(vec, act, tasks, np.arange(episodes), mastered=family.mastered)
    finally:
        vec.close()


def _show(found: stats.Estimate) -> str:
    return f"{found.value:.1f} [{found.low:.1f}, {found.high:.1f}]"


def _mean(values: FloatArray, within: stats.Range | None = None) -> stats.Estimate:
    """Return a mean with its interval."""
    return stats.estimate([values], statistic="mean", within=within)


def _difference(values: FloatArray, others: FloatArray) -> stats.Estimate:
    """Return the difference of two means with its interval; both sides are resampled."""
    return stats.estimate_difference([values], [others], statistic="mean")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--steps", type=float, default=1_500_000, help="of training in each simulator")
    parser.add_argument("--height", type=float, default=0.5, help="highest stumps in training")
    parser.add_argument("--episodes", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--policies", type=Path, help="folder of policies to load, or to save to")
    parser.add_argument(
        "--quick", action="store_true", help="one round of training, 4 episodes: does it run?"
    )
    given = parser.parse_args()
    if given.quick:
        given.steps, given.episodes = 1, 4
    return given


if __name__ == "__main__":
    main()
