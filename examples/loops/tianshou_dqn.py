"""DQN of Tianshou, whose environments are processes: one teacher serves them all.

    python examples/loops/tianshou_dqn.py [--quick]

The test collector plays environments of its own, without the wrapper: no teacher hears of it. Lines that end
in ``# teacher`` are what a teacher adds to the loop; those with ``# changed`` were there.
"""

import functools
import sys

from _poles import TEST_LENGTHS, Pole
from tianshou.algorithm import DQN
from tianshou.algorithm.modelfree.dqn import DiscreteQLearningPolicy
from tianshou.algorithm.optim import AdamOptimizerFactory
from tianshou.data import Collector, VectorReplayBuffer
from tianshou.env import DummyVectorEnv, SubprocVectorEnv
from tianshou.trainer import OffPolicyTrainerParams
from tianshou.utils.net.common import Net

from teacherstudent import Parameters, TeacherEnv, TeacherServer, teachers  # teacher


def main() -> None:
    """Train and test."""
    quick = "--quick" in sys.argv
    teacher = teachers.make("riac", Parameters(length=(0.05, 1.5)), seed=0)  # teacher
    server = TeacherServer(teacher)  # teacher
    envs = SubprocVectorEnv([lambda: TeacherEnv(Pole(), teacher)] * 4)  # changed
    tests = DummyVectorEnv([functools.partial(Pole, length) for length in TEST_LENGTHS])
    envs.seed(0)
    tests.seed(1)

    example = Pole()
    network = Net(state_shape=(4,), action_shape=2, hidden_sizes=[128, 128])
    policy = DiscreteQLearningPolicy(model=network, action_space=example.action_space, eps_training=0.1)
    algorithm = DQN(policy=policy, optim=AdamOptimizerFactory(lr=1e-3), target_update_freq=250)
    training = Collector(algorithm, envs, VectorReplayBuffer(20_000, 4), exploration_noise=True)
    test = Collector(algorithm, tests)
    params = OffPolicyTrainerParams(
        training_collector=training,
        test_collector=test,
        max_epochs=1 if quick else 10,
        epoch_num_steps=500 if quick else 3_000,
        collection_step_num_env_steps=8,
        test_step_num_episodes=len(TEST_LENGTHS),
        update_step_num_gradient_steps_per_sample=0.25,
        verbose=False,
        show_progress=False,
    )
    result = algorithm.run_training(params)
    envs.close()
    print(f"test, mean steps: {result.best_reward:.0f}")
    print({name: round(value, 2) for name, value in teacher.metrics().items()}, server.counts)


if __name__ == "__main__":
    main()
