"""Rollouts on tasks of a queue in which no data leaves the device."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import torch

from teacherstudent.contract.accounts.failures import Failures
from teacherstudent.contract.family import Snapshot
from teacherstudent.contract.types import UNASKED, Array, IntArray, Outcomes, State
from teacherstudent.networks.state import array_of
from teacherstudent.slots.access import state_of
from teacherstudent.slots.tensor_envs import TensorEnvs
from teacherstudent.students.rollouts.signals import SIGNALS
from teacherstudent.students.rsl_rl.episode_log import Episodes
from teacherstudent.students.rsl_rl.ppo import RslRlPPO
from teacherstudent.students.rsl_rl.queue import TensorQueue
from teacherstudent.students.rsl_rl.steps import TaskTable, TensorSteps
from teacherstudent.students.sb3.queue import copied


class TensorRollout(TensorSteps):
    """Plays a fixed number of steps in every slot, on tasks of a queue; episodes go on in the next rollout.

    Attributes:
        queue: the tasks that wait.
        ids: ``(n,)``: what the slots play; -1 for a task that nobody waits for.

    Args:
        envs: the slots.
        queue: feeds them.
        steps: steps of a rollout, for each slot.
        discount: gamma x lambda, for the value signals.
        failures: see `TensorSteps`.
        signals: the value signals to compute.
    """

    def __init__(
        self,
        envs: TensorEnvs,
        queue: TensorQueue,
        steps: int,
        *,
        discount: float,
        failures: Failures,
        signals: Collection[str] = SIGNALS,
    ) -> None:
        super().__init__(envs, steps, discount=discount, failures=failures, signals=signals)
        self.queue = queue
        self.ids: IntArray = np.full(envs.num_envs, UNASKED)
        self._tasks: Array | None = None

    def choose(self, signals: Collection[str]) -> None:
        """Compute these value signals from now on; episodes under way are forgotten."""
        self._log.choose(signals)

    def collect(self, ppo: RslRlPPO) -> tuple[TaskTable, Episodes]:
        """Play, let the algorithm compute its advantages, and return the episodes that ended.

        Raises:
            ValueError: if there was never a task.
            EpisodeError: if a reward or observation is not finite.
        """
        n = self.envs.num_envs
        # The very first rollout also starts every slot.
        first = n if self._obs is None else 0
        # Starts beside those that steps bring.
        spare = min(self.failures.left, n * self._steps)
        tasks = self.queue.open(self.ids, self._tasks, n * self._steps + first + spare)
        episodes = self._log.close(self._play(ppo, tasks))
        self.queue.close(tasks)
        self.queue.observe(len(episodes.rows))
        # What the slots play now goes on in the next rollout, under the same ids.
        rows = tasks.rows.cpu().numpy()
        self.ids = tasks.ids[rows]
        self._tasks = tasks.tasks[rows]
        self.clock.settle()
        return tasks, episodes

    def state_dict(self) -> State:
        """Return queue, slots, carried sums and, where they can be saved, the environments."""
        return {
            "queue": self.queue.state_dict(),
            "environment_seconds": self.clock.seconds,
            "ids": self.ids.copy(),
            "tasks": copied(self._tasks),
            "observations": array_of(self._obs),
            "log": self._log.state_dict(),
            "envs": state_of(self.envs),
        }

    def load_state_dict(self, state: State) -> bool:
        """Continue from `state_dict`; return False if episodes under way are lost and new ones start."""
        self.queue.load_state_dict(state["queue"])
        self.clock.seconds = state["environment_seconds"]
        self._log.reset()
        if not isinstance(self.envs, Snapshot) or state["envs"] is None or state["observations"] is None:
            # Episodes that cannot be restored are lost: new ones start.
            self.ids = np.full(self.envs.num_envs, UNASKED)
            self._tasks = None
            self._obs = None
            return False
        self.ids = state["ids"]
        self._tasks = state["tasks"]
        self._obs = torch.from_numpy(state["observations"]).to(self.envs.device)
        self._log.load_state_dict(state["log"])
        self.envs.set_state(state["envs"])
        return True


def outcomes(tasks: TaskTable, episodes: Episodes, mastered: float | None) -> Outcomes:
    """Return finished episodes as a student's outcomes."""
    signals: dict[str, Array] = {"length": episodes.lengths, **episodes.signals}
    if mastered is not None:
        signals["success"] = episodes.succeeded(mastered)
    return Outcomes(
        ids=tasks.ids[episodes.rows],
        tasks=tasks.tasks[episodes.rows],
        score=episodes.returns,
        cost=episodes.lengths.astype(np.float64),
        signals=signals,
    )
