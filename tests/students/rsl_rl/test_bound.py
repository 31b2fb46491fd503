"""The rsl_rl student bound for rollouts."""

import numpy as np
import pytest
import torch
from binding import CHUNKS, EPISODES, all_of

from reaching import Steps, assign, steps
from teacherstudent.contract.types import Assignment
from teacherstudent.slots.tensor_envs import HostTensorEnvs
from teacherstudent.students.rsl_rl.bound import BoundTasks
from teacherstudent.students.rsl_rl.ppo import RslRlPPO
from teacherstudent.students.rsl_rl.student import RslRlStudent
from teacherstudent.testing.sessions import difference
from teacherstudent.testing.students import check_student

SMALL = {"n_envs": 4, "n_steps": 24, "device": "cpu", "policy": {"hidden_dims": [16, 16]}}
LEARN = np.array([True, False, True, False])


class Noisy(Steps):
    length, noise = 7, 0.3


def bound(family, *, seed=0, **options):
    student = RslRlStudent(family, seed=seed, **{**SMALL, **options})
    student.bind(all_of(student))
    return student


def trained(student):
    """Return what training changes: not the sums of the rollout just played."""
    return {name: part for name, part in student.ppo.state_dict().items() if name != "discounted"}


@pytest.mark.parametrize("normalize", [True, False])
def test_contract(cartpole, normalize):
    check_student(
        lambda seed: RslRlStudent(cartpole, seed=seed, normalize=normalize, **SMALL), cartpole, rounds=2
    )


def test_contract_without_snapshots_is_exact_when_bound():
    family = steps(Noisy)
    check_student(lambda seed: RslRlStudent(family, seed=seed, **SMALL), family, rounds=2, exact=False)


def test_one_level_for_ever_trains_as_a_student_of_episodes():
    """Episodes whose length divides the rollout's, and no randomness in them: nothing is cut or drawn."""
    family, level = steps(), np.array([[0.4]])
    students = [bound(family), RslRlStudent(family, seed=0, **SMALL)]
    for k in range(3):
        for student in students:
            n = student.wants()
            first = 100 * k
            student.train(Assignment(ids=np.arange(first, first + n), tasks=np.repeat(level, n, axis=0)))
    mine, theirs = students
    assert difference(trained(mine), trained(theirs)) is None
    assert mine.spent()["updates"] == theirs.spent()["updates"] == 3 * 5 * 4


def test_measuring_leaves_everything_as_it_is():
    family = steps(Noisy)
    student = bound(family)
    student.train(assign(student, family))
    before, spent = trained(student), student.spent()
    outcomes = student.train(assign(student, family, first=4, learn=False))
    assert difference(trained(student), before) is None
    assert student.spent()["measure"] == spent["measure"] + 96 == outcomes.cost.sum()
    assert student.spent()["train"] == spent["train"] == 96
    assert student.spent()["updates"] == spent["updates"]
    assert np.isfinite(outcomes.signals["mean_value"]).all()


@pytest.mark.parametrize("per_batch", [False, True])
def test_the_update_sees_the_learnt_columns_only(monkeypatch, per_batch):
    family = steps(Noisy)
    options = {"normalize_advantage_per_mini_batch": per_batch}
    honest, spoilt, whole = (bound(family, options=options) for _ in range(3))
    honest.train(assign(honest, family, learn=LEARN))
    finish = RslRlPPO.finish

    def spoil(self, rewards, *given, **options):
        rewards = rewards.clone()
        rewards[:, ~LEARN] = 1e6
        found = finish(self, rewards, *given, **options)
        self.observations[:, ~LEARN] = np.nan
        return found

    monkeypatch.setattr(RslRlPPO, "finish", spoil)
    spoilt.train(assign(spoilt, family, learn=LEARN))
    monkeypatch.undo()
    assert difference(trained(spoilt), trained(honest)) is None
    whole.train(assign(whole, family))
    assert difference(trained(whole), trained(honest)) is not None
    assert honest.spent()["updates"] == whole.spent()["updates"] == 20
    assert honest.ppo.alg.storage.num_envs == 4


def test_advantages_are_normalised_over_the_learnt_columns():
    family = steps(Noisy)
    student = bound(family)
    student.train(assign(student, family, learn=LEARN))
    chosen = student.ppo.alg.storage.advantages[:, LEARN]
    assert chosen.mean().item() == pytest.approx(0, abs=1e-5)
    assert chosen.std().item() == pytest.approx(1, abs=1e-5)


def test_rows_that_are_measured_play_as_those_that_are_learnt():
    family = steps(Noisy)
    one, two = (bound(family, normalize="observations") for _ in range(2))
    learnt = one.train(assign(one, family))
    measured = two.train(assign(two, family, learn=LEARN))
    assert learnt.score.tolist() == measured.score.tolist()
    for name in learnt.signals:
        assert learnt.signals[name].tolist() == measured.signals[name].tolist()


def test_scores_and_mean_values_are_in_units_of_the_rewards():
    family = steps(Noisy)
    student = bound(family, normalize="rewards")
    found = student.train(assign(student, family))
    log, ppo = student._bound._log, student.ppo
    assert found.signals["episodes"].tolist() == [3] * 4
    assert found.signals["length"].tolist() == [7.0] * 4
    np.testing.assert_allclose(found.score, log.rewards[:21].sum(0).numpy() / 3)
    scale = float(ppo.reward_scale)
    assert abs(scale - 1) > 0.2
    np.testing.assert_allclose(
        found.signals["mean_value"], ppo.values[:21].mean(0).numpy() * scale, rtol=1e-5
    )


def test_a_slot_starts_its_own_level_again(cartpole, monkeypatch):
    student = bound(cartpole)
    started, start = [], HostTensorEnvs.start

    def spy(self, mask, tasks, seeds):
        started.append((mask.clone(), tasks.clone(), seeds[mask].tolist()))
        return start(self, mask, tasks, seeds)

    monkeypatch.setattr(HostTensorEnvs, "start", spy)
    rounds = [assign(student, cartpole, first=4 * k) for k in range(2)]
    found = [student.train(assignment) for assignment in rounds]
    assert len(started) == 2 * 25
    for k, (mask, tasks, _) in enumerate(started):
        np.testing.assert_array_equal(tasks.numpy(), rounds[k // 25].tasks)
        assert k % 25 or mask.all()
    seeds = [seed for _, _, drawn in started for seed in drawn]
    assert len(set(seeds)) == len(seeds) > 8
    assert found[0].signals["episodes"].sum() == sum(int(mask.sum()) for mask, _, _ in started[1:25])


def test_bound_tasks_live_on_a_device_without_data():
    device = torch.device("meta")  # reading a number there, or mixing devices, raises
    assignment = Assignment(ids=np.arange(6), tasks=np.zeros((6, 1)))
    tasks = BoundTasks(assignment, serial=12, key=3, device=device)
    table, seeds = tasks.draw(torch.ones(6, dtype=torch.bool, device=device))
    assert table.device == seeds.device == tasks.rows.device == device
    assert table.shape == (6, 1)


def test_the_learning_rate_follows_trained_and_measured_steps(cartpole):
    options = {"schedule": "fixed", "learning_rate": "linear:1e-3"}
    student = bound(cartpole, budget=384, options=options)
    rates = []
    for k, learn in enumerate([True, False, True, True]):
        student.train(assign(student, cartpole, first=4 * k, learn=learn))
        rates.append(student.ppo.alg.learning_rate)
    np.testing.assert_allclose(rates, [0.75e-3, 0.75e-3, 0.25e-3, 0.0], atol=1e-12)


def test_what_cannot_be_bound_says_so(cartpole):
    student = RslRlStudent(cartpole, seed=0, **SMALL)
    with pytest.raises(ValueError, match="'chunk'"):
        student.bind(CHUNKS)
    student.train(Assignment(ids=np.arange(8), tasks=cartpole.test_tasks()[:8]))
    student.bind(all_of(student, "episode"))
    with pytest.raises(ValueError, match="before training"):
        student.bind(all_of(student))
    other = bound(cartpole)
    other.bind(all_of(other))
    with pytest.raises(ValueError, match="before training"):
        other.bind(EPISODES)
    with pytest.raises(ValueError, match="other kind"):
        other.load_state_dict(student.state_dict())
    with pytest.raises(ValueError, match="expected 4 tasks, one for each slot, got 3"):
        other.train(Assignment(ids=np.arange(3), tasks=cartpole.test_tasks()[:3]))
    with pytest.raises(ValueError, match="at least 2 for each of 4 minibatches, got 7"):
        bound(cartpole, n_steps=7)


@pytest.mark.parametrize("normalize", [True, False])
def test_a_rollout_shorter_than_an_episode_is_scored_with_its_rest_s_value(normalize):
    """Episodes last 11 steps, rollouts 8; measured rows leave the value function as it is."""

    class Long(Noisy):
        length = 11

    family = steps(Long)
    student = bound(family, normalize=normalize, n_steps=8)
    student.train(assign(student, family))
    found = student.train(assign(student, family, first=4, learn=False))
    ppo, rollout = student.ppo, student._bound
    with torch.no_grad():
        values = ppo.alg.critic({"obs": rollout._obs})[:, 0]
    so_far = rollout._log.rewards.double().sum(0)
    expected = so_far + ppo.reward_scale * ppo.alg.gamma * values
    np.testing.assert_allclose(found.score, expected.numpy(), rtol=1e-4)
    np.testing.assert_array_equal(found.score, found.signals["max_return"])
    assert found.signals["cut"].tolist() == [1] * 4
    assert found.signals["episodes"].tolist() == [0] * 4
