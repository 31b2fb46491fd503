import numpy as np
import pytest
from binding import bind_pair, pair

from teacherstudent import Plan, envs, run, teachers
from teacherstudent.contract.spaces import Levels, Parameters
from teacherstudent.contract.types import Outcomes
from teacherstudent.testing.sessions import difference

LINE = Parameters(difficulty=(0, 1))
FAST = {"lr": 0.01, "noise": 2, "hidden": (16,), "lam": 1.0}


def best_of_four(p):
    return 1 - (1 - p) ** 4


def solving(d, member):
    """Return how probably a member solves tasks of difficulty d."""
    return np.where(member == 0, 1 - d, 1 / (1 + np.exp((d - 0.7) / 0.01)))


def simulated(teacher, assignment, *, score=0.0):
    """Return outcomes of students who know a task's difficulty d.

    The protagonist solves it with probability 1 - d, the antagonist whatever is easier than 0.7.
    """
    d = assignment.tasks[:, 0]
    solved = solving(d, assignment.member)
    signals = {
        "max_return": best_of_four(solved),
        "mean_value": np.full(len(d), -score),
        "episodes": np.full(len(d), 4),
    }
    wanted = {name: values for name, values in signals.items() if name in teacher.needs}
    return Outcomes.of(assignment, score=solved, cost=np.ones(len(d)), signals=wanted)


def drift(teacher, rows, rounds=80):
    """Return the difficulties of the last asks after so many rounds."""
    asked = []
    for _ in range(rounds):
        assignment = teacher.ask(rows)
        teacher.tell(simulated(teacher, assignment))
        asked.append(assignment.tasks[:, 0])
    return np.concatenate(asked[-5:])


def test_minimax_drifts_to_what_nobody_solves_and_paired_to_the_hardest_solvable():
    hopeless = drift(teachers.make("minimax", LINE, seed=0, adversary=FAST), 32)
    assert np.median(hopeless) > 0.95
    frontier = drift(teachers.make("paired", LINE, seed=0, adversary=FAST), 64)
    assert 0.55 < np.median(frontier) < 0.72
    assert np.quantile(frontier, 0.9) < 0.75


class Bits(Levels):
    """Levels of four bits that cannot be built."""

    def __init__(self):
        super().__init__((4,), np.uint8)

    def draw(self, rng, n):
        return rng.integers(0, 2, (n, 4), dtype=np.uint8)

    def mutate(self, rng, tasks, edits=1):
        return tasks

    def key(self, tasks):
        return tasks.astype(np.int64) @ (1 << np.arange(4))

    def contains_each(self, tasks):
        return (tasks <= 1).all(axis=1)


class Switches(Bits):
    """Bits that are built by four actions, each of which flips one of them or none."""

    steps, n_actions, observation_shape = 4, 5, (4,)

    def builder(self):
        return self

    def empty(self, n):
        return np.zeros((n, 4), np.uint8)

    def apply(self, partial, step, actions, rng):
        return partial ^ (np.arange(4) == actions[:, None]).astype(np.uint8)

    def observe(self, partial):
        return partial.astype(np.float32)

    def finish(self, partial):
        return partial


def test_levels_are_built_by_choices():
    teacher = teachers.make(
        "minimax", Switches(), seed=0, adversary={"lr": 0.02, "noise": 1, "hidden": (16,)}
    )
    for _ in range(40):
        assignment = teacher.ask(32)
        ones = assignment.tasks.mean(axis=1)
        teacher.tell(
            Outcomes(
                ids=assignment.ids,
                tasks=assignment.tasks,
                score=-ones,
                cost=np.ones(32),
                signals={"max_return": -ones},
            )
        )
    assert ones.mean() > 0.8  # chance: 0.39
    assert teacher.spent() == {"adversary": 40 * 32 * 4}


@pytest.mark.parametrize("name", ["paired", "repaired"])
@pytest.mark.parametrize(("rows", "first"), [(6, 3), (7, 4), (2, 1)])
def test_both_students_get_the_same_new_levels(name, rows, first):
    assignment = teachers.make(name, LINE, seed=0).ask(rows)
    np.testing.assert_array_equal(assignment.tasks[first:], assignment.tasks[: rows - first])
    assert len(np.unique(assignment.tasks)) == first
    assert (assignment.learn == (name == "paired")).all()


def test_noise_makes_tasks_differ_before_anything_is_learnt():
    first = teachers.make("paired", LINE, seed=0).ask(200).tasks[:100, 0]
    assert np.median(first) == pytest.approx(0.5, abs=0.1)
    assert first.std() > 0.2


@pytest.mark.parametrize("name", ["minimax", "paired", "repaired"])
@pytest.mark.parametrize("bad", ["shape", "large", "score"])
def test_a_refused_tell_leaves_no_trace(name, bad):
    teacher = teachers.make(name, LINE, seed=0, adversary=FAST)
    asked = teacher.ask(6)
    good = simulated(teacher, asked)
    which = "max_return"
    before, wrong = teacher.state_dict(), {}
    if bad == "shape":
        wrong = {which: np.ones((6, 2))}
    elif bad == "large":
        wrong = {which: np.where(np.arange(6) == 5, -1e50, 0.0)}
    elif name == "repaired":  # the antagonist's half is the second to be read
        wrong = {"max_return": np.repeat([0.0, 1e308], 3), "mean_value": np.repeat([0.0, -1e308], 3)}
    if not wrong:
        return
    outcomes = Outcomes(
        ids=good.ids, tasks=good.tasks, score=good.score, cost=good.cost, signals={**good.signals, **wrong}
    )
    with pytest.raises(ValueError, match=f"'{which}'|level score|'max_return'") as refused:
        teacher.tell(outcomes)
    assert ("expected at most 1e+12 in size" in str(refused.value)) == (bad == "large")
    assert difference(before, teacher.state_dict()) is None
    teacher.tell(good)


def test_a_row_without_a_completed_episode_counts_with_its_return_so_far():
    """As the docstring says: such a row is no different from another to the adversary."""
    told = []
    for episodes in (0, 4):
        teacher = teachers.make("minimax", LINE, seed=0, adversary=FAST)
        good = simulated(teacher, teacher.ask(8))
        signals = {**good.signals, "max_return": np.linspace(-1, 1, 8), "episodes": np.full(8, episodes)}
        teacher.tell(
            Outcomes(ids=good.ids, tasks=good.tasks, score=good.score, cost=good.cost, signals=signals)
        )
        told.append(teacher.metrics()["reward"])
    assert told == pytest.approx([0.0, 0.0], abs=1e-15)
    said = " ".join((type(teacher).__doc__ or "").split())
    assert "A row without a completed episode counts with its return so far" in said


class TestREPAIRED:
    def make(self, **options):
        buffer = {"capacity": 8, "temperature": 1.0}
        return teachers.make("repaired", LINE, seed=0, adversary=FAST, buffer=buffer, **options)

    def generate(self, teacher):
        """Let both students be measured on four new levels each, of different scores."""
        assignment = teacher.ask(8)
        halves = [simulated(teacher, assignment.select(part), score=score) for part, score in HALVES]
        teacher.tell(Outcomes.concatenate(halves[::-1]))
        return assignment

    def test_new_levels_are_measured_scored_for_each_student_and_teach_the_adversary(self):
        teacher = self.make(replay=1.0)
        assignment = self.generate(teacher)
        assert not assignment.learn.any()
        for k, (buffer, (_, score)) in enumerate(zip(teacher.buffers, HALVES, strict=True)):
            best = best_of_four(solving(assignment.tasks[:4, 0], k))
            np.testing.assert_array_equal(buffer.levels, assignment.tasks[:4])
            np.testing.assert_allclose(buffer.scores, best + score)
        assert teacher.metrics()["adversary_updates"] == 1

    def test_replays_are_drawn_for_each_student_trained_on_and_teach_the_adversary_nothing(self):
        teacher = self.make(replay=1.0)
        self.generate(teacher)
        late = teacher.ask(8)  # the buffers are half full: a replay from here on
        assert late.learn.all()
        assert np.isin(late.tasks, teacher.buffers[0].levels).all()
        assert not np.array_equal(late.tasks[:4], late.tasks[4:])
        outcomes = simulated(teacher, late, score=5.0)
        assert (late.notes["kind"] == 1).all()
        keys = late.notes["key"]
        assert np.array_equal(np.isin(keys, teacher.buffers[1].keys), np.full(8, True))
        teacher.tell(outcomes)
        assert teacher.metrics()["adversary_updates"] == 1
        assert teacher.metrics()["replay_share"] == 0.5
        halves = late.tasks[:4], late.tasks[4:]
        for k, (buffer, tasks, (_, score)) in enumerate(zip(teacher.buffers, halves, HALVES, strict=True)):
            seen = np.isin(buffer.levels[:, 0], tasks)
            best = best_of_four(solving(buffer.levels[:, 0], k))
            np.testing.assert_allclose(buffer.scores, best + np.where(seen, 5.0, score))

    def test_without_replay_it_is_the_adversary_alone(self):
        teacher = self.make(replay=0.0)
        for _ in range(3):
            self.generate(teacher)
        assert teacher.metrics()["replay_share"] == 0
        assert teacher.metrics()["adversary_updates"] == 3


def test_replays_of_different_levels_overwrite_no_score_with_their_regret_of_0():
    family = envs.make("cartpole-parameters")
    sb3 = {"n_envs": 4, "options": {"n_steps": 64, "batch_size": 64, "n_epochs": 1}}
    student = bind_pair(pair("sb3", family, seed=1, **sb3))
    buffer = {"capacity": 4, "temperature": 1.0}
    teacher = teachers.make("repaired", family.space, seed=0, adversary=FAST, buffer=buffer, replay=1.0)
    teacher.tell(student.train(teacher.ask(8)))
    replayed = teacher.ask(8)
    different = (replayed.tasks[:4] != replayed.tasks[4:]).any(axis=1)
    assert different.any()
    best = [buffer.returns.copy() for buffer in teacher.buffers]
    outcomes = student.train(replayed)
    teacher.tell(outcomes)
    for buffer, returns, part in zip(teacher.buffers, best, (slice(0, 4), slice(4, 8)), strict=True):
        mine = outcomes.select(part)
        slots = (buffer.levels[:, None] == mine.tasks).all(axis=2).argmax(axis=0)
        np.maximum.at(returns, slots, mine.signals["max_return"])  # of all rows of a level
        scores = returns[slots] - mine.signals["mean_value"]
        for slot in np.unique(slots[different]):
            assert buffer.scores[slot] == pytest.approx(scores[slots == slot][-1])
            assert buffer.scores[slot] > 1
    student.close()


HALVES = ((slice(0, 4), 1.0), (slice(4, 8), 2.0))
"""Rows of protagonist and antagonist in an ask of eight, and what is added to their scores."""


ROUND = 2 * 3 * 32


@pytest.mark.parametrize("name", ["paired", "repaired"])
def test_a_run_that_is_stopped_goes_on_bit_for_bit(name, tmp_path):
    family = envs.make("cartpole-parameters")
    sb3 = {"n_envs": 3, "options": {"n_steps": 32, "batch_size": 32, "n_epochs": 1}}
    options = {"adversary": FAST} | ({"buffer": {"capacity": 6}, "replay": 0.5} if name == "repaired" else {})
    plan = Plan(budget=5 * ROUND, test_every=5 * ROUND, checkpoint_every=ROUND)

    def go(folder, **how):
        teacher = teachers.make(name, family.space, seed=0, **options)
        student = pair("sb3", family, seed=1, **sb3)
        return teacher, run(family, teacher, student, tmp_path / folder, plan, **how)

    whole, ledger = go("whole")
    assert ledger.spent == 5 * ROUND
    trained = 5 if name == "paired" else 5 - ledger.costs["measure"] / ROUND
    assert ledger.costs["train"] == ledger.costs["train/1"] == trained * ROUND / 2
    assert trained > 1
    assert whole.metrics()["adversary_updates"] == (5 if name == "paired" else 5 - trained)
    assert ledger.costs["adversary"] == whole.metrics()["adversary_steps"] > 0
    part, _ = go("parts", stop=lambda: True)
    assert part.metrics()["adversary_updates"] == 1
    resumed, continued = go("parts", resume=True)
    assert difference(whole.state_dict(), resumed.state_dict()) is None
    assert continued.costs == ledger.costs


@pytest.mark.parametrize("name", ["minimax", "paired", "repaired"])
def test_bad_input(name):
    with pytest.raises(TypeError, match=r"expected a space of type Box or with a method builder\(\)"):
        teachers.make(name, Bits(), seed=0)
    with pytest.raises(TypeError, match="colour"):
        teachers.make(name, LINE, seed=0, adversary={"colour": 1})
    teacher = teachers.make(name, LINE, seed=0)
    signal = "max_return"
    outcomes = simulated(teacher, teacher.ask(2))
    wide = dict(outcomes.signals) | {signal: np.zeros((2, 3))}
    said = rf"signal '{signal}': expected one number for each of 2 rows, got shape \(2, 3\)"
    with pytest.raises(ValueError, match=said):
        teacher.tell(
            Outcomes(ids=outcomes.ids, tasks=outcomes.tasks, score=[0, 0], cost=[1, 1], signals=wide)
        )
    teacher.tell(outcomes)
