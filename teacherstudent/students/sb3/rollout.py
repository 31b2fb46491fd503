"""Rounds of a stable-baselines3 algorithm whose slots are bound to one task each; those of on-policy ones."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.running_mean_std import RunningMeanStd
from stable_baselines3.common.vec_env import VecEnv, VecNormalize

from teacherstudent.contract.accounts.failures import Failures
from teacherstudent.contract.purposes import add_costs, measured_costs
from teacherstudent.contract.types import Array, Assignment, BoolArray, Outcomes, Seed, State
from teacherstudent.students.rollouts.scores import (
    VALUE_SIGNALS,
    bound_outcomes,
    check_rows,
    rollout_scores,
    tail_values,
)
from teacherstudent.students.sb3.bound_vec_env import BoundVecEnv
from teacherstudent.students.sb3.pixels import normalized
from teacherstudent.students.sb3.state import clear_hidden

_HIDDEN = ("hidden_states", "cell_states")
"""How the tables of recurrent rollout buffers begin that are ``(steps, layers, slots, size)``."""


class BoundRounds(ABC):
    """Plays one task in every slot for a rollout, reports, and lets an algorithm train on what it may.

    Attributes:
        envs: the slots.
        measured: environment steps of rows that were not learnt from, by the name of their purpose.

    Args:
        model: the algorithm; its environment is replaced.
        envs: a vector environment as `RLFamily.make_vec` gives it.
        steps: of a rollout.
        seed: the episodes' environment seeds come from it.
        mastered: as the family has it.
        total: the whole run's steps.
        failures: as `BoundVecEnv` takes it.
        signals: the value signals to compute.
    """

    def __init__(
        self,
        model: BaseAlgorithm,
        envs: gym.vector.VectorEnv[Any, Any, Any],
        steps: int,
        *,
        seed: Seed,
        mastered: float | None,
        total: int,
        failures: Failures | None = None,
        signals: Collection[str] = VALUE_SIGNALS,
    ) -> None:
        self._signals = signals
        self._steps = steps
        self.envs = BoundVecEnv(envs, steps, seed=seed, mastered=mastered, failures=failures)
        self.measured: dict[str, float] = {}
        self._mastered = mastered
        self._total = total
        self._learn: BoolArray = np.ones(self.envs.num_envs, np.bool_)
        normalize = model.get_vec_normalize_env()
        env: VecEnv = self.envs
        # The algorithm's own normalisation would also see the measured rows.
        if normalize is not None:
            env = _normalized(self.envs, normalize.gamma, lambda: self._learn & ~self.envs.failed)
        model.set_env(env)

    def train(self, assignment: Assignment) -> Outcomes:
        """Collect, report, and train on the rows with ``learn``; one outcome for each row, in order.

        Rows whose environment failed have none.

        Raises:
            ValueError: unless there is one row for each slot.
            EpisodeError: if an environment fails.
        """
        check_rows(assignment, self.envs.num_envs, "sb3")
        # The running moments read this mask while the rollout is collected.
        self._learn[:] = assignment.learn
        self.envs.bind(assignment.tasks, assignment.ids)
        self._collect()
        good = ~self.envs.failed
        # A row whose environment failed is known only after the rollout.
        self._learn &= good
        scores = self._scores()
        if not good.all():
            chosen = torch.from_numpy(good)
            scores = {name: values[chosen] for name, values in scores.items()}
        outcomes = bound_outcomes(assignment.select(good), scores, self._steps)
        if self._learn.any():
            self._update(self._learn)
        add_costs(self.measured, measured_costs(assignment.purpose, self._steps))
        return outcomes

    @abstractmethod
    def _collect(self) -> None:
        """Play a rollout, from a new episode of each slot on."""

    @abstractmethod
    def _scores(self) -> dict[str, torch.Tensor]:
        """Return score and signals of each slot."""

    @abstractmethod
    def _update(self, learn: BoolArray) -> None:
        """Train on the slots of the mask, of which there is one."""

    def state_dict(self) -> State:
        """Return the number of the environments' seeds and the count of measured steps."""
        return {"envs": self.envs.state_dict(), "measured": dict(self.measured)}

    def load_state_dict(self, state: State) -> None:
        """Continue from `state_dict`."""
        self.envs.load_state_dict(state["envs"])
        self.measured = dict(state["measured"])


class BoundRollouts(BoundRounds):
    """Runs one rollout of ``n_steps`` in every slot on the slot's own task, then one update.

    Rows that are not learnt from are played by the same exploring policy in the same rollout. The algorithm's
    own ``train`` gets a rollout buffer without their columns, so that neither its losses nor its
    normalisation of advantages see them, and a ``VecNormalize`` takes its moments from the other slots. If no
    row is learnt from, there is no update and nothing of the algorithm changes but its count of steps and
    the generators.

    The algorithm's ``num_timesteps``, which its schedules follow, counts trained and measured steps: what the
    run's budget counts. A schedule that falls over the budget is so at its end when the budget is spent,
    however many rollouts were measured only; it moves with the next update.

    A rollout that completes no episode is scored by the part of it that it holds
    (`teacherstudent.students.rollouts.scores.rollout_scores`).

    ``mean_value`` is given in the units of the score, also where rewards are normalised (with the scale at
    the rollout's end); the other value signals are in the units of the algorithm's own advantages.

    A row whose environment fails has no outcome and is not learnt from, whatever it has seen before; it costs
    its steps.

    Args:
        model, envs, seed, mastered, total, failures, signals: see `BoundRounds`.
    """

    def __init__(
        self, model: OnPolicyAlgorithm, envs: gym.vector.VectorEnv[Any, Any, Any], **options: Any
    ) -> None:
        super().__init__(model, envs, model.n_steps, **options)
        self._model = model

    def _collect(self) -> None:
        model = self._model
        # Without observations the set-up starts every slot.
        model._last_obs = None
        clear_hidden(model)
        # `learn` would set itself up the same way; here collecting and training are called apart.
        _, callback = model._setup_learn(self._total, None, reset_num_timesteps=False)
        # The set-up adds the steps so far to the total, but schedules must see the run's own total.
        model._total_timesteps = self._total
        assert model.env is not None
        model.collect_rollouts(model.env, callback, model.rollout_buffer, n_rollout_steps=model.n_steps)

    def _scores(self) -> dict[str, torch.Tensor]:
        model = self._model
        envs = self.envs
        buffer = self._model.rollout_buffer
        scale = reward_scale(model)
        advantages = torch.from_numpy(buffer.advantages)
        values = torch.from_numpy(buffer.values)
        return rollout_scores(
            torch.from_numpy(envs.rewards),
            torch.from_numpy(envs.ends),
            advantages,
            values * scale,
            discount=model.gamma * model.gae_lambda,
            mastered=self._mastered,
            told=torch.from_numpy(envs.told),
            # The buffer's own rewards are scaled as its values are.
            tail=tail_values(torch.from_numpy(buffer.rewards), advantages, values) * scale,
            wanted=self._signals,
        )

    def _update(self, learn: BoolArray) -> None:
        model = self._model
        whole = self._model.rollout_buffer
        # `learn` does this before it trains.
        model._update_current_progress_remaining(model.num_timesteps, self._total)
        if not learn.all():
            model.rollout_buffer = columns(whole, learn)
        try:
            model.train()
        finally:
            # The next rollout fills the buffer of all slots again.
            model.rollout_buffer = whole


def reward_scale(model: BaseAlgorithm) -> float:
    """Return what one unit of an algorithm's values is in units of the score, where it scales rewards."""
    normalize = model.get_vec_normalize_env()
    if normalize is None or not normalize.norm_reward:
        return 1.0
    return float(np.sqrt(normalize.ret_rms.var + normalize.epsilon))


def columns(buffer: RolloutBuffer, slots: BoolArray) -> RolloutBuffer:
    """Return a copy of a filled rollout buffer, not yet sampled from, that holds the given slots alone."""
    # The shallow copy shares everything; only tables with an axis of slots are replaced.
    part = copy.copy(buffer)
    part.n_envs = int(slots.sum())
    for name, value in vars(buffer).items():
        if name == "observations" and isinstance(value, dict):
            setattr(part, name, {key: table[:, slots] for key, table in value.items()})
        elif isinstance(value, np.ndarray) and name.startswith(_HIDDEN):
            setattr(part, name, value[:, :, slots])
        elif isinstance(value, np.ndarray) and value.ndim > 1:
            setattr(part, name, value[:, slots])
    return part


class _LearntMoments(RunningMeanStd):
    """Running moments of the rows that are learnt from: those that ``rows`` returns as True at the time."""

    def __init__(self, rows: Callable[[], BoolArray], shape: tuple[int, ...]) -> None:
        super().__init__(shape=shape)
        self._rows = rows

    def update(self, arr: Array) -> None:
        rows = self._rows()
        # An empty batch has no mean and would spoil the moments.
        if rows.any():
            super().update(arr[rows])


def _normalized(envs: VecEnv, gamma: float, rows: Callable[[], BoolArray]) -> VecNormalize:
    """Return running normalisation of environments by the rows that are learnt from."""
    env = normalized(envs, gamma)
    # VecNormalize has no other place for moments that leave rows out.
    env.ret_rms = _LearntMoments(rows, ())
    # Images alone are not normalised.
    if not env.norm_obs:
        return env
    rms: Any = env.obs_rms
    fresh: Any
    if isinstance(rms, dict):
        fresh = {name: _LearntMoments(rows, part.mean.shape) for name, part in rms.items()}
    else:
        fresh = _LearntMoments(rows, rms.mean.shape)
    env.obs_rms = fresh
    return env
