"""From an empty folder to a first result, as five kinds of newcomer get there: seconds for each.

    python benchmarks/first_minutes.py [--quick] [--only NAME] [--install]

Each newcomer begins in a new folder with the words of the how-to pages and ends with a table or a printed
score. With --install a fresh environment comes first, with the package and what it needs; without, this
Python is used.
--quick takes budgets that are too small for a result and shows that the steps work.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]

ENVIRONMENT = '''
import gymnasium as gym
import numpy as np


class Reach(gym.Env):
    """Reach a goal on a line, against the wind."""

    observation_space = gym.spaces.Box(-10, 10, (3,), np.float32)
    action_space = gym.spaces.Box(-1, 1, (1,), np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.goal, self.wind = (float(part) for part in options["task"])
        self.x = 0.0
        return self._observe(), {}

    def step(self, action):
        self.x = float(np.clip(self.x + action[0] - self.wind, -10, 10))
        distance = abs(self.x - self.goal)
        return self._observe(), -distance, distance < 0.2, False, {}

    def _observe(self):
        return np.array([self.x, self.goal, self.wind], np.float32)
'''

SB3 = """
import sys

import numpy as np
from reach import Reach
from stable_baselines3 import PPO
from stable_baselines3.common.evaluation import evaluate_policy

from teacherstudent import Parameters, TeacherCallback, TeacherVecEnv, family_from_gymnasium, teachers

space = Parameters(goal=(-3, 3), wind=(0, 1))
family = family_from_gymnasium(Reach, space=space, mastered=-20, max_episode_steps=30)
teacher = teachers.make("alp-gmm", family, seed=0)
vec = TeacherVecEnv(teacher, family.make_vec(8), seed=0)
model = PPO("MlpPolicy", vec, n_steps=64, batch_size=128)
model.learn(int(sys.argv[1]), callback=TeacherCallback(teacher))
tests = vec.evaluation(family.make_vec(10), family.test_tasks())
print("mean return on 50 test tasks:", evaluate_policy(model, tests, n_eval_episodes=50, warn=False)[0])
"""

OWN_LOOP = """
import sys

import numpy as np
from reach import Reach
from gymnasium.wrappers import TimeLimit

from teacherstudent import Parameters, TeacherEnv, teachers

space = Parameters(goal=(-3, 3), wind=(0, 1))
teacher = teachers.make("riac", space, seed=0)
env = TeacherEnv(TimeLimit(Reach(), 30), teacher)
rng = np.random.default_rng(0)
weights, best = np.zeros(3), -np.inf
for _ in range(int(sys.argv[1])):
    tried = weights + 0.3 * rng.standard_normal(3)
    score = 0.0
    for _ in range(8):
        observation, info = env.reset()
        done = False
        while not done:
            action = np.clip([observation @ tried], -1, 1)
            observation, reward, terminated, truncated, info = env.step(action)
            score += reward / 8
            done = terminated or truncated
    if score > best:
        weights, best = tried, score
print("best mean return of 8 episodes:", best)
"""


def commands(name: str, python: str, quick: bool) -> list[list[str]]:
    """Return what one kind of newcomer types, in order."""
    main = [python, "-m", "teacherstudent"]
    sb3 = ["--student-options", "n_envs=8", 'options={"n_steps":64,"batch_size":128}']
    # The quick budgets end before any teacher acts.
    often = ["--may-never-act", "--test-every"]
    if name == "sb3":
        return [[python, "train.py", "1024" if quick else "20000"]]
    if name == "own-loop":
        return [[python, "train.py", "10" if quick else "300"]]
    if name == "levels":
        size = ["2048", *often, "1024"] if quick else ["30000", *often, "5000"]
        begin = [*main, "new", "family", "my-strips", "--space", "levels"]
        check = [python, "-m", "pytest", "-q", "test_my_strips.py"]
        what = ["--family", "my_strips:my_strips", "--teacher", "domain-randomization", "plr"]
        return [begin, check, [*main, "run", *what, *sb3, "--budget", *size]]
    if name == "digits":
        size = ["2e8", *often, "1e8"] if quick else ["5e9", *often, "1e9"]
        what = ["--family", "digits-examples", "--student", "classifier", "--teacher", "uniform", "superloss"]
        noise = ["--family-options", "label_noise=0.4"]
        small = ["--student-options", "backbone=resnet", 'backbone_options={"widths":[8,16]}']
        look = [*main, "describe", "digits-examples"]
        return [look, [*main, "run", *what, *noise, *small, "--budget", *size]]
    size = ["2048", *often, "1024"] if quick else ["40000", *often, "10000"]
    what = ["--family", "cartpole-parameters", "--teacher", "random", "riac", "alp-gmm"]
    return [[*main, "list"], [*main, "run", *what, *sb3, "--budget", *size]]


NEWCOMERS = {
    "sb3": "trains with stable-baselines3, has a gymnasium environment",
    "own-loop": "has a training loop of their own",
    "levels": "designs levels",
    "digits": "classifies images",
    "compare": "wants to compare teachers on a family that is there",
}
SCRIPTS = {"sb3": SB3, "own-loop": OWN_LOOP}


def installed(folder: Path) -> tuple[str, float]:
    """Return the Python of a fresh environment with the package in it, and the seconds that it took."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    python = str(folder / "venv" / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "-q", str(ROOT), "pytest"], check=True)
    return python, time.perf_counter() - start


def follow(name: str, python: str, folder: Path, quick: bool) -> tuple[float, str]:
    """Return the seconds of all of a newcomer's steps, and what the last one printed."""
    if name in SCRIPTS:
        (folder / "reach.py").write_text(ENVIRONMENT.lstrip(), encoding="utf-8")
        (folder / "train.py").write_text(SCRIPTS[name].lstrip(), encoding="utf-8")
    said = ""
    start = time.perf_counter()
    for words in commands(name, python, quick):
        # Read when it has ended: a pipe that nobody empties would stop a program.
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{name}: {' '.join(words)}: {done.stdout[-3000:]}{done.stderr[-3000:]}")
        said = done.stdout
    return time.perf_counter() - start, said


def main() -> int:
    """Print a line for each newcomer."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="budgets that are too small for a result")
    parser.add_argument("--only", choices=list(NEWCOMERS), nargs="+", help="some of the newcomers")
    parser.add_argument("--install", action="store_true", help="install into a fresh environment first")
    parser.add_argument("--say", action="store_true", help="print the result of each newcomer too")
    given = parser.parse_args()
    python = sys.executable
    with tempfile.TemporaryDirectory() as root:
        if given.install:
            python, seconds = installed(Path(root))
            print(f"{'install':<10} {seconds:>8.0f} s   a fresh environment, the package and what it needs")
            # The fresh environment has the package: this checkout must not be found before it.
            os.environ.pop("PYTHONPATH", None)
        for name in given.only or NEWCOMERS:
            folder = Path(root) / name
            folder.mkdir()
            seconds, said = follow(name, python, folder, given.quick)
            print(f"{name:<10} {seconds:>8.0f} s   {NEWCOMERS[name]}", flush=True)
            if given.say:
                print(said)
    return 0


if __name__ == "__main__":
    sys.exit(main())
