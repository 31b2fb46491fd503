"""Teachers of replayed levels on levels that are numbers: how they are made, told and played."""

import numpy as np

from teacherstudent import teachers
from teacherstudent.contract.demand import Signal
from teacherstudent.contract.purposes import add_costs, measured_costs
from teacherstudent.contract.spaces import Levels
from teacherstudent.contract.types import Outcomes

REPLAYING = ("plr", "robust-plr", "accel", "parallel-plr", "parallel-accel")


class Numbers(Levels):
    """Levels 0 to 99999, of which the first 500 are generated; an edit adds 1."""

    def __init__(self):
        super().__init__((1,), np.int32)

    def draw(self, rng, n):
        return rng.integers(0, 500, (n, 1), dtype=np.int32)

    def mutate(self, rng, tasks, edits=1):
        return np.minimum(tasks + edits, 99_999).astype(np.int32)

    def key(self, tasks):
        return tasks[:, 0].astype(np.int64) + 10_000

    def contains_each(self, tasks):
        return ((tasks >= 0) & (tasks < 100_000)).all(axis=1)

    def features(self, tasks):
        return {"number": tasks[:, 0].astype(float)}


SPACE = Numbers()


SMALL = {"capacity": 16, "temperature": 1.0}


def make(name, space=SPACE, seed=0, **options):
    if name in REPLAYING:
        options = {"score": "value_l1", "buffer": SMALL} | options
    return teachers.make(name, space, seed=seed, **options)


def played(assignment, score=0.0, **signals):
    """Return an outcome for each row; one episode is complete unless ``episodes`` says otherwise."""
    n = len(assignment)
    columns = {"episodes": 1.0} | signals
    return Outcomes(
        ids=assignment.ids,
        tasks=assignment.tasks,
        score=np.broadcast_to(np.asarray(score, float), n),
        cost=np.full(n, 256.0),
        signals={name: np.broadcast_to(np.asarray(v, float), n) for name, v in columns.items()},
    )


def cycle(teacher, n=8, value=None):
    """Ask and tell once, with the level's number as the score; return the assignment and the kinds."""
    assignment = teacher.ask(n)
    number = assignment.tasks.reshape(n, -1)[:, 0]
    outcomes = played(assignment, score=number, value_l1=number if value is None else value)
    teacher.tell(outcomes)
    return assignment, assignment.notes["kind"]


def tell_levels(teacher, numbers, **signals):
    """Tell of levels by number that nobody asked for."""
    n = len(numbers)
    teacher.tell(
        Outcomes(
            ids=[-1] * n,
            tasks=np.reshape(numbers, (n, 1)),
            score=np.zeros(n),
            cost=np.ones(n),
            signals={name: np.asarray(v, float) for name, v in signals.items()},
        )
    )


SOLVABLE = 300


class Difficulty(Numbers):
    """Levels as hard as their number."""

    def draw(self, rng, n):
        return rng.integers(0, 600, (n, 1), dtype=np.int32)


def success_rate(tasks):
    """Return how often levels are solved: falls with their difficulty, one half at 150, 0 from 300 on."""
    d = tasks[:, 0].astype(float)
    return np.where(d < SOLVABLE, 1 - d / SOLVABLE, 0.0)


def toy(teacher, rounds, rng):
    """Play rounds of 32 levels, 20 episodes each; return the levels of the last quarter that were learnt."""
    learnt = []
    for _ in range(rounds):
        assignment = teacher.ask(32)
        p = success_rate(assignment.tasks)
        best = (assignment.tasks[:, 0] < SOLVABLE).astype(float)
        solved = rng.binomial(20, p) / 20
        teacher.tell(played(assignment, score=solved, episodes=20.0, success=solved, value_l1=best - solved))
        learnt.append(assignment.tasks[assignment.learn, 0])
    return np.concatenate(learnt[-rounds // 4 :])


class RolloutStudent:
    """Plays 9 levels a round for 10 steps each; harder ones have a higher score."""

    offers = {"rollout": {"episodes": Signal(), "value_l1": Signal()}}

    def __init__(self, episodes=1.0):
        self.costs = {"train": 0.0, "measure": 0.0, "updates": 0.0}
        self.episodes = episodes

    def bind(self, demand):
        pass

    def wants(self):
        return 9

    def train(self, assignment):
        self.costs["train"] += 10.0 * assignment.learn.sum()
        add_costs(self.costs, measured_costs(assignment.purpose, 10.0))
        self.costs["updates"] += assignment.learn.any()
        outcomes = played(assignment, value_l1=assignment.tasks[:, 0], episodes=self.episodes)
        return Outcomes.of(assignment, score=outcomes.score, cost=np.full(9, 10.0), signals=outcomes.signals)

    def evaluate(self, tasks, *, seed):
        n = len(tasks)
        return Outcomes(ids=[-1] * n, tasks=tasks, score=np.zeros(n), cost=np.zeros(n))

    def spent(self):
        return dict(self.costs)

    def holds(self):
        return np.zeros(0, np.int64)

    def metrics(self):
        return {}

    def state_dict(self):
        return dict(self.costs)

    def load_state_dict(self, state):
        self.costs = dict(state)

    def close(self):
        pass
