"""Without Box2D compiled walkers work, and what needs Box2D names the extra."""

import subprocess
import sys

WITHOUT = """
import sys
from importlib.abc import MetaPathFinder

class Refuse(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.split(".")[0] in ("Box2D", "pygame") or name.startswith("gymnasium.envs.box2d"):
            raise ImportError(name + " is blocked")

sys.meta_path.insert(0, Refuse())
import gymnasium, numpy
from teacherstudent.contract.registry import FAMILIES
"""
STEPS = """
for name in ("bipedal-levels", "hexagon-tracks", "stump-sequence", "stump-tracks"):
    family = FAMILIES.make(name)
    slots = family.make_vec(2)
    slots.reset(seed=0, options={"task": family.test_tasks()[:2]})
    for _ in range(3):
        seen, rewards, *_ = slots.step(numpy.zeros(slots.action_space.shape))
    assert numpy.isfinite(seen).all() and numpy.isfinite(rewards).all()
    env = family.make_env()
    env.reset(seed=0)
    env.step(numpy.zeros(4))
    assert env.render() is None
assert not any(name.split(".")[0] in ("Box2D", "pygame") for name in sys.modules)
"""
REFUSED = """
import teacherstudent
family = FAMILIES.make("stump-tracks")
slots = family.make_vec(1)
slots.reset(seed=0)
teacherstudent.register_environments()
for needs in (
    lambda: FAMILIES.make("stump-tracks", simulator="box2d"),
    lambda: FAMILIES.make("bipedal-levels", simulator="box2d"),
    lambda: family.make_env(render_mode="rgb_array"),
    lambda: slots.render(),
    lambda: gymnasium.make("teacherstudent/StumpTracks-v0"),
):
    try:
        needs()
    except ImportError as error:
        assert str(error) == (
            "walkers in Box2D, and pictures of walkers: expected the package Box2D; install it with "
            "pip install 'teacherstudent[box2d]' (Box2D is blocked)"
        ), error
    else:
        raise AssertionError("it was not refused")
"""


def run(code):
    done = subprocess.run([sys.executable, "-c", WITHOUT + code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-500:]


def test_compiled_walkers_need_no_box2d():
    run(STEPS)


def test_what_needs_box2d_names_the_extra():
    run(REFUSED)
