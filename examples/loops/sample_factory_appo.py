"""APPO of Sample Factory, whose rollout workers are processes: one teacher serves them all.

    python examples/loops/sample_factory_appo.py [--quick]

A test of Sample Factory (`enjoy`) makes environments of its own by the name that has no teacher. Lines that
end in ``# teacher`` are what a teacher adds to the loop; those with ``# changed`` were there.
"""

import functools
import sys
import tempfile

from _poles import Pole
from sample_factory.cfg.arguments import parse_full_cfg, parse_sf_args
from sample_factory.enjoy import enjoy
from sample_factory.envs.env_utils import register_env
from sample_factory.train import run_rl

from teacherstudent import Parameters, TeacherEnv, TeacherServer, teachers  # teacher


def make(teacher, name, cfg, env_config, render_mode=None):
    """Return one environment; in a worker `teacher` is a client."""
    return TeacherEnv(Pole(), teacher)  # changed


def make_test(name, cfg, env_config, render_mode=None):
    """Return one environment for tests."""
    return Pole(0.5)


def config(folder, *options, evaluation=False):
    """Return Sample Factory's settings."""
    given = [f"--train_dir={folder}", "--experiment=poles", "--device=cpu", "--use_rnn=False", *options]
    parser, _ = parse_sf_args(given, evaluation=evaluation)
    return parse_full_cfg(parser, given)


def main() -> None:
    """Train and test."""
    steps = 4_000 if "--quick" in sys.argv else 20_000
    teacher = teachers.make("riac", Parameters(length=(0.05, 1.5)), seed=0)  # teacher
    server = TeacherServer(teacher)  # teacher
    register_env("poles", functools.partial(make, teacher))  # changed
    register_env("poles-test", make_test)
    with tempfile.TemporaryDirectory() as folder:
        workers = ["--num_workers=2", "--num_envs_per_worker=4", "--rollout=32", "--batch_size=256"]
        run_rl(config(folder, "--env=poles", f"--train_for_env_steps={steps}", *workers))
        told = server.counts["told"]
        test = config(folder, "--env=poles-test", "--no_render", "--max_num_episodes=5", evaluation=True)
        _, score = enjoy(test)
    print(f"test, mean steps: {score:.0f}; told of tests: {server.counts['told'] - told}")
    print({name: round(value, 2) for name, value in teacher.metrics().items()}, server.counts)


if __name__ == "__main__":
    main()
