"""A stable-baselines3 VecEnv whose slots keep one task each for a whole rollout."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import torch

from teacherstudent.contract.accounts.failures import Failures
from teacherstudent.contract.types import Array, BoolArray, FloatArray, IntArray, Seed, State
from teacherstudent.slots.failures import Failed
from teacherstudent.students.rollouts.seeds import episode_seeds
from teacherstudent.students.sb3.vec_env import TaskVecEnv


class BoundVecEnv(TaskVecEnv):
    """Plays in every slot the task it was bound to, again and again, and writes the rollout down.

    `bind` before each rollout, then `reset`: no episode goes on from one rollout to the next. An episode's
    seed follows from the number of the rollout, the step after which it starts, and the slot, whatever
    happens in other slots. The state between two rollouts is the number and the key of these seeds alone.

    A slot whose environment fails is parked for the rest of the rollout: it shows what it showed last, with
    reward 0 and no end. Its tables then mean nothing.

    Attributes:
        rewards: ``(steps, slots)``, as the environments gave them.
        ends: ``(steps, slots)`` bool: the step ended an episode.
        told: ``(steps, slots)`` int8: where an episode ended, whether it succeeded; -1 elsewhere.
        failed: ``(slots,)`` bool: the environment has failed in this rollout. The same array for ever.

    Args:
        envs: a vector environment as `RLFamily.make_vec` gives it.
        steps: steps of a rollout.
        seed: the episodes' environment seeds come from it.
        mastered, failures: as `TaskVecEnv` takes them.
    """

    def __init__(
        self,
        envs: gym.vector.VectorEnv[Any, Any, Any],
        steps: int,
        *,
        seed: Seed,
        mastered: float | None,
        failures: Failures | None = None,
    ) -> None:
        super().__init__(envs, _no_more, seed=seed, mastered=mastered, failures=failures)
        self.failed: BoolArray = np.zeros(self.num_envs, np.bool_)
        shape = (steps, self.num_envs)
        self.rewards: FloatArray = np.zeros(shape)
        self.ends: BoolArray = np.zeros(shape, np.bool_)
        self.told = np.full(shape, -1, np.int8)
        # Seeds are a hash of this key and a serial number, so no generator is saved between rollouts.
        self._key = int(self._rng.integers(2**31))
        self._rollouts = self._now = 0
        # The observations that a start without slots leaves as they are.
        self._seen: Any = None
        # Serial number of the seed that slot 0 would take now.
        self._serial = 0

    def bind(self, tasks: Array, ids: IntArray) -> None:
        """Take the tasks ``(slots, *space.shape)`` of the next rollout; `reset` starts them.

        Their ids ``(slots,)`` say which ones failed.
        """
        # Copies, as the caller may reuse its arrays while the rollout goes on.
        self.tasks = tasks.copy()
        self.ids = ids.copy()
        self.failed[:] = False
        self.told[:] = -1
        self._now = 0
        # Each rollout owns a block of serials: one for each slot and step, and one more for the first starts.
        self._serial = self._rollouts * (len(self.ends) + 1) * self.num_envs
        self._rollouts += 1

    def step_wait(self) -> tuple[Any, Array, BoolArray, list[dict[str, Any]]]:
        """Step every slot; slots that finish start the same task again."""
        step = super().step_wait()
        # Outcomes are read from the tables, so that this list would only grow.
        self._kept.clear()
        self._now += 1
        return step

    def _record(self, rewards: FloatArray, done: BoolArray) -> None:
        super()._record(rewards, done)
        self.rewards[self._now] = rewards
        self.ends[self._now] = done
        # Count up whether or not an episode starts: a slot's seed must not depend on other slots.
        self._serial += self.num_envs

    def _success(self, slots: IntArray, returns: Array, info: dict[str, Any]) -> BoolArray | None:
        success = super()._success(slots, returns, info)
        if success is not None:
            self.told[self._now, slots] = success
        return success

    def _report(
        self, slots: IntArray, returns: Array, lengths: IntArray, success: BoolArray | None, kept: BoolArray
    ) -> None:
        """Tell nobody: the tables hold the finished episodes already."""

    def _finish(self, done: BoolArray, kept: BoolArray, obs: Any, *further: Any) -> Any:
        # If every slot that ended has failed, there is nothing to start and these are shown again.
        self._seen = obs
        return super()._finish(done, kept, obs, *further)

    def _start(self, mask: BoolArray) -> Any:
        # A slot that failed stays parked for the whole rollout.
        mask = mask & ~self.failed
        if not mask.any():
            return self._seen
        self._seen, failed = self._begin(mask)
        if failed is not None:
            self._fail(failed)
        return self._seen

    def _fail(self, failed: Failed) -> None:
        # A parked slot may be named again when its process ends: note it once.
        fresh = failed.fresh(self.failed)
        self.failed[fresh.slots] = True
        super()._fail(fresh)

    def _draw_seeds(self, mask: BoolArray) -> IntArray:
        # Make seeds for all slots, even those that go on: a seed then depends on step and slot alone.
        serials = torch.arange(self._serial, self._serial + self.num_envs)
        return episode_seeds(serials, self._key).numpy()

    def state_dict(self) -> State:
        """Return the number of rollouts, the key of the seeds and the clock."""
        return {
            "rollouts": self._rollouts,
            "key": self._key,
            "environment_seconds": self.environment_seconds,
        }

    def load_state_dict(self, state: State) -> bool:
        """Continue from `state_dict`, exactly; a new rollout must follow."""
        self._rollouts = state["rollouts"]
        self._key = state["key"]
        self.environment_seconds = state["environment_seconds"]
        return True


def _no_more(n: int) -> tuple[IntArray, Array]:
    raise RuntimeError(f"bound slots: expected no draw of tasks, got one of {n}")
