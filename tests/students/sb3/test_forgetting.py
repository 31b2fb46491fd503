"""A student whose networks, optimisers and replay buffer start anew every so many steps."""

import numpy as np
import pytest
import torch
from binding import all_of
from small_sb3 import SMALL

from reaching import assign, reach
from teacherstudent.students.sb3.student import SB3Student
from teacherstudent.testing.students import check_student

SAC = {"learning_starts": 20, "batch_size": 16, "train_freq": 4, "buffer_size": 300}


def weights(student):
    return torch.cat([part.detach().ravel() for part in student.model.policy.parameters()])


def rounds(student, family, n, first=0):
    """Train for ``n`` rounds on fresh tasks each; return the steps and resets after each round."""
    seen = []
    for k in range(n):
        student.train(assign(student, family, first=first + 1000 * k))
        seen.append((student.spent()["train"], student.metrics()["resets"]))
    return seen


def test_resets_come_at_the_first_round_after_every_multiple(cartpole):
    student = SB3Student(cartpole, seed=0, n_envs=2, options=SMALL["PPO"], forget_every=150)
    # Rounds are of 64 steps. 192 is the first start of a round past 150, 320 past 300, 512 past 450.
    assert rounds(student, cartpole, 9) == [
        (64, 0),
        (128, 0),
        (192, 0),
        (256, 1),
        (320, 1),
        (384, 2),
        (448, 2),
        (512, 2),
        (576, 3),
    ]
    # Updates go on being counted: epochs x minibatches a round.
    assert student.spent()["updates"] == 9 * 2


def test_a_reset_draws_fresh_weights_and_forgets_moments_only(cartpole):
    student = SB3Student(
        cartpole,
        seed=0,
        n_envs=2,
        normalize=True,
        options=SMALL["PPO"] | {"learning_rate": 0.0},
        forget_every=64,
    )
    first = weights(student)
    # Without a learning rate, weights change by resets alone.
    rounds(student, cartpole, 1)
    assert torch.equal(weights(student), first)
    counted = student.model.get_vec_normalize_env().obs_rms.count
    rounds(student, cartpole, 1, first=5000)
    second = weights(student)
    rounds(student, cartpole, 1, first=9000)
    assert not torch.equal(second, first)
    assert not torch.equal(weights(student), second)
    # Orthogonal matrices have the same norm whatever was drawn.
    assert float(second.norm()) == pytest.approx(float(first.norm()), rel=1e-4)
    moments = student.model.policy.optimizer.state
    # Two steps since the reset of the last round, not six.
    assert {int(state["step"]) for state in moments.values()} == {2}
    assert student.model.get_vec_normalize_env().obs_rms.count == counted + 2 * 64


def test_off_policy_students_forget_their_replay_buffer_and_their_entropy():
    family = reach()
    student = SB3Student(family, seed=0, algorithm="SAC", n_envs=2, options=SAC, forget_every=80)
    rounds(student, family, 10)
    assert student.model.replay_buffer.pos == 40
    assert float(student.model.log_ent_coef.detach()) != 0.0
    student.model.learning_starts = 10**6  # nothing is trained in the next round
    rounds(student, family, 1, first=50_000)
    model = student.model
    # A round is 4 steps in each slot.
    assert (model.replay_buffer.pos, model.num_timesteps) == (4, 88)
    assert float(model.log_ent_coef.detach()) == 0.0
    for optimizer in (model.actor.optimizer, model.critic.optimizer, model.ent_coef_optimizer):
        assert not optimizer.state
    critic = dict(model.critic.named_parameters())
    for name, target in model.critic_target.named_parameters():
        assert torch.equal(target, critic[name])


# Rounds are of 128 and of 32 steps. Resets come in the third, fifth and sixth round; the run is resumed
# before the fourth.
@pytest.mark.parametrize(("algorithm", "every"), [("PPO", 200), ("DQN", 50)])
def test_contract_with_exact_resume_across_resets(cartpole, algorithm, every):
    def make(seed):
        return SB3Student(
            cartpole, seed=seed, algorithm=algorithm, n_envs=4, options=SMALL[algorithm], forget_every=every
        )

    check_student(make, cartpole)
    whole, half, resumed = (make(0) for _ in range(3))
    rounds(whole, cartpole, 6)
    rounds(half, cartpole, 3)
    # As from a file: all that is known of the first half.
    resumed.load_state_dict(half.state_dict())
    rounds(resumed, cartpole, 3, first=3000)
    assert torch.equal(weights(resumed), weights(whole))
    assert [student.metrics()["resets"] for student in (half, resumed, whole)] == [1, 3, 3]


def test_bound_students_forget_too(cartpole):
    student = SB3Student(
        cartpole,
        seed=0,
        n_envs=2,
        options=SMALL["PPO"] | {"n_steps": 500, "batch_size": 500, "learning_rate": 0.0},
        forget_every=1000,
    )
    student.bind(all_of(student))
    before = weights(student)
    student.train(assign(student, cartpole))
    assert torch.equal(weights(student), before)
    student.train(assign(student, cartpole, first=100))
    assert student.metrics()["resets"] == 1
    assert not torch.equal(weights(student), before)


@pytest.mark.parametrize("every", [63, 0, -1, np.nan, "often", True])
def test_less_than_a_round_is_refused(cartpole, every):
    with pytest.raises(ValueError, match="forget_every: expected a finite number of at least 64"):
        SB3Student(cartpole, seed=0, n_envs=2, options=SMALL["PPO"], forget_every=every)


def test_without_the_option_nothing_is_forgotten(cartpole):
    student = SB3Student(cartpole, seed=0, n_envs=2, options=SMALL["PPO"])
    assert "resets" not in student.metrics()
    assert "forgetting" not in student.state_dict()
