"""The family: what a task means, which tasks are tested, and when one counts as mastered."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

import gymnasium as gym
import numpy as np

from teacherstudent.contract.stored.settings import remember
from teacherstudent.contract.types import Array, IntArray, State


class Family(ABC):
    """A set of tasks that one student can be trained on.

    Attributes:
        space: the task space.
        test_set: the name of the fixed test set, written beside every result.
        test_space: where test tasks lie if not in ``space``, the teachers' own: a space of the same kind,
            shape and dtype. None if they lie in ``space``.
        score_range: the scores between which teachers that need a scale may scale linearly; None if unknown.
        mastered: a task counts as mastered when its score is above this; None if the family has no such line.
        difficulty_step: ``(d,)`` raw units, signed: the direction and stride in which tasks get harder, for
            teachers with expert knowledge (the oracle); None if there is none.
        cost_unit: what costs and budgets are counted in.
        test_names: a name for each test task, if they are to be told apart in figures; tasks of one name are
            averaged. None if they have none.
        prices: what each kind of cost weighs in the budget, by the names of `Student.spent` and
            `Teacher.spent`; a name that is not here weighs 1 if the student spends it, 0 if the teacher does.
        score_name: what the score of a test is called in tables: ``"return"``, ``"accuracy"``.
        usual_student: the registered student for tasks that are no environments; empty for environments.
    """

    space: gym.Space[Any]
    test_set: str
    test_space: gym.Space[Any] | None = None
    score_range: tuple[float, float] | None = None
    mastered: float | None = None
    difficulty_step: tuple[float, ...] | None = None
    cost_unit: str = "environment steps"
    prices: Mapping[str, float] = MappingProxyType({})
    score_name: str = "return"
    test_names: tuple[str, ...] | None = None
    usual_student: str = ""

    def advice(self, teacher: Any) -> str:
        """Return what to add to a command whose teacher does not fit this family; empty if that is not known.

        Args:
            teacher: the teacher, or its class.
        """
        del teacher
        return ""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        # Arguments are noted when an object is made: later its attributes may say something else.
        remember(cls)

    @abstractmethod
    def test_tasks(self) -> Array:
        """Return the fixed test tasks, ``(m, *space.shape)``; no teacher hears how they went."""


class RLFamily(Family):
    """A family whose tasks are settings of a reinforcement-learning environment.

    Attributes:
        test_actions: how policies are tested: ``"greedy"``, or ``"sampled"`` where the field tests the
            exploring policy, since a greedy one without memory walks in circles. Either way the same test
            seed gives the same test.
        max_steps: after how many steps an episode ends at the latest; None if that is not known.
        says_success: whether every episode's last info says ``is_success``, so that no line on the return is
            needed.
    """

    test_actions: Literal["greedy", "sampled"] = "greedy"
    max_steps: int | None = None
    says_success: bool = False

    @property
    def success_above(self) -> float | None:
        """The return above which an episode succeeds where its environment does not say; None: no success.

        Infinite where environments always say it and there is no line.
        """
        if self.mastered is None and self.says_success:
            return math.inf
        return self.mastered

    @abstractmethod
    def make_vec(self, n: int, *, processes: int = 1) -> gym.vector.VectorEnv[Any, Any, Any]:
        """Return ``n`` environments with autoreset disabled.

        ``reset(seed=seeds, options={"reset_mask": done, "task": tasks})`` starts ``tasks[i]`` in every slot
        ``i`` where ``done`` is True; ``tasks`` has shape ``(n, *space.shape)``, other rows are ignored, and
        without ``reset_mask`` every slot starts.

        ``seeds`` is None, an integer s (slot i gets s + i), a list of ``n`` integers and None, or an int64
        array ``(n,)`` in which -1 stands for None: the slot's generator goes on as it is. Students give the
        array, which costs nothing per slot; `teacherstudent.slots.requests.slot_seeds` turns every form into
        it.

        Args:
            n: number of slots, at least 1.
            processes: over how many processes the slots are spread; 1 is this one.
        """

    @abstractmethod
    def make_env(self, *, render_mode: str | None = None) -> gym.Env[Any, Any]:
        """Return one environment that takes ``reset(options={"task": task})``."""


@runtime_checkable
class HasTarget(Protocol):
    """A family that says which tasks are wanted in the end.

    Teachers with an option ``target`` are told (`teacherstudent.contract.facts.facts_for`).
    """

    def target(self, rng: np.random.Generator, n: int) -> Array:
        """Return ``(n, *space.shape)`` tasks drawn from the distribution that the student is to master."""


@runtime_checkable
class HasEasy(Protocol):
    """A family that says which tasks are easy.

    Teachers with an option ``easy`` are told (`teacherstudent.contract.facts.facts_for`), and begin there.
    """

    def easy(self, rng: np.random.Generator, n: int) -> Array:
        """Return ``(n, *space.shape)`` tasks that an untrained student solves now and then."""


@runtime_checkable
class HasOutline(Protocol):
    """A family whose tasks are places, and which says what pictures are to show around them: walls."""

    def outline(self) -> Array:
        """Return rectangles ``(k, 4)`` in the plane of a task's first two numbers: x, y, width and height."""


class Serving(NamedTuple):
    """Options with which a family and a teacher fit each other."""

    family: Mapping[str, Any]
    """Options of the family; empty if its tasks are of the kind that the teacher takes."""
    teacher: Mapping[str, Any]
    """Options of the teacher; empty if its own defaults fit."""


@runtime_checkable
class ServesTeachers(Protocol):
    """A family whose tasks come in several forms, and which says what form a teacher takes."""

    def serving(
        self, teacher: Any, teacher_options: Mapping[str, Any], student_options: Mapping[str, Any]
    ) -> Serving:
        """Return the defaults for a teacher.

        Args:
            teacher: its class or factory.
            teacher_options: what the user gives it.
            student_options: what the user gives the student.
        """


@runtime_checkable
class MovesKnobs(Protocol):
    """A teacher's class that drives training knobs, and says which before an object is made."""

    def usual_knobs(self, options: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the knobs that a teacher with these options drives, whatever the space."""


@runtime_checkable
class Snapshot(Protocol):
    """A vector environment whose state can be saved and restored exactly, episodes in flight included."""

    def get_state(self) -> State:
        """Return the whole state, generators included, as plain data; a copy."""

    def set_state(self, state: State) -> None:
        """Continue exactly from `get_state` of an environment made with the same arguments."""


@runtime_checkable
class Narrows(Protocol):
    """A vector environment that can go on with some of its slots alone; their observations are plain arrays.

    Tests use it: slots whose tasks are over then cost nothing.
    """

    def narrowed(self, slots: IntArray) -> gym.vector.VectorEnv[Any, Any, Any]:
        """Return a vector environment of these slots, in this order, which goes on with their episodes.

        What its slots do is to the bit what they would have done here. It shares nothing that is written.
        """
