"""Level design in a training loop of the user's own: a level for each slot, a rollout, what came of it."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from gymnasium.vector import VectorEnv

from teacherstudent.adapters.levels.suited import check_suited, fit, needed
from teacherstudent.adapters.levels.tables import Tables, read
from teacherstudent.adapters.playing.delivery import delivery
from teacherstudent.adapters.serving.client import name_of
from teacherstudent.adapters.serving.server import reachable
from teacherstudent.adapters.watching import AnyTeacher, check_budget, check_fits, drop_open, home, load, save
from teacherstudent.contract.checks import check_mapping, check_real, check_whole
from teacherstudent.contract.purposes import add_costs, measured_costs
from teacherstudent.contract.types import Array, Assignment, BoolArray, IntArray
from teacherstudent.slots.requests import slot_mask
from teacherstudent.slots.wrapping.task_reset import Apply
from teacherstudent.students.rollouts.scores import bound_outcomes


class LevelRounds:
    """Rounds of a teacher of levels (PLR, robust PLR, ACCEL, SFL...) in a training loop of the user's own.

    A round is one rollout in which every slot plays one level, again and again, from a new episode on::

        observations, _ = rounds.reset()  # asks for a level for each slot, and starts the slots
        ...  # play `steps` steps in every slot
        chosen = rounds.tell(rewards, dones, values=values, advantages=advantages)
        ...  # train on these steps alone

    The signals that the teacher needs are computed from the tables, as by the students of this package.
    Robust PLR, ACCEL and SFL want levels that are only measured: `tell` leaves their steps out of what it
    returns, and a loop that trained on them would be another method.

    A rollout should be as long as an episode may last. Where a slot completes none, the part that it played
    is scored, and its return bootstrapped (a deviation, `students.rollouts.scores.rollout_scores`).

    Attributes:
        assignment: of the round under way, or of the last one; None before the first.
        spent: environment steps of all slots by purpose: ``"train"``, ``"measure"``, ``"edit"``.

    Args:
        teacher: of whole rollouts, or a client of one.
        slots: a gymnasium vector environment; or how many slots there are, where the loop brings the levels
            of `ask` to them itself.
        apply: how a level is set in a slot of the environment; as of `TeacherVectorEnv`.
        discount: gamma x lambda of the advantages, of which ``td_error`` is made.
        mastered: an episode succeeds if its return is above this; None leaves ``success`` to `tell`.
        budget: environment steps of all slots together over which the teacher's ``progress`` goes from 0 to
            1; None leaves it at 0.
        steps: of a rollout, in each slot. With a budget too, options of the teacher that are left open, such
            as the buffer's capacity, follow the length of the run (`contract.teacher.Scales`); else they are
            those of the papers, whose runs are long.

    Raises:
        TypeError: if ``teacher`` is no teacher, or nothing brings a level to the slots.
        ValueError: if the teacher is one of episodes or of several models, or needs what no rollout tells; if
            its tasks lie outside the environments' ``task_space``.
    """

    def __init__(
        self,
        teacher: AnyTeacher,
        slots: int | VectorEnv[Any, Any, Any],
        *,
        apply: Apply | None = None,
        discount: float | None = None,
        mastered: float | None = None,
        budget: float | None = None,
        steps: int | None = None,
    ) -> None:
        self.teacher: AnyTeacher = reachable(teacher)
        check_suited(self.teacher, discount, "LevelRounds")
        self.envs: VectorEnv[Any, Any, Any] | None = None
        if isinstance(slots, VectorEnv):
            check_fits(self.teacher, getattr(slots.unwrapped, "task_space", None), "LevelRounds")
            self.envs = slots
            self._delivery = delivery(slots, apply, "LevelRounds")
            slots = slots.num_envs
        elif apply is not None:
            raise TypeError(f"LevelRounds: apply: expected a vector environment with it, got {slots!r}")
        self.slots = check_whole("LevelRounds: slots", slots, 1)
        self._discount = 0.0 if discount is None else check_real("LevelRounds: discount", discount, 0.0, 1.0)
        self._mastered = None if mastered is None else check_real("LevelRounds: mastered", mastered)
        self._budget = check_budget(budget)
        self._steps = None if steps is None else check_whole("LevelRounds: steps", steps, 1)
        self.assignment: Assignment | None = None
        self.spent: dict[str, float] = {"train": 0.0}
        self._open = False
        if budget is not None and steps is not None:
            fit(self.teacher, budget, steps, self.slots, "LevelRounds")

    @property
    def open(self) -> bool:
        """Whether a round is under way, of which the teacher waits to hear."""
        return self._open

    @property
    def tasks(self) -> Array:
        """``(slots, *space.shape)``: the level of each slot in this round (raises as `learn`)."""
        return self._round().tasks

    @property
    def learn(self) -> BoolArray:
        """``(slots,)`` bool: which slots' steps are to be trained on; the others are only measured.

        Raises:
            RuntimeError: before the first round.
        """
        return self._round().learn

    def _round(self) -> Assignment:
        if self.assignment is None:
            raise RuntimeError("LevelRounds: expected reset() or ask() first, which begins a round, got none")
        return self.assignment

    def ask(self, *, progress: float | None = None) -> Assignment:
        """Begin a round: return a level for each slot, and what it is for.

        Args:
            progress: the share of the budget that is spent; None takes what was spent in rounds.

        Raises:
            RuntimeError: if the round before was not told of.
        """
        if self._open:
            raise RuntimeError(
                "LevelRounds: expected tell() of the round under way before the next one, or drop(), which "
                "gives it up: the teacher learns from what it is told"
            )
        if progress is None:
            progress = min(1.0, sum(self.spent.values()) / self._budget)
        assignment = self.teacher.ask(self.slots, progress=progress)
        if len(assignment) != self.slots:
            self.teacher.drop(assignment.ids)
            raise ValueError(
                f"LevelRounds: expected a level for each of {self.slots} slots from {name_of(self.teacher)}, "
                f"got {len(assignment)}"
            )
        self.assignment = assignment
        self._open = True
        return assignment

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begin a round, and start every slot of the environment on its level.

        Args:
            seed: as the environment's own ``reset`` takes it.
            options: likewise.

        Returns:
            Observations and infos.

        Raises:
            RuntimeError: if the round before was not told of.
            TypeError: without an environment.
        """
        self._check_envs("reset")
        self.ask()
        return self._start(np.ones(self.slots, np.bool_), options, seed)

    def restart(self, ended: BoolArray) -> tuple[Any, dict[str, Any]]:
        """Start slots again on their levels, of environments that do not so by themselves (``DISABLED``).

        Args:
            ended: ``(slots,)`` bool: which.

        Raises:
            RuntimeError: before the first round.
            TypeError: without an environment.
        """
        self._check_envs("restart")
        self._round()
        mask = slot_mask({"reset_mask": np.asarray(ended)}, self.slots)
        return self._start(mask, {"reset_mask": mask}, None)

    def _start(
        self, mask: BoolArray, options: dict[str, Any] | None, seed: Any
    ) -> tuple[Any, dict[str, Any]]:
        assert self.envs is not None
        tasks = self.tasks.copy()
        self._delivery.put(tasks, mask)
        handed = self._delivery.options(dict(options or {}), tasks, mask)
        return self.envs.reset(seed=seed, options=handed or None)

    def _check_envs(self, method: str) -> None:
        if self.envs is None:
            raise TypeError(
                f"LevelRounds: {method}: expected LevelRounds(teacher, envs), got one of {self.slots} slots "
                "without an environment: ask() gives their levels, and the loop starts them"
            )

    def tell(
        self, rewards: Any, dones: Any, *, values: Any = None, advantages: Any = None, success: Any = None
    ) -> IntArray:
        """End the round: score each slot's rollout and tell the teacher.

        The tables are arrays or tensors ``(steps, slots)``, on any device.

        Args:
            rewards: as the environments gave them: not normalised.
            dones: whether the step ended an episode. Loops that keep whether a step *begins* one (CleanRL,
                ``episode_starts`` of stable-baselines3) give ``cat([starts[1:], next_done[None]])``.
            values: V of the observation before each step, as it was when it was played.
            advantages: generalised advantages with the values, not normalised, 0 beyond an episode's end.
            success: whether the episode that a step ended has succeeded; other steps are not read. None
                leaves it to ``mastered``.

        Returns:
            ``(k,)`` int64, a new array: which steps to train on, as indices into tables that are flattened,
            ``table.reshape(steps * slots, ...)``. Empty if the whole round was to be measured only.

        Raises:
            RuntimeError: without a round.
            TypeError, ValueError: if a table that the teacher needs is missing, or one is of another shape
                or holds what it cannot; the round is still under way then.
        """
        tables = read(
            self.slots,
            "LevelRounds.tell",
            rewards=rewards,
            dones=dones,
            values=values,
            advantages=advantages,
            success=success,
        )
        return self.tell_tables(tables)

    def tell_tables(self, tables: Tables) -> IntArray:
        """End the round by tables that are checked already, as `tell` does (returns and raises as it)."""
        if not self._open or self.assignment is None:
            raise RuntimeError("LevelRounds.tell: expected reset() or ask() first, which begins a round")
        steps = len(tables.rewards)
        if self._steps is not None and steps != self._steps:
            raise ValueError(
                f"LevelRounds.tell: expected rollouts of steps={self._steps} in each slot, got one of {steps}"
            )
        wanted = needed(self.teacher)
        if "success" in wanted and self._mastered is None and tables.told is None:
            raise ValueError(
                f"LevelRounds.tell: success: expected a table, as {name_of(self.teacher)} needs it, or "
                "LevelRounds(..., mastered=...), the return above which an episode is a success, got neither"
            )
        scores = tables.scores(wanted, "LevelRounds.tell", discount=self._discount, mastered=self._mastered)
        assignment = self.assignment
        self.teacher.tell(bound_outcomes(assignment, scores, steps))
        self._open = False
        trained = float(steps * assignment.learn.sum())
        add_costs(self.spent, {"train": trained, **measured_costs(assignment.purpose, steps)})
        # Row by row of the tables: all slots of the first step, then all of the second.
        every = np.arange(steps * self.slots).reshape(steps, self.slots)
        return every[:, assignment.learn].ravel()

    def drop(self) -> None:
        """Give up the round under way, if there is one: its levels are as if they had not been asked for."""
        if self._open and self.assignment is not None:
            self.teacher.drop(self.assignment.ids)
            self._open = False

    def metrics(self) -> dict[str, float]:
        """Return the teacher's metrics, and what was spent by purpose (``spent/...``)."""
        spent = {f"spent/{name}": steps for name, steps in self.spent.items()}
        return dict(self.teacher.metrics()) | spent

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the teacher and what was spent to a file, which `load` of rounds made alike reads.

        ``teacher.save`` does not hold options that were chosen by ``budget`` and ``steps``.

        Raises:
            WriteError: if the file cannot be written; an older file of that name is untouched.
            TypeError: if the teacher is in another process.
        """
        save(self.teacher, path, "LevelRounds", spent=dict(self.spent))

    def load(self, path: str | os.PathLike[str]) -> int:
        """Go on from `save`, with the next round.

        Returns:
            How many levels were open when it was saved: they are dropped.

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: if it is damaged, or of another teacher or space.
            TypeError: if the teacher is in another process.
        """
        teacher = home(self.teacher, "LevelRounds.load")
        state = load(path, "LevelRounds", ("teacher", "spent"))
        given = check_mapping("LevelRounds: spent", state["spent"])
        spent = {name: check_real(f"LevelRounds: spent: {name}", steps, 0.0) for name, steps in given.items()}
        teacher.load_state_dict(state["teacher"])
        self.spent = spent
        self.assignment = None
        self._open = False
        return drop_open(teacher)
