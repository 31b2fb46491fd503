"""A teacher as a transform of TorchRL, for environments that take their tasks as tensors."""

from __future__ import annotations

import os
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from teacherstudent.adapters.loops.tensors import TaskSlots, TeacherSlots, TestedSlots
from teacherstudent.adapters.serving.server import reachable
from teacherstudent.adapters.vector import check_listed
from teacherstudent.adapters.watching import AnyTeacher, check_budget, check_teacher, let_travel
from teacherstudent.contract.types import Array

try:
    import torch
    from tensordict import TensorDict, TensorDictBase
    from torch import Tensor
    from torchrl.data import Composite, Unbounded
    from torchrl.envs import Transform
except ImportError as error:
    raise ImportError(
        f"TeacherTransform: expected TorchRL; install it with pip install 'teacherstudent[torchrl]' ({error})"
    ) from error


class TaskTransform(Transform):  # type: ignore[misc]  # TorchRL has no types
    """Lets a source choose the task of every episode of an environment of TorchRL; see `TeacherTransform`."""

    def __init__(self, *, key: str = "task") -> None:
        super().__init__()
        self.key = key
        self._slots: TaskSlots | None = None

    def _make(self, n: int, device: torch.device) -> TaskSlots:
        """Return slots for ``n`` environments."""
        raise TypeError("TaskTransform: expected a TeacherTransform or an evaluation")

    @property
    def slots(self) -> Any:
        """The slots, as `TeacherSlots` has them; None before the first reset."""
        return self._slots

    def clone(self) -> Self:
        """Return a transform of the same source, for another environment."""
        found: Self = super().clone()
        found._slots = None
        return found

    def _reset_env_preprocess(self, tensordict: TensorDictBase | None) -> TensorDictBase:
        """Choose tasks for the environments that are reset, and hand them to their reset."""
        parent = self.parent
        if tensordict is None:
            tensordict = TensorDict(batch_size=parent.batch_size, device=parent.device)
        slots = self._slots_of(parent)
        mask = tensordict.get("_reset", None)
        which = None
        if mask is not None:
            which = mask.reshape(slots.n).to(slots.device)
        # What has ended has been told of already: whatever else is open is given up.
        slots.drop(which)
        slots.restart(which)
        return tensordict.set(self.key, self._shaped(slots))

    def _reset(self, tensordict: TensorDictBase, tensordict_reset: TensorDictBase) -> TensorDictBase:
        """Show what is played."""
        return tensordict_reset.set(self.key, self._shaped(self._slots_of(self.parent)))

    def _step(self, tensordict: TensorDictBase, next_tensordict: TensorDictBase) -> TensorDictBase:
        """Take in rewards, and tell of the episodes that have ended."""
        slots = self._slots_of(self.parent)
        slots.add(self._flat(next_tensordict.get("reward"), slots))
        done = self._flat(next_tensordict.get("done"), slots)
        shown = self._shaped(slots)
        if bool(done.any()):
            slots.end(done)
        return next_tensordict.set(self.key, shown)

    def transform_observation_spec(self, observation_spec: Composite) -> Composite:
        """Add the task to what is observed."""
        task = self._example()
        shape = (*self.parent.batch_size, *task.shape)
        dtype = torch.from_numpy(task[None].copy()).dtype
        # What the environment shows under this name itself is the task as well.
        observation_spec[self.key] = Unbounded(shape=shape, dtype=dtype, device=self.parent.device)
        return observation_spec

    def _example(self) -> Array:
        """Return a task."""
        raise TypeError("TaskTransform: expected a TeacherTransform or an evaluation")

    def _slots_of(self, parent: Any) -> TaskSlots:
        """Return the slots; they are made when the number of environments is known."""
        if self._slots is None:
            if len(parent.batch_size) > 1:
                raise ValueError(
                    f"{type(self).__name__}: expected an environment with one batch dimension or none, got "
                    f"batch size {tuple(parent.batch_size)}"
                )
            device = parent.device or torch.device("cpu")
            self._slots = self._make(max(1, parent.batch_size.numel()), device)
        return self._slots

    def _flat(self, values: Tensor, slots: TaskSlots) -> Tensor:
        return values.reshape(slots.n).to(slots.device)

    def _shaped(self, slots: TaskSlots) -> Tensor:
        """Return the tasks ``(*batch, *space.shape)``, a copy: what is collected must not change."""
        assert slots.tasks is not None
        tasks = slots.tasks.clone()
        return tasks.reshape(*self.parent.batch_size, *tasks.shape[1:])


class TeacherTransform(TaskTransform):
    """A transform of TorchRL that lets a teacher choose the task of every episode.

    For environments that are tensors themselves (their own ``EnvBase``, Isaac Lab's, VMAS, Brax), or for any
    whose ``_reset(tensordict)`` reads ``tensordict["task"]``::

        env = TransformedEnv(env, TeacherTransform(teacher))

    Before each reset the tasks of all environments ``(*batch, *space.shape)`` stand there, on their device;
    those outside ``_reset`` are being played. Tasks are observed under the same key. The teacher stays in
    this process, wherever the environments are.

    Environments of gymnasium take a `TeacherEnv` inside instead: ``GymWrapper(TeacherEnv(make(), teacher))``.

    Every episode that ends is told, tests too: `evaluation` is for those (``eval()`` says nothing, as
    TorchRL's environments are always in that mode). A pickle of it, as in a ``ParallelEnv`` whose workers
    make it, holds a client of the teacher; a clone is for another environment and shares the teacher.

    Args:
        teacher: or a `TeacherClient`; needs no signals but ``length`` and ``success``.
        key: of the task.
        mastered: ``success`` is return > mastered; None leaves it out.
        budget: steps of all environments together over which the teacher's ``progress`` goes from 0 to 1;
            None leaves it at 0.

    Raises:
        ValueError: if the teacher needs other signals or binds tasks for longer than an episode.
        TypeError: if ``teacher`` is no teacher.
    """

    def __init__(
        self,
        teacher: AnyTeacher,
        *,
        key: str = "task",
        mastered: float | None = None,
        budget: float | None = None,
    ) -> None:
        super().__init__(key=key)
        teacher = reachable(teacher)
        check_teacher(teacher, mastered, "TeacherTransform")
        check_budget(budget)
        self.teacher: AnyTeacher = teacher
        self._mastered = mastered
        self._budget = budget
        let_travel(teacher, lambda: (check_budget(budget), 0.0))

    def __getstate__(self) -> dict[str, Any]:
        """Return what a pickle holds: no episodes under way."""
        state: dict[str, Any] = super().__getstate__()
        return {**state, "_slots": None}

    def _make(self, n: int, device: torch.device) -> TaskSlots:
        return TeacherSlots(self.teacher, n, device=device, mastered=self._mastered, budget=self._budget)

    def _example(self) -> Array:
        space = self.teacher.space
        if space is None:
            raise ValueError(
                "TeacherTransform: expected a client that knows the task space, got one that was made from "
                "an address: take server.client(), or a pickle of the teacher"
            )
        return np.zeros(space.shape or (), space.dtype)

    @staticmethod
    def evaluation(tasks: npt.ArrayLike, *, key: str = "task") -> TestedTransform:
        """Return a transform that plays fixed tasks, of which no teacher is told.

        Args:
            tasks: ``(m, *space.shape)``.
            key: see `TeacherTransform`.

        Raises:
            ValueError: if there is no task.
        """
        return TestedTransform(check_listed(None, tasks), key=key)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the teacher and the count of steps to a file (raises as `TeacherSlots.save`)."""
        self._slots_of(self.parent).save(path)  # type: ignore[attr-defined]  # TeacherSlots

    def load(self, path: str | os.PathLike[str]) -> int:
        """Go on from `save`; a reset must follow (returns and raises as `TeacherSlots.load`)."""
        found: int = self._slots_of(self.parent).load(path)  # type: ignore[attr-defined]
        return found


class TestedTransform(TaskTransform):
    """Fixed tasks (`TeacherTransform.evaluation`); ``slots.scores`` says what came of them."""

    # pytest would take it for a test.
    __test__ = False

    def __init__(self, tasks: Array, *, key: str) -> None:
        super().__init__(key=key)
        self._tasks = tasks

    def _make(self, n: int, device: torch.device) -> TaskSlots:
        return TestedSlots(self._tasks, n, device=device)

    def _example(self) -> Array:
        return np.asarray(self._tasks[0])
