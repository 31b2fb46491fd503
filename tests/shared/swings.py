"""A small family of environments with pictures, for runs whose policy is shown and exported."""

import gymnasium as gym
import numpy as np

from teacherstudent import Experiment, Parameters, Plan, RLFamily, family_from_gymnasium

SPACE = Parameters(wind=(0, 1))
TESTS = np.array([[0.0], [0.25], [0.5], [1.0]])


class Swing(gym.Env):
    """Six steps; the picture's brightness is the number of steps so far."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 20}

    def __init__(self, render_mode=None, actions="box", large=False):
        self.render_mode = render_mode
        self.observation_space = gym.spaces.Box(-1e3, 1e3, (3,), np.float32)
        self.action_space = gym.spaces.Box(-0.5, 2.0, (2,), np.float32)
        if actions == "discrete":
            self.action_space = gym.spaces.Discrete(3)
        self.scale = 100.0 if large else 1.0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.wind = float((options or {}).get("task", [0.5])[0])
        self.steps = 0
        return self.see(), {}

    def step(self, action):
        assert self.action_space.contains(action), action
        self.steps += 1
        return self.see(), float(np.sum(action)) * self.wind, self.steps == 6, False, {}

    def see(self):
        drawn = self.np_random.normal(size=2)
        return (self.scale * np.array([self.wind, *drawn])).astype(np.float32)

    def render(self):
        return np.full((16, 24, 3), 20 * self.steps, np.uint8)


class Blind(Swing):
    """The same without pictures."""

    metadata = {"render_modes": []}


LIMIT = {"space": SPACE, "test_tasks": TESTS, "max_episode_steps": 6}


def swings(actions: str = "box", large: bool = False) -> RLFamily:
    """Return the family; its arguments are those of the environment."""
    return family_from_gymnasium(lambda render_mode=None: Swing(render_mode, actions, large), **LIMIT)


def blind() -> RLFamily:
    """Return the family without pictures."""
    return family_from_gymnasium(lambda render_mode=None: Blind(), **LIMIT)


def write(
    folder, *, student="sb3", family="swings:swings", budget=64, plan=None, family_options=None, **options
):
    """Run a small student to its end in ``folder``."""
    settings = {"n_envs": 2, **options}
    if student == "sb3":
        settings.setdefault("options", {"n_steps": 16, "batch_size": 16, "n_epochs": 2})
    Experiment(
        teacher="random",
        family=family,
        student=student,
        plan=Plan(budget=budget, test_every=budget, may_never_act=True, **(plan or {})),
        family_options=family_options or {},
        student_options=settings,
    ).run(folder)
    return folder
