"""Which tasks of cartpole-parameters can be held: the share for scripted controllers.

    python benchmarks/feasible.py

A linear-quadratic regulator is computed for each task from its own length and gravity (discrete time,
several weights) and pushes left or right by its sign. A task counts as feasible if the best of them holds it
for more than 475 of 500 steps on average of three episodes. This is a lower bound: a controller that expects
pushes may hold more. Beside it: one regulator, made for CartPole-v1, on all tasks; and random pushes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.linalg import solve_discrete_are

from teacherstudent import spaces
from teacherstudent.contract.types import generator
from teacherstudent.envs.cartpoles.family import MAX_STEPS, CartPoleParameters
from teacherstudent.envs.cartpoles.physics import CART_MASS, CARTPOLE_V1, POLE_MASS, SECONDS_PER_STEP

TASKS, EPISODES = 1000, 3
MASTERED = 475
WEIGHTS = [  # of position, velocity, angle, spin; of the force
    ((1.0, 0.1, 10.0, 0.1), 1e-4),
    ((1.0, 0.1, 10.0, 0.1), 1e-2),
    ((5.0, 0.1, 1.0, 0.1), 1e-2),
    ((0.1, 0.1, 1.0, 0.1), 1.0),
    ((10.0, 1.0, 1.0, 1.0), 1e-3),
]
Floats = npt.NDArray[np.float64]


def main() -> None:
    """Print the shares."""
    family = CartPoleParameters()
    tasks = spaces.sample(family.space, generator(1), TASKS)
    gains = [
        np.array([gain(float(task[0]), float(task[2]), weights) for task in tasks]) for weights in WEIGHTS
    ]
    best = np.max([steps_held(family, tasks, regulator(g)) for g in gains], axis=0)
    standard = gain(CARTPOLE_V1["pole_length"], CARTPOLE_V1["gravity"], WEIGHTS[0])
    one = steps_held(family, tasks, regulator(np.tile(standard, (TASKS, 1))))
    rng = generator(2)
    chance = steps_held(family, tasks, lambda seen: rng.integers(2, size=len(seen)))
    feasible = best > MASTERED
    print(f"{family.space}: {TASKS} uniform tasks, {EPISODES} episodes each")
    print(f"held by a regulator made for the task: {feasible.mean():.1%}")
    print(f"held by the regulator made for CartPole-v1: {(one > MASTERED).mean():.1%}")
    print(f"held by random pushes: {(chance > MASTERED).mean():.1%} (mean {chance.mean():.0f} steps)")
    print("feasible share in each quarter of a parameter's range, low to high:")
    for name, column in zip(family.space.names, spaces.to_unit(family.space, tasks).T, strict=True):
        quarters = [feasible[(column >= q / 4) & (column < (q + 1) / 4)].mean() for q in range(4)]
        print(f"  {name:<12}" + "".join(f"{share:>7.0%}" for share in quarters))


def gain(length: float, gravity: float, weights: tuple[tuple[float, ...], float]) -> Floats:
    """Return the regulator's gain ``(4,)`` for the pole's linearised dynamics."""
    total, moment = CART_MASS + POLE_MASS, POLE_MASS * length / 2
    inertia = length / 2 * (4 / 3 - POLE_MASS / total)
    flow, force = np.zeros((4, 4)), np.zeros((4, 1))
    flow[0, 1] = flow[2, 3] = 1.0
    flow[3, 2], force[3, 0] = gravity / inertia, -1 / total / inertia
    flow[1, 2], force[1, 0] = -moment / total * flow[3, 2], 1 / total - moment / total * force[3, 0]
    a, b, r = np.eye(4) + SECONDS_PER_STEP * flow, SECONDS_PER_STEP * force, np.array([[weights[1]]])
    cost = solve_discrete_are(a, b, np.diag(weights[0]), r)
    return np.asarray(np.linalg.solve(r + b.T @ cost @ b, b.T @ cost @ a)[0])


def regulator(gains: Floats) -> Callable[[Any], Any]:
    """Return a policy: the sign of the linear feedback, each task with its own gain."""
    repeated = np.repeat(gains, EPISODES, axis=0)
    return lambda seen: ((repeated * seen[:, :4]).sum(axis=1) < 0).astype(np.int64)


def steps_held(family: CartPoleParameters, tasks: Any, policy: Callable[[Any], Any]) -> Floats:
    """Return ``(tasks,)``: for how many steps the policy holds each task, mean over episodes."""
    played = np.repeat(tasks, EPISODES, axis=0)
    vec = family.make_vec(len(played))
    seen, _ = vec.reset(seed=0, options={"task": played})
    alive, steps = np.ones(len(played), np.bool_), np.zeros(len(played))
    for _ in range(MAX_STEPS):
        seen, _, terminated, truncated, _ = vec.step(policy(seen))
        steps += alive
        done = terminated | truncated
        alive &= ~done
        if not alive.any():
            break
        if done.any():
            seen, _ = vec.reset(options={"reset_mask": done, "task": played})
    return np.asarray(steps.reshape(len(tasks), EPISODES).mean(axis=1))


if __name__ == "__main__":
    main()
