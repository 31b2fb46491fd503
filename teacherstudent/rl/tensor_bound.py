"""Rollouts on a device in which every slot is bound to one task."""

from __future__ import annotations

import torch
from torch import Tensor

from teacherstudent.rl.rollout_scores import rollout_scores
from teacherstudent.rl.rsl_rl_ppo import RslRlPPO
from teacherstudent.rl.tensor_envs import TensorEnvs
from teacherstudent.rl.tensor_queue import episode_seeds
from teacherstudent.rl.tensor_steps import TensorSteps
from teacherstudent.types import Array, State


class BoundTasks:
    """One task for each slot, started again and again, each time with a new seed.

    Attributes:
        tasks: ``(n, *space.shape)`` on the host.
        rows: ``(n,)`` int64 on the device: every slot's own number.

    Args:
        tasks: see above.
        serial: the number of the first seed; every draw takes n of them, whatever starts.
        key: of the seeds.
        device: where the slots are.
    """

    def __init__(self, tasks: Array, *, serial: int, key: int, device: torch.device) -> None:
        self.tasks = tasks
        self.rows = torch.arange(len(tasks), device=device)
        self._table = torch.from_numpy(tasks).to(device)
        self._serial, self._key = serial, key

    def draw(self, done: Tensor) -> tuple[Tensor, Tensor]:
        """Return the tasks and new seeds of all slots."""
        del done
        seeds = episode_seeds(self.rows + self._serial, self._key)
        self._serial += len(self.rows)
        return self._table, seeds


class BoundTensorRollout(TensorSteps):
    """Plays a fixed number of steps in every slot on the slot's own task, from a new episode on.

    No episode goes on from one rollout to the next, and seeds are numbered, so that between two rollouts the
    state is the number of rollouts and the key alone, whatever the environments are.

    Args:
        envs: the slots.
        steps: steps of a rollout, for each slot.
        discount: gamma x lambda, for the value signals.
        mastered: as the family has it.
        key: of the environments' seeds.
    """

    def __init__(
        self, envs: TensorEnvs, steps: int, *, discount: float, mastered: float | None, key: int
    ) -> None:
        super().__init__(envs, steps, discount=discount)
        self._discount, self._mastered, self._key = discount, mastered, key
        self._rollouts = 0

    def collect(self, ppo: RslRlPPO, tasks: Array, learn: Tensor | None) -> dict[str, Tensor]:
        """Play, let the algorithm compute its advantages, and return each slot's score and signals.

        Args:
            ppo: acts; its storage is filled.
            tasks: ``(n, *space.shape)``.
            learn: the slots to learn from, as `RslRlPPO.finish` takes them.

        Returns:
            What `teacherstudent.rl.rollout_scores.rollout_scores` returns; ``mean_value`` is in the units of
            the score, also where rewards are scaled.

        Raises:
            EpisodeError: if a reward or observation is not finite.
        """
        log = self._log
        serial = self._rollouts * (self._steps + 1) * self.envs.num_envs
        self._rollouts += 1
        self._obs = None
        ppo.restart()
        bound = BoundTasks(tasks, serial=serial, key=self._key, device=self.envs.device)
        advantages = self._play(ppo, bound, learn)
        self.clock.settle()
        return rollout_scores(
            log.rewards,
            log.done,
            advantages,
            ppo.values * ppo.reward_scale,
            discount=self._discount,
            mastered=self._mastered,
            told=log.told,
        )

    def state_dict(self) -> State:
        """Return the number of rollouts, the key of the seeds and the clock."""
        return {
            "rollouts": self._rollouts,
            "key": self._key,
            "environment_seconds": self.clock.seconds,
        }

    def load_state_dict(self, state: State) -> None:
        """Continue from `state_dict`, exactly."""
        self._rollouts, self._key = state["rollouts"], state["key"]
        self.clock.seconds = state["environment_seconds"]
