"""A teacher for slots whose rewards, ends and tasks are torch tensors, as in Isaac Lab and its like."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from teacherstudent.adapters.playing.sources import FromList, FromTeacher, Source
from teacherstudent.adapters.vector import check_listed
from teacherstudent.adapters.watching import AnyTeacher, load_steps, save
from teacherstudent.contract.checks import check_real, check_whole
from teacherstudent.contract.types import Array, FloatArray, IntArray, Outcomes
from teacherstudent.students.rollouts.play import EpisodeError

_NOTHING = -1
"""The id of a slot that plays nothing."""


class TaskSlots:
    """Slots that play tasks of a source; see `TeacherSlots`.

    Attributes:
        n: number of slots.
        device: where all tensors are.
        tasks: ``(n, *space.shape)`` on the device: what each slot plays, or played last; None before the
            first `restart`. The same tensor all the time.
    """

    def __init__(
        self,
        source: Source,
        n: int,
        *,
        device: torch.device | str | int = "cpu",
        mastered: float | None = None,
    ) -> None:
        where = type(self).__name__
        self.n = check_whole(f"{where}: n", n)
        if mastered is not None:
            check_real(f"{where}: mastered", mastered)
        self._source = source
        self._mastered = mastered
        # Loops of this kind run in inference mode, whose tensors cannot be written to outside it.
        with torch.inference_mode(False):
            self._lengths = torch.zeros(self.n, dtype=torch.int64, device=device)
            # Long sums of small rewards need more than float32, which Apple's GPUs do not have.
            wide = torch.float32 if self._lengths.device.type == "mps" else torch.float64
            self._returns = torch.zeros(self.n, dtype=wide, device=device)
        self.device = self._lengths.device
        self.tasks: Tensor | None = None
        # The source's own arrays, to be told of later whatever is done with the tensor.
        self._played: Array | None = None
        self._ids = np.full(self.n, _NOTHING, np.int64)
        self._counts = False

    @property
    def ids(self) -> IntArray:
        """``(n,)``: ids of what each slot plays, of `evaluation` its place in the list; -1 for nothing."""
        return self._ids.copy()

    def add(self, rewards: Tensor) -> None:
        """Take in one step of every slot.

        Args:
            rewards: ``(n,)`` on the device.

        Raises:
            ValueError: if they are of another shape or on another device.
            RuntimeError: before the first `restart`.
        """
        if self.tasks is None:
            raise RuntimeError(f"{type(self).__name__}.add: expected a restart() before the first step")
        if rewards.shape != self._returns.shape or rewards.device != self.device:
            raise ValueError(
                f"{type(self).__name__}.add: rewards: expected ({self.n},) on {self.device}, got "
                f"{tuple(rewards.shape)} on {rewards.device}"
            )
        self._returns += rewards.detach()
        self._lengths += 1
        self._counts = True
        self._spend(self.n)

    def restart(
        self,
        slots: Tensor | None = None,
        *,
        score: Tensor | None = None,
        length: Tensor | None = None,
        success: Tensor | None = None,
    ) -> Tensor:
        """End the episodes of some slots, tell of them, and give these slots their next tasks.

        Slots that play nothing yet are only given a task. An episode of no step is dropped and not told.

        Args:
            slots: a mask ``(n,)`` of bool, or their numbers ``(k,)`` as ``env_ids``; None for all.
            score: ``(k,)`` in the order of the numbers; None: the sums of the rewards given to `add`.
            length: ``(k,)`` steps of the episodes; None: as often as `add` was called.
            success: ``(k,)`` bool; None: score > mastered, where that is given.

        Returns:
            The tasks ``(k, *space.shape)`` that these slots now play, in the same order.

        Raises:
            ValueError: if there is no such slot, one stands there twice, or a column has another length; if
                neither `add` nor ``length`` says how long the episodes were.
            EpisodeError: if a score is not finite.
        """
        chosen = self._numbers(slots)
        if len(chosen):
            self._begin(self._end(chosen, score, length, success), chosen)
        elif self.tasks is None:
            raise ValueError(
                f"{type(self).__name__}: slots: expected all slots in the first restart(), got none"
            )
        assert self.tasks is not None
        return self.tasks[chosen]

    def end(
        self,
        slots: Tensor | None = None,
        *,
        score: Tensor | None = None,
        length: Tensor | None = None,
        success: Tensor | None = None,
    ) -> None:
        """End the episodes of some slots and tell of them; they play nothing until `restart`.

        Args:
            slots: see `restart`, which also says what is raised.
            score: see `restart`.
            length: see `restart`.
            success: see `restart`.
        """
        chosen = self._numbers(slots)
        if len(chosen):
            self._end(chosen, score, length, success)

    def drop(self, slots: Tensor | None = None) -> None:
        """Give up the episodes of some slots without telling of them: before a reset in their midst.

        Args:
            slots: see `restart`, which must follow.
        """
        chosen = self._numbers(slots).cpu().numpy()
        self._check_numbers(chosen)
        under_way = chosen[self._ids[chosen] != _NOTHING]
        self._give_up(under_way)

    def _numbers(self, slots: Tensor | None) -> Tensor:
        """Return the numbers of slots ``(k,)`` int64 on the device."""
        if slots is None:
            return torch.arange(self.n, device=self.device)
        where = type(self).__name__
        if not isinstance(slots, Tensor) or slots.ndim != 1 or slots.is_floating_point():
            raise ValueError(f"{where}: slots: expected a mask ({self.n},) or numbers (k,), got {slots!r}")
        if slots.dtype == torch.bool:
            if len(slots) != self.n:
                raise ValueError(f"{where}: slots: expected a mask ({self.n},), got {tuple(slots.shape)}")
            slots = slots.nonzero().squeeze(-1)
        return slots.to(self.device, torch.int64)

    def _check_numbers(self, chosen: IntArray) -> None:
        """Raise ValueError unless these are slots, each once."""
        if len(chosen) == 0:
            return
        if chosen.min() < 0 or chosen.max() >= self.n or len(np.unique(chosen)) < len(chosen):
            raise ValueError(
                f"{type(self).__name__}: slots: expected numbers from 0 to {self.n - 1}, each once, got "
                f"{chosen.tolist()}"
            )

    def _gathered(
        self, chosen: Tensor, score: Tensor | None, length: Tensor | None, success: Tensor | None
    ) -> FloatArray:
        """Return slot, score, length and, if given, success ``(k, 3 or 4)``: read of the device at once."""
        # A wrong number would end a GPU's whole context before it could be named below.
        rows = chosen.clamp(0, self.n - 1)
        columns = [chosen, self._returns[rows], self._lengths[rows]]
        for place, name, given in ((1, "score", score), (2, "length", length), (3, "success", success)):
            if given is None:
                continue
            if given.shape != chosen.shape:
                raise ValueError(
                    f"{type(self).__name__}.restart: {name}: expected ({len(chosen)},), a value for each "
                    f"slot that ends, got {tuple(given.shape)}"
                )
            columns[place : place + 1] = [given.detach().to(self.device)]
        wide = [column.to(self._returns.dtype) for column in columns]
        found: FloatArray = torch.stack(wide, 1).cpu().numpy().astype(np.float64, copy=False)
        self._check_numbers(found[:, 0].astype(np.int64))
        return found

    def _end(
        self, chosen: Tensor, score: Tensor | None, length: Tensor | None, success: Tensor | None
    ) -> IntArray:
        """Tell of what has ended and drop what had no step; return all slots, in the order of this.

        In this order they are asked for again, so that a teacher which goes on with whatever was freed first,
        as ``terrain-levels`` does, gives each slot what continues the slot's own.
        """
        gathered = self._gathered(chosen, score, length, success)
        slots = gathered[:, 0].astype(np.int64)
        is_open = self._ids[slots] != _NOTHING
        # Such episodes would all count as episodes of no step, and the teacher would hear of nothing.
        if length is None and not self._counts and is_open.any():
            raise ValueError(
                f"{type(self).__name__}: {int(is_open.sum())} episodes end, but nothing says how long they "
                "were: call add(rewards) in every step, or give score=... and length=...; where all is reset "
                "before the first step, call drop() first"
            )
        stepped = gathered[:, 2] > 0
        idle = slots[is_open & ~stepped]
        ended = gathered[is_open & stepped]
        fresh = slots[~is_open]
        self._give_up(idle)
        played = ended[:, 0].astype(np.int64)
        if len(played):
            # Steps that `add` has seen are counted already.
            if length is not None and not self._counts:
                self._spend(int(ended[:, 2].sum()))
            self._tell(played, ended, success is not None)
        return np.concatenate([idle, played, fresh])

    def _tell(self, slots: IntArray, ended: FloatArray, success: bool) -> None:
        assert self._played is not None
        score, length = ended[:, 1], ended[:, 2]
        bad = np.flatnonzero(~np.isfinite(score))
        if len(bad):
            slot = int(slots[bad[0]])
            raise EpisodeError(
                f"slot {slot}, task {self._played[slot].tolist()}: expected a finite score, got "
                f"{score[bad[0]]}: a reward or the score of an episode is no number"
            )
        signals: dict[str, Array] = {"length": length}
        if success:
            signals["success"] = ended[:, 3] > 0
        elif self._mastered is not None:
            signals["success"] = score > self._mastered
        told = Outcomes(
            ids=self._ids[slots], tasks=self._played[slots], score=score, cost=length, signals=signals
        )
        # Closed first: if `tell` raises, the episodes must not be told or dropped later.
        self._ids[slots] = _NOTHING
        self._source.tell(told)

    def _give_up(self, slots: IntArray) -> None:
        if len(slots) == 0:
            return
        ids = self._ids[slots]
        self._ids[slots] = _NOTHING
        self._source.drop(ids)

    def _begin(self, slots: IntArray, chosen: Tensor) -> None:
        """Give these slots their next tasks; ``chosen`` are the same slots on the device, in any order."""
        ids, tasks = self._source.take(slots)
        if self._played is None or self.tasks is None:
            # Only the first tasks tell shape and dtype.
            self._played = np.zeros((self.n, *tasks.shape[1:]), tasks.dtype)
            with torch.inference_mode(False):
                self.tasks = torch.from_numpy(self._played.copy()).to(self.device)
        self._ids[slots] = ids
        self._played[slots] = tasks
        rows = torch.from_numpy(slots).to(self.device)
        self.tasks[rows] = torch.from_numpy(np.ascontiguousarray(tasks)).to(self.device)
        self._returns[chosen] = 0.0
        self._lengths[chosen] = 0

    def _spend(self, steps: int) -> None:
        """Count steps of all slots together."""


class TeacherSlots(TaskSlots):
    """A teacher for ``n`` slots whose rewards and ends are torch tensors, on any device.

    For vectorised loops in which slots are reset by a mask or by ``env_ids``, as those of Isaac Lab, Isaac
    Gym, legged_gym, Genesis and ManiSkill. Nothing here loops over slots, and a step in which no episode ends
    reads nothing back from the device::

        slots = TeacherSlots(teacher, env.num_envs, device=env.device)
        env.reset(slots.restart())
        ...
            slots.add(rewards)
            env_ids = ended.nonzero().squeeze(-1)
            if len(env_ids):
                env.reset_idx(env_ids, slots.restart(env_ids))

    Where a function is called with ``env_ids`` before these are reset, as Isaac Lab calls the terms of its
    curriculum, it needs no `add`: ``slots.restart(env_ids, score=distance, length=
    env.episode_length_buf[env_ids])``.

    Slots that end together are told in one call and asked for again in the same order. So a teacher that
    moves *walkers* (``terrain-levels``) has one for each slot: a slot goes up and down by what it did itself.

    A pickle of it holds a client of the teacher (`teacherstudent.TeacherServer`) and no open episodes.

    Args:
        teacher: or a `TeacherClient`; needs no signals but ``length`` and ``success``.
        n: number of slots.
        device: of rewards, scores and tasks.
        mastered: ``success`` is what `restart` is given, else score > mastered, else (None) it is left out.
        budget: steps of all slots together over which the teacher's ``progress`` goes from 0 to 1; None
            leaves it at 0.

    Raises:
        ValueError: if the teacher needs other signals or binds tasks for longer than an episode.
        TypeError: if ``teacher`` is no teacher.
    """

    def __init__(
        self,
        teacher: AnyTeacher,
        n: int,
        *,
        device: torch.device | str | int = "cpu",
        mastered: float | None = None,
        budget: float | None = None,
    ) -> None:
        self._teachers = FromTeacher(teacher, mastered=mastered, budget=budget, where="TeacherSlots")
        super().__init__(self._teachers, n, device=device, mastered=mastered)

    @property
    def teacher(self) -> AnyTeacher:
        """The teacher."""
        return self._teachers.teacher

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over what a copy or a pickle holds; episodes under way stay the original's: restart first."""
        vars(self).update(state)
        if self._teachers.elsewhere:
            self._ids[:] = _NOTHING

    def _spend(self, steps: int) -> None:
        self._teachers.steps += steps

    @staticmethod
    def evaluation(tasks: npt.ArrayLike, n: int, *, device: torch.device | str | int = "cpu") -> TestedSlots:
        """Return slots that play fixed tasks, of which no teacher is told.

        Args:
            tasks: ``(m, *space.shape)``; slot i plays a block of them in turn.
            n: number of slots, of environments of their own.
            device: see `TeacherSlots`.

        Raises:
            ValueError: if there is no task.
        """
        return TestedSlots(check_listed(None, tasks), n, device=device)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the teacher and the count of steps to a file, which `load` reads.

        Raises:
            WriteError: if the file cannot be written; an older file of that name is untouched.
            TypeError: if the teacher is in another process.
        """
        save(self.teacher, path, "TeacherSlots", steps=self._teachers.steps)

    def load(self, path: str | os.PathLike[str]) -> int:
        """Go on from `save`; a `restart` of all slots must follow.

        Returns:
            How many tasks were open when it was saved: they are dropped.

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: if it is damaged, or of another teacher or space.
            TypeError: if the teacher is in another process.
        """
        self._teachers.steps, dropped = load_steps(self.teacher, path, "TeacherSlots")
        self._ids[:] = _NOTHING
        return dropped


class TestedSlots(TaskSlots):
    """Slots that play fixed tasks (`TeacherSlots.evaluation`); the first episode of each task counts.

    Attributes:
        scores: ``(m,)`` the score of each task; NaN until it has been played.
    """

    # pytest would take it for a test.
    __test__ = False

    def __init__(self, tasks: Array, n: int, *, device: torch.device | str | int = "cpu") -> None:
        listed = _Scored(tasks, n)
        super().__init__(listed, n, device=device)
        self.scores = listed.scores

    @property
    def finished(self) -> bool:
        """Whether every task has been played."""
        return not np.isnan(self.scores).any()


class _Scored(FromList):
    """A list of tasks that keeps what they brought first."""

    def __init__(self, tasks: Array, slots: int) -> None:
        super().__init__(tasks, slots)
        self.scores = np.full(len(tasks), np.nan)

    def tell(self, outcomes: Outcomes) -> None:
        # Slots without tasks of their own play the first ones too: of two rows the first counts.
        places, first = np.unique(outcomes.ids, return_index=True)
        new = np.isnan(self.scores[places])
        self.scores[places[new]] = outcomes.score[first[new]]
