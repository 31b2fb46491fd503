"""Teachers of levels in ``model.learn()`` of stable-baselines3's on-policy algorithms."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.type_aliases import RolloutBufferSamples

from teacherstudent.adapters.levels.rounds import LevelRounds
from teacherstudent.adapters.levels.tables import Tables
from teacherstudent.adapters.levels.vec_env import LevelVecEnv
from teacherstudent.adapters.sb3 import vec_env_within
from teacherstudent.contract.types import Assignment
from teacherstudent.students.sb3.rollout import columns, reward_scale


class LevelCallback(BaseCallback):
    """Lets a teacher of levels (PLR, robust PLR, ACCEL, SFL...) teach in ``model.learn()``.

    The model's environment holds a `LevelVecEnv`. Before each rollout the teacher is asked for a level for
    each slot, which starts a new episode of it; after it, the teacher is told. Any on-policy algorithm will
    do: PPO, A2C, and of sb3_contrib RecurrentPPO, MaskablePPO and TRPO.

    - **Levels that are only measured** (robust PLR's new ones, ACCEL's edited ones, SFL's candidates) are
      played by the policy between two updates, and nothing is trained on them: the algorithm's ``train`` is
      not called. A ``VecNormalize`` keeps its moments meanwhile, and other callbacks do not see these steps;
      the algorithm's own log (``rollout/ep_rew_mean``) has their episodes. Of a rollout in which some slots
      are measured, the update samples the other slots alone.
    - **Steps** of measured rollouts count in ``model.num_timesteps``, so that ``learn(total_timesteps)``
      holds them and schedules follow them; ``rounds.spent`` has them by purpose. If they end the budget,
      ``learn`` stops after one more step of each slot.
    - **Options of the teacher** that are left open, such as the buffer's capacity, follow the budget.

    Deviation: moments of a ``VecNormalize`` do see measured slots of a rollout that is trained on in others.

    Attributes:
        rounds: what passes between teacher and slots (`LevelRounds`); None before training.

    Args:
        budget: environment steps over which the teacher's ``progress`` goes from 0 to 1; None for those of
            ``learn``.
        resume: a file of ``callback.rounds.save(path)``, from which the teacher goes on.

    Raises:
        TypeError: when training begins, if the algorithm is off-policy, or the model's environment holds no
            `LevelVecEnv`.
    """

    def __init__(self, *, budget: float | None = None, resume: str | os.PathLike[str] | None = None) -> None:
        super().__init__()
        self.rounds: LevelRounds | None = None
        self._own_budget = budget
        self._resume = resume
        self._part: RolloutBuffer | None = None
        self._over = False

    def _init_callback(self) -> None:
        model = self.model
        if not isinstance(model, OnPolicyAlgorithm):
            raise TypeError(
                "LevelCallback: expected an on-policy algorithm, such as PPO, whose rollouts tell what a "
                f"teacher of levels needs (values, advantages), got {type(model).__name__}: teachers of "
                "episodes, such as 'alp-gmm', serve it through TeacherVecEnv"
            )
        self._algorithm: OnPolicyAlgorithm = model
        self._slots = vec_env_within(
            self.training_env, LevelVecEnv, "LevelCallback", "LevelVecEnv(teacher, envs)"
        )
        self._silent = _Silent()
        self._silent.init_callback(model)

    def _on_training_start(self) -> None:
        model = self._algorithm
        spent = {"train": 0.0}
        if self.rounds is not None:
            # A round that an error has ended is lost.
            self.rounds.drop()
            spent = self.rounds.spent if model.num_timesteps else spent
        self.rounds = LevelRounds(
            self._slots.teacher,
            self._slots.num_envs,
            discount=model.gamma * model.gae_lambda,
            mastered=self._slots.mastered,
            budget=self._budget,
            steps=model.n_steps,
        )
        self.rounds.spent = spent
        if self._resume is not None:
            self.rounds.load(self._resume)
            self._resume = None
        # MaskablePPO alone is told whether to mask.
        self._further = {k: v for k, v in self.locals.items() if k == "use_masking"}
        self._over = False

    @property
    def _budget(self) -> float:
        return self._algorithm._total_timesteps if self._own_budget is None else self._own_budget

    def _on_rollout_start(self) -> None:
        model = self._algorithm
        self._take_all()
        while not self._begin().learn.any():
            with self._still():
                self._start()
                self._measure()
            if model.num_timesteps >= model._total_timesteps:
                # The rollout that begins now would be beyond the budget: `_on_step` ends it.
                self._over = True
                break
        else:
            self._start()
        # Measured rollouts have filled it.
        model.rollout_buffer.reset()

    def _begin(self) -> Assignment:
        """Begin a round: ask for levels."""
        assert self.rounds is not None
        progress = min(1.0, self._algorithm.num_timesteps / self._budget)
        assignment = self.rounds.ask(progress=progress)
        self._slots.bind(assignment)
        return assignment

    def _start(self) -> None:
        """Start all slots on their levels."""
        model = self._algorithm
        assert model.env is not None
        # As the algorithm's own set-up does, but for every rollout: no episode goes on from the one before.
        model._last_obs = model.env.reset()  # type: ignore[assignment]
        model._last_episode_starts = np.ones(model.env.num_envs, np.bool_)

    def _measure(self) -> None:
        """Play a rollout that is only measured, as the algorithm collects its own, and tell of it."""
        model = self._algorithm
        assert model.env is not None
        buffer = model.rollout_buffer
        model.collect_rollouts(model.env, self._silent, buffer, model.n_steps, **self._further)
        self._tell()

    @contextmanager
    def _still(self) -> Iterator[None]:
        """Let a ``VecNormalize`` keep its moments inside."""
        normalize = self._algorithm.get_vec_normalize_env()
        if normalize is None:
            yield
            return
        moving = normalize.training
        normalize.training = False
        try:
            yield
        finally:
            normalize.training = moving

    def _on_step(self) -> bool:
        return not self._over

    def _on_rollout_end(self) -> None:
        assert self.rounds is not None
        learn = self.rounds.learn
        self._tell()
        if not learn.all():
            buffer = self._algorithm.rollout_buffer
            self._part = columns(buffer, learn)
            buffer.get = self._sample  # type: ignore[method-assign]
        for name, value in self.rounds.metrics().items():
            self.logger.record(f"teacher/{name}", value)

    def _on_training_end(self) -> None:
        self._take_all()
        # Another callback may have stopped the training in the midst of a rollout.
        assert self.rounds is not None
        self.rounds.drop()
        # Another callback may have stopped the training in the midst of a rollout.
        assert self.rounds is not None
        self.rounds.drop()
        self._slots.release()

    def _tell(self) -> None:
        """Tell the teacher what the rollout in the buffer has brought."""
        model = self._algorithm
        buffer = model.rollout_buffer
        played = self._slots.played(model.n_steps)
        # With no success said and no return that is one, nobody knows.
        known = self._slots.mastered is not None or (played.told[played.ends] >= 0).all()
        assert self.rounds is not None
        self.rounds.tell_tables(
            Tables(
                rewards=torch.from_numpy(played.rewards),
                ends=torch.from_numpy(played.ends),
                values=torch.from_numpy(buffer.values),
                advantages=torch.from_numpy(buffer.advantages),
                told=torch.from_numpy(played.told) if known else None,
                learnt=torch.from_numpy(buffer.rewards),
                scale=reward_scale(model),
            )
        )

    def _sample(self, batch_size: int | None = None) -> Generator[RolloutBufferSamples, None, None]:
        """Return minibatches of the slots that are learnt from, in place of the buffer's own ``get``."""
        part = self._part
        assert part is not None
        # The copy holds this method too, so the class is asked.
        return type(part).get(part, batch_size)

    def _take_all(self) -> None:
        """Let the buffer sample from all slots again."""
        if self._part is not None:
            del self._algorithm.rollout_buffer.get
            self._part = None


class _Silent(BaseCallback):
    """Does nothing: for rollouts of which no other callback hears."""

    def _on_step(self) -> bool:
        return True
