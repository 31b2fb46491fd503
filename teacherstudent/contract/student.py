"""The student: trains on the tasks it is handed and reports what happened."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeAlias, runtime_checkable

from teacherstudent.contract.demand import Demand, Offers
from teacherstudent.contract.types import Array, Assignment, BoolArray, IntArray, Outcomes, State

Act: TypeAlias = Callable[[Any, BoolArray], Array]
"""A policy: takes observations ``(n, ...)`` and which of them start an episode, returns their actions."""


@runtime_checkable
class Student(Protocol):
    """A model and its optimiser, trained on tasks of one family.

    A student may have three more attributes that `run` looks at: ``budget``, where learning depends on it,
    which must be the run's; ``gains``, True if its scores are progress already and no levels; and
    ``row_cost``, what each outcome costs where that is known before, else None.

    **Rollouts.** Bound for rollouts, row i of every assignment is bound to slot i for one whole rollout:
    `wants` is the number of slots, every slot starts a new episode of its task when the rollout starts, an
    episode that ends starts the same task again, and `train` returns exactly one outcome for each row, in
    order, measured rows too; rows whose environment fails have none
    (`teacherstudent.contract.accounts.failures.Survives`). A
    rollout should have at least as many steps as an episode may last. In a shorter one a row may complete no
    episode; then it reports the part that it holds, its return bootstrapped, and says so (signal ``cut``).

    Attributes:
        offers: by how long a task binds it (an episode, a rollout, a chunk of training, a step), the signals
            that it can report of a row then.
    """

    offers: Offers

    def bind(self, demand: Demand) -> None:
        """Work as a run needs it from now on; called once, before the first round.

        Nothing is computed that is neither asked for nor free. A student that was never bound reports all
        that it offers at the first granularity.

        Raises:
            ValueError: if something is asked for that the student does not offer, or if it has trained by
                another demand.
        """

    def wants(self) -> int:
        """Return how many tasks the next `train` can use; may be 0."""

    def train(self, assignment: Assignment) -> Outcomes:
        """Take the tasks (perhaps none), train for one round, return what has finished, in any order.

        Only rows of the purpose `Purpose.TRAIN` are trained on; the student refuses purposes that it does not
        know (`teacherstudent.contract.purposes.check_purposes`). Outcomes may belong to earlier assignments;
        each carries its row's id, purpose and member (`teacherstudent.contract.types.Outcomes.of`).
        """

    def evaluate(self, tasks: Array, *, seed: int) -> Outcomes:
        """Return the outcome of each task ``(n, *space.shape)``, in order, without training.

        The same tasks and seed give the same conditions whatever was trained before; ids are -1.
        """

    def spent(self) -> Mapping[str, float]:
        """Return what was spent so far, by name; a missing name is 0.

        Costs (environment steps, FLOPs, whatever the family counts in) stand under the name of the purpose,
        ``train``, ``measure``, ``edit``, or any other. Beside them ``updates`` counts gradient updates, and
        ``environment_seconds`` the seconds in environments.
        """

    def holds(self) -> IntArray:
        """Return the ids of all tasks that are queued or under way, in any order.

        After a resume, ids that the teacher waits for and the student does not hold are dropped by the loop:
        episodes in flight that environments without snapshots cannot continue.
        """

    def metrics(self) -> Mapping[str, float]:
        """Return named numbers for the log: losses, learning rate; empty if there is nothing to say."""

    def state_dict(self) -> State:
        """Return everything that training depends on, as plain data."""

    def load_state_dict(self, state: State) -> None:
        """Continue from `state_dict` of a student made with the same arguments."""

    def close(self) -> None:
        """Free environments and processes."""


@runtime_checkable
class AsksForMore(Protocol):
    """A student that can use further tasks in the midst of a round."""

    def ask_for_more(self, more: Callable[[int], Assignment]) -> None:
        """Ask so for a number of tasks, all of them to be trained on; the run calls it at its start.

        The student is to ask when a slot is free, for as many tasks as there are free slots: what is asked
        ahead is chosen by what the teacher was told before. Fewer tasks may come, or none, where the teacher
        wants to measure first; what it wants measured comes with the next assignment.
        """


@runtime_checkable
class HasRounds(Protocol):
    """A student whose rounds have a price that is known before: a budget must pay for one."""

    def round_cost(self) -> float:
        """Return the least that a round of training costs."""


@runtime_checkable
class TakesWeights(Protocol):
    """A student whose loss can be weighed example by example.

    Attributes:
        weigher: a `teacherstudent.contract.weigher.Weigher`, or None for equal weights.
    """

    weigher: Any


@runtime_checkable
class Reports(Protocol):
    """A student that can say what it has found in its network and what the family's knobs touch."""

    def report(self) -> Mapping[str, Any]:
        """Return it as plain data; the same at the start of a run and where it resumes."""


@runtime_checkable
class Describes(Protocol):
    """A student, teacher or family that says itself with which settings it was made.

    Registered ones, and subclasses of `Teacher` and `Family`, need not: their arguments are noted when they
    are made. A run that is resumed with objects of one's own is compared with the one in the folder by them.
    """

    def settings(self) -> Mapping[str, Any]:
        """Return names and values; equal ones for objects that are made alike, wherever they work."""


@runtime_checkable
class Ends(Protocol):
    """A student that does something once at its end: a classifier looks at the test split then."""

    def finish(self) -> None:
        """Take the next test for the last one; called where a run ends before its budget."""


@runtime_checkable
class Compiles(Protocol):
    """A student, or a vector environment, that compiles code before its first use.

    A run lets the student compile before its first test, and counts the time apart (``seconds/compile``).
    """

    def compile(self) -> None:
        """Compile whatever is compiled, or load it from disk; nothing else changes."""


@runtime_checkable
class SharesWeights(Protocol):
    """A student whose weights another one of its kind can take over, in a population say."""

    def weights(self) -> State:
        """Return weights, optimiser and statistics of inputs as plain data; a copy."""

    def take_weights(self, state: State) -> None:
        """Go on from `weights` of a student made with the same options.

        Raises:
            ValueError: if they are of another network.
        """


@runtime_checkable
class Acts(Protocol):
    """A student whose policy can act where nothing is trained or measured: in a picture, say."""

    def policy(self, *, greedy: bool, seed: int) -> Act:
        """Return the policy as it is now, with a memory of its own.

        Args:
            greedy: whether it takes its best action, or draws one.
            seed: what it draws from.
        """


@runtime_checkable
class Exports(Protocol):
    """A student whose greedy policy can be written for programs without this package."""

    def network(self) -> Any:
        """Return a copy of the policy as one ``torch.nn.Module``, on the CPU.

        It takes the environment's observations ``(n, ...)`` in float32, normalises them where the student
        does, and returns what the environment takes.

        Raises:
            ValueError: if the policy is none that goes from one observation to one action.
        """

    def archive(self, path: Path) -> Act:
        """Write the policy in its library's own format; return what the file does when it is read again.

        Raises:
            ValueError: if the library has no such format, or the file would lack a part of the policy.
        """


def row_cost(student: Student) -> float | None:
    """Return what each outcome costs where a student knows it before, as its attribute ``row_cost``."""
    # Few students know it, so it is an attribute that may be missing, and no part of the protocol.
    cost: float | None = getattr(student, "row_cost", None)
    return cost


def lacks(thing: object, kind: type) -> str:
    """Return which members of a protocol an object does not have, as the end of a sentence.

    Empty where it has all, or where ``kind`` is a class and no protocol.
    """
    if not getattr(kind, "_is_protocol", False):
        return ""
    # Python 3.11 has no public list of what a protocol asks for.
    members = {*vars(kind), *kind.__annotations__}
    missing = sorted(name for name in members if not name.startswith("_") and not hasattr(thing, name))
    return f", which lacks {', '.join(missing)}" if missing else ""
