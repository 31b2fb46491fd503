"""Rounds of a stable-baselines3 off-policy algorithm whose slots are bound to one task each."""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import gymnasium as gym
import numpy as np
import torch
from stable_baselines3 import DQN, SAC, TD3
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.type_aliases import TrainFreq, TrainFrequencyUnit
from stable_baselines3.common.utils import obs_as_tensor
from torch import Tensor

from teacherstudent.contract.types import Array, BoolArray
from teacherstudent.students.rollouts.scores import rollout_scores
from teacherstudent.students.sb3.rollout import BoundRounds, reward_scale

ESTIMATES = ("td_error", "mean_value")
"""Value signals that a critic of Q-values gives; others need generalised advantages."""


def estimates(model: BaseAlgorithm) -> tuple[str, ...]:
    """Return the value signals that an off-policy algorithm can tell of a rollout."""
    # Others have critics of other kinds: quantiles, or none that is a target.
    return ESTIMATES if isinstance(model, DQN | SAC | TD3) else ()


def can_be_bound(model: BaseAlgorithm) -> bool:
    """Return whether an off-policy algorithm trains after steps, and not after whole episodes."""
    assert isinstance(model, OffPolicyAlgorithm)
    return cast("TrainFreq", model.train_freq).unit is TrainFrequencyUnit.STEP


class BoundReplays(BoundRounds):
    """Runs one rollout in every slot on the slot's own task; the algorithm trains meanwhile, as it does.

    Steps of rows that are not learnt from do not enter the replay buffer, nor do those of a failed slot from
    then on. Where some slots are measured and others not, their columns of the buffer repeat those of the
    others. A rollout that is measured only trains nothing; but steps count, so that exploration and a target
    network that follows by steps go on.

    **Signals.** ``td_error`` is the mean of ``|r + gamma V'(s') - Q(s, a)|``, by the critics at the end of
    the rollout: V' of the target critic, with the greedy action, and without SAC's entropy. ``mean_value``
    and what the return of a cut episode is bootstrapped by are the critic's values of greedy actions. DQN,
    SAC, TD3 and DDPG have them; without them a row that completes no episode is not scored.

    Args:
        model: DQN, SAC, TD3 or another one.
        envs, steps, seed, mastered, total, failures, signals: see `BoundRounds`.
    """

    def __init__(
        self,
        model: OffPolicyAlgorithm,
        envs: gym.vector.VectorEnv[Any, Any, Any],
        steps: int,
        **options: Any,
    ) -> None:
        super().__init__(model, envs, steps, **options)
        self._model = model
        self._often = cast("TrainFreq", model.train_freq).frequency
        self._kept = _Kept(cast("ReplayBuffer", model.replay_buffer), self._learn, self.envs.failed)

    def _collect(self) -> None:
        model = self._model
        # Without observations the set-up starts every slot.
        model._last_obs = None
        _, callback = model._setup_learn(self._total, None, reset_num_timesteps=False)
        # The set-up adds the steps so far to the total, but schedules must see the run's own total.
        model._total_timesteps = self._total
        assert model.env is not None
        self._kept.steps.clear()
        left = self._steps
        while left:
            frequency = min(left, self._often)
            rollout = model.collect_rollouts(
                model.env,
                callback,
                TrainFreq(frequency, TrainFrequencyUnit.STEP),
                cast("ReplayBuffer", self._kept),
                action_noise=model.action_noise,
                learning_starts=model.learning_starts,
            )
            left -= frequency
            if self._learn.any():
                self._train(rollout.episode_timesteps)

    def _train(self, collected: int) -> None:
        model = self._model
        assert model.replay_buffer is not None
        # As in `learn`; a buffer may be empty still where all steps so far were measured.
        if model.num_timesteps <= model.learning_starts or not model.replay_buffer.size():
            return
        steps = model.gradient_steps if model.gradient_steps >= 0 else collected
        if steps > 0:
            model.train(batch_size=model.batch_size, gradient_steps=steps)

    def _scores(self) -> dict[str, Tensor]:
        envs = self.envs
        errors = values = torch.zeros(envs.rewards.shape)
        tail = None
        if estimates(self._model):
            scale = reward_scale(self._model)
            errors, values, after = self._estimates()
            values = values * scale
            tail = self._model.gamma * after * scale
        return rollout_scores(
            torch.from_numpy(envs.rewards),
            torch.from_numpy(envs.ends),
            # With a discount of 0, errors of one step are all that advantages hold.
            errors,
            values,
            discount=0.0,
            mastered=self._mastered,
            told=torch.from_numpy(envs.told),
            tail=tail,
            wanted=set(ESTIMATES) & set(self._signals),
        )

    def _estimates(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return one-step errors and values, ``(steps, slots)``, and the values after the last step."""
        model = self._model
        errors, values = [], []
        with torch.no_grad():
            for step in self._kept.steps:
                value, taken = _critic(model, self._tensor(step.obs), step.actions)
                ahead, _ = _critic(model, self._tensor(step.following), None, target=True)
                rewards = torch.from_numpy(self._rewards(step.rewards)).to(ahead)
                goes_on = torch.from_numpy(~step.terminated).to(ahead)
                errors.append(rewards + model.gamma * goes_on * ahead - taken)
                values.append(value)
            after, _ = _critic(model, self._tensor(self._kept.steps[-1].following), None)
        return torch.stack(errors).cpu(), torch.stack(values).cpu(), after.cpu()

    def _tensor(self, obs: Any) -> Any:
        normalize = self._model.get_vec_normalize_env()
        return obs_as_tensor(obs if normalize is None else normalize.normalize_obs(obs), self._model.device)

    def _rewards(self, rewards: Array) -> Array:
        normalize = self._model.get_vec_normalize_env()
        return rewards if normalize is None else normalize.normalize_reward(rewards)

    def _update(self, learn: BoolArray) -> None:
        """Do nothing: the algorithm has trained while it played."""


def _critic(
    model: OffPolicyAlgorithm, obs: Any, actions: Array | None, *, target: bool = False
) -> tuple[Tensor, Tensor]:
    """Return values of greedy actions and of those taken, ``(slots,)`` each; greedy ones stand for None."""
    if isinstance(model, DQN):
        table = (model.q_net_target if target else model.q_net)(obs)
        greedy = table.amax(1)
        if actions is None:
            return greedy, greedy
        chosen = torch.from_numpy(actions).to(table.device).long().reshape(-1, 1)
        return greedy, table.gather(1, chosen)[:, 0]
    assert isinstance(model, SAC | TD3)
    critic = model.critic_target if target else model.critic
    if isinstance(model, SAC):
        best = model.actor(obs, deterministic=True)
    else:
        best = (model.actor_target if target else model.actor)(obs)
    greedy = torch.cat(critic(obs, best), dim=1).amin(1)
    if actions is None:
        return greedy, greedy
    given = torch.from_numpy(actions).to(greedy.device).float()
    return greedy, torch.cat(critic(obs, given), dim=1).amin(1)


class _Step(NamedTuple):
    """A step of every slot: observations before and after it, actions, rewards, what was terminated."""

    obs: Any
    following: Any
    actions: Array
    rewards: Array
    terminated: BoolArray


class _Kept:
    """What stands in a replay buffer's place: it keeps all steps, and stores those that are learnt from.

    Attributes:
        steps: of this rollout.

    Args:
        buffer: the algorithm's.
        learn: ``(slots,)``: which are learnt from, read in every step.
        failed: ``(slots,)``: which are parked, likewise.
    """

    def __init__(self, buffer: ReplayBuffer, learn: BoolArray, failed: BoolArray) -> None:
        self.steps: list[_Step] = []
        self._buffer = buffer
        self._learn = learn
        self._failed = failed

    def add(
        self, obs: Any, next_obs: Any, action: Array, reward: Array, done: Array, infos: list[dict[str, Any]]
    ) -> None:
        """Take in a step of every slot, as ``ReplayBuffer.add`` does."""
        cut = np.array([info.get("TimeLimit.truncated", False) for info in infos], np.bool_)
        ended = np.asarray(done, np.bool_) & ~cut
        every = np.arange(len(done))
        # Copies, as environments may write into their arrays.
        self.steps.append(
            _Step(_rows(obs, every), _rows(next_obs, every), action.copy(), reward.copy(), ended)
        )
        learn = self._learn & ~self._failed
        rows = np.flatnonzero(learn)
        if not len(rows):
            return
        # A row of the buffer has a place for every slot: those of measured slots repeat the others by turns.
        take = every.copy()
        take[~learn] = np.resize(rows, int((~learn).sum()))
        told = [infos[slot] for slot in take]
        self._buffer.add(
            _rows(obs, take), _rows(next_obs, take), action[take], reward[take], done[take], told
        )


def _rows(obs: Any, rows: Array) -> Any:
    """Return rows of observations, copied: of an array, or of each part of a dictionary."""
    if isinstance(obs, dict):
        return {name: part[rows] for name, part in obs.items()}
    return obs[rows]
