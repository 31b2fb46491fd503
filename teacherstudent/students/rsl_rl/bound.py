"""Rollouts on a device in which every slot is bound to one task."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import torch
from torch import Tensor

from teacherstudent.contract.accounts.failures import Failures
from teacherstudent.contract.types import Assignment, BoolArray, IntArray, State
from teacherstudent.slots.failures import Failed
from teacherstudent.slots.tensor_envs import TensorEnvs
from teacherstudent.students.rollouts.scores import VALUE_SIGNALS, rollout_scores, tail_values
from teacherstudent.students.rollouts.seeds import episode_seeds
from teacherstudent.students.rsl_rl.ppo import RslRlPPO
from teacherstudent.students.rsl_rl.steps import TaskTable, TensorSteps


class BoundTasks:
    """One task for each slot, started again and again, each time with a new seed.

    Attributes:
        ids: ``(n,)`` on the host.
        tasks: ``(n, *space.shape)`` on the host.
        rows: ``(n,)`` int64 on the device: every slot's own number.

    Args:
        assignment: ids and tasks.
        serial: the number of the first seed; every draw takes n of them, whatever starts.
        key: of the seeds.
        device: where the slots are.
    """

    def __init__(self, assignment: Assignment, *, serial: int, key: int, device: torch.device) -> None:
        self.ids = assignment.ids
        self.tasks = assignment.tasks
        self.rows = torch.arange(len(assignment), device=device)
        self._table = torch.from_numpy(self.tasks).to(device)
        self._serial = serial
        self._key = key

    def draw(self, done: Tensor) -> tuple[Tensor, Tensor]:
        """Return the tasks and new seeds of all slots."""
        # Every slot keeps its task, so it does not matter which episodes have ended.
        del done
        # All slots draw, even those that go on: a seed then depends on step and slot alone.
        seeds = episode_seeds(self.rows + self._serial, self._key)
        self._serial += len(self.rows)
        return self._table, seeds


class BoundTensorRollout(TensorSteps):
    """Plays a fixed number of steps in every slot on the slot's own task, from a new episode on.

    No episode goes on from one rollout to the next, and seeds are numbered, so that between two rollouts the
    state is the number of rollouts and the key alone, whatever the environments are.

    A slot whose environment fails is parked for the rest of the rollout: it shows what it showed last, with
    reward 0 and no end. It is not learnt from, and its scores mean nothing.

    Attributes:
        failed: ``(n,)`` bool on the host: the slots whose environment has failed in this rollout.
        learnt: the slots to learn from, those given less those that failed; None for all.

    Args:
        envs: the slots.
        steps: steps of a rollout, for each slot.
        discount: gamma x lambda, for the value signals.
        mastered: as the family has it.
        key: of the environments' seeds.
        failures: see `TensorSteps`.
        signals: the value signals to compute.
    """

    def __init__(
        self,
        envs: TensorEnvs,
        steps: int,
        *,
        discount: float,
        mastered: float | None,
        key: int,
        failures: Failures,
        signals: Collection[str] = VALUE_SIGNALS,
    ) -> None:
        # The log computes no signals, as `rollout_scores` reads its tables instead.
        super().__init__(envs, steps, discount=discount, failures=failures, signals=())
        self._signals = signals
        self.failed: BoolArray = np.zeros(envs.num_envs, np.bool_)
        self.learnt: Tensor | None = None
        self._discount = discount
        self._mastered = mastered
        self._key = key
        self._rollouts = 0

    def collect(self, ppo: RslRlPPO, assignment: Assignment, learn: Tensor | None) -> dict[str, Tensor]:
        """Play, let the algorithm compute its advantages, and return each slot's score and signals.

        Args:
            ppo: acts; its storage is filled.
            assignment: a task for each slot.
            learn: the slots to learn from, as `RslRlPPO.finish` takes them.

        Returns:
            What `teacherstudent.students.rollouts.scores.rollout_scores` returns; ``mean_value`` is in the
            units of the score, also where rewards are scaled.

        Raises:
            EpisodeError: if a reward or observation is not finite.
        """
        log = self._log
        # Each rollout owns a block of serials: one for each slot and step, and one more for the first starts.
        serial = self._rollouts * (self._steps + 1) * self.envs.num_envs
        self._rollouts += 1
        # Without observations `_play` starts every slot anew.
        self._obs = None
        ppo.restart()
        self.failed[:] = False
        bound = BoundTasks(assignment, serial=serial, key=self._key, device=self.envs.device)
        advantages = self._play(ppo, bound, learn)
        # Read the clock only now, when the rollout has been queued as a whole.
        self.clock.settle()
        return rollout_scores(
            log.rewards,
            log.done,
            advantages,
            ppo.values * ppo.reward_scale,
            discount=self._discount,
            mastered=self._mastered,
            told=log.told,
            tail=tail_values(ppo.rewards, advantages, ppo.values) * ppo.reward_scale,
            wanted=self._signals,
        )

    def _start(self, tasks: TaskTable, mask: Tensor) -> Tensor:
        # A parked slot must not start again in this rollout.
        if self.failed.any():
            mask = mask & ~torch.from_numpy(self.failed).to(mask.device)
        return super()._start(tasks, mask)

    def _lose(self, failed: Failed, tasks: TaskTable) -> IntArray:
        # A parked slot may be named again when its process ends: note it once.
        fresh = failed.fresh(self.failed)
        self.failed[fresh.slots] = True
        super()._lose(fresh, tasks)
        # Bound slots never take another task.
        return np.zeros(0, np.int64)

    def _learnt(self, learn: Tensor | None) -> Tensor | None:
        # Known only after the rollout: leave out the slots that failed in it.
        if self.failed.any():
            device = self.envs.device
            good = torch.from_numpy(~self.failed).to(device)
            if learn is None:
                learn = torch.arange(len(good), device=device)
            learn = learn[good[learn]]
        self.learnt = learn
        return learn

    def state_dict(self) -> State:
        """Return the number of rollouts, the key of the seeds and the clock."""
        return {
            "rollouts": self._rollouts,
            "key": self._key,
            "environment_seconds": self.clock.seconds,
        }

    def load_state_dict(self, state: State) -> None:
        """Continue from `state_dict`, exactly."""
        self._rollouts = state["rollouts"]
        self._key = state["key"]
        self.clock.seconds = state["environment_seconds"]
